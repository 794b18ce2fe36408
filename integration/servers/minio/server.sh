# shellcheck shell=bash disable=SC2154
# MinIO, S3 over one directory.
minio_module=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
minio_needs() { go_program "$minio_module"; }
minio_version() { echo "MinIO, S3|$(program_version "$minio_module")"; }
minio_start() {
	port minio
	mkdir -p "$dir/data/bucket"
	spawn env MINIO_ROOT_USER=ifmatch MINIO_ROOT_PASSWORD=ifmatch-secret MINIO_BROWSER=off MINIO_UPDATE=off \
		HOME="$dir" "$(program "$minio_module")" server --quiet --address "127.0.0.1:$minio" "$dir/data"
}
minio_ready() {
	await "$minio"
	until_ok curl -sf --noproxy '*' -o /dev/null "http://127.0.0.1:$minio/minio/health/ready"
	address MINIO "http://127.0.0.1:$minio/"
	address MINIO_BUCKET bucket
	address MINIO_REGION us-east-1
	address MINIO_KEY ifmatch
	address MINIO_SECRET ifmatch-secret
}
