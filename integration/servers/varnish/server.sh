# shellcheck shell=bash disable=SC2154
# Varnish in front of Apache, with nothing but its built-in VCL.
varnish_needs() { debian varnishd varnish; }
varnish_version() { echo "Varnish, built-in VCL|$(varnishd -V 2>&1 | sed -n 's,.*varnish-\([0-9.]*\).*,\1,p')"; }
varnish_start() {
	port varnish
	spawn varnishd -F -n "$dir/work" -a "127.0.0.1:$varnish" -b "127.0.0.1:$apache" -T none \
		-s default,16m -t "$ttl" -p default_grace=0 -p default_keep=0
}
varnish_ready() {
	await "$varnish"
	spawn varnishncsa -n "$dir/work" -w "$dir/access.log" -F \
		'%m %U%q %s "%{If-Match}i" "%{If-None-Match}i" "%{If-Unmodified-Since}i" "%{Accept-Encoding}i" "%{ETag}o"'
	until_ok test -e "$dir/access.log"
	address VARNISH "http://127.0.0.1:$varnish/"
	address VARNISH_LOG "$dir/access.log"
}
