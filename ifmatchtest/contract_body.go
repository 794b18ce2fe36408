package ifmatchtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// contractBodyClosedOnce proves that the request body is closed exactly once
// on each path, and so is each body that GetBody returned. The Close may come
// after RoundTrip has returned.
func contractBodyClosedOnce(t *testing.T, wrap contractWrap) {
	paths := &contractPaths{wrap: wrap, patience: contractStall}
	paths.answered(t)
	paths.failed(t)
	paths.cancelled(t)
}

// contractPaths sends a write along one path after another, and checks that its
// body is closed.
type contractPaths struct {
	wrap     contractWrap
	patience time.Duration // with the next body that isn't closed
}

// contractPut sends the write of a path to url, through the RoundTripper under
// test and the base below it.
type contractPut func(ctx context.Context, base http.RoundTripper, url string)

// run sends the write of a path twice, with both kinds of bodies.
func (p *contractPaths) run(t *testing.T, name string, send func(t *testing.T, put contractPut)) {
	for _, form := range contractForms {
		t.Run(name+"/"+form.name, func(t *testing.T) {
			upload := &contractUpload{data: strings.Repeat("the new state ", 1000)}
			send(t, func(ctx context.Context, base http.RoundTripper, url string) {
				t.Helper()
				req := upload.request(ctx, http.MethodPut, url, form.getBody)
				resp, err := contractDo(t, p.wrap(base), req)
				if err == nil {
					contractFinish(t, resp)
				}
			})
			upload.check(t, &p.patience)
		})
	}
}

// answered are the paths on which the origin gets the write.
func (p *contractPaths) answered(t *testing.T) {
	for _, o := range contractOutcomes() {
		p.run(t, o.name, func(t *testing.T, put contractPut) {
			put(t.Context(), &contractBase{origin: o.origin}, contractFakeURL)
		})
	}
	p.run(t, "refused-early", func(t *testing.T, put contractPut) {
		put(t.Context(), &contractEarly{origin: &contractDocument{}}, contractFakeURL)
	})
}

// failed are the paths on which the base returns an error.
func (p *contractPaths) failed(t *testing.T) {
	p.run(t, "dial-error", func(t *testing.T, put contractPut) {
		put(t.Context(), newContractTransport(t), contractClosedURL(t))
	})
	p.run(t, "base-error", func(t *testing.T, put contractPut) {
		base := contractFunc(func(req *http.Request) (*http.Response, error) {
			defer contractClose(req)
			return nil, errors.New("no route to the origin")
		})
		put(t.Context(), base, contractFakeURL)
	})
	p.run(t, "base-error-midway", func(t *testing.T, put contractPut) {
		base := contractFunc(func(req *http.Request) (*http.Response, error) {
			defer contractClose(req)
			contractReadHalf(req)
			return nil, io.ErrUnexpectedEOF
		})
		put(t.Context(), base, contractFakeURL)
	})
}

// cancelled are the paths on which the caller gives up.
func (p *contractPaths) cancelled(t *testing.T) {
	p.run(t, "cancelled-before", func(t *testing.T, put contractPut) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		put(ctx, &contractBase{origin: &contractDocument{}}, contractFakeURL)
	})
	p.run(t, "cancelled-during", func(t *testing.T, put contractPut) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		base := contractFunc(func(req *http.Request) (*http.Response, error) {
			defer contractClose(req)
			contractReadHalf(req)
			cancel()
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		put(ctx, base, contractFakeURL)
	})
}

// contractBodyWhole proves that a write that the origin accepts carries all
// bytes of the caller's body, also if it is a repeat, and if the base had read
// only a part of the body when the first answer came.
func contractBodyWhole(t *testing.T, wrap contractWrap) {
	const data = "every byte of the new state"
	for _, form := range contractForms {
		for _, c := range []struct {
			name, tag string
			base      func(*contractDocument) http.RoundTripper
		}{
			{"accepted", contractFirstTag, func(d *contractDocument) http.RoundTripper { return &contractBase{origin: d} }},
			{"refused-once", contractStaleTag, func(d *contractDocument) http.RoundTripper { return &contractBase{origin: d} }},
			{"refused-early", contractStaleTag, func(d *contractDocument) http.RoundTripper { return &contractEarly{origin: d} }},
		} {
			t.Run(c.name+"/"+form.name, func(t *testing.T) {
				document := &contractDocument{}
				upload := &contractUpload{data: data}
				req := upload.request(t.Context(), http.MethodPut, contractFakeURL, form.getBody)
				req.Header.Set("If-Match", c.tag)
				contractFinish(t, contractMust(t, wrap(c.base(document)), req))
				bodies, _ := document.seen()
				for _, body := range bodies {
					if body != data {
						t.Errorf("the origin accepted %q, want %q", body, data)
					}
				}
			})
		}
	}
}

// contractEarly is a base RoundTripper whose origin refuses a write when it
// has got half of the body. Like a Transport, it reads on while the refusal is
// open, and closes the body after that.
type contractEarly struct {
	origin http.Handler
}

func (b *contractEarly) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("If-Match") != contractStaleTag || req.Body == nil {
		return (&contractBase{origin: b.origin}).RoundTrip(req)
	}
	if err := req.Context().Err(); err != nil {
		contractClose(req)
		return nil, err
	}
	contractReadHalf(req)
	resp := contractServe(b.origin, req, nil)
	refusal := &contractRefusal{Reader: resp.Body, closed: make(chan struct{}, 1)}
	resp.Body = refusal
	resp.Request = req
	go func() {
		defer contractClose(req)
		<-refusal.closed
		req.Body.Read(make([]byte, 1))
	}()
	return resp, nil
}

// contractRefusal is a response body that tells that it was closed.
type contractRefusal struct {
	io.Reader
	closed chan struct{}
}

func (r *contractRefusal) Close() error {
	select {
	case r.closed <- struct{}{}:
	default: // not the first Close
	}
	return nil
}

// contractReadHalf reads about half of the body of req.
func contractReadHalf(req *http.Request) {
	if req.Body != nil {
		io.CopyN(new(bytes.Buffer), req.Body, req.ContentLength/2)
	}
}

// contractClose closes the body of req.
func contractClose(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
