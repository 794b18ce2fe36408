package ifmatchtest

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// contractDrainBound is how much a wrapper may read of a response that it
// doesn't return.
const contractDrainBound = 1 << 20

// contractResponsesClosed proves that a response that isn't returned is read to
// its end, if that is near, and closed: before the next request, and before
// RoundTrip returns.
func contractResponsesClosed(t *testing.T, wrap contractWrap) {
	for _, o := range contractOutcomes() {
		t.Run(o.name, func(t *testing.T) {
			base := &contractBase{origin: o.origin}
			upload := &contractUpload{data: "the new state"}
			resp, err := contractDo(t, wrap(base), upload.request(t.Context(), http.MethodPut, contractFakeURL, true))
			open := base.open()
			if err != nil && open > 0 {
				t.Errorf("RoundTrip returned an error and left %d responses open", open)
			}
			if err == nil && open > 1 {
				t.Errorf("RoundTrip returned a response and left %d others open", open-1)
			}
			if base.overlap {
				t.Error("the next request was made before the response to the last one was closed")
			}
			for i, answer := range base.all() {
				if answer.state().closed && answer.rest() > 0 {
					t.Errorf("response %d was closed without being drained", i+1)
				}
			}
			if err != nil {
				return
			}
			contractFinish(t, resp)
			if base.open() > 0 {
				t.Error("closing the returned response left a response open")
			}
		})
	}
}

// contractDrainBounded proves that of a huge body of a response that isn't
// returned only the beginning is read.
func contractDrainBounded(t *testing.T, wrap contractWrap) {
	for _, status := range []int{http.StatusPreconditionFailed, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			huge := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				w.Write(make([]byte, 16*contractDrainBound))
			})
			base := &contractBase{origin: contractOnce(huge, &contractDocument{})}
			upload := &contractUpload{data: "the new state"}
			req := upload.request(t.Context(), http.MethodPut, contractFakeURL, true)
			contractDo(t, wrap(base), req)
			if n := base.all()[0].state().bytes; n > contractDrainBound {
				t.Errorf("%d bytes of the response were read, want no more than %d", n, contractDrainBound)
			}
		})
	}
}

// contractResponseOrError proves that RoundTrip returns the response without
// an error whenever the base does so to the end, whatever its status, and
// otherwise an error without a response.
func contractResponseOrError(t *testing.T, wrap contractWrap) {
	for _, status := range []int{200, 304, 404, 409, 412, 428, 429, 500, 503} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(strconv.Itoa(status)+"/"+strings.ToLower(method), func(t *testing.T) {
				base := &contractBase{origin: contractStatus(status)}
				req := contractGetOrPut(t.Context(), method, contractFakeURL)
				resp, err := contractCall(t, wrap(base), req)
				if err != nil {
					t.Errorf("RoundTrip returned the error %v, although there was a response", err)
				}
				if resp == nil {
					t.Fatal("RoundTrip returned no response")
				}
				defer resp.Body.Close()
				if resp.StatusCode != status {
					t.Errorf("status %d, want %d", resp.StatusCode, status)
				}
				if body := contractFinish(t, resp); status != 304 && body != http.StatusText(status) {
					t.Errorf("body %q, want %q", body, http.StatusText(status))
				}
			})
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		t.Run("error/"+strings.ToLower(method), func(t *testing.T) {
			base := contractFunc(func(req *http.Request) (*http.Response, error) {
				contractClose(req)
				return nil, errors.New("no route to the origin")
			})
			req := contractGetOrPut(t.Context(), method, contractFakeURL)
			resp, err := contractCall(t, wrap(base), req)
			if err == nil {
				t.Error("RoundTrip returned no error, although the base did")
			}
			if resp != nil {
				t.Error("RoundTrip returned a response beside an error")
			}
		})
	}
}

// contractResponseUnread proves that the body of a response that isn't a
// refusal or a failure is left to the caller, unread.
func contractResponseUnread(t *testing.T, wrap contractWrap) {
	for _, status := range []int{200, 201, 206, 301, 400, 404} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			base := &contractBase{origin: contractStatus(status)}
			upload := &contractUpload{data: "the new state"}
			req := upload.request(t.Context(), http.MethodPut, contractFakeURL, true)
			resp := contractMust(t, wrap(base), req)
			if n := base.all()[0].state().reads; n > 0 {
				t.Errorf("the body was read %d times before RoundTrip returned", n)
			}
			if body := contractFinish(t, resp); body != http.StatusText(status) {
				t.Errorf("body %q, want %q", body, http.StatusText(status))
			}
		})
	}
}

