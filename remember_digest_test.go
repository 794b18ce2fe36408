package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestRememberFalseConflict: the tag is another, the content is what the flow
// read: nothing can be lost, whatever the policy.
func TestRememberFalseConflict(t *testing.T) {
	asked := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, errors.New("was asked") })
	const accepted = "PUT 412, GET 200, PUT 204 | 204 | applied, false conflict"
	for name, test := range map[string]struct {
		policy Policy
		opts   []Option
		method string // "": PUT
		fields []string
		again  int // further new tags
		want   string
		err    error
	}{
		"Stop":                {policy: Stop, want: accepted},
		"Resend":              {policy: Resend, want: accepted},
		"Rebuild":             {policy: Rebuild(nil), want: accepted},
		"Unconditional":       {policy: Unconditional, want: accepted},
		"policy of the user":  {policy: asked, want: accepted},
		"DELETE":              {policy: Stop, method: "DELETE", want: "DELETE 412, GET 200, DELETE 204 | 204 | applied, false conflict"},
		"own If-Match":        {policy: Stop, fields: []string{`If-Match: "v2"`}, want: accepted},
		"another If-Match":    {policy: Stop, fields: []string{`If-Match: "v1"`}, want: "PUT 412 | 412 | not applied, changed", err: ErrConflict},
		"two tags":            {policy: Stop, fields: []string{`If-Match: "v1", "v2"`}, want: "PUT 412 | 412 | not applied, changed", err: ErrConflict},
		"fixed key":           {policy: Stop, fields: []string{"Idempotency-Key: a"}, want: "PUT 412 | 412 | unknown, changed", err: ErrConflict},
		"POST":                {policy: Stop, method: "POST", fields: []string{`If-Match: "v2"`}, want: "POST 412 | 412 | not applied, changed", err: ErrConflict},
		"one attempt":         {policy: Stop, opts: []Option{WithMaxAttempts(1)}, want: "PUT 412 | 412 | not applied, changed", err: ErrConflict},
		"larger than is read": {policy: Stop, opts: []Option{WithMaxRepresentation(3)}, want: "PUT 412 | 412 | not applied, changed", err: ErrConflict},
		"as large as is read": {policy: Stop, opts: []Option{WithMaxRepresentation(6)}, want: accepted},
		"without repeats":     {policy: Stop, opts: []Option{WithTransientRetry(nil)}, want: accepted},
		"twice":               {policy: Stop, again: 1, want: "PUT 412, GET 200, PUT 412, GET 200, PUT 204 | 204 | applied, false conflict"},
		"ever again":          {policy: Stop, again: 9, want: "PUT 412, GET 200, PUT 412, GET 200, PUT 412, GET 200, PUT 412 | 412 | not applied, changed", err: ErrConflict},
	} {
		for _, replayable := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, GetBody %v", name, replayable), func(t *testing.T) {
				inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
					f := newFlow(t, origin, test.policy, test.opts...)
					f.call("GET", "/doc")
					origin.Put("/doc", "text/plain", []byte("theirs")) // the same bytes, tag "v3"
					if test.again > 0 {
						origin.Inject(ifmatchtest.CompetingWriter(test.again, func(b []byte) []byte { return b }).After(1))
					}
					if test.method == "" {
						test.method = http.MethodPut
					}
					req := newWrite(t, f.ctx, origin, test.method, test.fields)
					if !replayable {
						req.GetBody = nil
					}
					got := sendVia(t, f.rt, req)
					if got.summary() != test.want || !errors.Is(got.outcome.Err, test.err) {
						t.Errorf("%s, %v; want %s, %v", got.summary(), got.outcome.Err, test.want, test.err)
					}
					if got.err != nil || got.resp.StatusCode == 412 {
						return
					}
					want := "mine"
					if test.method == http.MethodDelete {
						want = "(gone)"
					}
					if stateOf(origin) != want {
						t.Errorf("state %q", stateOf(origin))
					}
				})
			})
		}
	}
}

// TestRememberDigestOfWholeBody: a body that wasn't read to its end has no digest.
func TestRememberDigestOfWholeBody(t *testing.T) {
	for name, test := range map[string]struct {
		read func(resp *http.Response)
		want bool
	}{
		"whole":     {func(resp *http.Response) { io.Copy(io.Discard, resp.Body); resp.Body.Close() }, true},
		"byte-wise": {func(resp *http.Response) { io.ReadAll(iotest.OneByteReader(resp.Body)); resp.Body.Close() }, true},
		"half":      {func(resp *http.Response) { io.ReadFull(resp.Body, make([]byte, 3)); resp.Body.Close() }, false},
		"closed":    {func(resp *http.Response) { resp.Body.Close() }, false},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			req, _ := http.NewRequestWithContext(f.ctx, http.MethodGet, origin.URL+"/doc", nil)
			resp, err := f.rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			test.read(resp)
			origin.Put("/doc", "text/plain", []byte("theirs"))
			if got := f.call("PUT", "/doc"); (got.outcome.Cause == CauseFalseConflict) != test.want {
				t.Errorf("%s: %s", name, got.summary())
			}
		})
	}
}

