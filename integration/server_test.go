package integration

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/ifmatch-go/ifmatch"
)

// A server is one address where documents are written, and what the tests have
// to know of it.
type server struct {
	name    string // in the tables and in the names of tests
	wanted  string // what run.sh calls it
	address string // its variable, without IFMATCH_
	log     string // that of its log, without IFMATCH_ and _LOG
	origin  string // that of the server it is in front of; documents are made there

	path   func(id int) string
	form   form
	dress  dress  // what each request has to carry
	create string // how a document is made: "PUT", or "POST" to the address
	method string // of a write whose body is the document; Rebuild and the like need that
	change string // of a write under Resend and Stop

	made, accepted int    // statuses of a new document and of a write
	stale, gone    int    // those of a write under an old tag, and of one to what was deleted
	exists         int    // that of a create-only write to what is there
	head           int    // what HEAD is refused with; 0 where it works
	weakSecond     bool   // a weak tag for a second after each write
	weak           bool   // weak tags, to be sent as they are
	conditional    bool   // it takes no change and no deletion without a condition
	marks          bool   // a document may have any member
	tears          string // the log of a server that may accept two writes under one tag

	// recipe is the refresh request that gets past a cache.
	recipe func(*http.Request) (*http.Request, error)
}

// servers are all that the tests here write to but for controls, which look at
// no condition.
func servers() []server {
	json := server{
		path: func(id int) string { return fmt.Sprintf("doc-%d.json", id) }, form: jsonForm{},
		create: "PUT", method: "PUT", change: "PUT",
		made: 201, accepted: 204, stale: 412, gone: 412, exists: 412, marks: true,
		dress: dress{header: http.Header{"Content-Type": {"application/json"}}},
	}
	at := func(s server, name, wanted, address string, changes ...func(*server)) server {
		s.name, s.wanted, s.address, s.log = name, wanted, address, address
		for _, change := range changes {
			change(&s)
		}
		return s
	}
	padded := func(s *server) { s.form = jsonForm{padding: 200} }
	onApache := func(s *server) { padded(s); s.weakSecond, s.tears = true, "APACHE" }
	behind := func(s *server) { onApache(s); s.origin = "APACHE" }
	calendar := func(s *server) {
		s.path = func(id int) string { return fmt.Sprintf("doc-%d.ics", id) }
		s.form, s.dress.header = calendarForm{}, http.Header{"Content-Type": {"text/calendar"}}
	}
	object := func(s *server) {
		s.path = func(id int) string { return fmt.Sprintf("bucket/doc-%d.json", id) }
		s.dress.sign, s.made, s.accepted, s.gone = s.address, 200, 200, 404
	}
	return []server{
		at(json, "apache", "apache", "APACHE", onApache),
		at(json, "lighttpd", "lighttpd", "LIGHTTPD", padded),
		at(json, "nginx gzip", "nginx", "NGINX_GZIP", behind),
		at(json, "nginx cache", "nginx", "NGINX_CACHE", behind, func(s *server) { s.recipe = freshQuery }),
		at(json, "varnish", "varnish", "VARNISH", behind, func(s *server) { s.recipe = withCookie }),
		at(json, "squid", "squid", "SQUID", behind, func(s *server) {
			s.path = func(id int) string { return fmt.Sprintf("cached/doc-%d.json", id) }
		}),
		at(json, "radicale", "radicale", "RADICALE", calendar, func(s *server) { s.accepted = 201 }),
		at(json, "sabre", "sabre", "SABRE"),
		at(json, "s3", "s3", "S3", object),
		at(json, "cap", "cap", "CAP", func(s *server) {
			s.path = func(id int) string { return fmt.Sprintf("(%d)", id) }
			s.create, s.change, s.accepted, s.head, s.weak, s.conditional, s.marks = "POST", "PATCH", 200, 405, true, true, false
		}),
		at(json, "azure blob", "azurite", "AZURE_BLOB", func(s *server) {
			s.path = func(id int) string { return fmt.Sprintf("container/doc-%d.json", id) }
			s.dress.query, s.dress.onPut = "AZURE_SAS", http.Header{"X-Ms-Blob-Type": {"BlockBlob"}}
			s.log, s.accepted, s.exists = "AZURE", 201, 409
		}),
		at(json, "azure table", "azurite", "AZURE_TABLE", func(s *server) {
			s.path = func(id int) string { return fmt.Sprintf("items(PartitionKey='p',RowKey='doc-%d')", id) }
			s.dress.query = "AZURE_SAS"
			s.dress.header = http.Header{
				"Content-Type": {"application/json"}, "Accept": {"application/json;odata=nometadata"}, "X-Ms-Version": {"2019-12-12"},
			}
			s.log, s.made, s.gone, s.exists, s.head, s.weak, s.conditional, s.marks = "AZURE", 204, 404, 204, 400, true, true, false
		}),
		at(json, "xandikos", "xandikos", "XANDIKOS", calendar, func(s *server) { s.log = "" }),
		at(json, "solid", "solid", "SOLID", func(s *server) { s.accepted, s.gone = 205, 201 }),
		at(json, "davical", "davical", "DAVICAL", calendar, func(s *server) { s.log, s.dress.secret = "", "DAVICAL_AUTHORIZATION" }),
		at(json, "minio", "minio", "MINIO", object, func(s *server) { s.log = "" }),
	}
}

// core are the servers that run.sh starts where none is named.
var core = []string{"apache", "lighttpd", "nginx", "varnish", "squid", "radicale", "sabre", "s3", "cap", "azurite", "pouch"}

// wantedServers are those of servers that were asked for.
func wantedServers(t *testing.T) []server {
	t.Helper()
	names := wanted(t)
	return slices.DeleteFunc(servers(), func(s server) bool { return !slices.Contains(names, s.wanted) })
}

// serverNamed returns one of servers.
func serverNamed(t *testing.T, name string) server {
	t.Helper()
	for _, s := range servers() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no server %s", name)
	return server{}
}

// isWanted says whether run.sh was asked for the server.
func isWanted(t *testing.T, name string) bool {
	t.Helper()
	return slices.Contains(wanted(t), name)
}

func (s server) storesJSON() bool {
	_, ok := s.form.(jsonForm)
	return ok
}

// refresh lists the exchanges of a refresh that wants the state, or only the tag.
func (s server) refresh(state bool) []string {
	list := []string{"GET 200"}
	if !state && s.head == 0 {
		list = []string{"HEAD 200"}
	}
	if s.weakSecond {
		list = append(list, list[0]) // after the second
	}
	if !state && s.head != 0 {
		list = append([]string{"HEAD " + strconv.Itoa(s.head)}, list...)
	}
	return list
}

// options are those of a Transport for this server.
func (s server) options() ifmatch.Options {
	if s.recipe == nil {
		return nil
	}
	return ifmatch.Options{ifmatch.WithRefreshRequest(s.recipe)}
}

// client is one whose conflicts are handled by the policy.
func (s server) client(t *testing.T, policy ifmatch.Policy, opts ...ifmatch.Option) *http.Client {
	t.Helper()
	return &http.Client{Transport: ifmatch.NewTransport(s.base(t), policy, append(ifmatch.Options{s.options()}, opts...))}
}

// ttl is how many seconds the caches keep an answer.
func ttl(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("IFMATCH_TTL"))
	if err != nil {
		t.Fatalf("IFMATCH_TTL: %v", err)
	}
	return n
}
