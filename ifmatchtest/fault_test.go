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
	{"Replay, lost", []Fault{Replay(1), LostAnswer(1)}, []step{{"POST 1", 0, "011", ""}}},
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
		if len(log) != 2 || !log[0].Lost || !log[0].Applied || log[0].StatusCode != 204 || log[1].Lost || log[1].Applied || string(log[1].Body) != "1" {
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
