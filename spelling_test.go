package ifmatch

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// spelling is an API that compares versions in a spelling of its own.
type spelling struct {
	dialect dialect.Dialect
	read    func(version string) (http.Header, string) // the fields and the body of an answer to a read
	sent    func(req *http.Request, body string) string
	write   func(version string) string // what a write must carry
}

// tagSpelling has the version in ETag and If-Match.
func tagSpelling(write, answers, takes func(string) string) spelling {
	return spelling{
		dialect: dialect.Dialect{Name: "own", Tokens: []dialect.Token{{Sent: dialect.InHeader("If-Match"), Current: dialect.InHeader("ETag"), Tag: true, Write: write}}},
		read: func(v string) (http.Header, string) {
			return http.Header{"Etag": {answers(v)}}, `{"n":1}`
		},
		sent:  func(req *http.Request, _ string) string { return strings.Join(req.Header["If-Match"], "|") },
		write: takes,
	}
}

func bare(v string) string   { return v }
func quoted(v string) string { return `"` + v + `"` }
func weak(v string) string   { return `W/"` + v + `"` }

// spellings are the ways in which APIs are known to spell a version.
func spellings() map[string]spelling {
	number := dialect.Token{Sent: dialect.InHeader("X-Version"), Current: dialect.InBody("/version"), Number: true, Write: dialect.Next, Read: dialect.Previous}
	member := dialect.Token{Sent: dialect.InHeaderJSON("Arg", "/mode/update"), Current: dialect.InHeaderJSON("Result", "/rev")}
	inBody := dialect.Token{Sent: dialect.InBody("/version"), Current: dialect.InHeader("ETag"), Write: dialect.Bare}
	query := dialect.Token{Sent: dialect.InQuery("v"), Current: dialect.InHeader("ETag"), Write: dialect.Bare}
	own := func(t dialect.Token) dialect.Dialect { return dialect.Dialect{Name: "own", Tokens: []dialect.Token{t}} }
	return map[string]spelling{
		"bare":        tagSpelling(dialect.Bare, quoted, bare),
		"quoted":      tagSpelling(dialect.Quoted, quoted, quoted),
		"answers too": tagSpelling(dialect.Bare, bare, bare),
		"without W/":  tagSpelling(dialect.Strong, weak, quoted),
		"next": {own(number), func(v string) (http.Header, string) { return nil, `{"version":` + v + `}` },
			func(req *http.Request, _ string) string { return req.Header.Get("X-Version") }, func(v string) string { return v + "1" }},
		"member": {own(member), func(v string) (http.Header, string) { return http.Header{"Result": {`{"rev":"` + v + `"}`}}, "{}" },
			func(req *http.Request, _ string) string { return req.Header.Get("Arg") }, func(v string) string { return `{"a":1, "mode":{"update":"` + v + `"}}` }},
		"body": {own(inBody), func(v string) (http.Header, string) { return http.Header{"Etag": {quoted(v)}}, "{}" },
			func(_ *http.Request, body string) string {
				var d struct{ Version string }
				json.Unmarshal([]byte(body), &d)
				return d.Version
			}, bare},
		"query": {own(query), func(v string) (http.Header, string) { return http.Header{"Etag": {quoted(v)}}, "{}" },
			func(req *http.Request, _ string) string { return req.URL.RawQuery }, func(v string) string { return "v=" + v }},
	}
}

