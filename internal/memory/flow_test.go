package memory

import (
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"strings"
	"testing"
)

const state = "theirs"

// answer has a body of its own.
func answer(status int, fields ...string) *http.Response {
	return &http.Response{StatusCode: status, Header: header(fields...), Body: io.NopCloser(strings.NewReader(state)), ContentLength: int64(len(state))}
}

// ask shows a flow a read and its answer, and reads the body to its end.
func ask(t *testing.T, f *Flow, req *http.Request, resp *http.Response) {
	t.Helper()
	r := f.Visit(req, false).Read(req)
	r.Answered(resp, true)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
}

func (f *Flow) at(t *testing.T, url string) Known {
	t.Helper()
	return f.Visit(newRequest(t, http.MethodPut, url), false).Known()
}

// TestFull: a flow that knows as many URLs as it can takes every other one for closed,
// and goes on with those that it knows.
func TestFull(t *testing.T) {
	f := new(Flow)
	read := func(path, tag string) {
		ask(t, f, newRequest(t, http.MethodGet, "http://example.test"+path), answer(200, "Etag", tag))
	}
	for i := range maxTargets {
		read(fmt.Sprint("/", i), `"v1"`)
	}
	if known := f.at(t, "http://example.test/0"); known != (Known{Tag: `"v1"`}) {
		t.Errorf("the first one: %+v", known)
	}
	read("/more", `"v1"`)
	read("/0", `"v2"`)
	for path, want := range map[string]Known{"/more": {Closed: full}, "/0": {Tag: `"v2"`}, "/4095": {Tag: `"v1"`}} {
		if known := f.at(t, "http://example.test"+path); known != want {
			t.Errorf("%s: %+v, want %+v", path, known, want)
		}
	}
	gone, err := neturl.Parse("http://example.test./0")
	if err != nil {
		t.Fatal(err)
	}
	f.Forget(gone)
	// The flow has met /more, and has no entry that says so.
	for path, want := range map[string]Known{"/more": {Closed: full}, "/0": {}} {
		if known := f.at(t, "http://example.test"+path); known != want {
			t.Errorf("%s, after Forget: %+v, want %+v", path, known, want)
		}
	}
	read("/0", `"v3"`)
	if known := f.at(t, "http://example.test/0"); known != (Known{Tag: `"v3"`}) {
		t.Errorf("read again: %+v", known)
	}
}

// TestForgetMakesRoom: as long as a flow has lost no URL, what it forgets makes room.
func TestForgetMakesRoom(t *testing.T) {
	f := new(Flow)
	for i := range maxTargets {
		req := newRequest(t, http.MethodGet, fmt.Sprint("http://example.test/", i))
		ask(t, f, req, answer(200, "Etag", `"v1"`))
	}
	if known := f.at(t, "http://example.test/more"); known != (Known{Closed: full}) {
		t.Errorf("a full table, and nothing lost: %+v", known)
	}
	f.Forget(newRequest(t, http.MethodGet, "http://example.test/0").URL)
	if known := f.at(t, "http://example.test/more"); known != (Known{}) {
		t.Errorf("%+v", known)
	}
}

// TestForgetNames: a URL is forgotten whatever Host was named there.
func TestForgetNames(t *testing.T) {
	f := new(Flow)
	req := newRequest(t, http.MethodGet, docURL)
	req.Host = "other.test"
	ask(t, f, req, answer(200, "Etag", `"v1"`))
	f.Forget(req.URL)
	if known := f.Visit(req, false).Known(); known != (Known{}) {
		t.Errorf("%+v", known)
	}
}

// TestLaterCounts: a read counts from when it was asked for, a write from when it was
// answered, whenever a body ends.
func TestLaterCounts(t *testing.T) {
	f := new(Flow)
	get, put := newRequest(t, http.MethodGet, docURL), newRequest(t, http.MethodPut, docURL)
	want := func(tag, when string) {
		t.Helper()
		if known := f.at(t, docURL); known != (Known{Tag: tag}) {
			t.Errorf("%s: %+v, want %s", when, known, tag)
		}
	}
	early, late := f.Visit(get, false).Read(get), f.Visit(get, false).Read(get)
	old, newer := answer(200, "Etag", `"old"`), answer(200, "Etag", `"new"`)
	late.Answered(newer, true)
	early.Answered(old, true)
	first := f.Visit(get, false).Read(get)
	unending := f.Visit(get, false).Read(get)
	resp := answer(200, "Etag", `"first"`)
	first.Answered(resp, true)
	unending.Answered(answer(200, "Etag", `"unread"`), true)
	io.Copy(io.Discard, resp.Body)
	want(`"first"`, "a later read that nobody reads")
	f.Forget(get.URL)
	f.Visit(get, false).Read(get).Answered(answer(200), true) // untagged, so it counts
	f.meet(ofRequest(get), unread)
	io.Copy(io.Discard, old.Body)
	if known := f.at(t, docURL); known.Tag != "" {
		t.Errorf("a read that was asked for before one without a tag: %+v", known)
	}
	f.Forget(get.URL)
	late.Answered(newer, true)
	old = answer(200, "Etag", `"old"`)
	early.Answered(old, true)
	io.Copy(io.Discard, newer.Body)
	want(`"new"`, "a read")
	io.Copy(io.Discard, old.Body)
	want(`"new"`, "a body of an earlier read ends later")
	slow := f.Visit(get, false).Read(get)
	f.Visit(put, false).Accepted(put, answer(204, "Etag", `"own"`), Wrote{true, true})
	want(`"own"`, "the flow's own write")
	before := answer(200, "Etag", `"new"`)
	slow.Answered(before, true)
	before.Body.Close()
	want(`"own"`, "a read that was asked for before the write was answered")
	f.Forget(get.URL)
	again := f.Visit(get, false).Read(get)
	after := answer(200, "Etag", `"v9"`)
	again.Answered(after, true)
	io.Copy(io.Discard, after.Body)
	want(`"v9"`, "after Forget")
}

// TestEarlierReadCounts: a read that the flow's own write has overtaken changes nothing,
// whatever it shows, since it was asked for before.
func TestEarlierReadCounts(t *testing.T) {
	get, put := newRequest(t, http.MethodGet, docURL), newRequest(t, http.MethodPut, docURL)
	for name, resp := range map[string]*http.Response{
		"nothing is there": answer(404), "no tag": answer(200), "compressed": answer(200, "Etag", `"v1"`, "Content-Encoding", "br"),
		"followed below": followed(200, "Etag", `"v1"`), "a tag": answer(200, "Etag", `"v1"`),
	} {
		f := new(Flow)
		early := f.Visit(get, false).Read(get)
		f.Visit(put, false).Accepted(put, answer(204, "Etag", `"own"`), Wrote{true, true})
		early.Answered(resp, true)
		whole(resp.Body)
		if known := f.at(t, docURL); known != (Known{Tag: `"own"`}) {
			t.Errorf("%s: %+v", name, known)
		}
	}
}
