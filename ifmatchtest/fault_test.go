package ifmatchtest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A step is one request of a script and what is to become of it.
type step struct {
	request string // "METHOD body", then "; Header: value" as often as wanted
	want    int    // 0: no answer
	state   string // afterwards, "-" for none, "" for don't care
	header  string // "Header: value" the answer must have; "Header:" must not
}

// Scripts run on one server of each kind, the path /x holding "0" under "v1".
var scripts = []struct {
	name   string
	faults []Fault
	steps  []step
}{
	{"LostRequest", []Fault{LostRequest(1)}, []step{
		{"GET", 200, "0", ""},
		{"PUT 1", 0, "0", ""},
		{"PUT 1", 204, "1", ""},
	}},
	{"LostAnswer", []Fault{LostAnswer(1)}, []step{
		{`PUT 1; If-Match: "v1"`, 0, "1", ""},
		{`PUT 1; If-Match: "v1"`, 412, "1", ""},
	}},
	{"FailBefore", []Fault{FailBefore(2, 503).WithHeader("Retry-After", "7")}, []step{
		{"POST 1", 503, "0", "Retry-After: 7"},
		{"DELETE", 503, "0", "Retry-After: 7"},
		{"POST 1", 200, "01", "Retry-After:"},
	}},
	{"FailAfter", []Fault{FailAfter(1, 502).WithHeader("Retry-After", "7")}, []step{
		{"POST 1", 502, "01", "Retry-After: 7"},
		{"POST 1", 200, "011", ""},
	}},
	{"one decides", []Fault{FailBefore(1, 503), LostAnswer(1), Refuse(1)}, []step{
		{"POST 1", 503, "0", ""},
		{"POST 1", 0, "01", ""},
		{"POST 1", 412, "01", ""},
		{"POST 1", 200, "011", ""},
	}},
	{"After", []Fault{FailBefore(1, 503).After(2)}, []step{
		{"PUT 1", 204, "1", ""}, {"GET", 200, "", ""}, {"PUT 2", 204, "2", ""}, {"PUT 3", 503, "2", ""}, {"PUT 4", 204, "4", ""},
	}},
	{"On", []Fault{FailBefore(0, 503).On("DELETE", "GET")}, []step{
		{"PUT 1", 204, "1", ""}, {"GET", 503, "", ""}, {"DELETE", 503, "1", ""}, {"HEAD", 200, "", ""}, {"GET", 503, "", ""},
	}},
	{"At another path", []Fault{FailBefore(0, 503).At("/y")}, []step{{"PUT 1", 204, "1", ""}}},
	{"At this path", []Fault{FailBefore(0, 503).At("/x")}, []step{{"PUT 1", 503, "0", ""}}},
	{"zero", []Fault{{}}, []step{{"PUT 1", 204, "1", ""}}},
	{"Refuse", []Fault{Refuse(1)}, []step{
		{`PUT 1; If-Match: "v1"`, 412, "0", "ETag:"},
		{`PUT 1; If-Match: "v1"`, 204, "1", ""},
	}},
	{"EarlyRefusal", []Fault{EarlyRefusal(0).WithHeader("X-Early", "1")}, []step{
		{`PUT 1; If-Match: "v0"`, 412, "0", "X-Early: 1"},
		{`PUT 1; If-Match: "v1"`, 204, "1", "X-Early:"},
		{`PATCH 1; If-Match: "v1"`, 415, "1", ""},
	}},
	{"Reply", []Fault{Reply(1, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Body", string(b))
		w.WriteHeader(http.StatusTeapot)
	}).WithHeader("X-More", "1")}, []step{
		{"PUT 1", 418, "0", "X-Body: 1"},
		{"PUT 1", 204, "1", ""},
	}},
	{"Reply on GET", []Fault{Reply(0, func(w http.ResponseWriter, r *http.Request) {}).On("GET").WithHeader("X-More", "1")}, []step{
		{"PUT 1", 204, "1", ""},
		{"GET", 200, "", "X-More: 1"},
	}},
	{"StaleReads", []Fault{StaleReads(2).WithHeader("Age", "9")}, []step{
		{"PUT 1", 204, "1", ""},
		{"GET", 200, "", `ETag: "v1"`},
		{"HEAD", 200, "", "Age: 9"},
		{"GET", 200, "", `ETag: "v2"`},
	}},
	{"StaleReads of what was not there", []Fault{StaleReads(1)}, []step{{"GET", 404, "", ""}, {"GET", 200, "", ""}}},
	{"NoHead", []Fault{NoHead(405)}, []step{
		{"HEAD", 405, "", "Allow: GET, PUT, DELETE, POST, PATCH, OPTIONS"}, {"HEAD", 405, "", ""}, {"GET", 200, "", ""},
	}},
	{"HeadWithoutETag", []Fault{HeadWithoutETag()}, []step{{"HEAD", 200, "", "ETag:"}, {"GET", 200, "", `ETag: "v1"`}}},
	{"WeakTags", []Fault{WeakTags()}, []step{
		{"GET", 200, "", `ETag: W/"v1"`},
		{`PUT 1; If-Match: W/"v1"`, 204, "1", `ETag: W/"v2"`},
		{`PUT 2; If-Match: "v2"`, 204, "2", ""},
		{`PUT 3; If-Match: W/"v1"`, 412, "2", ""},
	}},
	{"WeakTagsStrict", []Fault{WeakTagsStrict()}, []step{
		{"HEAD", 200, "", `ETag: W/"v1"`},
		{`PUT 1; If-Match: W/"v1"`, 412, "0", ""},
		{`PUT 1; If-Match: "v1"`, 412, "0", ""},
		{`PUT 1; If-Match: *`, 204, "1", ""},
		{`GET; If-None-Match: "v2"`, 304, "", ""},
	}},
	{"GzipTags", []Fault{GzipTags()}, []step{
		{"GET; Accept-Encoding: gzip", 200, "", `ETag: "v1-gzip"`},
		{"HEAD; Accept-Encoding: gzip", 200, "", "Content-Encoding: gzip"},
		{"GET; Accept-Encoding: identity", 200, "", `ETag: "v1"`},
		{"HEAD", 200, "", `ETag: "v1"`},
		{"GET", 200, "", `ETag: "v1-gzip"`}, // net/http asks for gzip by itself
		{"GET; Accept-Encoding: gzip", 200, "", "Vary: Accept-Encoding"},
		{`PUT 1; If-Match: "v1-gzip"`, 412, "0", ""},
		{`PUT 1; If-Match: "v1"; Accept-Encoding: gzip`, 204, "1", `ETag: "v2"`},
	}},
	{"ContentTags", []Fault{ContentTags()}, []step{
		{"PUT 1", 204, "1", `ETag: "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"`},
		{"PUT 2", 204, "2", ""},
		{`PUT 1; If-Match: "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"`, 412, "2", ""},
		{"PUT 1", 204, "1", ""},
		{`PUT 3; If-Match: "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"`, 204, "3", ""},
	}},
	{"NoETag", []Fault{NoETag()}, []step{
		{"GET", 200, "", "ETag:"},
		{`PUT 1; If-Match: "v1"`, 412, "0", "ETag:"},
		{`PUT 1; If-Match: *`, 204, "1", "ETag:"},
	}},
	{"NoLastModified", []Fault{NoLastModified()}, []step{
		{"GET", 200, "", "Last-Modified:"},
		{"PUT 1; If-Unmodified-Since: " + before, 204, "1", "Last-Modified:"},
	}},
	{"NoETagAfterWrite", []Fault{NoETagAfterWrite()}, []step{
		{"PUT 1", 204, "1", "ETag:"}, {"PUT 1", 204, "1", "Last-Modified:"}, {"GET", 200, "", `ETag: "v3"`},
	}},
	{"TagOnRefusal", []Fault{TagOnRefusal(`"error"`)}, []step{
		{`PUT 1; If-Match: "v0"`, 412, "0", `ETag: "error"`}, {"PUT 1", 204, "1", `ETag: "v2"`},
	}},
	{"CompetingWriter", []Fault{CompetingWriter(1, nil)}, []step{
		{"GET", 200, "0", ""},
		{`PUT 1; If-Match: "v1"`, 412, "0\n", ""},
		{`PUT 1; If-Match: "v2"`, 204, "1", ""},
	}},
	{"CompetingWriter, early", []Fault{EarlyRefusal(0), CompetingWriter(1, nil)}, []step{
		{`PUT 1; If-Match: "v1"`, 412, "0\n", ""},
		{`PUT 1; If-Match: "v2"`, 204, "1", ""},
	}},
	{"CompetingWriter comes once", []Fault{EarlyRefusal(0), CompetingWriter(1, nil), Replay(1)}, []step{
		{"PUT 1", 204, "1", `ETag: "v4"`},
	}},
	{"CompetingWriter deletes", []Fault{CompetingWriter(1, func([]byte) []byte { return nil })}, []step{
		{`PATCH 1; If-Match: "v1"`, 404, "-", ""},
	}},
	{"CompetingAfter", []Fault{CompetingAfter(2, func(b []byte) []byte { return append(b, '!') })}, []step{
		{`PUT 1; If-Match: "v1"`, 204, "1!", `ETag: "v2"`},
		{`PUT 1; If-Match: "v2"`, 412, "1!", ""},
		{`PUT 1; If-Match: "v3"`, 204, "1", ""},
	}},
	{"RequirePrecondition", []Fault{RequirePrecondition().WithHeader("X-Hint", "1")}, []step{
		{"PUT 1", 428, "0", "X-Hint: 1"},
		{"DELETE", 428, "0", ""},
		{`PUT 1; If-Match: "v1"`, 204, "1", "X-Hint:"},
		{`DELETE; If-Match: *`, 204, "-", ""},
		{"PUT 1", 201, "1", ""},
	}},
	{"Replay", []Fault{Replay(2)}, []step{
		{"POST 1", 200, "011", `ETag: "v3"`},
		{`PUT 2; If-Match: "v3"`, 412, "2", ""},
		{`PUT 3; If-Match: "v4"`, 204, "3", ""},
	}},
	{"FailAfter, refused", []Fault{FailAfter(1, 412)}, []step{
		{`PUT 1; If-Match: "v1"`, 412, "1", "ETag:"},
		{`PUT 1; If-Match: "v1"`, 412, "1", ""},
	}},
	{"LaggingReads", []Fault{LaggingReads(3, 2).WithHeader("Age", "9")}, []step{
		{"PUT 1", 204, "1", ""},
		{"PUT 2", 204, "2", ""},
		{"GET", 200, "", `ETag: "v1"`},
		{"PUT 3", 204, "3", ""},
		{"HEAD", 200, "", `ETag: "v2"`},
		{`GET; If-None-Match: "v2"`, 304, "", "Age: 9"},
		{"GET", 200, "", `ETag: "v4"`},
	}},
	{"LaggingReads of what was not there", []Fault{LaggingReads(1, 4)}, []step{
		{"PUT 1", 204, "1", ""}, {"GET", 404, "", ""}, {"GET", 200, "", `ETag: "v2"`},
	}},
	{"LaggingReads by more than there is", []Fault{LaggingReads(1, 9)}, []step{
		{"PUT 1", 204, "1", ""}, {"PUT 2", 204, "2", ""}, {"PUT 3", 204, "3", ""}, {"PUT 4", 204, "4", ""}, {"PUT 5", 204, "5", ""},
		{"GET", 200, "", `ETag: "v2"`},
	}},
	{"LaggingReads by nothing", []Fault{LaggingReads(0, 0)}, []step{{"PUT 1", 204, "1", ""}, {"GET", 200, "", `ETag: "v2"`}}},
	{"NodeTags", []Fault{NodeTags(2)}, []step{
		{"GET", 200, "", `ETag: "v1-n1"`},
		{"HEAD", 200, "", `ETag: "v1-n2"`},
		{`PUT 1; If-Match: "v1-n2"`, 412, "0", ""},
		{`PUT 1; If-Match: "v1-n2"`, 204, "1", `ETag: "v2-n2"`},
		{`GET; If-None-Match: "v2-n2"`, 200, "", `ETag: "v2-n1"`},
		{`GET; If-None-Match: "v2-n2"`, 304, "", ""},
	}},
	{"NodeTags, one node", []Fault{NodeTags(1)}, []step{
		{"GET", 200, "", `ETag: "v1-n1"`}, {`PUT 1; If-Match: "v1-n1"`, 204, "1", `ETag: "v2-n1"`},
	}},
	{"NodeTags, by read", []Fault{NodeTags(0)}, []step{
		{"GET", 200, "", `ETag: "v1-n1"`},
		{"GET", 200, "", `ETag: "v1-n2"`},
		{`PUT 1; If-Match: "v1-n2"`, 412, "0", ""},
		{`PUT 1; If-Match: *`, 204, "1", `ETag: "v2-n4"`},
	}},
	{"NodeTags of another kind", []Fault{WeakTags(), NodeTags(-1).On("GET").After(1)}, []step{
		{"GET", 200, "", `ETag: W/"v1"`}, {"GET", 200, "", `ETag: W/"v1-n1"`}, {"HEAD", 200, "", `ETag: W/"v1"`},
	}},
	{"DeleteMarkers", []Fault{DeleteMarkers().WithHeader("X-Amz-Delete-Marker", "true")}, []step{
		{"PUT 1; If-None-Match: *", 412, "0", "X-Amz-Delete-Marker:"},
		{"DELETE", 204, "-", ""},
		{"GET", 404, "-", "X-Amz-Delete-Marker: true"},
		{"HEAD", 404, "-", "X-Amz-Delete-Marker: true"},
		{"PUT 1; If-None-Match: *", 412, "-", "X-Amz-Delete-Marker: true"},
		{"PUT 1; If-Match: *", 412, "-", ""},
		{"DELETE", 404, "-", ""},
		{"PUT 1", 201, "1", ""},
	}},
	{"DeleteMarkers, early", []Fault{DeleteMarkers().WithHeader("X-Marker", "1"), EarlyRefusal(0)}, []step{
		{"DELETE", 204, "-", ""}, {"PUT 1; If-None-Match: *", 412, "-", "X-Marker: 1"},
	}},
	{"no DeleteMarkers", nil, []step{{"DELETE", 204, "-", ""}, {"PUT 1; If-None-Match: *", 201, "1", ""}}},
	{"DropUnknown", []Fault{DropUnknown(known{}).WithHeader("X-Bad", "1")}, []step{
		{`PUT {"m":1, "n":2, "in":{"b":3}}; Content-Type: application/json`, 204, `{"n":2,"in":{"a":0}}`, `ETag: "v2"`},
		{`PATCH {"m":1,"in":{"a":4}}; Content-Type: application/merge-patch+json`, 204, `{"n":2,"in":{"a":4}}`, ""},
		{`PUT {"n":"x"}; Content-Type: application/json`, 400, `{"n":2,"in":{"a":4}}`, "X-Bad: 1"},
		{`PUT {"n":; Content-Type: application/ld+json; If-Match: "v1"`, 400, `{"n":2,"in":{"a":4}}`, "X-Bad: 1"},
		{`PUT {"m":1}; Content-Type: text/plain`, 204, `{"m":1}`, ""},
		{`PUT {"m":1}`, 204, `{"m":1}`, ""},
	}},
	{"DropUnknown, later", []Fault{DropUnknown(new(known)).After(1)}, []step{
		{`PUT {"m":1}; Content-Type: application/json`, 204, `{"m":1}`, ""},
		{`PUT {"m":1}; Content-Type: application/json`, 204, `{"n":0,"in":{"a":0}}`, ""},
	}},
	{"DropUnknown, all", []Fault{DropUnknown(nil)}, []step{
		{`PUT {"m":1}; Content-Type: application/json`, 204, `{}`, ""},
		{`POST 1; Content-Type: application/json`, 200, `{}1`, ""},
	}},
	{"ResendOn", []Fault{ResendOn(1), FailAfter(1, 502)}, []step{
		{`PUT 1; If-Match: "v1"`, 412, "1", ""},
	}},
	{"ResendOn, and nothing was done", []Fault{ResendOn(2), FailBefore(1, 503)}, []step{
		{`POST 1; If-Match: "v1"`, 200, "01", ""},
		{"POST 2", 200, "012", ""},
	}},
	{"ResendOn, and it fails again", []Fault{ResendOn(1), FailAfter(1, 500), FailAfter(1, 503)}, []step{
		{"POST 1", 503, "011", ""},
		{"POST 2", 200, "0112", ""},
	}},
	{"ResendOn a cut", []Fault{ResendOn(2, 502), LostAnswer(1), LostRequest(2)}, []step{
		{"POST 1", 0, "01", ""},
		{"POST 2", 200, "012", ""},
	}},
	{"ResendOn a refusal", []Fault{ResendOn(1, 429, 412)}, []step{
		{`PUT 1; If-Match: "v0"`, 412, "0", ""},
	}},
	{"ResendOn none of them", []Fault{ResendOn(0, 429), FailAfter(1, 502)}, []step{
		{"POST 1", 502, "01", ""},
		{"POST 2", 200, "012", ""},
	}},
	{"ResendOn twice", []Fault{ResendOn(0), ResendOn(0), FailAfter(3, 502)}, []step{
		{"POST 1", 502, "0111", ""},
		{"POST 2", 200, "01112", ""},
	}},
	{"ResendOn an early refusal", []Fault{ResendOn(0, 412), EarlyRefusal(0)}, []step{
		{`PUT 1; If-Match: "v0"`, 412, "0", ""},
	}},
	{"ResendOn, then Reply", []Fault{ResendOn(0), FailAfter(1, 502), Reply(1, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Body", string(b))
		w.WriteHeader(http.StatusGatewayTimeout)
	})}, []step{
		{"PUT 1", 504, "1", "X-Body: 1"},
	}},
	{"ResendOn for its methods", []Fault{ResendOn(0).On("PUT"), FailBefore(2, 502)}, []step{
		{"POST 1", 502, "0", ""},
		{"PUT 1", 204, "1", ""},
	}},
	{"Replay, lost", []Fault{Replay(1), LostAnswer(1)}, []step{{"POST 1", 0, "011", ""}}},
}

