# shellcheck shell=bash disable=SC2154
# Vault's core, HTTP API and KV engine in memory, with a KV engine of version 2 at secret/ and
# one of version 1 at kv/. The last release under the MPL.
vault_needs() { go_build vault .; }
vault_version() { echo "Vault, KV v2|$(built_version vault github.com/hashicorp/vault)"; }
vault_start() {
	port vault
	VAULT_ADDRESS=127.0.0.1:$vault TOKEN_FILE=$dir/token spawn "$(built vault)"
}
vault_ready() {
	local token to=http://127.0.0.1:$vault/v1
	await "$vault"
	until_ok test -s "$dir/token"
	token=$(cat "$dir/token")
	request -H "X-Vault-Token: $token" -d '{"type":"kv","options":{"version":"2"}}' "$to/sys/mounts/secret"
	request -H "X-Vault-Token: $token" -d '{"type":"kv","options":{"version":"1"}}' "$to/sys/mounts/kv"
	# An engine of version 2 takes no request until it has looked for data of version 1.
	until_ok curl -sf --noproxy '*' -o /dev/null -H "X-Vault-Token: $token" "$to/secret/config"
	address VAULT "$to/"
	address VAULT_TOKEN "$token"
}
