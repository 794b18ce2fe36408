# shellcheck shell=bash disable=SC2154
# sabre/dav under PHP's own server, which takes one request at a time.
sabre_needs() {
	debian php php-cli
	debian /usr/share/php/Sabre/autoload.php php-sabre-dav php-xml php-mbstring
}
sabre_version() { echo "sabre/dav|$(php -d error_reporting=0 -r 'require "Sabre/autoload.php"; echo Sabre\DAV\Version::VERSION;')"; }
sabre_start() {
	port sabre
	mkdir "$dir/files"
	: >"$dir/access.log"
	spawn env SABRE_DIR="$dir" php -d display_errors=0 -d log_errors=1 -d error_reporting=E_ERROR \
		-S "127.0.0.1:$sabre" -t "$dir/files" "$from/index.php"
}
sabre_ready() {
	await "$sabre"
	address SABRE "http://127.0.0.1:$sabre/"
	address SABRE_LOG "$dir/access.log"
}
