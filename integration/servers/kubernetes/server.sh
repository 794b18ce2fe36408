# shellcheck shell=bash disable=SC2154
# The Kubernetes API server over an etcd of its own. There is no controller and no node: what
# is written stays as it is. It has TLS only, and one token, made anew.
kubernetes_needs() {
	debian etcd etcd-server
	debian openssl openssl
	go_build kubernetes k8s.io/kubernetes/cmd/kube-apiserver
}
kubernetes_version() { echo "Kubernetes API server|$(built_version kubernetes k8s.io/kubernetes)"; }
kubernetes_start() {
	port kubernetes
	port kubernetes_etcd
	port kubernetes_peer
	kubernetes_token=$(openssl rand -hex 16)
	echo "$kubernetes_token,ifmatch,ifmatch,system:masters" >"$dir/tokens"
	openssl genrsa -out "$dir/accounts.key" 2048 2>>"$log"
	spawn etcd --data-dir "$dir/etcd" --log-level warn --unsafe-no-fsync \
		--listen-client-urls "http://127.0.0.1:$kubernetes_etcd" --advertise-client-urls "http://127.0.0.1:$kubernetes_etcd" \
		--listen-peer-urls "http://127.0.0.1:$kubernetes_peer" --initial-advertise-peer-urls "http://127.0.0.1:$kubernetes_peer" \
		--initial-cluster "default=http://127.0.0.1:$kubernetes_peer"
	spawn "$(built kubernetes)" --bind-address 127.0.0.1 --secure-port "$kubernetes" --cert-dir "$dir" \
		--etcd-servers "http://127.0.0.1:$kubernetes_etcd" --endpoint-reconciler-type none --service-cluster-ip-range 10.0.0.0/24 \
		--token-auth-file "$dir/tokens" --authorization-mode AlwaysAllow --disable-admission-plugins ServiceAccount \
		--service-account-issuer https://ifmatch.test --service-account-key-file "$dir/accounts.key" \
		--service-account-signing-key-file "$dir/accounts.key"
}
kubernetes_ready() {
	local to=https://127.0.0.1:$kubernetes
	await "$kubernetes"
	until_ok curl -sf --noproxy '*' -o /dev/null --cacert "$dir/apiserver.crt" -H "Authorization: Bearer $kubernetes_token" \
		"$to/readyz" -o /dev/null "$to/api/v1/namespaces/default"
	address KUBERNETES "$to/"
	address KUBERNETES_CA "$dir/apiserver.crt"
	address KUBERNETES_AUTHORIZATION "Bearer $kubernetes_token"
}
