#!/usr/bin/env bash
# Runs this module's tests against real servers on loopback.
#
#   run.sh [all|NAME...] [-- FLAG...]   install, start, go test ./... FLAG..., stop
#   run.sh -up [all|NAME...]            install, start, print the addresses:
#                                       eval "$(./run.sh -up apache)" && go test -run ...
#   run.sh -down                        stop what -up started
#   run.sh -versions [all|NAME...]      install, print name|what|version
#
# Without a name: the core servers. A Debian with Go is needed, root for the
# packages that are missing, Node 20 for the servers written for it.
#
#   IFMATCH_PORT     first port to try (18200)
#   IFMATCH_TTL      seconds the caches keep an answer (5)
#   IFMATCH_TEST     the test command (go test -count=1 -timeout 9m)
#   IFMATCH_SERVERS  where programs are kept between runs (ifmatch-servers in the user's cache directory)
#
# The tests find the names of the servers in IFMATCH_SERVERS_WANTED and each
# address in a variable of its own; run.sh -up shows which.
set -euo pipefail

core=(apache lighttpd nginx varnish squid radicale sabre s3 cap azurite pouch)
more=(xandikos gcs solid commercetools davical consul vault minio kubernetes)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
store=${IFMATCH_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/ifmatch-servers}
next_port=${IFMATCH_PORT:-18200}
ttl=${IFMATCH_TTL:-5}
read -ra test_command <<<"${IFMATCH_TEST:-go test -count=1 -timeout 9m}"
PATH=$PATH:/usr/sbin:/sbin
run='' keep='' asked=() wanted=() flags=()

say() { echo "run.sh: $*" >&2; }
die() {
	say "$*"
	exit 1
}

finish() {
	local status=$?
	trap - EXIT
	trap '' INT TERM
	policy_off
	if [ -n "$run" ] && [ -z "$keep" ]; then
		stop_all || status=1
		rm -rf "$run"
	fi
	exit "$status"
}

# choose NAME... sets wanted, in the order of starting, origins before proxies.
choose() {
	local name names=" $* "
	[ $# -gt 0 ] || names=" ${core[*]} "
	[ "$*" != all ] || names=" ${core[*]} ${more[*]} "
	for name in $names; do
		[[ " ${core[*]} ${more[*]} " == *" $name "* ]] || die "no server $name; there are: ${core[*]} ${more[*]}"
	done
	for name in nginx varnish squid; do
		[[ $names != *" $name "* ]] || names+="apache "
	done
	for name in "${core[@]}" "${more[@]}"; do
		[[ $names != *" $name "* ]] || wanted+=("$name")
	done
}

# open_run takes the lock that keeps two runs from installing, or choosing ports, at once.
open_run() {
	mkdir -p "$store"
	store=$(cd "$store" && pwd)
	exec 9>"$store/lock"
	flock -n 9 || { say "waiting for another run" && flock 9; }
	run=$(mktemp -d)
	chmod 755 "$run"
	mkdir "$run/log"
	touch "$run/sessions"
}

bring_up() {
	say "starting ${wanted[*]}"
	for name in "${wanted[@]}"; do mkdir "$run/$name"; done
	each start
	each ready
	for name in "${wanted[@]}"; do log=$run/log/$name && loopback_only; done
	versions >"$run/versions"
	address SERVERS_WANTED "${wanted[*]}"
	address VERSIONS "$run/versions"
	address TTL "$ttl"
	exec 9>&-
}

versions() {
	for name in "${wanted[@]}"; do echo "$name|$("${name}_version")"; done
}

run_tests() {
	say "up after $SECONDS s: ${test_command[*]} ./... ${flags[*]}"
	(cd "$here" && exec setsid "${test_command[@]}" ./... "${flags[@]}" </dev/null) &
	remember tests $!
	wait $!
}

down() {
	[ -s "$store/up" ] || die "nothing is up"
	run=$(cat "$store/up")
	rm "$store/up"
}

mode='test'
case ${1:-} in
-up | -down | -versions) mode=${1#-} && shift ;;
esac
while [ $# -gt 0 ] && [ "$1" != -- ]; do asked+=("$1") && shift; done
[ $# -eq 0 ] || flags=("${@:2}")
# shellcheck source=servers/install.sh
. "$here/servers/install.sh"
# shellcheck source=servers/start.sh
. "$here/servers/start.sh"
# shellcheck source=servers/sessions.sh
. "$here/servers/sessions.sh"
choose "${asked[@]}"
for name in "${wanted[@]}"; do
	# shellcheck source=/dev/null
	. "$here/servers/$name/server.sh"
done
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ "$mode" = down ]; then
	down
	exit
fi
open_run
[ "$mode" != up ] || [ ! -s "$store/up" ] || die "already up: run.sh -down stops it"
install_all
if [ "$mode" = versions ]; then
	versions
	exit
fi
bring_up
if [ "$mode" = up ]; then
	echo "$run" >"$store/up"
	keep=yes
	cat "$run/addresses"
	exit
fi
run_tests
