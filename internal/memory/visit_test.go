package memory

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const body = "theirs"

func answer(status int, fields ...string) *http.Response {
	return &http.Response{StatusCode: status, Header: header(fields...), Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// TestAnswered: what a flow that has seen all of "v1" knows after one more call.
func TestAnswered(t *testing.T) {
	const kept, tagOnly, forgotten = `"v1", whole`, `"v1"`, ""
	for _, test := range []struct {
		name   string
		method string
		fields string // of the request
		resp   *http.Response
		want   string
	}{
		{"a read", "GET", "", answer(200, "Etag", `"v2"`), `"v2", whole`},
		{"the empty method", "", "", answer(200, "Etag", `"v2"`), `"v2", whole`},
		{"HEAD", "HEAD", "", answer(200, "Etag", `"v2"`), `"v2"`},
		{"HEAD, the same tag", "HEAD", "", answer(200, "Etag", `"v1"`), kept},
		{"HEAD without a tag", "HEAD", "", answer(200), kept},
		{"a read without a tag", "GET", "", answer(200), forgotten},
		{"a weak tag", "GET", "", answer(200, "Etag", `W/"v2"`), tagOnly},
		{"two tags", "GET", "", answer(200, "Etag", `"v2"`, "Etag", `"v3"`), tagOnly},
		{"a compressed state", "GET", "", answer(200, "Etag", `"v2"`, "Content-Encoding", "gzip"), tagOnly},
		{"coded as identity", "GET", "", answer(200, "Etag", `"v2"`, "Content-Encoding", "identity"), `"v2", whole`},
		{"a part was asked for", "GET", "bytes=0-1", answer(200, "Etag", `"v2"`), kept},
		{"a part", "GET", "", answer(206, "Etag", `"v2"`), kept},
		{"not modified", "GET", "", answer(304, "Etag", `"v2"`), kept},
		{"changed by a proxy", "GET", "", answer(203, "Etag", `"v2"`), kept},
		{"a read that fails", "GET", "", answer(500), kept},
		{"a read without an answer", "GET", "", nil, kept},
		{"not found", "GET", "", answer(404), forgotten},
		{"gone", "HEAD", "", answer(410), forgotten},

		{"a write", "PUT", "", answer(200, "Etag", `"v2"`), `"v2"`},
		{"a patch", "PATCH", "", answer(204, "Etag", `"v2"`), `"v2"`},
		{"a write without a tag", "PUT", "", answer(204), forgotten},
		{"a write with a weak tag", "PUT", "", answer(204, "Etag", `W/"v2"`), forgotten},
		{"the tag of another", "PUT", "", answer(200, "Etag", `"v2"`, "Content-Location", "/other"), forgotten},
		{"the tag of itself", "PUT", "", answer(200, "Etag", `"v2"`, "Content-Location", "/doc"), `"v2"`},
		{"accepted for later", "PUT", "", answer(202, "Etag", `"v2"`), forgotten},
		{"of many", "PUT", "", answer(207, "Etag", `"v2"`), forgotten},
		{"deleted", "DELETE", "", answer(200, "Etag", `"v2"`), forgotten},
		{"a redirect", "PUT", "", answer(307, "Etag", `"v2"`), kept},
		{"refused", "PUT", "", answer(412, "Etag", `"v2"`), forgotten},
		{"a write that fails", "DELETE", "", answer(500), forgotten},
		{"a write without an answer", "PATCH", "", nil, forgotten},
		{"POST", "POST", "", answer(200, "Etag", `"v2"`), kept},
		{"POST that fails", "POST", "", answer(500), kept},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := new(Flow)
			call := func(req *http.Request, resp *http.Response) {
				v, _ := f.Visit(req)
				if resp == nil {
					v.Answered(req, nil, errors.New("broken off"), 100)
					return
				}
				v.Answered(req, resp, nil, 100)
				if b, err := io.ReadAll(resp.Body); string(b) != body || err != nil {
					t.Errorf("body %q, %v", b, err)
				}
			}
			call(newRequest(t, "GET", url), answer(200, "Etag", `"v1"`))
			req := newRequest(t, test.method, url)
			req.Method = test.method // http.NewRequest sets the empty one
			if test.fields != "" {
				req.Header.Set("Range", test.fields)
			}
			call(req, test.resp)
			_, seen := f.Visit(newRequest(t, "PUT", url))
			got := seen.Tag
			if seen.Whole() {
				got += ", whole"
			}
			if got != test.want {
				t.Errorf("it knows %s, want %s", got, test.want)
			}
			if seen.SameBody([]byte(body)) != seen.Whole() || seen.SameBody([]byte("mine")) {
				t.Error("another digest than the body's")
			}
		})
	}
}

// TestDecodedOnTheWay: the tag of what net/http has decompressed isn't noted.
func TestDecodedOnTheWay(t *testing.T) {
	f := new(Flow)
	req := newRequest(t, "GET", url)
	v, _ := f.Visit(req)
	resp := answer(200, "Etag", `"gzip"`)
	resp.Uncompressed = true
	if v.Answered(req, resp, nil, 100); len(f.byTarget) != 0 {
		t.Errorf("noted: %v", f.byTarget)
	}
}