// known is what a server of DropUnknown knows.
type known struct {
	N  int `json:"n"`
	In struct {
		A int `json:"a"`
	} `json:"in"`
}

func TestFaults(t *testing.T) {
	for _, tt := range scripts {
		t.Run(tt.name, func(t *testing.T) {
			onAll(t, func(t *testing.T, s *Server) {
				s.Put("/x", "", []byte("0"))
				s.Inject(tt.faults...)
				for _, st := range tt.steps {
					runStep(t, s, st)
				}
			})
		})
	}
}

func runStep(t *testing.T, s *Server, st step) {
	t.Helper()
	parts := strings.Split(st.request, "; ")
	method, body, _ := strings.Cut(parts[0], " ")
	var header []string
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(p, ": ")
		header = append(header, k, v)
	}
	r, err := send(s, method, "/x", body, header...)
	last := s.Log()[len(s.Log())-1]
	if (err != nil) != (st.want == 0) || last.Lost != (st.want == 0) {
		t.Fatalf("%s: error %v, logged as lost: %v", st.request, err, last.Lost)
	}
	if got, _, ok := s.State("/x"); st.state == "-" && ok || st.state != "" && st.state != "-" && string(got) != st.state {
		t.Errorf("%s: state %q, want %q", st.request, got, st.state)
	}
	if err != nil {
		return
	}
	if r.StatusCode != st.want || last.StatusCode != st.want {
		t.Errorf("%s: got %d, logged %d, want %d", st.request, r.StatusCode, last.StatusCode, st.want)
	}
	k, v, _ := strings.Cut(st.header, ":")
	if got := r.Header.Get(k); k != "" && got != strings.TrimSpace(v) && !(k == "Content-Encoding" && r.Uncompressed) {
		t.Errorf("%s: %s is %q, want %q", st.request, k, got, v)
	}
}