// contractResponseFields proves that what the base says about a response is
// kept.
func contractResponseFields(t *testing.T, wrap contractWrap) {
	t.Run("request", func(t *testing.T) {
		origin := newContractOrigin(t, &contractDocument{})
		req := contractRequest(t.Context(), http.MethodGet, origin.URL+"/document?a=1")
		resp := contractMust(t, wrap(newContractTransport(t)), req)
		if resp.Request == nil {
			t.Fatal("Response.Request is nil")
		}
		if resp.Request.Method != req.Method || resp.Request.URL.String() != req.URL.String() {
			t.Errorf("Response.Request is %s %s, want %s %s", resp.Request.Method, resp.Request.URL, req.Method, req.URL)
		}
	})
	t.Run("uncompressed", func(t *testing.T) { contractUncompressed(t, wrap) })
	t.Run("compressed", func(t *testing.T) { contractCompressed(t, wrap) })
	t.Run("head", func(t *testing.T) { contractHead(t, wrap) })
}

// contractGzip is an origin that compresses its answer.
func contractGzip() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		io.WriteString(zw, "the state")
		zw.Close()
	})
}

// contractUncompressed proves that a base that asks for gzip on its own hands up
// the plain body, and says so.
func contractUncompressed(t *testing.T, wrap contractWrap) {
	origin := newContractOrigin(t, contractGzip())
	resp := contractMust(t, wrap(newContractTransport(t)), contractRequest(t.Context(), http.MethodGet, origin.URL))
	if !resp.Uncompressed || resp.Header.Get("Content-Encoding") != "" || resp.ContentLength != -1 {
		t.Errorf("Uncompressed %t, Content-Encoding %q, ContentLength %d, want true, none, -1",
			resp.Uncompressed, resp.Header.Get("Content-Encoding"), resp.ContentLength)
	}
	if body := contractFinish(t, resp); body != "the state" {
		t.Errorf("body %q", body)
	}
}

// contractCompressed proves that a caller that asks for gzip gets it.
func contractCompressed(t *testing.T, wrap contractWrap) {
	origin := newContractOrigin(t, contractGzip())
	req := contractRequest(t.Context(), http.MethodGet, origin.URL)
	req.Header.Set("Accept-Encoding", "gzip")
	resp := contractMust(t, wrap(newContractTransport(t)), req)
	if resp.Uncompressed || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("Uncompressed %t, Content-Encoding %q, want false, gzip", resp.Uncompressed, resp.Header.Get("Content-Encoding"))
	}
}

// contractHead proves that HEAD is one request, whose answer has the length of a
// body and no body.
func contractHead(t *testing.T, wrap contractWrap) {
	var requests atomic.Int32
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Length", "1234")
	}))
	resp := contractMust(t, wrap(newContractTransport(t)), contractRequest(t.Context(), http.MethodHead, origin.URL))
	if resp.ContentLength != 1234 {
		t.Errorf("ContentLength %d, want 1234", resp.ContentLength)
	}
	if body := contractFinish(t, resp); body != "" {
		t.Errorf("body %q, want none", body)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
}

// contractRedirectsReturned proves that redirects aren't followed: that is for
// http.Client, which asks the caller.
func contractRedirectsReturned(t *testing.T, wrap contractWrap) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(strconv.Itoa(status)+"/"+strings.ToLower(method), func(t *testing.T) {
				var requests atomic.Int32
				origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					requests.Add(1)
					if r.URL.Path == "/" {
						w.Header().Set("Location", "/elsewhere")
						w.WriteHeader(status)
					}
				}))
				req := contractGetOrPut(t.Context(), method, origin.URL+"/")
				resp := contractMust(t, wrap(newContractTransport(t)), req)
				if resp.StatusCode != status || resp.Header.Get("Location") != "/elsewhere" {
					t.Errorf("status %d with Location %q, want %d with \"/elsewhere\"", resp.StatusCode, resp.Header.Get("Location"), status)
				}
				if n := requests.Load(); n != 1 {
					t.Errorf("%d requests arrived, want 1", n)
				}
			})
		}
	}
}