// TestRememberKeepsDigest: another look that gives the same tag keeps the digest;
// another tag drops it, and so does the flow's own write.
func TestRememberKeepsDigest(t *testing.T) {
	for name, test := range map[string]struct {
		then func(f flow)
		want bool
	}{
		"HEAD":  {func(f flow) { f.call("HEAD", "/doc") }, true},
		"304":   {func(f flow) { f.call("GET", "/doc", `If-None-Match: "v2"`) }, true},
		"206":   {func(f flow) { f.call("GET", "/doc", "Range: bytes=0-1") }, true},
		"v3":    {func(f flow) { f.origin.Put("/doc", "", []byte("theirs")); f.call("HEAD", "/doc") }, false},
		"write": {func(f flow) { f.call("PUT", "/doc") }, false},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			test.then(f)
			origin.Put("/doc", "text/plain", []byte(stateOf(origin))) // the same bytes, another tag
			if got := f.call("PUT", "/doc"); !strings.HasPrefix(got.exchanges(), "PUT 412") || (got.outcome.Cause == CauseFalseConflict) != test.want {
				t.Errorf("%s: %s", name, got.summary())
			}
		})
	}
}

// TestRememberRefreshFails: where the current state can't be had the policy is
// asked as ever, and Stop returns the refusal.
func TestRememberRefreshFails(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		fault  ifmatchtest.Fault
		opts   []Option
		want   string
	}{
		"Stop, denied":          {Stop, replying("GET", 1, 403), nil, "PUT 412, GET 403 | 412 | not applied, changed"},
		"Resend, denied":        {Resend, replying("GET", 1, 403), nil, "PUT 412, GET 403 | 412 | not applied, refresh denied"},
		"Unconditional, denied": {Unconditional, replying("GET", 1, 403), nil, "PUT 412, GET 403, PUT 204 | 204 | applied, changed, overwrote"},
		"Stop, sick":            {Stop, replying("GET", 1, 503), nil, "PUT 412, GET 503, GET 200, PUT 204 | 204 | applied, false conflict"},
		"Resend, gone":          {Resend, replying("GET", 1, 404), nil, "PUT 412, GET 404 | 412 | not applied, gone"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				f := newFlow(t, origin, test.policy, test.opts...)
				f.call("GET", "/doc")
				origin.Put("/doc", "text/plain", []byte("theirs"))
				origin.Inject(test.fault)
				if got := f.call("PUT", "/doc"); got.summary() != test.want {
					t.Errorf("%s; %v", got.summary(), got.outcome.Err)
				}
			})
		})
	}
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) { // grown too large meanwhile: HEAD can say
		f := newFlow(t, origin, Resend, WithMaxRepresentation(6))
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("much larger"))
		if got := f.call("PUT", "/doc"); got.summary() != "PUT 412, GET 200, HEAD 200, PUT 204 | 204 | applied, changed, overwrote" {
			t.Errorf("%s; %v", got.summary(), got.outcome.Err)
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) { // cancelled while the state is read
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("theirs"))
		origin.Inject(ifmatchtest.Slow(0, time.Minute).On("GET"))
		ctx, cancel := context.WithTimeoutCause(f.ctx, time.Second, nil)
		defer cancel()
		got := sendVia(t, f.rt, newWrite(t, ctx, origin, http.MethodPut, nil))
		if !errors.Is(got.err, context.DeadlineExceeded) || !errors.Is(got.err, ErrConflict) {
			t.Errorf("%s; %v", got.summary(), got.err)
		}
	})
}

// TestRememberAmbiguous: after an attempt that may have been applied equal content
// isn't looked for.
func TestRememberAmbiguous(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1))
		got := f.call("PUT", "/doc")
		if !errors.Is(got.err, ErrOutcomeUnknown) || got.outcome.Cause == CauseFalseConflict {
			t.Errorf("%s; %v", got.summary(), got.err)
		}
		f.call("PUT", "/doc")
		if tag := sentTag(origin); tag != "" {
			t.Errorf("If-Match %s after a write with unknown effect", tag)
		}
	})
}

// TestRememberContentComesBack: that the content is what the flow read counts
// neither for a body that was made from another state, nor after an attempt that
// may have been applied.
func TestRememberContentComesBack(t *testing.T) {
	back := ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte("theirs") }).After(1)
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Rebuild(append1))
		f.call("GET", "/doc")
		origin.Put("/doc", "text/plain", []byte("others"))
		origin.Inject(back)
		got := f.call("PUT", "/doc")
		if got.summary() != "PUT 412, GET 200, PUT 412, GET 200, PUT 204 | 204 | applied, changed" || stateOf(origin) != "theirs+mine" {
			t.Errorf("%s, state %q", got.summary(), stateOf(origin))
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		f := newFlow(t, origin, Stop)
		f.call("GET", "/doc")
		origin.Inject(ifmatchtest.LostAnswer(1), back)
		got := f.call("PUT", "/doc")
		if !errors.Is(got.err, ErrOutcomeUnknown) || stateOf(origin) != "theirs" {
			t.Errorf("%s, %v, state %q", got.summary(), got.err, stateOf(origin))
		}
	})
}

// TestRememberPatch: a patch that was refused falsely is sent again, and one over
// another content isn't.
func TestRememberPatch(t *testing.T) {
	for name, test := range map[string]struct {
		now   string
		want  string
		state string
	}{
		"the same": {`{"n":1}`, "PATCH 412, GET 200, PATCH 204 | 204 | applied, false conflict", `{"n":1,"x":1}`},
		"another":  {`{"n":2}`, "PATCH 412, GET 200 | 412 | not applied, changed", `{"n":2}`},
	} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			f := newFlow(t, origin, Stop)
			f.call("GET", "/doc")
			origin.Put("/doc", "application/json", []byte(test.now))
			req, err := http.NewRequestWithContext(f.ctx, http.MethodPatch, url, strings.NewReader(`{"x":1}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/merge-patch+json")
			if got := sendVia(t, f.rt, req); got.summary() != test.want || stateOf(origin) != test.state {
				t.Errorf("%s: %s, %s", name, got.summary(), stateOf(origin))
			}
		})
	}
}
