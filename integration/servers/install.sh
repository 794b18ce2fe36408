# shellcheck shell=bash disable=SC2154
# What the servers need: each NAME_needs says it by debian, go_program, go_build and
# npm_packages, and install_all gets what is missing. Go programs and npm packages
# are kept in $store, under names that change with their versions.

packages=() go_missing=() build_missing=() npm_missing=()

# debian PROGRAM PACKAGE... wants the packages where PROGRAM (a command or a path) is missing.
debian() {
	command -v "$1" >/dev/null || [ -e "$1" ] || packages+=("${@:2}")
}

# go_program MODULE@VERSION wants a Go program; program MODULE@VERSION is where it is.
go_program() { [ -x "$(program "$1")" ] || go_missing+=("$1"); }
program() {
	local name=${1%@*}
	echo "$store/go/${name##*/}@${1#*@}/${name##*/}"
}
program_version() { go version -m "$(program "$1")" | awk '$1 == "mod" { sub("^v", "", $3); print $3 }'; }

# go_build NAME PACKAGE wants a Go program that go install refuses, since the go.mod of its
# module has replace directives: the module in servers/NAME requires it, and pins all that it
# is made of. built NAME is where it is, and built_version NAME MODULE what was built of the
# module.
go_build() { [ -x "$(built "$1")" ] || build_missing+=("$1" "$2"); }
built() { echo "$store/go/$1-$(cat "$here/servers/$1"/* | sha256sum | cut -c1-12)/$1"; }
built_version() {
	go version -m "$(built "$1")" | awk -v of="$2" '($1 == "mod" || $1 == "dep") && $2 == of { sub("^v", "", $3); print $3 }'
}

# npm_packages NAME wants what servers/NAME/package.json lists; modules NAME is where it is.
npm_packages() {
	command -v node >/dev/null || die "node is missing: $1 needs Node 20 or newer"
	[ -e "$(modules "$1")/.complete" ] || npm_missing+=("$1")
}
modules() { echo "$store/npm/$1-$(cat "$here/servers/$1"/package*.json | sha256sum | cut -c1-12)/node_modules"; }
npm_version() { node -p 'require(process.argv[1]).version' "$(modules "$1")/$2/package.json"; }

install_all() {
	local module name npm=
	debian curl curl
	debian ss iproute2
	debian pgrep procps
	for name in "${wanted[@]}"; do "${name}_needs"; done
	[ ${#packages[@]} -eq 0 ] || install_debian
	if [ ${#npm_missing[@]} -gt 0 ]; then
		command -v npm >/dev/null || die "npm is missing: Node 20 or newer is needed for ${npm_missing[*]}"
		for name in "${npm_missing[@]}"; do install_npm "$name"; done &
		npm=$!
	fi
	for module in "${go_missing[@]}"; do install_go "$module"; done
	set -- "${build_missing[@]}"
	while [ $# -gt 0 ]; do
		build_go "$1" "$2"
		shift 2
	done
	[ -z "$npm" ] || wait "$npm" || die "not all npm packages are installed"
}

# logged NAME COMMAND... shows the end of the command's output where it fails.
logged() {
	local to=$run/log/install-$1
	shift
	setsid "$@" >"$to" 2>&1 </dev/null 9>&- &
	remember "${to##*/}" $!
	wait $! && return
	tail -n 20 "$to" >&2
	die "failed: $*"
}

# install_debian keeps the packages' services from being started: policy-rc.d(8)
# says no while it is there. One that isn't ours has to say no, too.
install_debian() {
	[ "$(id -u)" -eq 0 ] || die "needs, as root: apt-get install ${packages[*]}"
	say "apt-get install ${packages[*]}"
	if [ -e "$policy" ]; then
		local says=0
		"$policy" apache2 start >/dev/null 2>&1 || says=$?
		[ "$says" -eq 101 ] || die "$policy would let services start; install by hand: ${packages[*]}"
	else
		policy_is_ours=yes
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	logged apt-update apt-get -q update
	logged apt apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 install "${packages[@]}"
	policy_off
}

policy=/usr/sbin/policy-rc.d policy_is_ours=
policy_off() {
	[ -z "$policy_is_ours" ] || rm -f "$policy"
	policy_is_ours=
}

install_go() {
	local to
	command -v go >/dev/null || die "go is missing"
	say "go install $1"
	to=$(program "$1")
	logged "${to##*/}" env GOBIN="${to%/*}" go install "$1"
}

build_go() {
	command -v go >/dev/null || die "go is missing"
	say "go build $2, for $1"
	logged "build-$1" env -C "$here/servers/$1" go build -mod=readonly -o "$(built "$1")" "$2"
}

install_npm() {
	local to
	say "npm packages of $1"
	to=$(modules "$1")
	to=${to%/node_modules}
	rm -rf "$to"
	mkdir -p "$to"
	cp "$here/servers/$1"/package*.json "$to/"
	logged "npm-$1" npm --prefix "$to" ci --ignore-scripts --no-audit --no-fund
	touch "$to/node_modules/.complete"
}
