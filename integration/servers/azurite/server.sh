# shellcheck shell=bash disable=SC2154
# Azurite, Azure's blob and table services in memory, with a container and a table.
azurite_needs() { npm_packages azurite; }
azurite_version() { echo "Azurite, blob and table|$(npm_version azurite azurite)"; }
azurite_start() {
	local main
	main=$(modules azurite)/azurite/dist/src
	port azurite_blob
	port azurite_table
	azurite_key=$(head -c 32 /dev/urandom | base64 -w 0)
	export AZURITE_ACCOUNTS=ifmatch:$azurite_key
	spawn_node "$main/blob/main.js" --blobHost 127.0.0.1 --blobPort "$azurite_blob" \
		--inMemoryPersistence --skipApiVersionCheck --disableTelemetry
	spawn_node "$main/table/main.js" --tableHost 127.0.0.1 --tablePort "$azurite_table" \
		--inMemoryPersistence --skipApiVersionCheck --disableTelemetry
}
azurite_ready() {
	local blob=http://127.0.0.1:$azurite_blob/ifmatch table=http://127.0.0.1:$azurite_table/ifmatch sas
	sas=$(node "$from/sas.js" ifmatch "$azurite_key")
	await "$azurite_blob" "$azurite_table"
	request -X PUT -H 'Content-Length: 0' "$blob/container?restype=container&$sas"
	request -H 'x-ms-version: 2019-12-12' -H 'Accept: application/json;odata=nometadata' \
		-H 'Content-Type: application/json' -d '{"TableName":"items"}' "$table/Tables?$sas"
	address AZURE_BLOB "$blob/"
	address AZURE_TABLE "$table/"
	address AZURE_CONTAINER container
	address AZURE_TABLE_NAME items
	address AZURE_ACCOUNT ifmatch
	address AZURE_KEY "$azurite_key"
	address AZURE_SAS "$sas"
	address AZURE_LOG "$dir/access.log"
}