func TestReplayLog(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		s.Put("/x", "", nil)
		s.Inject(Replay(1))
		wantStatus(t, 412, s, "PUT", "/x", "1", "If-Match", `"v1"`)
		log := s.Log()
		if len(log) != 2 || !log[0].Lost || !log[0].Resent || !log[0].Applied || log[0].StatusCode != 204 || log[1].Lost || log[1].Applied || string(log[1].Body) != "1" {
			t.Errorf("got %+v", log)
		}
	})
}

// TestResendOnLog: what a proxy sends again is in the log, and the client sees the last
// answer only.
func TestResendOnLog(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		s.Put("/x", "", nil)
		s.Inject(ResendOn(1), FailAfter(1, 502), NodeTags(2))
		wantStatus(t, 412, s, "PUT", "/x", "1", "If-Match", `"v1-n1"`)
		log := s.Log()
		if len(log) != 2 {
			t.Fatalf("got %+v", log)
		}
		first, last := log[0], log[1]
		if !first.Resent || !first.Lost || !first.Applied || first.StatusCode != 502 {
			t.Errorf("first: %+v", first)
		}
		if last.Resent || last.Lost || last.Applied || string(last.Body) != "1" || last.Header.Get("If-Match") != `"v1-n1"` {
			t.Errorf("last: %+v", last)
		}
	})
}