// TestSpelling (rule 1): a version goes out as the API spells it, and is compared in that
// spelling: other letters are no conflict.
func TestSpelling(t *testing.T) {
	all := spellings()
	// The number that follows 8 is 9, and so on: the versions are "8" and "9".
	all["next"] = func() spelling {
		s := all["next"]
		s.write = func(v string) string { n, _ := strconv.Atoi(v); return strconv.Itoa(n + 1) }
		return s
	}()
	for _, test := range []struct {
		api, policy, sent string
		body              string // of the write; "" with a list of fields in sent
		log               string // what the API got in its writes
		want              string
	}{
		{"bare", "Stop", `If-Match: "9"`, "", "9", "PUT 200 | 200 | applied, none"},
		{"bare", "Stop", "If-Match: 9", "", "9", "PUT 200 | 200 | applied, none"},
		{"bare", "Resend", `If-Match: "8"`, "", "8, 9", "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"bare", "Resend", "If-Match: 8", "", "8, 9", "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"bare", "Resend", `If-Match: "x", "9"`, "", `"x", "9", 9`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, false conflict"},
		{"bare", "Stop", "If-None-Match: *", "", "", "PUT 412 | 412 | not applied, exists"},
		{"bare", "Resend", "If-Match: *", "", "*", "PUT 412 | 412 | not applied, unexamined"},
		{"bare", "Resend", `If-Match: "*"`, "", `"*"`, "PUT 412 | 412 | not applied, unexamined"},
		{"bare", "Resend", `If-Match: "8`, "", `"8`, "PUT 412 | 412 | not applied, unattributed"},
		{"quoted", "Resend", "If-Match: 8", "", `"8", "9"`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"quoted", "Resend", `If-Match: "x", "9"`, "", `"x", "9", "9"`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, false conflict"},
		{"quoted", "Resend", `If-Match: "x", "y"`, "", `"x", "y", "9"`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"answers too", "Resend", "If-Match: 8", "", "8, 9", "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"without W/", "Stop", `If-Match: W/"9"`, "", `"9"`, "PUT 200 | 200 | applied, none"},
		{"without W/", "Resend", `If-Match: W/"8"`, "", `"8", "9"`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"next", "Resend", "X-Version: 9", "", "9, 10", "PUT 412, GET 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"next", "Stop", "X-Version: 10", "", "10", "PUT 200 | 200 | applied, none"},
		{"member", "Resend", `Arg: {"a":1, "mode":{"update":"8"}}`, "", `{"a":1, "mode":{"update":"8"}}, {"a":1, "mode":{"update":"9"}}`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"member", "Resend", `Arg: {"mode"`, "", `{"mode"`, "PUT 412 | 412 | not applied, unattributed"},
		{"body", "Resend", "", `{"version":"8"}`, "8, 9", "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
		{"body", "Resend", "", `{"version":"\"9\""}`, `"9", 9`, "PUT 412, HEAD 200, PUT 200 | 200 | applied, false conflict"},
		{"query", "Resend", "", `?v=%228%22`, "v=8, v=9", "PUT 412, HEAD 200, PUT 200 | 200 | applied, changed, overwrote"},
	} {
		api := all[test.api]
		var log []string
		origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
			if req.Method == http.MethodGet || req.Method == http.MethodHead {
				h, text := api.read("9")
				return 200, h, text
			}
			sent := api.sent(req, body)
			if log = append(log, sent); sent != api.write("9") {
				return 412, nil, ""
			}
			return 200, nil, ""
		}}
		url, body := "http://api.test/thing", test.body
		if strings.HasPrefix(body, "?") {
			url, body = url+body, ""
		}
		var fields []string
		if test.sent != "" {
			fields = []string{test.sent}
		}
		policy := map[string]Policy{"Stop": Stop, "Resend": Resend}[test.policy]
		r := sendTo(t, NewTransport(origin, policy, WithDialect(api.dialect)), "PUT", url, body, fields...)
		if got := strings.Join(log, ", "); got != test.log || r.summary() != test.want {
			t.Errorf("%s, %s, %s%s: sent %s\n%s\nwant %s\n%s\n%v", test.api, test.policy, test.sent, test.body, got, r.summary(), test.log, test.want, r.outcome.Err)
		}
	}
}

// TestSpelledUpdate: Update reads one spelling and writes the other.
func TestSpelledUpdate(t *testing.T) {
	for name, api := range spellings() {
		if name == "next" || name == "member" {
			continue // the state of the one has its version, the other has other fields
		}
		var log []string
		stale := true
		origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
			v := "8"
			if !stale {
				v = "9"
			}
			if req.Method == http.MethodGet {
				h, _ := api.read(v)
				return 200, h, `{"n":1}`
			}
			log = append(log, api.sent(req, body))
			if stale {
				stale = false
				return 412, nil, ""
			}
			return 204, nil, ""
		}}
		s, err := Update(context.Background(), &http.Client{Transport: origin}, thing, addOne, WithDialect(api.dialect))
		if want := []string{api.write("8"), api.write("9")}; err != nil || !slices.Equal(log, want) || s.Value.N != 2 {
			t.Errorf("%s: sent %q, want %q; %+v, %v", name, log, want, s.Value, err)
		}
	}
}

// TestSignedSpelling (rule 8): what was signed above isn't respelled.
func TestSignedSpelling(t *testing.T) {
	api := spellings()["bare"]
	var got string
	origin := &served{serve: func(req *http.Request, body string) (int, http.Header, string) {
		got = api.sent(req, body)
		return 204, nil, ""
	}}
	r := sendTo(t, NewTransport(origin, Resend, WithDialect(api.dialect)), "PUT", thing, "x", `If-Match: "9"`, "Authorization: AWS4-HMAC-SHA256 x")
	if got != `"9"` || r.err != nil {
		t.Errorf("sent %s, %v", got, r.err)
	}
}
