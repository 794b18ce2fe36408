# shellcheck shell=bash disable=SC2154
# Community Solid Server over files, open to everyone.
solid_needs() { npm_packages solid; }
solid_version() { echo "Community Solid Server|$(npm_version solid @solid/community-server)"; }
solid_start() {
	port solid
	spawn_node "$(modules solid)/@solid/community-server/bin/server.js" --config @css:config/file-root.json \
		--rootFilePath "$dir/files" --port "$solid" --baseUrl "http://127.0.0.1:$solid/" --loggingLevel warn
}
solid_ready() {
	await "$solid"
	address SOLID "http://127.0.0.1:$solid/"
	address SOLID_LOG "$dir/access.log"
}