// TestResendOnDiscarded: a body that nobody kept can't be sent again.
func TestResendOnDiscarded(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		s.Inject(ResendOn(0), FailAfter(1, 502), DiscardBodies())
		wantStatus(t, 502, s, "PUT", "/x", "1")
		if log := s.Log(); len(log) != 1 || log[0].Resent {
			t.Errorf("got %+v", log)
		}
	})
}

func TestTagModesOfState(t *testing.T) {
	for _, tt := range []struct {
		fault Fault
		want  string
	}{
		{WeakTags(), `W/"v1"`},
		{NoETag(), ""},
		{NoETag().On("HEAD"), `"v1"`},
		{WeakTags().At("/y"), `"v1"`},
		{GzipTags(), `"v1"`},
		{NodeTags(2), `"v1-n1"`},
		{NodeTags(0), `"v1-n1"`},
	} {
		var s Server
		s.Inject(tt.fault)
		put := s.Put("/x", "", []byte("0"))
		if _, got, _ := s.State("/x"); got != tt.want || put != tt.want {
			t.Errorf("fault %d: got %q and %q, want %q", tt.fault.kind, put, got, tt.want)
		}
	}
}

func TestFaultIsAValue(t *testing.T) {
	base := FailBefore(1, 503).WithHeader("A", "1")
	narrow := base.On("GET").At("/y").After(3).WithHeader("B", "2")
	if base.header.Get("B") != "" || base.after != 0 || base.path != "" || slices.Contains(base.methods, "GET") {
		t.Errorf("the fault was changed: %+v", base)
	}
	if narrow.header.Get("A") != "1" {
		t.Error("the copy lost a header field")
	}
	inMemory(t, func(t *testing.T, s *Server) {
		s.Inject(base, base)
		wantStatus(t, 503, s, "PUT", "/x", "")
		wantStatus(t, 503, s, "PUT", "/x", "")
		wantStatus(t, 201, s, "PUT", "/x", "")
	})
}

