# shellcheck shell=bash disable=SC2154
# DAViCal under PHP's own server, over a PostgreSQL of its own on a socket in $dir. PHP sees
# nothing of /etc: a configuration of this machine might name another database.
davical_needs() {
	debian /usr/share/davical/htdocs/caldav.php davical postgresql php-cli php-pgsql php-xml php-curl
	debian runuser util-linux
}
davical_version() { echo "DAViCal|$(dpkg-query -W -f '${Version}' davical | sed 's/-[^-]*$//')"; }
davical_start() {
	local to
	davical_database=()
	[ "$(id -u)" -ne 0 ] || davical_database=(runuser -u postgres --)
	to=$(find /usr/lib/postgresql -path '*/bin' | sort -V | tail -n 1)
	port davical
	belongs_to postgres
	(cd "$dir" && "${davical_database[@]}" "$to/initdb" -D db -U postgres -A trust -E UTF8 --locale C.UTF-8 --no-sync >>"$log" 2>&1)
	spawn "${davical_database[@]}" "$to/postgres" -D "$dir/db" -k "$dir" -c listen_addresses= -c fsync=off
	mkdir "$dir/config"
	cp -r /usr/share/davical/htdocs /usr/share/davical/inc "$dir/"
	render config.php
	mv "$dir/config.php" "$dir/config/"
	spawn php -d display_errors=0 -d include_path=/usr/share/awl/inc -d open_basedir="$dir:/usr/share" \
		-S "127.0.0.1:$davical" -t "$dir/htdocs"
}
davical_ready() {
	local calendar=http://127.0.0.1:$davical/caldav.php/admin/calendar/
	await "$davical"
	until_ok env PGHOST="$dir" psql -qX -U postgres -c 'SELECT 1' -o /dev/null template1
	env PGHOST="$dir" PGUSER=postgres /usr/share/davical/dba/create-database.sh davical ifmatch-secret >>"$log" 2>&1 ||
		failed "its database isn't made"
	request -u admin:ifmatch-secret -X MKCALENDAR "$calendar"
	address DAVICAL "$calendar"
	address DAVICAL_AUTHORIZATION "Basic $(printf admin:ifmatch-secret | base64)"
}
