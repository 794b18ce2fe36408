# shellcheck shell=bash disable=SC2154
# fake-gcs-server, Google Cloud Storage's JSON API in memory, with one bucket.
gcs_module=github.com/fsouza/fake-gcs-server@v1.56.1
gcs_needs() { go_program "$gcs_module"; }
gcs_version() { echo "fake-gcs-server|$(program_version "$gcs_module")"; }
gcs_start() {
	port gcs
	spawn "$(program "$gcs_module")" -scheme http -host 127.0.0.1 -port "$gcs" -backend memory \
		-external-url "http://127.0.0.1:$gcs" -public-host "127.0.0.1:$gcs" -log-level info
}
gcs_ready() {
	await "$gcs"
	request -H 'Content-Type: application/json' -d '{"name":"bucket"}' "http://127.0.0.1:$gcs/storage/v1/b"
	address GCS "http://127.0.0.1:$gcs/"
	address GCS_BUCKET bucket
	address GCS_LOG "$log"
}
