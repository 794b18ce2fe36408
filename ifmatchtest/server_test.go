package ifmatchtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A result is a response whose body was read.
type result struct {
	*http.Response
	body string
}

// send sends one request; the headers are keys and values in turn.
func send(s *Server, method, path, body string, header ...string) (result, error) {
	return sendContext(context.Background(), s, method, path, body, header...)
}

func sendContext(ctx context.Context, s *Server, method, path, body string, header ...string) (result, error) {
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, rd)
	if err != nil {
		return result{}, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		return result{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return result{resp, string(b)}, err
}

// must is send for requests that get an answer.
func must(t *testing.T, s *Server, method, path, body string, header ...string) result {
	t.Helper()
	r, err := send(s, method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantStatus sends a request and checks the answer's status.
func wantStatus(t *testing.T, want int, s *Server, method, path, body string, header ...string) result {
	t.Helper()
	r := must(t, s, method, path, body, header...)
	if r.StatusCode != want {
		t.Errorf("%s %s %q: got %d, want %d", method, path, header, r.StatusCode, want)
	}
	return r
}

func wantState(t *testing.T, s *Server, path, want string) {
	t.Helper()
	if got, _, _ := s.State(path); string(got) != want {
		t.Errorf("state of %s: got %q, want %q", path, got, want)
	}
}

func wantHeader(t *testing.T, r result, key, want string) {
	t.Helper()
	if got := r.Header.Get(key); got != want {
		t.Errorf("%s: got %q, want %q", key, got, want)
	}
}

// inMemory runs f on a memory server in a bubble.
func inMemory(t *testing.T, f func(t *testing.T, s *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer()
		defer s.Close()
		f(t, s)
	})
}

var kinds = []struct {
	name  string
	new   func() *Server
	major int
}{
	{"loopback", NewServer, 1},
	{"TLS", NewTLSServer, 2},
}

// onAll runs f on a server of each kind.
func onAll(t *testing.T, f func(t *testing.T, s *Server)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := k.new()
			defer s.Close()
			f(t, s)
		})
	}
	t.Run("memory", func(t *testing.T) { inMemory(t, f) })
}

func TestKinds(t *testing.T) {
	for _, k := range kinds {
		s := k.new()
		if got := wantStatus(t, 404, s, "GET", "/", "").ProtoMajor; got != k.major {
			t.Errorf("%s: got HTTP/%d, want HTTP/%d", k.name, got, k.major)
		}
		s.Close()
		s.Close()
		if _, err := send(s, "GET", "/", ""); err == nil {
			t.Errorf("%s: an answer after Close", k.name)
		}
	}
}

func TestMethods(t *testing.T) {
	onAll(t, func(t *testing.T, s *Server) {
		r := wantStatus(t, 201, s, "PUT", "/x", `{"a":1}`, "Content-Type", "application/json")
		wantHeader(t, r, "ETag", `"v1"`)
		modified, ok := parseDate(r.Header.Get("Last-Modified"))
		if date, ok2 := parseDate(r.Header.Get("Date")); !ok || !ok2 || modified.After(date) {
			t.Errorf("Last-Modified %v, Date %v", modified, date)
		}
		r = wantStatus(t, 200, s, "GET", "/x?y=z", "")
		wantHeader(t, r, "Content-Type", "application/json")
		wantHeader(t, r, "ETag", `"v1"`)
		if r.body != `{"a":1}` {
			t.Errorf("body %q", r.body)
		}
		r = wantStatus(t, 200, s, "HEAD", "/x", "")
		wantHeader(t, r, "ETag", `"v1"`)
		wantHeader(t, r, "Content-Length", "7")
		r = wantStatus(t, 204, s, "PATCH", "/x", `{"b":{"c":1e400,"d":null},"a":null}`, "Content-Type", "application/merge-patch+json")
		wantHeader(t, r, "ETag", `"v2"`)
		wantState(t, s, "/x", `{"b":{"c":1e400}}`)
		wantStatus(t, 400, s, "PATCH", "/x", `{`, "Content-Type", "application/json; charset=utf-8")
		wantHeader(t, wantStatus(t, 415, s, "PATCH", "/x", `{}`), "Accept-Patch", patchTypes)
		wantHeader(t, wantStatus(t, 405, s, "BREW", "/x", ""), "Allow", allowed)
		wantHeader(t, wantStatus(t, 204, s, "OPTIONS", "/x", ""), "Allow", allowed)
		wantHeader(t, wantStatus(t, 200, s, "POST", "/x", "!"), "ETag", `"v3"`)
		wantState(t, s, "/x", `{"b":{"c":1e400}}!`)
		wantStatus(t, 409, s, "PATCH", "/x", `{}`, "Content-Type", "application/json")
		wantHeader(t, wantStatus(t, 204, s, "DELETE", "/x", ""), "ETag", "")
		wantStatus(t, 404, s, "GET", "/x", "")
		wantHeader(t, wantStatus(t, 201, s, "POST", "/x", "new"), "ETag", `"v4"`)
		wantState(t, s, "/x", "new")
		r = wantStatus(t, 206, s, "GET", "/x", "", "Range", "bytes=1-")
		wantHeader(t, r, "Content-Range", "bytes 1-2/3")
		if r.body != "ew" {
			t.Errorf("part %q", r.body)
		}
		wantHeader(t, wantStatus(t, 416, s, "GET", "/x", "", "Range", "bytes=3-"), "Content-Range", "bytes */3")
	})
}

