# shellcheck shell=bash disable=SC2154
# A Consul agent in development mode: one server, all in memory. The last minor release
# under the MPL whose modules the proxy has.
consul_needs() { go_build consul github.com/hashicorp/consul; }
consul_version() { echo "Consul|$(built_version consul github.com/hashicorp/consul)"; }
consul_start() {
	port consul
	port consul_rpc
	port consul_lan
	spawn "$(built consul)" agent -dev -bind 127.0.0.1 -client 127.0.0.1 -http-port "$consul" \
		-server-port "$consul_rpc" -serf-lan-port "$consul_lan" -serf-wan-port -1 -dns-port -1 -grpc-port -1 -grpc-tls-port -1 \
		-disable-host-node-id -log-level warn -hcl 'disable_update_check = true'
}
consul_ready() {
	await "$consul"
	# Until it has elected itself it takes no write.
	until_ok curl -sf --noproxy '*' -o /dev/null -X PUT -d up "http://127.0.0.1:$consul/v1/kv/ready"
	address CONSUL "http://127.0.0.1:$consul/v1/"
}
