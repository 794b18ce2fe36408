# shellcheck shell=bash disable=SC2154,SC2119,SC2120
# Every process started here is in a session of its own. $run/sessions has a line
# for each: NAME, its leader's process id, and when the leader began, which tells
# it from a later process with the same id.
remember() { echo "$1 $2 $(began "$2")" >>"$run/sessions"; }
began() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# members [NAME] prints the processes in NAME's sessions, or in all of them.
members() {
	local who pid start
	while read -r who pid start; do
		[ "${1:-$who}" = "$who" ] || continue
		[ ! -e "/proc/$pid" ] || [ "$(began "$pid")" = "$start" ] || continue
		pgrep -r D,R,S,T -s "$pid" || true
	done <"$run/sessions"
}

# alive says whether all that was started for the server is still there.
alive() {
	local who pid start
	while read -r who pid start; do
		# One that ended before its start was read has none.
		[ "$who" != "$name" ] || { [ -n "$start" ] && [ "$(began "$pid")" = "$start" ]; } || return 1
	done <"$run/sessions"
}

# stop_all ends every session: asks, asks again after 4 s, waits for 10 s, then kills. At the
# second time the API server of Kubernetes ends without its etcd, which has ended already.
stop_all() {
	local deadline=$((SECONDS + 10)) again=$((SECONDS + 4)) left
	[ -s "$run/sessions" ] || return 0
	signal TERM
	while left=$(members) && [ -n "$left" ]; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			say "had to be killed: $(xargs ps -o args= -p <<<"$left")"
			signal KILL
			return 1
		fi
		if [ "$SECONDS" -ge "$again" ]; then
			signal TERM
			again=$deadline
		fi
		sleep 0.1
	done
}
signal() { members | xargs -r kill -s "$1" 2>/dev/null || true; }
