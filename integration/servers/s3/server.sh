# shellcheck shell=bash disable=SC2154
# versitygw, S3 over files. Where the file system keeps no extended attributes,
# its metadata goes into files beside.
s3_module=github.com/versity/versitygw/cmd/versitygw@v1.8.0
s3_needs() {
	debian setfattr attr
	go_program "$s3_module"
}
s3_version() { echo "versitygw, S3|$(program_version "$s3_module")"; }
s3_start() {
	local beside=()
	port s3
	mkdir "$dir/buckets" "$dir/buckets/bucket" "$dir/beside"
	setfattr -n user.ifmatch -v 1 "$dir/beside" 2>/dev/null || beside=(--sidecar "$dir/beside")
	spawn "$(program "$s3_module")" --port "127.0.0.1:$s3" --access ifmatch --secret ifmatch-secret \
		--region us-east-1 --access-log "$dir/access.log" posix "${beside[@]}" "$dir/buckets"
}
s3_ready() {
	await "$s3"
	address S3 "http://127.0.0.1:$s3/"
	address S3_BUCKET bucket
	address S3_REGION us-east-1
	address S3_KEY ifmatch
	address S3_SECRET ifmatch-secret
	address S3_LOG "$dir/access.log"
}
