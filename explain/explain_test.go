package explain

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// x is an exchange at https://api.test: a method and a path, a status, and lines that begin
// with "> " (a field of the request), "< " (of the answer), ">> " and "<< " (the bodies), and
// "@ " (when it was sent; it took 40 ms).
func x(request string, status int, lines ...string) Exchange {
	method, path, _ := strings.Cut(request, " ")
	e := Exchange{Method: method, URL: "https://api.test" + path, StatusCode: status, RequestHeader: http.Header{}, ResponseHeader: http.Header{}, Whole: true}
	if strings.HasPrefix(path, "http") {
		e.URL = path
	}
	if method == http.MethodPut && !strings.Contains(strings.Join(lines, "\n"), "> Accept:") {
		e.RequestHeader = http.Header{"Accept": {"*/*"}, "User-Agent": {"test"}}
	}
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, ": ")
		switch kind {
		case ">":
			e.RequestHeader.Add(name, value)
		case "<":
			e.ResponseHeader.Add(name, value)
		case ">>":
			e.RequestBody = []byte(rest)
		case "<<":
			e.ResponseBody = []byte(rest)
		case "@":
			e.Sent, _ = time.Parse(time.RFC3339Nano, rest)
			e.Answered = e.Sent.Add(40 * time.Millisecond)
		}
	}
	return e
}

// first is the first finding of a report, as "certain IFM002"; "nothing" where there is none.
func (r Report) first() string {
	if len(r.Findings) == 0 {
		return "nothing"
	}
	return r.Findings[0].Certainty.String() + " " + r.Findings[0].Code
}

// TestRules has a row for each branch of the rules.
func TestRules(t *testing.T) {
	get := func(tag string, more ...string) Exchange { return x("GET /doc", 200, append(more, "< ETag: "+tag)...) }
	put := func(status int, more ...string) Exchange { return x("PUT /doc", status, more...) }
	const v1 = `> If-Match: "v1"`
	for name, test := range map[string]struct {
		exchanges []Exchange
		want      string
	}{
		"another writer, read after":  {[]Exchange{get(`"v1"`), put(412, v1), get(`"v2"`)}, "certain IFM002"},
		"another writer, read before": {[]Exchange{get(`"v1"`), get(`"v2"`), put(412, v1)}, "certain IFM002"},
		"same bytes":                  {[]Exchange{get(`"v1"`, "<< x"), put(412, v1), get(`"v2"`, "<< x", "< Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "< Date: Sun, 06 Nov 1994 08:50:37 GMT")}, "likely IFM003"},
		"sent twice":                  {[]Exchange{get(`"v1"`), put(204, v1, `< ETag: "v2"`), put(412, v1)}, "certain IFM004"},
		"lost, and stored":            {[]Exchange{get(`"v1"`, "<< a"), put(0, v1, ">> b"), put(412, v1, ">> b"), get(`"v2"`, "<< b")}, "likely IFM004"},
		"performed although refused":  {[]Exchange{get(`"v1"`, "<< a"), put(412, v1, ">> b"), get(`"v2"`, "<< b")}, "likely IFM004"},
		"exists":                      {[]Exchange{put(412, "> If-None-Match: *")}, "certain IFM005"},
		"gone":                        {[]Exchange{get(`"v1"`), put(412, v1), x("GET /doc", 404)}, "certain IFM006"},
		"weak":                        {[]Exchange{get(`W/"v1"`), put(412, `> If-Match: W/"v1"`)}, "certain IFM008"},
		"suffix":                      {[]Exchange{get(`"v1-gzip"`, "< Content-Encoding: gzip"), put(412, `> If-Match: "v1-gzip"`)}, "certain IFM009"},
		"no quotes":                   {[]Exchange{get(`"v1"`), put(412, "> If-Match: v1")}, "certain IFM101"},
		"428":                         {[]Exchange{put(428)}, "certain IFM013"},
		"two conditions":              {[]Exchange{put(412, v1, "> If-None-Match: *")}, "certain IFM014"},
		"refused its own tag":         {[]Exchange{get(`"v1"`), put(412, v1), get(`"v1"`), get(`"v1"`)}, "certain IFM011"},
		"a cache":                     {[]Exchange{get(`"v1"`), put(412, v1), get(`"v1"`, "< Age: 9"), get(`"v1"`, "< Age: 10")}, "certain IFM010"},
		"nobody looked":               {[]Exchange{put(412, v1)}, "possible IFM001"},
		"no precondition":             {[]Exchange{put(412, "< Content-Type: application/json", `<< {"error":"closed"}`)}, "certain IFM022"},
		"nothing":                     {[]Exchange{get(`"v1"`), put(204, v1)}, "nothing"},
	} {
		report := Explain(test.exchanges)
		if got := report.first(); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, test.want, report)
		}
		for _, f := range report.Findings {
			if len(f.Evidence) == 0 || f.What == "" || f.Why == "" || len(f.Fixes) == 0 {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}
