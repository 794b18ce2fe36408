package memory

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/lane"
)

const url = "http://example.test/doc"

func newRequest(t *testing.T, method, url string, fields ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header(fields...)
	return req
}

// header makes a header of names and values in turn.
func header(fields ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

// TestTargetOf: one resource has one spelling, and two have two.
func TestTargetOf(t *testing.T) {
	at := func(url, host string) lane.Target {
		req := newRequest(t, http.MethodGet, url)
		req.Host = host
		return targetOf(req)
	}
	same := [][2]string{
		{"http://example.test/", "http://example.test"}, {"http://example.test/", "http://EXAMPLE.test:80/"},
		{"https://example.test/a#b", "https://example.test:443/a"}, {"http://u:p@example.test/", "http://example.test/"},
	}
	for _, urls := range same {
		if at(urls[0], "") != at(urls[1], "") {
			t.Errorf("%q are different", urls)
		}
	}
	other := [][2]string{
		{"http://example.test/", "https://example.test/"}, {"http://example.test/a", "http://example.test/A"},
		{"http://example.test/a%2Fb", "http://example.test/a/b"}, {"http://example.test/?a", "http://example.test/"},
		{"http://example.test:8080/", "http://example.test/"}, {"http://a.test/", "http://b.test/"},
	}
	for _, urls := range other {
		if at(urls[0], "") == at(urls[1], "") {
			t.Errorf("%q are the same", urls)
		}
	}
	if at("http://example.test/", "b.test") == at("http://example.test/", "c.test") || at("http://example.test/", "Example.test") != at("http://example.test/", "") {
		t.Error("Host")
	}
}

// TestFlowIsBounded: the target that was asked for least recently goes.
func TestFlowIsBounded(t *testing.T) {
	f := new(Flow)
	see := func(path string) {
		v, _ := f.Visit(newRequest(t, http.MethodHead, "http://example.test"+path))
		f.note(v, `"v1"`, false)
	}
	see("/again")
	see("/first")
	for i := range maxTargets - 2 {
		see(fmt.Sprint("/", i))
	}
	see("/again")
	see("/more")
	if n := len(f.byTarget); n != maxTargets {
		t.Errorf("%d targets", n)
	}
	for path, want := range map[string]string{"/again": `"v1"`, "/first": "", "/0": `"v1"`, "/more": `"v1"`} {
		if _, s := f.Visit(newRequest(t, http.MethodPut, "http://example.test"+path)); s.Tag != want {
			t.Errorf("%s: %q, want %q", path, s.Tag, want)
		}
	}
}

// TestNewest: what was asked for earlier doesn't replace what came of a later
// call, and a failed write doesn't forget what was read since it began.
func TestNewest(t *testing.T) {
	f := new(Flow)
	req := newRequest(t, http.MethodGet, url)
	begin := func() Visit { v, _ := f.Visit(req); return v }
	tag := func() string { _, s := f.Visit(req); return s.Tag }
	write, early := begin(), begin()
	f.note(write, `"own"`, true)
	if f.note(early, `"old"`, false); tag() != `"own"` {
		t.Errorf("a read that was asked for before the write was answered: %s", tag())
	}
	failed := begin()
	late := begin()
	f.note(late, `"new"`, false)
	if f.forget(failed, false); tag() != `"new"` {
		t.Errorf("a failed write forgot what was read since: %q", tag())
	}
	if f.forget(failed, true); tag() != "" {
		t.Errorf("after an accepted write: %q", tag())
	}
	f.note(late, `"a"`, false)
	if f.noteBody(late, `"b"`, [32]byte{}); f.byTarget[late.target].digest != nil {
		t.Error("the digest of another tag's body")
	}
}

// TestNoHost: a call that can't be sent is no visit.
func TestNoHost(t *testing.T) {
	for _, req := range []*http.Request{{}, {URL: newRequest(t, http.MethodGet, "/doc").URL}} {
		f := new(Flow)
		v, seen := f.Visit(req)
		if v != (Visit{}) || seen != (Seen{}) {
			t.Errorf("%v, %v", v, seen)
		}
		if v.Answered(req, answer(200, "Etag", `"v1"`), nil, 1); len(f.byTarget) != 0 {
			t.Error("something was noted")
		}
	}
}
