# shellcheck shell=bash disable=SC2154
# express-pouchdb, CouchDB's API in memory, with one database.
pouch_needs() { npm_packages pouch; }
pouch_version() { echo "express-pouchdb|$(npm_version pouch express-pouchdb)"; }
pouch_start() {
	port pouch
	cp "$from/server.js" "$dir/"
	ln -s "$(modules pouch)" "$dir/node_modules"
	PORT=$pouch spawn_node server.js
}
pouch_ready() {
	await "$pouch"
	request -X PUT "http://127.0.0.1:$pouch/db"
	address POUCH "http://127.0.0.1:$pouch/db/"
	address POUCH_LOG "$dir/access.log"
}