func TestDates(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		time.Sleep(1500 * time.Millisecond)
		wantHeader(t, wantStatus(t, 201, s, "PUT", "/x", "1"), "Last-Modified", later)
		time.Sleep(time.Minute)
		r := wantStatus(t, 200, s, "GET", "/x", "")
		wantHeader(t, r, "Last-Modified", later)
		wantHeader(t, r, "Date", "Sat, 01 Jan 2000 00:01:01 GMT")
		r = wantStatus(t, 304, s, "GET", "/x", "", "If-None-Match", `"v1"`)
		wantHeader(t, r, "ETag", `"v1"`)
		wantHeader(t, r, "Last-Modified", "")
	})
}

func TestSecondWriter(t *testing.T) {
	var s Server
	if got := s.Put("/x", "", []byte("1")); got != `"v1"` {
		t.Errorf("got tag %s", got)
	}
	s.Delete("/x")
	s.Delete("/x")
	if _, etag, ok := s.State("/x"); ok || etag != "" {
		t.Errorf("a deleted state: %q, %v", etag, ok)
	}
	own := []byte("2")
	if got := s.Put("/x", "", own); got != `"v2"` {
		t.Errorf("after a deletion: got tag %s", got)
	}
	own[0] = 'x'
	got, _, _ := s.State("/x")
	got[0] = 'y'
	wantState(t, &s, "/x", "2")
	if len(s.Log()) != 0 {
		t.Error("the second writer is in the log")
	}
	s.Close()
}

func TestLog(t *testing.T) {
	onAll(t, func(t *testing.T, s *Server) {
		must(t, s, "PUT", "/x", "one", "X-Test", "1")
		must(t, s, "PUT", "/x?a=b", "two", "If-Match", `"no"`)
		log := s.Log()
		if len(log) != 2 {
			t.Fatalf("got %d entries", len(log))
		}
		a, b := log[0], log[1]
		if a.Method != "PUT" || a.Path != "/x" || a.Header.Get("X-Test") != "1" || string(a.Body) != "one" || a.BodySize != 3 || a.StatusCode != 201 || !a.Applied || a.Lost {
			t.Errorf("first entry: %+v", a)
		}
		if b.Path != "/x" || b.Query != "a=b" || b.StatusCode != 412 || b.Applied || string(b.Body) != "two" {
			t.Errorf("second entry: %+v", b)
		}
		a.Header.Set("X-Test", "2")
		a.Body[0] = 'x'
		if again := s.Log()[0]; again.Header.Get("X-Test") != "1" || string(again.Body) != "one" {
			t.Error("the log is no deep copy")
		}
		s.ResetLog()
		if len(s.Log()) != 0 {
			t.Error("the log was not reset")
		}
	})
}

