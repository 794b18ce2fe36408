# shellcheck shell=bash disable=SC2154
# Each server is a directory with a server.sh, which defines NAME_needs (see
# install.sh), NAME_version (what|version), NAME_start (starts it and returns) and
# NAME_ready (waits for it, makes what the tests start from, gives the addresses)
# in terms of the functions here. While one of them runs, $name is the server,
# $from its directory, $dir its own part of $run, and $log takes its output.

# each STEP calls NAME_STEP for all that are wanted.
each() {
	for name in "${wanted[@]}"; do
		from=$here/servers/$name dir=$run/$name log=$run/log/$name
		"${name}_$1"
	done
}

# port NAME sets $NAME to a port that nobody listens on.
port() {
	while [ -n "$(ss -Hltun "sport = :$next_port")" ]; do next_port=$((next_port + 1)); done
	printf -v "$1" %s "$next_port"
	next_port=$((next_port + 1))
}

# render FILE [KEY VALUE]... copies a configuration to $dir and fills in __KEY__.
render() {
	local file=$1 to=(-e "s|__DIR__|$dir|g" -e "s|__LOG__|$log|g" -e "s|__PORT__|${!name}|g")
	to+=(-e "s|__TTL__|$ttl|g" -e "s|__APACHE_PORT__|${apache:-}|g")
	shift
	while [ $# -gt 0 ]; do
		to+=(-e "s|__$1__|$2|g")
		shift 2
	done
	sed "${to[@]}" "$from/$file" >"$dir/$file"
}

# belongs_to USER gives $dir to the user the server runs as when root starts it.
belongs_to() { [ "$(id -u)" -ne 0 ] || chown -R "$1:" "$dir"; }

# spawn COMMAND... starts a server in $dir, in a session of its own.
spawn() {
	(cd "$dir" && exec setsid "$@" </dev/null >>"$log" 2>&1 9>&-) &
	remember "$name" $!
}
spawn_node() { ACCESS_LOG=$dir/access.log spawn node --require "$here/servers/preload.js" "$@"; }

# address NAME VALUE gives the tests IFMATCH_NAME.
address() {
	export "IFMATCH_$1=$2"
	printf 'export IFMATCH_%s=%q\n' "$1" "$2" >>"$run/addresses"
}

# request ARGUMENT... makes what the tests start from; it has to succeed.
request() {
	curl -sS --fail --max-time 20 --noproxy '*' -o /dev/null "$@" >>"$log" 2>&1 || failed "no success: curl $*"
}

failed() {
	say "$name is not up: $1. The end of its output:"
	tail -n 25 "$log" >&2 || true
	exit 1
}

# until_ok COMMAND... waits for the command's success, 60 s at most.
until_ok() {
	local deadline=$((SECONDS + 60))
	until "$@"; do
		alive || failed "it has ended"
		[ "$SECONDS" -lt "$deadline" ] || failed "no success in 60 s: $*"
		sleep 0.1
	done
}

# await PORT... waits until the server itself listens there.
await() {
	local p
	for p; do until_ok listens "$p"; done
}
listens() { sockets "$name" | grep -qx "127.0.0.1:$1"; }

# sockets NAME prints the addresses that the server's processes are bound to.
sockets() {
	local pids
	pids=$(members "$1" | paste -sd '|' -)
	[ -z "$pids" ] || ss -Hltunp | grep -E "pid=($pids)," | awk '{ print $5 }' || true
}

# loopback_only fails when something here can be reached from elsewhere.
loopback_only() {
	local open
	open=$(sockets "$name" | grep -vE '^(127\.[0-9.]+|\[::1\]|\[::ffff:127\.[0-9.]+\]):' || true)
	[ -z "$open" ] || failed "it listens beyond loopback, on $open"
}
