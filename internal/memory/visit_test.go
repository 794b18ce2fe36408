package memory

import (
	"net/http"
	"testing"
)

// TestSeen: what a flow knows of a URL that it had never met, had read, knew to be absent,
// or had closed, after one more read.
func TestSeen(t *testing.T) {
	const tag = `"v2"`
	type knowns [4]Known // after: nothing, "v1", 404, closed
	closed := func(why Reason) knowns {
		return knowns{{Closed: why}, {Closed: why}, {Closed: why}, {Closed: why}}
	}
	// What guards stays.
	stays := func(why Reason) knowns { return knowns{{Closed: why}, {Tag: `"v1"`}, {Absent: true}, {Closed: why}} }
	guards := func(tag string) knowns { return knowns{{Tag: tag}, {Tag: tag}, {Tag: tag}, {Tag: tag}} }
	nothing := knowns{{}, {Tag: `"v1"`}, {Absent: true}, {Closed: untagged}}
	absent := knowns{{Absent: true}, {Absent: true}, {Absent: true}, {Absent: true}}
	for _, test := range []struct {
		name   string
		method string
		fields []string // of the request
		resp   func() *http.Response
		want   knowns
	}{
		{"a read", "GET", nil, func() *http.Response { return answer(200, "Etag", tag) }, guards(tag)},
		{"the empty method", "", nil, func() *http.Response { return answer(200, "Etag", tag) }, guards(tag)},
		{"a weak tag", "GET", nil, func() *http.Response { return answer(200, "Etag", `W/"v2"`) }, guards(`W/"v2"`)},
		{"coded as identity", "GET", nil, func() *http.Response { return answer(200, "Etag", tag, "Content-Encoding", "identity") }, guards(tag)},
		{"without a tag", "GET", nil, func() *http.Response { return answer(200) }, closed(untagged)},
		{"two tags", "GET", nil, func() *http.Response { return answer(200, "Etag", tag, "Etag", `"v3"`) }, closed(untagged)},
		{"coded", "GET", nil, func() *http.Response { return answer(200, "Etag", tag, "Content-Encoding", "br") }, closed(coded)},
		{"HEAD", "HEAD", nil, func() *http.Response { return answer(200, "Etag", tag) }, stays(unseen)},
		{"HEAD without a tag", "HEAD", nil, func() *http.Response { return answer(200) }, stays(unseen)},
		{"a part was asked for", "GET", []string{"Range", "bytes=0-1"}, func() *http.Response { return answer(200, "Etag", tag) }, stays(unseen)},
		{"a part", "GET", []string{"Range", "bytes=0-1"}, func() *http.Response { return answer(206, "Etag", tag) }, stays(unseen)},
		{"a part that nobody asked for", "GET", nil, func() *http.Response { return answer(206, "Etag", tag) }, stays(unseen)},
		{"changed by a proxy", "GET", nil, func() *http.Response { return answer(203, "Etag", tag) }, stays(unseen)},
		{"no content", "GET", nil, func() *http.Response { return answer(204, "Etag", tag) }, stays(unseen)},
		{"not modified", "GET", nil, func() *http.Response { return answer(304, "Etag", tag) }, stays(unseen)},
		{"followed below", "GET", nil, func() *http.Response { return followed(200, "Etag", tag) }, closed(elsewhere)},
		{"not found", "GET", nil, func() *http.Response { return answer(404) }, absent},
		{"gone", "GET", nil, func() *http.Response { return answer(410, "Etag", tag) }, absent},
		{"no HEAD", "HEAD", nil, func() *http.Response { return answer(404) }, knowns{{Absent: true}, {Tag: `"v1"`}, {Absent: true}, {Absent: true}}},
		{"a failure", "GET", nil, func() *http.Response { return answer(500, "Etag", tag) }, nothing},
		{"denied", "HEAD", nil, func() *http.Response { return answer(403, "Etag", tag) }, nothing},
		{"a redirect", "GET", nil, func() *http.Response { return answer(302, "Etag", tag) }, nothing},
	} {
		before := [][]*http.Response{{}, {answer(200, "Etag", `"v1"`)}, {answer(404)}, {answer(200)}}
		for i, answers := range before {
			f := new(Flow)
			for _, resp := range answers {
				ask(t, f, newRequest(t, http.MethodGet, docURL), resp)
			}
			ask(t, f, newRequest(t, test.method, docURL, test.fields...), test.resp())
			if known := f.at(t, docURL); known != test.want[i] {
				t.Errorf("%s, after %d: %+v, want %+v", test.name, i, known, test.want[i])
			}
		}
	}
}

// followed is an answer after a redirect that a base followed by itself.
func followed(status int, fields ...string) *http.Response {
	resp := answer(status, fields...)
	resp.Request = &http.Request{Response: answer(302)}
	return resp
}

