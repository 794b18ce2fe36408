package memory

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// source is the body of an answer. It counts what is done with it.
type source struct {
	io.Reader
	mu           sync.Mutex
	read, closed int
	reading      bool
	overlaps     bool // a Close came beside a Read
}

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	s.reading = true
	s.mu.Unlock()
	n, err := s.Reader.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading, s.read = false, s.read+n
	return n, err
}

func (s *source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	s.overlaps = s.overlaps || s.reading
	return nil
}

// asked is a read of a flow whose answer has this body.
func asked(t *testing.T, f *Flow, from io.Reader, length int64) (*http.Response, *source, context.Context) {
	t.Helper()
	req := newRequest(t, http.MethodGet, docURL).WithContext(t.Context())
	r, s := f.Visit(req, false).Read(req), &source{Reader: from}
	resp := &http.Response{StatusCode: 200, Header: header("Etag", `"v1"`), Body: s, ContentLength: length}
	r.Answered(resp, true)
	return resp, s, r.Request.Context()
}

// whole reads all.
func whole(body io.ReadCloser) { io.Copy(io.Discard, body); body.Close() }

// decodeFirst decodes the first value, and closes.
func decodeFirst(body io.ReadCloser) {
	json.NewDecoder(iotest.OneByteReader(body)).Decode(new(any))
	body.Close()
}

// TestWholeBody: a tag guards once its body came whole, and was read to its end.
func TestWholeBody(t *testing.T) {
	const size = len(state)
	short := func(n int) func(io.ReadCloser) {
		return func(body io.ReadCloser) { io.ReadFull(body, make([]byte, n)) } // and isn't closed
	}
	for name, test := range map[string]struct {
		length int64
		body   io.Reader
		use    func(io.ReadCloser)
		want   bool
	}{
		"unknown length":          {-1, strings.NewReader(state), whole, true},
		"as announced":            {int64(size), strings.NewReader(state), whole, true},
		"byte by byte":            {-1, iotest.OneByteReader(strings.NewReader(state)), whole, true},
		"the end with the bytes":  {-1, iotest.DataErrReader(strings.NewReader(state)), whole, true},
		"the last byte":           {int64(size), strings.NewReader(state), short(size), true},
		"no end was seen":         {-1, strings.NewReader(state), short(size), false},
		"shorter":                 {int64(size), strings.NewReader(state[1:]), whole, false},
		"longer":                  {int64(size), strings.NewReader(state + "!"), whole, false},
		"empty":                   {0, strings.NewReader(""), func(io.ReadCloser) {}, true},
		"half":                    {int64(size), strings.NewReader(state), short(3), false},
		"unread":                  {int64(size), strings.NewReader(state), short(0), false},
		"broken":                  {-1, io.MultiReader(strings.NewReader(state), iotest.ErrReader(errors.New("broken off"))), whole, false},
		"goes on":                 {-1, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(state))), func(body io.ReadCloser) { whole(body); whole(body) }, false},
		"failed once":             {-1, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(state))), func(body io.ReadCloser) { io.Copy(io.Discard, body); io.Copy(io.Discard, body) }, false},
		"failed, and closed":      {-1, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("   "))), whole, false},
		"closed at once":          {-1, strings.NewReader(state), func(body io.ReadCloser) { body.Close() }, false},
		"half, and closed":        {-1, strings.NewReader(state), func(body io.ReadCloser) { body.Read(make([]byte, 3)); body.Close() }, false},
		"nothing, and closed":     {-1, strings.NewReader(""), func(body io.ReadCloser) { body.Close() }, true},
		"two values":              {-1, strings.NewReader(`{"n":1}{"n":2}`), decodeFirst, false},
		"decoded":                 {-1, strings.NewReader(`{"n":1}` + " \t\r\n"), decodeFirst, true},
		"64 KiB are left":         {-1, strings.NewReader(strings.Repeat(" ", 64<<10)), func(body io.ReadCloser) { body.Close() }, true},
		"more is left":            {-1, strings.NewReader(strings.Repeat(" ", 64<<10+1)), func(body io.ReadCloser) { body.Close() }, false},
		"more is said to be left": {64<<10 + 1, strings.NewReader(strings.Repeat(" ", 64<<10+1)), func(body io.ReadCloser) { body.Close() }, false},
	} {
		f := new(Flow)
		resp, s, ctx := asked(t, f, test.body, test.length)
		test.use(resp.Body)
		want := Known{Closed: unread}
		if test.want {
			want = Known{Tag: `"v1"`}
		}
		if known := f.at(t, docURL); known != want {
			t.Errorf("%s: %+v, want %+v", name, known, want)
		}
		resp.Body.Close()
		if ctx.Err() == nil || s.closed == 0 {
			t.Errorf("%s: closed %d times, the context: %v", name, s.closed, ctx.Err())
		}
		if strings.Contains(name, "more is said") && s.read != 0 {
			t.Errorf("%s: %d bytes are read in vain", name, s.read)
		}
	}
}