func TestWeakFor(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		s.Inject(WeakFor(time.Second))
		wantHeader(t, wantStatus(t, 201, s, "PUT", "/x", "1"), "ETag", `W/"v1"`)
		time.Sleep(time.Second - 1)
		wantHeader(t, wantStatus(t, 200, s, "GET", "/x", ""), "ETag", `W/"v1"`)
		wantStatus(t, 412, s, "PUT", "/x", "2", "If-Match", `W/"v1"`)
		wantStatus(t, 412, s, "PUT", "/x", "2", "If-Match", `"v1"`)
		time.Sleep(time.Nanosecond)
		wantHeader(t, wantStatus(t, 200, s, "HEAD", "/x", ""), "ETag", `"v1"`)
		wantStatus(t, 204, s, "PUT", "/x", "2", "If-Match", `"v1"`)
		wantStatus(t, 204, s, "PUT", "/x", "3", "If-Match", `*`)
	})
}

func TestSlow(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		s.Inject(Slow(2, time.Hour), SlowAnswer(1, time.Minute))
		start := time.Now()
		wantStatus(t, 201, s, "PUT", "/x", "1")
		if got := time.Since(start); got != time.Hour+time.Minute {
			t.Errorf("took %v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := sendContext(ctx, s, "PUT", "/x", "2"); err == nil {
			t.Error("an answer in time")
		}
		wantState(t, s, "/x", "1")
		s.Inject(SlowAnswer(1, time.Hour))
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := sendContext(ctx, s, "PUT", "/x", "3"); err == nil {
			t.Error("an answer in time")
		}
		wantState(t, s, "/x", "3")
		wantStatus(t, 204, s, "PUT", "/x", "4")
		synctest.Wait() // for the handlers to see that their clients have gone
		log := s.Log()
		if !log[1].Lost || log[1].Applied || !log[2].Lost || !log[2].Applied || log[2].StatusCode != 204 {
			t.Errorf("got %+v", log)
		}
	})
}