// TestAccepted: what a flow that had never met a URL, or had read "v1" of it, knows after a
// write of it was accepted.
func TestAccepted(t *testing.T) {
	const tag = `"v2"`
	own := Wrote{Applied: true, Own: true}
	still := Known{Tag: `"v1"`}
	for _, test := range []struct {
		name    string
		method  string
		fields  []string // of the request
		resp    *http.Response
		wrote   Wrote
		want    Known
		unknown Known // where it had never met the URL, if that differs
	}{
		{"a write", "PUT", nil, answer(200, "Etag", tag), own, Known{Tag: tag}, Known{}},
		{"a weak tag", "PUT", nil, answer(204, "Etag", `W/"v2"`), own, Known{Tag: `W/"v2"`}, Known{}},
		{"no tag", "PUT", nil, answer(204), own, Known{Closed: unanswered}, Known{}},
		{"coded", "PUT", nil, answer(200, "Etag", tag, "Content-Encoding", "gzip"), own, Known{Closed: unanswered}, Known{}},
		{"of another", "PUT", nil, answer(200, "Etag", tag, "Content-Location", "/other"), own, Known{Closed: unanswered}, Known{}},
		{"of itself", "PUT", nil, answer(200, "Etag", tag, "Content-Location", "/doc"), own, Known{Tag: tag}, Known{}},
		{"a part", "PUT", []string{"Content-Range", "bytes 0-1/9"}, answer(200, "Etag", tag), own, Known{Closed: unanswered}, Known{}},
		{"taken on", "PUT", nil, answer(202, "Etag", tag), Wrote{false, true}, Known{Closed: unanswered}, Known{}},
		{"of a policy", "PUT", nil, answer(200, "Etag", tag), Wrote{true, false}, still, Known{Closed: unseen}},
		{"a patch", "PATCH", nil, answer(200, "Etag", tag), own, Known{Closed: patched}, Known{}},
		{"a patch of a policy", "PATCH", nil, answer(200, "Etag", tag), Wrote{true, false}, Known{Closed: patched}, Known{}},
		{"deleted", "DELETE", nil, answer(204, "Etag", tag), own, Known{Absent: true}, Known{}},
		{"deleted, of many", "DELETE", nil, answer(207), Wrote{false, true}, Known{Absent: true}, Known{}},
		{"to be deleted", "DELETE", nil, answer(202), Wrote{false, true}, Known{Closed: patched}, Known{}},
		{"deleted, and redirected", "DELETE", nil, answer(303), Wrote{false, true}, Known{Closed: patched}, Known{}},
		{"followed below", "PUT", nil, followed(200, "Etag", tag), own, Known{Closed: elsewhere}, Known{}},
		{"deleted elsewhere", "DELETE", nil, followed(204), own, Known{Closed: elsewhere}, Known{}},
		{"POST", "POST", nil, answer(201, "Etag", tag), own, Known{Closed: patched}, Known{}},
		{"MOVE", "MOVE", nil, answer(201, "Etag", tag), own, Known{Closed: patched}, Known{}},
	} {
		if test.unknown == (Known{}) {
			test.unknown = test.want
		}
		for _, met := range []bool{true, false} {
			f, want := new(Flow), test.unknown
			if met {
				ask(t, f, newRequest(t, http.MethodGet, docURL), answer(200, "Etag", `"v1"`))
				want = test.want
			}
			req := newRequest(t, test.method, docURL, test.fields...)
			f.Visit(req, false).Accepted(req, test.resp, test.wrote)
			if known := f.at(t, docURL); known != want {
				t.Errorf("%s, met %v: %+v, want %+v", test.name, met, known, want)
			}
		}
	}
}

// TestAside: what the flow itself doesn't see meets a URL, and is never a guard.
func TestAside(t *testing.T) {
	get, put := newRequest(t, http.MethodGet, docURL), newRequest(t, http.MethodPut, docURL)
	for name, do := range map[string]func(f *Flow){
		"a read": func(f *Flow) {
			r, resp := f.Visit(get, true).Read(get), answer(200, "Etag", `"v2"`)
			given := resp.Body
			if r.Answered(resp, true); r.Request != get || resp.Body != given {
				t.Error("a read that the flow doesn't see is changed")
			}
			r.Failed()
		},
		"a read of nothing": func(f *Flow) { f.Visit(get, true).Read(get).Answered(answer(404), true) },
		"a write":           func(f *Flow) { f.Visit(put, true).Accepted(put, answer(204, "Etag", `"v2"`), Wrote{true, true}) },
		"a Resource":        func(f *Flow) { f.MeetAside(put.URL) },
	} {
		for _, before := range []Known{{}, {Tag: `"v1"`}, {Absent: true}, {Closed: coded}} {
			f, want := new(Flow), before
			if before != (Known{}) {
				f.note(ofRequest(get), 0, before)
			}
			if before == (Known{}) || before.Closed != "" {
				want = Known{Closed: aside}
			}
			if do(f); f.at(t, docURL) != want {
				t.Errorf("%s, after %+v: %+v", name, before, f.at(t, docURL))
			}
		}
	}
	f := new(Flow)
	if f.Visit(get, true).Read(get).Answered(answer(500), true); f.at(t, docURL) != (Known{}) {
		t.Error("a failed read has met the URL")
	}
}

// TestIdentity: a GET without Accept-Encoding asks for identity, on a copy.
func TestIdentity(t *testing.T) {
	for _, test := range []struct {
		method string
		fields []string
		want   string
	}{
		{"GET", nil, "identity"}, {"", nil, "identity"}, {"HEAD", nil, ""},
		{"GET", []string{"Accept-Encoding", "br"}, "br"}, {"GET", []string{"accept-encoding", "br"}, ""},
		{"GET", []string{"Range", "bytes=0-1"}, "identity"},
	} {
		req := newRequest(t, test.method, docURL)
		for i := 0; i < len(test.fields); i += 2 {
			req.Header[test.fields[i]] = test.fields[i+1:]
		}
		fields := len(req.Header)
		r := new(Flow).Visit(req, false).Read(req)
		if got := r.Request.Header.Get("Accept-Encoding"); got != test.want || len(req.Header) != fields {
			t.Errorf("%s %q: %q, want %q", test.method, test.fields, got, test.want)
		}
		r.Failed()
		if err := r.Request.Context().Err(); (err == nil) != (test.method == "HEAD") {
			t.Errorf("%s: the context ended with %v", test.method, err)
		}
	}
}