func TestLargeBodies(t *testing.T) {
	onAll(t, func(t *testing.T, s *Server) {
		s.Inject(DiscardBodies().At("/d"))
		exact := strings.Repeat("x", maxLogBody)
		must(t, s, "PUT", "/x", exact)
		must(t, s, "PUT", "/x", exact+"y")
		must(t, s, "PUT", "/d", exact+"y")
		must(t, s, "PUT", "/d", "short")
		log := s.Log()
		if len(log[0].Body) != maxLogBody || log[1].Body != nil || log[1].BodySize != maxLogBody+1 || log[2].BodySize != maxLogBody+1 {
			t.Errorf("in the log: %d, %d, %d, %d", len(log[0].Body), len(log[1].Body), log[1].BodySize, log[2].BodySize)
		}
		wantState(t, s, "/x", exact+"y")
		wantState(t, s, "/d", fmt.Sprintf("short\nsha256:%x length:5\n", sha256.Sum256([]byte("short"))))
	})
}

func TestCounter(t *testing.T) {
	onAll(t, func(t *testing.T, s *Server) {
		const writers, rounds = 16, 8
		s.Put("/n", "", []byte("0"))
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range rounds {
					if err := increment(s); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		wantState(t, s, "/n", strconv.Itoa(writers*rounds))
		applied := 0
		for _, e := range s.Log() {
			if e.Applied {
				applied++
			}
		}
		if applied != writers*rounds {
			t.Errorf("%d writes were applied", applied)
		}
		if n := s.Connections(); n < 1 || n > len(s.Log()) {
			t.Errorf("%d connections", n)
		}
	})
}

func increment(s *Server) error {
	for {
		r, err := send(s, "GET", "/n", "")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(r.body)
		if err != nil {
			return err
		}
		r, err = send(s, "PUT", "/n", strconv.Itoa(n+1), "If-Match", r.Header.Get("ETag"))
		if err != nil || r.StatusCode == 204 {
			return err
		}
	}
}

// Close ends what is under way, and leaves nothing. In a bubble, what is left
// ends the test.
func TestClose(t *testing.T) {
	for _, k := range append(kinds, struct {
		name  string
		new   func() *Server
		major int
	}{"memory", NewMemoryServer, 1}) {
		test := func(t *testing.T) {
			s := k.new()
			s.Inject(Slow(0, time.Hour), SlowAnswer(0, time.Hour))
			failed := make(chan error)
			for range 3 {
				go func() {
					_, err := send(s, "PUT", "/x", "1")
					failed <- err
				}()
			}
			for len(s.Log()) < 3 {
				runtime.Gosched()
			}
			s.Close()
			for range 3 {
				if err := <-failed; err == nil {
					t.Error("an answer after Close")
				}
			}
			for _, e := range s.Log() {
				if !e.Lost || e.Applied {
					t.Errorf("after Close: %+v", e)
				}
			}
		}
		t.Run(k.name, func(t *testing.T) {
			if k.name == "memory" {
				synctest.Test(t, test)
				return
			}
			test(t)
			wantNoGoroutines(t)
		})
	}
}

// net/http does not end a request's context while its body is unread.
func TestCloseWithUnreadBody(t *testing.T) {
	s := NewServer()
	s.Inject(Slow(0, time.Hour), EarlyRefusal(0))
	failed := make(chan error)
	go func() {
		_, err := send(s, "PUT", "/x", "1")
		failed <- err
	}()
	for len(s.Log()) < 1 {
		runtime.Gosched()
	}
	s.Close()
	if err := <-failed; err == nil {
		t.Error("an answer after Close")
	}
	wantNoGoroutines(t)
}

func wantNoGoroutines(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for end := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		stacks := buf[:runtime.Stack(buf, true)]
		left := bytes.Contains(stacks, []byte("http.(*conn)")) || bytes.Contains(stacks, []byte("ifmatchtest.(*")) ||
			bytes.Contains(stacks, []byte("http.(*persistConn)"))
		if !left {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("goroutines are left:\n%s", stacks)
		}
	}
}

func TestMounted(t *testing.T) {
	var s Server
	s.Put("/x", "", []byte("1"))
	outer := httptest.NewServer(&s)
	defer outer.Close()
	resp, err := outer.Client().Get(outer.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("ETag"); got != `"v1"` {
		t.Errorf("got tag %q", got)
	}
}

func TestMemoryReachesNothingElse(t *testing.T) {
	inMemory(t, func(t *testing.T, s *Server) {
		if _, err := s.Client().Get("http://elsewhere.test/"); err == nil || !strings.Contains(err.Error(), memoryHost) {
			t.Errorf("got %v", err)
		}
		if one, two := s.Client(), s.Client(); one != two {
			t.Error("two clients")
		}
		_, err := sendContext(canceled(), s, "GET", "/", "")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
