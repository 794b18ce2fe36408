# shellcheck shell=bash disable=SC2154
# Xandikos with the calendar it makes for its user.
xandikos_needs() { debian xandikos xandikos; }
xandikos_version() { echo "Xandikos|$(xandikos --version | sed 's/^[^0-9]*//')"; }
xandikos_start() {
	port xandikos
	spawn xandikos --directory "$dir" --defaults --current-user-principal /user/ \
		--listen-address 127.0.0.1 --port "$xandikos"
}
xandikos_ready() {
	await "$xandikos"
	address XANDIKOS "http://127.0.0.1:$xandikos/user/calendars/calendar/"
}
