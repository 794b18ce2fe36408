# shellcheck shell=bash disable=SC2154
# SAP CAP, an OData service over SQLite in memory.
cap_needs() { npm_packages cap; }
cap_version() { echo "SAP CAP, OData|$(npm_version cap @sap/cds)"; }
cap_start() {
	port cap
	cp -r "$from/srv" "$from/package.json" "$dir/"
	ln -s "$(modules cap)" "$dir/node_modules"
	spawn_node node_modules/@sap/cds/bin/serve.js all --in-memory --port "$cap"
}
cap_ready() {
	await "$cap"
	address CAP "http://127.0.0.1:$cap/catalog/Books"
	address CAP_LOG "$dir/access.log"
}
