package house

// floors are the packages from the root down: each may import those below it. A
// package that imports nothing of the module, and isn't imported, needs no place.
var floors = []string{
	"explain",
	".",
	"internal/rounds",
	"internal/commit",
	"internal/edit",
	"internal/memory",
	"internal/marks",
	"internal/stored",
	"internal/cause",
	"internal/recording",
	"internal/refresh",
	"internal/guard",
	"internal/doubt",
	"internal/evidence",
	"internal/lane",
	"internal/replay",
	"internal/drain",
	"dialect/azureblob",
	"dialect/azuretable",
	"dialect/commercetools",
	"dialect/consul",
	"dialect/contentful",
	"dialect/cosmos",
	"dialect/couchdb",
	"dialect/elasticsearch",
	"dialect/fhir",
	"dialect/firebase",
	"dialect/firestore",
	"dialect/gcs",
	"dialect/github",
	"dialect/googleiam",
	"dialect/kubernetes",
	"dialect/odata",
	"dialect/s3",
	"dialect/scim",
	"dialect/vault",
	"dialect/webdav",
	"dialect",
	"internal/jsonedit",
	"internal/media",
	"internal/pace",
	"internal/hosts",
	"internal/semantics",
	"internal/excerpt",
	"internal/redact",
	"internal/etag",
	"internal/field",
	"internal/bodytest",
}

// forTests are packages that only tests import: they may know the root.
var forTests = []string{
	"dialect/internal/cases",
	"dialect/internal/origin",
	"dialect/internal/storetest",
}

// longFiles are longer than maxLines or maxCode.
var longFiles = []string{}

// longFunctions are longer than maxFunction. settings.over stays: it is a flat list
// of fields, and each of them is read alone.
var longFunctions = []string{
	". settings.over",
}
