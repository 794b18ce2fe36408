package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// movedDocument is a base that redirects a write from one URL to the next. The document
// at the last one has the tag "v9". It takes writes under that tag, under its date and
// without a precondition, and refuses all others.
type movedDocument struct {
	to       []string // where the redirects lead to
	status   int      // of the redirects
	refusal  int      // 428 demands a precondition
	lost     int      // how many answers of the last one are lost
	accepted int
}

func (d *movedDocument) RoundTrip(req *http.Request) (*http.Response, error) {
	match, since := field.Lines(req.Header, "If-Match"), field.Lines(req.Header, "If-Unmodified-Since")
	switch {
	case len(d.to) > 0:
		next := d.to[0]
		d.to = d.to[1:]
		return replyTo(req, d.status, "", "Location: "+next), nil
	case semantics.Safe(req.Method):
		return replyTo(req, http.StatusOK, "theirs", `ETag: "v9"`, "Last-Modified: "+old9, "Date: "+at9), nil
	case d.lost > 0:
		d.lost--
		closeBody(req)
		return nil, io.ErrUnexpectedEOF
	case match != nil && match[0] == `"v9"`, since != nil && since[0] == old9,
		match == nil && since == nil && d.refusal != http.StatusPreconditionRequired:
		d.accepted++
		return replyTo(req, http.StatusNoContent, ""), nil
	}
	return replyTo(req, d.refusal, "refused"), nil
}

// redirectedPut sends a PUT to http://a.test/doc through http.Client.
func redirectedPut(t *testing.T, base http.RoundTripper, policy Policy, fields ...string) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		req, err := http.NewRequest(http.MethodPut, "http://a.test/doc", strings.NewReader("mine"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			req.Header.Set(name, value)
		}
		r = sendVia(t, throughClient{&http.Client{Transport: NewTransport(base, policy)}}, req)
	})
	return r
}

var allPolicies = map[string]Policy{
	"Stop": Stop, "Resend": Resend, "Rebuild": rebuilding, "Unconditional": Unconditional,
	"a function": PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) { return c.Resend(), nil }),
}

// TestRedirectedToAnotherOrigin: the caller's tag named a state of the first origin. A
// write that is refused at another one ends there, whatever the policy, and the state
// there stays.
func TestRedirectedToAnotherOrigin(t *testing.T) {
	for name, policy := range allPolicies {
		for _, test := range []struct {
			base   movedDocument
			fields string
		}{
			{movedDocument{to: []string{"http://b.test/doc"}, status: 307, refusal: 412}, stale},
			{movedDocument{to: []string{"http://b.test/doc"}, status: 308, refusal: 412}, stale},
			{movedDocument{to: []string{"http://b.test/doc"}, status: 307, refusal: 412}, longAgo},
			{movedDocument{to: []string{"http://b.test/doc"}, status: 307, refusal: 428}, "Accept: */*"},
			{movedDocument{to: []string{"https://a.test/doc"}, status: 308, refusal: 412}, stale},
			{movedDocument{to: []string{"http://a.test:8080/doc"}, status: 307, refusal: 412}, stale},
			{movedDocument{to: []string{"/1", "http://b.test/doc"}, status: 307, refusal: 412}, stale},
		} {
			r := redirectedPut(t, &test.base, policy, test.fields)
			if r.err != nil || r.resp.StatusCode != test.base.refusal || r.body != "refused" || test.base.accepted > 0 || r.outcome.Effect != EffectNotApplied {
				t.Errorf("%s, %+v: %s, %v", name, test.base, r.summary(), r.err)
				continue
			}
			if err := r.outcome.Err; err == nil || policy != Stop && !strings.Contains(err.Error(), "which is another origin") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestRedirectedAndInDoubt: an answer that was lost at another origin leaves the effect
// open, and nothing is sent after the refusal.
func TestRedirectedAndInDoubt(t *testing.T) {
	for name, policy := range allPolicies {
		base := movedDocument{to: []string{"http://b.test/doc"}, status: 307, refusal: 412, lost: 1}
		if r := redirectedPut(t, &base, policy, stale); !errors.Is(r.err, ErrOutcomeUnknown) || base.accepted > 0 {
			t.Errorf("%s: %s, %v", name, r.summary(), r.err)
		}
	}
}

// TestRedirectedFromNowhere: a base that leaves out Response.Request hides where the
// redirect came from, so it may have been another origin.
func TestRedirectedFromNowhere(t *testing.T) {
	moved := movedDocument{to: []string{"http://b.test/doc"}, status: 307, refusal: 412}
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := moved.RoundTrip(req)
		resp.Request = nil
		return resp, err
	})
	if r := redirectedPut(t, base, Resend, stale); moved.accepted > 0 || r.resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("%s, %v", r.summary(), r.err)
	}
}

// TestRedirectedWithinTheOrigin: the refusal is handled, also where the redirects came
// back.
func TestRedirectedWithinTheOrigin(t *testing.T) {
	for name, to := range map[string][]string{
		"a path":         {"/1", "/2"},
		"there and back": {"http://b.test/1", "http://a.test/2"},
	} {
		base := movedDocument{to: to, status: 307, refusal: 412}
		if r := redirectedPut(t, &base, Resend, stale); base.accepted != 1 || r.outcome.Effect != EffectApplied {
			t.Errorf("%s: %s, %v", name, r.summary(), r.outcome.Err)
		}
	}
}
