package ifmatchtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// contractRequestUntouched proves that RoundTrip modifies nothing of the
// request, not even for a while: its fields, the header map, the values in it
// and their spare capacity, the URL, the trailers and the Body variable.
func contractRequestUntouched(t *testing.T, wrap contractWrap) {
	for _, o := range contractOutcomes() {
		for _, form := range contractForms {
			t.Run(o.name+"/"+form.name, func(t *testing.T) {
				upload := &contractUpload{data: "the new state"}
				req := upload.request(t.Context(), http.MethodPut, contractFakeURL+"?a=1", form.getBody)
				req.Header["X-Spare"] = append(make([]string, 0, 4), "one")
				req.Trailer = http.Header{"X-Checksum": {"abc"}}
				req.ContentLength = -1
				req.Form = url.Values{"b": {"2"}}
				snapshot := newContractSnapshot(req)

				var mu sync.Mutex
				var during []string
				base := &contractBase{origin: o.origin, before: func(*http.Request) {
					mu.Lock()
					defer mu.Unlock()
					during = append(during, snapshot.diff(req)...)
				}}
				resp, err := contractDo(t, wrap(base), req)
				if err == nil {
					contractFinish(t, resp)
				}
				if d := snapshot.diff(req); d != nil {
					t.Errorf("after RoundTrip, changed in the caller's request: %s", strings.Join(d, ", "))
				}
				mu.Lock()
				defer mu.Unlock()
				if during != nil {
					t.Errorf("during RoundTrip, changed in the caller's request: %s", strings.Join(during, ", "))
				}
			})
		}
	}
}

// contractRequestReused proves that a request value can be sent twice, when its
// first response is closed and its body rewound, and that it gets the same
// answer.
func contractRequestReused(t *testing.T, wrap contractWrap) {
	ask := func(t *testing.T, rt http.RoundTripper, req *http.Request) string {
		t.Helper()
		resp := contractMust(t, rt, req)
		return fmt.Sprint(resp.StatusCode, " ", contractFinish(t, resp))
	}
	t.Run("no-body", func(t *testing.T) {
		origin := newContractOrigin(t, &contractDocument{})
		rt := wrap(newContractTransport(t))
		req := contractRequest(t.Context(), http.MethodGet, origin.URL)
		first := ask(t, rt, req)
		if second := ask(t, rt, req); second != first {
			t.Errorf("first answer %q, second answer %q", first, second)
		}
	})
	for _, tag := range []struct{ name, value string }{
		{"accepted", contractFirstTag},
		{"refused", contractStaleTag},
	} {
		t.Run(tag.name, func(t *testing.T) {
			origin := newContractOrigin(t, &contractDocument{frozen: true})
			rt := wrap(newContractTransport(t))
			upload := &contractUpload{data: "the new state"}
			req := upload.request(t.Context(), http.MethodPut, origin.URL, true)
			req.Header.Set("If-Match", tag.value)
			first := ask(t, rt, req)
			upload.closed(contractStall) // before that, the request is in use
			req.Body = upload.open()
			if second := ask(t, rt, req); second != first {
				t.Errorf("first answer %q, second answer %q", first, second)
			}
		})
	}
}

// contractRequestStreamed proves that the origin gets the beginning of a
// request body before its end exists: a body from an io.Pipe must not be
// waited for.
func contractRequestStreamed(t *testing.T, wrap contractWrap) {
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		t.Run(strings.ToLower(method), func(t *testing.T) {
			arrived := make(chan struct{})
			origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				head := make([]byte, len("first "))
				if _, err := io.ReadFull(r.Body, head); err != nil {
					panic(http.ErrAbortHandler)
				}
				close(arrived)
				rest, _ := io.ReadAll(r.Body)
				fmt.Fprintf(w, "%s%s", head, rest)
			}))
			ctx, cancel := context.WithTimeout(t.Context(), contractStall)
			defer cancel()
			pr, pw := io.Pipe()
			go func() {
				io.WriteString(pw, "first ")
				select {
				case <-arrived:
					io.WriteString(pw, "second")
					pw.Close()
				case <-ctx.Done():
					pw.CloseWithError(ctx.Err())
				}
			}()
			req := contractRequest(ctx, method, origin.URL)
			req.Body = pr
			req.ContentLength = -1
			req.Header.Set("If-Match", contractFirstTag)
			resp, err := contractDo(t, wrap(newContractTransport(t)), req)
			if err != nil {
				t.Fatalf("the beginning of the body didn't arrive: %v", err)
			}
			if got := contractFinish(t, resp); got != "first second" {
				t.Errorf("the origin got %q", got)
			}
		})
	}
}

// contractBadRequest proves that a request that can't be sent is answered with
// an error or by the origin, never with a panic, and that its body is closed.
func contractBadRequest(t *testing.T, wrap contractWrap) {
	patience := contractStall
	for _, c := range []struct {
		name  string
		spoil func(*http.Request)
	}{
		{"nil-url", func(r *http.Request) { r.URL = nil }},
		{"nil-header", func(r *http.Request) { r.Header = nil }},
		{"no-host", func(r *http.Request) { r.URL.Host, r.Host = "", "" }},
		{"unknown-scheme", func(r *http.Request) { r.URL.Scheme = "gopher" }},
		{"invalid-method", func(r *http.Request) { r.Method = "NOT A METHOD" }},
		{"invalid-header-name", func(r *http.Request) { r.Header["Not A Name"] = []string{"x"} }},
		{"invalid-header-value", func(r *http.Request) { r.Header["If-Match"] = []string{"\"v0\"\r\n"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			origin := newContractOrigin(t, &contractDocument{})
			upload := &contractUpload{data: "the new state"}
			req := upload.request(t.Context(), http.MethodPut, origin.URL, true)
			c.spoil(req)
			resp, err := contractDo(t, wrap(newContractTransport(t)), req)
			if err == nil {
				contractFinish(t, resp)
			}
			upload.check(t, &patience)
		})
	}
}