// A body that would never end must not keep an early refusal.
func TestEarlyRefusalLeavesBody(t *testing.T) {
	onAll(t, func(t *testing.T, s *Server) {
		s.Put("/x", "", []byte("0"))
		s.Inject(EarlyRefusal(0))
		pr, pw := io.Pipe()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { // until the reader is closed
			for err := error(nil); err == nil; {
				_, err = pw.Write(make([]byte, 64<<10))
			}
		})
		r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/x", pr)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-Match", `"v0"`)
		defer pr.Close()
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Logf("no answer: %v", err) // the server may cut a connection it has answered
		} else {
			resp.Body.Close()
			if resp.StatusCode != 412 {
				t.Errorf("got %d", resp.StatusCode)
			}
		}
		if e := s.Log()[0]; e.StatusCode != 412 || e.BodySize != 0 {
			t.Errorf("logged: %+v", e)
		}
	})
}

// With Expect: 100-continue nothing of the body is sent.
func TestEarlyRefusalWithExpect(t *testing.T) {
	onAll(t, func(t *testing.T, s *Server) {
		s.Put("/x", "", []byte("0"))
		s.Inject(EarlyRefusal(1))
		body := &countingReader{Reader: strings.NewReader("1")}
		r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/x", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-Match", `"v0"`)
		r.Header.Set("Expect", "100-continue")
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 412 || body.n != 0 {
			t.Errorf("got %d, %d bytes were read", resp.StatusCode, body.n)
		}
	})
}

type countingReader struct {
	io.Reader
	n int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += n
	return n, err
}

func TestReplyCutsAndHijacks(t *testing.T) {
	s := NewServer()
	defer s.Close()
	s.Inject(
		Reply(1, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).On("PUT"),
		Reply(1, func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				io.WriteString(c, "HTTP/1.1 299 Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				c.Close()
			}
		}),
	)
	if _, err := send(s, "PUT", "/x", "1"); err == nil {
		t.Error("an answer")
	}
	wantStatus(t, 299, s, "PUT", "/x", "1")
	if log := s.Log(); !log[0].Lost {
		t.Errorf("got %+v", log[0])
	}
}
