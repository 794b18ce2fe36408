# shellcheck shell=bash disable=SC2154
# lighttpd with mod_webdav and mod_deflate.
lighttpd_needs() {
	debian lighttpd lighttpd
	debian /usr/lib/lighttpd/mod_webdav.so lighttpd-mod-webdav
	debian /usr/lib/lighttpd/mod_deflate.so lighttpd-mod-deflate
}
lighttpd_version() { echo "lighttpd, mod_webdav|$(lighttpd -v | sed -n 's,^lighttpd/\([0-9.]*\).*,\1,p')"; }
lighttpd_start() {
	port lighttpd
	mkdir "$dir/files" "$dir/tmp"
	belongs_to www-data
	render lighttpd.conf
	spawn lighttpd -D -f "$dir/lighttpd.conf"
}
lighttpd_ready() {
	await "$lighttpd"
	address LIGHTTPD "http://127.0.0.1:$lighttpd/"
	address LIGHTTPD_LOG "$dir/access.log"
}
