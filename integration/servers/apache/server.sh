# shellcheck shell=bash disable=SC2154
# Apache httpd with mod_dav_fs. It is also the origin of nginx, Varnish and Squid.
apache_needs() { debian apache2 apache2; }
apache_version() { echo "Apache httpd, mod_dav_fs|$(apache2 -v | sed -n 's,.*Apache/\([0-9.]*\).*,\1,p')"; }
apache_start() {
	port apache
	mkdir "$dir/files" "$dir/files/cached" "$dir/locks"
	belongs_to www-data
	render httpd.conf
	spawn apache2 -f "$dir/httpd.conf" -D FOREGROUND
}
apache_ready() {
	await "$apache"
	address APACHE "http://127.0.0.1:$apache/"
	address APACHE_LOG "$dir/access.log"
}
