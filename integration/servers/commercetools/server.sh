# shellcheck shell=bash disable=SC2154
# commercetools-mock, an emulator in memory by Lab Digital: not commercetools' own code.
commercetools_needs() { npm_packages commercetools; }
commercetools_version() { echo "commercetools-mock|$(npm_version commercetools @labdigital/commercetools-mock)"; }
commercetools_start() {
	port commercetools
	cp "$from/server.mjs" "$dir/"
	ln -s "$(modules commercetools)" "$dir/node_modules"
	PORT=$commercetools spawn_node server.mjs
}
commercetools_ready() {
	await "$commercetools"
	address COMMERCETOOLS "http://127.0.0.1:$commercetools/shop/"
	address COMMERCETOOLS_LOG "$dir/access.log"
}