// TestCloseWaits: Close waits for the end of a body for 50 ms, and ends the wait by the
// context of the read, never by a Close beside the Read.
func TestCloseWaits(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration // the end comes; negative: never
		took  time.Duration
		want  bool
	}{
		"in time":  {40 * time.Millisecond, 40 * time.Millisecond, true},
		"too late": {60 * time.Millisecond, 50 * time.Millisecond, false},
		"never":    {-1, 50 * time.Millisecond, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, ended := new(Flow), make(chan struct{})
			if test.after >= 0 {
				time.AfterFunc(test.after, func() { close(ended) })
			}
			var ctx context.Context
			from := readerFunc(func([]byte) (int, error) {
				select {
				case <-ended:
					return 0, io.EOF
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			})
			resp, s, readCtx := asked(t, f, from, -1)
			ctx = readCtx
			begun := time.Now()
			resp.Body.Close()
			if took := time.Since(begun); took != test.took || s.overlaps || s.closed != 1 {
				t.Errorf("%s: closed %d times, after %v, beside a Read: %v", name, s.closed, took, s.overlaps)
			}
			if known := f.at(t, docURL); (known.Tag != "") != test.want {
				t.Errorf("%s: %+v", name, known)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // a body that gives nothing, and no error
		f := new(Flow)
		resp, s, _ := asked(t, f, readerFunc(func([]byte) (int, error) { time.Sleep(time.Millisecond); return 0, nil }), -1)
		if resp.Body.Close(); s.closed != 1 || f.at(t, docURL).Tag != "" {
			t.Error(s.closed, f.at(t, docURL))
		}
	})
}

// TestCloseBesideRead: where a Read waits, Close only closes; a Read while Close reads on
// is an error.
func TestCloseBesideRead(t *testing.T) {
	f, begun, end := new(Flow), make(chan struct{}), make(chan struct{})
	resp, s, _ := asked(t, f, readerFunc(func([]byte) (int, error) { close(begun); <-end; return 0, io.ErrUnexpectedEOF }), -1)
	var all sync.WaitGroup
	all.Go(func() { resp.Body.Read(make([]byte, 1)) })
	<-begun
	if resp.Body.Close(); s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
		t.Error("a second Read beside the first")
	}
	close(end)
	all.Wait()
	if known := f.at(t, docURL); known.Tag != "" {
		t.Errorf("%+v", known)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestOtherBodies: the context of a read ends with each body, and a connection stays what
// it is.
func TestOtherBodies(t *testing.T) {
	for status, body := range map[int]io.ReadCloser{
		404: io.NopCloser(strings.NewReader("no")), 304: http.NoBody, 500: nil, 101: struct{ io.ReadWriteCloser }{},
	} {
		req := newRequest(t, http.MethodGet, docURL)
		r := new(Flow).Visit(req, false).Read(req)
		resp := &http.Response{StatusCode: status, Header: header(), Body: body, ContentLength: -1}
		r.Answered(resp, true)
		if status == 101 {
			if resp.Body != body || r.Request.Context().Err() != nil {
				t.Error("an upgraded connection is touched")
			}
			continue
		}
		if resp.Body != nil {
			whole(resp.Body)
		}
		if r.Request.Context().Err() == nil {
			t.Errorf("%d: the context goes on", status)
		}
	}
}

// zipped is a text in gzip.
func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

// TestGunzip: an answer in gzip although identity was asked for is decoded where net/http
// would have decoded it, and guards nothing in any case.
func TestGunzip(t *testing.T) {
	for name, test := range map[string]struct {
		method  string
		fields  []string // of the request
		status  int
		coding  string
		decodes bool
		length  int64
		want    bool
	}{
		"gzip":                 {"GET", nil, 200, "gzip", true, 10, true},
		"GZIP":                 {"GET", nil, 200, "GZIP", true, -1, true},
		"a failure":            {"GET", nil, 500, "gzip", true, 10, true},
		"br":                   {"GET", nil, 200, "br", true, 10, false},
		"two codings":          {"GET", nil, 200, "gzip, gzip", true, 10, false},
		"DisableCompression":   {"GET", nil, 200, "gzip", false, 10, false},
		"a part":               {"GET", []string{"Range", "bytes=0-1"}, 206, "gzip", true, 10, false},
		"the caller asked":     {"GET", []string{"Accept-Encoding", "gzip"}, 200, "gzip", true, 10, false},
		"HEAD":                 {"HEAD", nil, 200, "gzip", true, 10, false},
		"nothing":              {"GET", nil, 200, "gzip", true, 0, false},
		"the caller's choice":  {"GET", []string{"Accept-Encoding", "identity"}, 200, "gzip", true, 10, false},
		"no coding whatsoever": {"GET", nil, 200, "", true, 10, false},
	} {
		f, req := new(Flow), newRequest(t, test.method, docURL, test.fields...)
		r, s := f.Visit(req, false).Read(req), &source{Reader: bytes.NewReader(zipped(state))}
		resp := &http.Response{StatusCode: test.status, Header: header("Etag", `"v1-gzip"`, "Content-Length", "10"), Body: s, ContentLength: test.length}
		if test.coding != "" {
			resp.Header.Set("Content-Encoding", test.coding)
		}
		r.Answered(resp, test.decodes)
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		decoded := string(text) == state && resp.Uncompressed && resp.ContentLength == -1 && resp.Header.Get("Content-Encoding") == "" && resp.Header.Get("Content-Length") == ""
		raw := bytes.Equal(text, zipped(state)) && !resp.Uncompressed && resp.Header.Get("Content-Length") == "10"
		if decoded != test.want || raw == test.want || s.closed != 1 {
			t.Errorf("%s: %q, %v, closed %d times", name, text, resp.Header, s.closed)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); test.want && err == nil {
			t.Errorf("%s: read after Close", name)
		}
		if test.status == 200 && test.coding != "" && f.at(t, docURL).Tag != "" {
			t.Errorf("%s: it guards", name)
		}
	}
}

// TestGunzipBroken: what isn't gzip is an error, of each Read.
func TestGunzipBroken(t *testing.T) {
	resp := &http.Response{Header: header("Content-Encoding", "gzip"), Body: io.NopCloser(strings.NewReader("plain text, no gzip")), ContentLength: -1}
	decode(resp)
	for range 2 {
		if n, err := resp.Body.Read(make([]byte, 9)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("%d, %v", n, err)
		}
	}
}
