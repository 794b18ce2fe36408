package explain

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/azureblob"
	"github.com/ifmatch-go/ifmatch/dialect/azuretable"
	"github.com/ifmatch-go/ifmatch/dialect/commercetools"
	"github.com/ifmatch-go/ifmatch/dialect/consul"
	"github.com/ifmatch-go/ifmatch/dialect/contentful"
	"github.com/ifmatch-go/ifmatch/dialect/cosmos"
	"github.com/ifmatch-go/ifmatch/dialect/couchdb"
	"github.com/ifmatch-go/ifmatch/dialect/elasticsearch"
	"github.com/ifmatch-go/ifmatch/dialect/fhir"
	"github.com/ifmatch-go/ifmatch/dialect/firebase"
	"github.com/ifmatch-go/ifmatch/dialect/firestore"
	"github.com/ifmatch-go/ifmatch/dialect/gcs"
	"github.com/ifmatch-go/ifmatch/dialect/github"
	"github.com/ifmatch-go/ifmatch/dialect/googleiam"
	"github.com/ifmatch-go/ifmatch/dialect/kubernetes"
	"github.com/ifmatch-go/ifmatch/dialect/odata"
	"github.com/ifmatch-go/ifmatch/dialect/s3"
	"github.com/ifmatch-go/ifmatch/dialect/scim"
	"github.com/ifmatch-go/ifmatch/dialect/vault"
	"github.com/ifmatch-go/ifmatch/dialect/webdav"
	"github.com/ifmatch-go/ifmatch/internal/guard"
)

// looks is how the exchanges of an API look. The first one that fits counts.
type looks struct {
	name    string // for the command line
	dialect func() dialect.Dialect
	fits    func(*step) bool
}

// known are the APIs that are recognized.
var known = [...]looks{
	{"azuretable", azuretable.Dialect, func(s *step) bool {
		return hostEnds(s, ".table.core.windows.net") || strings.Contains(s.ResponseHeader.Get("Etag"), "datetime'")
	}},
	{"azureblob", azureblob.Dialect, func(s *step) bool {
		return hostEnds(s, ".blob.core.windows.net") || has(s, "X-Ms-Error-Code") || has(s, "X-Ms-Blob-Type")
	}},
	{"gcs", gcs.JSON, func(s *step) bool {
		return s.url.Query().Has("ifGenerationMatch") || s.url.Query().Has("ifMetagenerationMatch") || strings.Contains(s.url.Path, "/storage/v1/")
	}},
	{"gcsxml", gcs.XML, func(s *step) bool { return hostEnds(s, "storage.googleapis.com") || has(s, "X-Goog-Generation") }},
	{"s3", s3.Dialect, func(s *step) bool { return hostEnds(s, ".amazonaws.com") || has(s, "X-Amz-Request-Id") }},
	{"kubernetes", kubernetes.Dialect, func(s *step) bool {
		return bodyHas(s, `"kind":"Status"`) || bodyHas(s, `"resourceVersion":"`)
	}},
	{"consul", consul.Dialect, func(s *step) bool { return has(s, "X-Consul-Index") || strings.HasPrefix(s.url.Path, "/v1/kv/") }},
	{"vault", vault.Dialect, func(s *step) bool {
		return s.RequestHeader.Get("X-Vault-Token") != "" || bodyHas(s, `check-and-set parameter`)
	}},
	{"elasticsearch", elasticsearch.Dialect, func(s *step) bool {
		return has(s, "X-Elastic-Product") || s.url.Query().Has("if_seq_no") || bodyHas(s, `"version_conflict_engine_exception"`)
	}},
	{"contentful", contentful.Dialect, func(s *step) bool { return has(s, "X-Contentful-Request-Id") || hostEnds(s, "api.contentful.com") }},
	{"cosmos", cosmos.Dialect, func(s *step) bool { return hostEnds(s, ".documents.azure.com") }},
	{"commercetools", commercetools.Dialect, func(s *step) bool { return hostEnds(s, ".commercetools.com") || bodyHas(s, `"ConcurrentModification"`) }},
	{"firestore", firestore.Dialect, func(s *step) bool {
		return hostEnds(s, "firestore.googleapis.com") || s.url.Query().Has("currentDocument.updateTime")
	}},
	{"firebase", firebase.Dialect, func(s *step) bool { return hostEnds(s, ".firebaseio.com") || hostEnds(s, ".firebasedatabase.app") }},
	{"googleiam", googleiam.Dialect, func(s *step) bool {
		return strings.HasSuffix(s.url.Path, ":setIamPolicy") || strings.HasSuffix(s.url.Path, ":getIamPolicy")
	}},
	{"github", github.Dialect, func(s *step) bool { return hostEnds(s, "api.github.com") || has(s, "X-Github-Request-Id") }},
	{"fhir", fhir.Dialect, func(s *step) bool { return kindHas(s, "fhir+") }},
	{"scim", scim.Dialect, func(s *step) bool { return kindHas(s, "scim+json") }},
	{"odata", odata.Dialect, func(s *step) bool {
		return has(s, "Odata-Version") || hostEnds(s, ".dynamics.com") || hostEnds(s, "graph.microsoft.com") || bytes.Contains(s.ResponseBody, []byte(`"@odata.`))
	}},
	{"couchdb", couchdb.Dialect, func(s *step) bool {
		return strings.HasPrefix(s.ResponseHeader.Get("Server"), "CouchDB") || has(s, "X-Couchdb-Body-Time") || has(s, "X-Couch-Request-Id") || isCouchError(s.ResponseBody)
	}},
	{"webdav", webdav.Dialect, func(s *step) bool {
		switch s.Method {
		case "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK":
			return true
		}
		return has(s, "Dav") || s.RequestHeader.Get("If") != "" || bytes.Contains(s.ResponseBody, []byte(`"DAV:"`))
	}},
}

