# shellcheck shell=bash disable=SC2154
# Squid as an accelerator in front of Apache.
squid_needs() { debian squid squid; }
squid_version() { echo "Squid|$(squid -v | sed -n 's,^Squid Cache: Version \([0-9.]*\).*,\1,p')"; }
squid_start() {
	port squid
	belongs_to proxy
	render squid.conf
	spawn squid -N -d 1 -f "$dir/squid.conf"
}
squid_ready() {
	await "$squid"
	address SQUID "http://127.0.0.1:$squid/"
	address SQUID_LOG "$dir/access.log"
}
