package command

// cause is what a server is made to show.
type cause struct {
	name           string
	server         string // as run.sh calls it
	address        string // its variable, without IFMATCH_
	origin         string // where the document lives, where that is elsewhere
	prefix, suffix string // of the document's path
	query          string // the variable with the query of each request
	fields         []string
	code           string // of the first finding of explain

	// record sends what leads to the refusal, and returns the arguments of diagnose.
	record  func(*session) []string
	forgets bool   // a cache keeps it for some seconds
	found   string // the first finding of diagnose, or its exit status where it finds nothing
}

// write lets diagnose write.
func write(args []string) []string { return append(args, "--write") }

var blob = []string{"-H", "X-Ms-Blob-Type: BlockBlob", "-H", "X-Ms-Version: 2021-12-02"}

var table = []string{"-H", "X-Ms-Version: 2019-12-12", "-H", "Accept: application/json;odata=nometadata"}

var causes = []cause{
	{name: "changed", server: "apache", address: "APACHE", code: "IFM002", record: changed, found: "IFM002"},
	{name: "changed", server: "lighttpd", address: "LIGHTTPD", code: "IFM002", record: wrote(changed), found: "IFM002"},
	{name: "changed", server: "radicale", address: "RADICALE", suffix: ".ics", code: "IFM002", record: wrote(changed), found: "IFM002"},
	{name: "changed", server: "sabre", address: "SABRE", code: "IFM002", record: changed, found: "IFM002"},
	{name: "changed", server: "xandikos", address: "XANDIKOS", suffix: ".ics", code: "IFM002", record: wrote(changed), found: "IFM002"},
	{name: "changed", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", fields: blob, code: "IFM002", record: changed, found: "IFM002"},
	{name: "changed", server: "cap", address: "CAP", code: "IFM002", record: changedBook, found: "IFM002"},
	{name: "changed", server: "solid", address: "SOLID", code: "IFM002", record: wrote(changed), found: "IFM002"},
	{name: "changed", server: "azurite", address: "AZURE_TABLE", prefix: "items(PartitionKey='p',RowKey='", suffix: "')", query: "AZURE_SAS", fields: table, code: "IFM002", record: wrote(changedRow), found: "IFM002"},
	{name: "changed", server: "s3", address: "S3", prefix: "bucket/", code: "IFM002", record: signed(changed), found: "6"},
	{name: "the same bytes again", server: "apache", address: "APACHE", code: "IFM003", record: sameBytes, found: "IFM002"},
	{name: "the tag of another document", server: "apache", address: "APACHE", code: "IFM109", record: ofAnother, found: "IFM002"},
	{name: "a generation that has passed", server: "gcs", address: "GCS", code: "IFM002", record: oldGeneration, found: "7"},

	{name: "the tag of the compressed document", server: "apache", address: "APACHE", code: "IFM009", record: compressed, found: "IFM009"},
	{name: "the tag of the compressed document", server: "lighttpd", address: "LIGHTTPD", code: "IFM009", record: wrote(compressed), found: "IFM009"},
	{name: "a tag that a proxy weakened", server: "nginx", address: "NGINX_GZIP", origin: "APACHE", code: "IFM008", record: compressed, found: "IFM008"},
	{name: "the first second", server: "apache", address: "APACHE", code: "IFM008", record: firstSecond, found: "IFM008"},

	{forgets: true, suffix: ".bin", name: "a cache that shows nothing", server: "nginx", address: "NGINX_CACHE", origin: "APACHE", code: "IFM011", record: wrote(kept), found: "IFM011"},
	{forgets: true, suffix: ".bin", name: "a cache", server: "varnish", address: "VARNISH", origin: "APACHE", code: "IFM010", record: wrote(kept), found: "IFM010"},
	{forgets: true, suffix: ".bin", name: "a cache", server: "squid", address: "SQUID", origin: "APACHE", prefix: "cached/", code: "IFM010", record: kept, found: "IFM010"},

	{name: "its own date", server: "apache", address: "APACHE", code: "IFM007", record: wrote(ownDate), found: "IFM007"},
	{name: "a date by another clock", server: "apache", address: "APACHE", code: "IFM104", record: otherDate, found: "IFM104"},

	{name: "a lease", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", fields: blob, code: "IFM015", record: wrote(leased("")), found: "IFM015"},
	{name: "the id of another lease", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", fields: blob, code: "IFM015", record: wrote(leased("X-Ms-Lease-Id: 00000000-0000-0000-0000-000000000002")), found: "IFM015"},
	{name: "a lease that has ended", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", fields: blob, code: "IFM016", record: wrote(ended), found: "IFM016"},
	{name: "an append at another place", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", code: "IFM022", record: appended, found: "0"},
	{name: "a lock, and no token", server: "apache", address: "APACHE", code: "IFM015", record: wrote(locked("")), found: "IFM015"},
	{name: "a token of no lock", server: "apache", address: "APACHE", code: "IFM015", record: locked("If: (<opaquelocktoken:00000000-0000-0000-0000-000000000002>)"), found: "7"},
	{name: "a lock whose time is up", server: "apache", address: "APACHE", code: "IFM016", record: outlived, found: "7"},

	{name: "create-only", server: "apache", address: "APACHE", code: "IFM005", record: created, found: "IFM005"},
	{name: "create-only", server: "sabre", address: "SABRE", code: "IFM005", record: created, found: "IFM005"},
	{name: "create-only", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", fields: blob, code: "IFM005", record: created, found: "IFM005"},
	{name: "Overwrite: F", server: "apache", address: "APACHE", code: "IFM005", record: copied, found: "7"},
	{name: "a database that is there", server: "pouch", address: "POUCH", code: "IFM005", record: database, found: "7"},

	{name: "a missing document", server: "apache", address: "APACHE", code: "IFM006", record: deleted, found: "IFM006"},
	{name: "a missing document", server: "sabre", address: "SABRE", code: "IFM006", record: deleted, found: "IFM006"},
	{name: "a missing document", server: "azurite", address: "AZURE_BLOB", prefix: "container/", query: "AZURE_SAS", fields: blob, code: "IFM006", record: deleted, found: "IFM006"},

	{name: "a missing document", server: "s3", address: "S3", prefix: "bucket/", code: "IFM006", record: signed(deleted), found: "6"},
	{name: "create-only", server: "s3", address: "S3", prefix: "bucket/", code: "IFM005", record: signed(created), found: "6"},

	{name: "no precondition", server: "cap", address: "CAP", code: "IFM013", record: unguarded, found: "0"},
	{name: "a date in place of a tag", server: "cap", address: "CAP", code: "IFM013", record: dated, found: "7"},
	{name: "the tag of an error page", server: "pouch", address: "POUCH", code: "IFM102", record: errorPage, found: "IFM002"},
	{name: "a star", server: "radicale", address: "RADICALE", suffix: ".ics", code: "IFM011", record: starred, found: "7"},
	{name: "a tag without quotes", server: "apache", address: "APACHE", code: "IFM101", record: unquoted, found: "IFM101"},
	{name: "the condition of a read", server: "apache", address: "APACHE", code: "IFM106", record: ofRead, found: "IFM106"},
	{name: "two conditions", server: "apache", address: "APACHE", code: "IFM014", record: both, found: "IFM014"},
	{name: "the own write before", server: "apache", address: "APACHE", code: "IFM004", record: repeated, found: "IFM002"},
	{name: "a condition changed after signing", server: "s3", address: "S3", prefix: "bucket/", code: "IFM017", record: resigned, found: "6"},
}