// Dialects are the names of the dialects that are recognized, for WithDialect's users.
func Dialects() map[string]dialect.Dialect {
	all := map[string]dialect.Dialect{"rfc9110": dialect.RFC9110()}
	for _, l := range known {
		all[l.name] = l.dialect()
	}
	return all
}

func hostEnds(s *step, end string) bool {
	host := strings.ToLower(s.url.Hostname())
	return strings.HasSuffix(host, end) || host == strings.TrimPrefix(end, ".")
}

func has(s *step, name string) bool { return s.ResponseHeader.Get(name) != "" }

// bodyHas reports whether the answer has such a text, whatever white space is in it.
func bodyHas(s *step, text string) bool {
	return bytes.Contains(s.ResponseBody, []byte(text)) || bytes.Contains(s.ResponseBody, []byte(strings.Replace(text, ":", ": ", 1)))
}

// kindHas reports whether a body of the exchange has such a media type.
func kindHas(s *step, part string) bool {
	for _, h := range []http.Header{s.RequestHeader, s.ResponseHeader} {
		if strings.Contains(strings.ToLower(h.Get("Content-Type")), part) {
			return true
		}
	}
	return false
}

// isCouchError reports whether a body is an error of CouchDB: {"error":"conflict","reason":…}.
func isCouchError(body []byte) bool {
	for _, code := range []string{"conflict", "file_exists", "missing_stub"} {
		if bytes.Contains(body, []byte(`"error":"`+code+`"`)) && bytes.Contains(body, []byte(`"reason":"`)) {
			return true
		}
	}
	return false
}

// chooseDialects gives each step the dialect of its host: the one that is given, or the
// first that an exchange with that host looks like.
func (s *scene) chooseDialects(given *dialect.Dialect) {
	byHost := map[string]*guard.Dialect{}
	rfc9110 := guard.Prepare(dialect.RFC9110())
	if given != nil {
		rfc9110 = guard.Prepare(*given)
		s.dialect = rfc9110.Name
	}
	for _, l := range known {
		for _, e := range s.steps {
			if given == nil && byHost[e.url.Host] == nil && l.fits(e) {
				byHost[e.url.Host] = guard.Prepare(l.dialect())
			}
		}
	}
	for _, e := range s.steps {
		e.dialect = rfc9110
		if d := byHost[e.url.Host]; d != nil {
			e.dialect, s.dialect = d, d.Name
		}
	}
}
