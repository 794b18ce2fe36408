package memory

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestDigestOfWholeBody: a body that doesn't come whole, or is too large, has no
// digest.
func TestDigestOfWholeBody(t *testing.T) {
	for name, test := range map[string]struct {
		length int64
		body   io.Reader
		want   bool
	}{
		"unknown length": {-1, strings.NewReader("theirs"), true},
		"as announced":   {6, strings.NewReader("theirs"), true},
		"shorter":        {6, strings.NewReader("their"), false},
		"longer":         {5, strings.NewReader("theirs"), false},
		"too large":      {-1, strings.NewReader("theirs, and more"), false},
		"said too large": {7, strings.NewReader("theirs!"), false},
		"empty":          {0, strings.NewReader(""), true},
		"broken":         {-1, io.MultiReader(strings.NewReader("theirs"), iotest.ErrReader(errors.New("broken off"))), false},
		"goes on":        {-1, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("theirs"))), false},
		"no body":        {-1, nil, false},
	} {
		f := new(Flow)
		req := newRequest(t, http.MethodGet, url)
		resp := &http.Response{StatusCode: 200, Header: header("Etag", `"a"`), ContentLength: test.length}
		if test.body != nil {
			resp.Body = io.NopCloser(test.body)
		}
		given := resp.Body
		v, _ := f.Visit(req)
		v.Answered(req, resp, nil, 6)
		for range 10 { // whatever Read says
			if resp.Body != nil {
				io.Copy(io.Discard, resp.Body)
			}
		}
		if test.length > 6 && resp.Body != given {
			t.Errorf("%s: a body is wrapped for nothing", name)
		}
		if _, s := f.Visit(req); s.Tag != `"a"` || s.Whole() != test.want {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestBodyIsHandedOn: the caller's Close is the one of the body.
func TestBodyIsHandedOn(t *testing.T) {
	f := new(Flow)
	req := newRequest(t, http.MethodGet, url)
	body := &closeCount{Reader: strings.NewReader("theirs")}
	resp := &http.Response{StatusCode: 200, Header: header("Etag", `"a"`), Body: body, ContentLength: -1}
	v, _ := f.Visit(req)
	v.Answered(req, resp, nil, 6)
	if resp.Body == io.ReadCloser(body) {
		t.Error("no digest is taken")
	}
	if resp.Body.Close(); body.closed != 1 {
		t.Errorf("closed %d times", body.closed)
	}
}

type closeCount struct {
	io.Reader
	closed int
}

func (c *closeCount) Close() error { c.closed++; return nil }
