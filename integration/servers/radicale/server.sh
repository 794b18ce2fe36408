# shellcheck shell=bash disable=SC2154
# Radicale with one calendar. Any password will do.
radicale_needs() { debian radicale radicale; }
radicale_version() { echo "Radicale|$(radicale --version)"; }
radicale_start() {
	port radicale
	render radicale.conf
	spawn radicale --config "$dir/radicale.conf"
}
radicale_ready() {
	local calendar=http://127.0.0.1:$radicale/user/calendar/
	await "$radicale"
	request -u user:any -X MKCALENDAR "$calendar"
	address RADICALE "$calendar"
	address RADICALE_LOG "$log"
}
