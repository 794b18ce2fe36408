package ifmatch

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestUnexamined: where nothing was read, a cause is said only where request and answer
// show it.
func TestUnexamined(t *testing.T) {
	weakTags := WithDialect(dialect.Dialect{Name: "weak", WeakTags: true})
	for name, test := range map[string]struct {
		fields []string
		policy Policy
		opts   []Option
		faults []ifmatchtest.Fault
		want   Cause
	}{
		"a tag":                             {[]string{stale}, Stop, nil, nil, CauseUnexamined},
		"a date":                            {[]string{longAgo}, Stop, nil, nil, CauseUnexamined},
		"weak tags":                         {[]string{`If-Match: W/"v1", W/"v2"`}, Stop, nil, nil, CauseWeakValidator},
		"weak tags, and the API takes them": {[]string{`If-Match: W/"v1"`}, Stop, []Option{weakTags}, nil, CauseUnexamined},
		"one of them strong":                {[]string{`If-Match: W/"v1", "v1"`}, Stop, nil, nil, CauseUnexamined},
		"weak tags, one attempt":            {[]string{`If-Match: W/"v1"`}, Resend, []Option{WithMaxAttempts(1)}, nil, CauseUnexamined},
		"one attempt":                       {[]string{stale}, Resend, []Option{WithMaxAttempts(1)}, nil, CauseUnexamined},
		"any state":                         {[]string{"If-Match: *"}, Resend, nil, []ifmatchtest.Fault{ifmatchtest.Refuse(0)}, CauseUnexamined},
		"any state, quoted":                 {[]string{`If-Match: "*"`}, Resend, nil, nil, CauseUnexamined},
		"create only":                       {[]string{"If-None-Match: *"}, Stop, nil, nil, CauseExists},
		"a tag in If":                       {[]string{`If: (["v1"])`}, Resend, nil, []ifmatchtest.Fault{ifmatchtest.Refuse(0)}, CauseUnexamined},
		"a lock in If":                      {[]string{"If: (<urn:x>)"}, Resend, nil, []ifmatchtest.Fault{ifmatchtest.Refuse(0)}, CauseLocked},
		"428":                               {nil, Stop, nil, []ifmatchtest.Fault{ifmatchtest.RequirePrecondition()}, CausePreconditionRequired},
		"signed":                            {[]string{stale, "Authorization: AWS4-HMAC-SHA256 x"}, Resend, nil, nil, CauseSignedAbove},
		"nothing":                           {nil, Stop, nil, []ifmatchtest.Fault{ifmatchtest.Refuse(0)}, CauseUnattributed},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(test.faults...)
			got := send(t, origin, test.policy, http.MethodPut, test.fields, test.opts...)
			if got.outcome.Cause != test.want || got.outcome.Effect != EffectNotApplied || len(got.outcome.Exchanges) != 1 {
				t.Errorf("%s: %s, %v; want %v", name, got.summary(), got.outcome.Err, test.want)
			}
		})
	}
}

// TestRefusedTwice: a validator that the refresh confirms, and that is refused once more,
// is a cache's only where the answer shows one.
func TestRefusedTwice(t *testing.T) {
	for field, want := range map[string]Cause{
		"X-None: 1": CauseSelfContradiction, "Age: 3": CauseStaleCache, "Via: 1.1 cache": CauseStaleCache,
		"Date: Sun, 06 Nov 1994 08:49:37 GMT": CauseStaleCache,
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(replying("HEAD", 0, 200, `ETag: "v1"`, field), replying("GET", 0, 200, `ETag: "v1"`, field))
			got := send(t, origin, Resend, http.MethodPut, []string{stale})
			if want := fmt.Sprintf("PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, %v", want); got.summary() != want {
				t.Errorf("%s: %s, want %s", field, got.summary(), want)
			}
		})
	}
}

// TestPersistentCause: what a validator is refused for that the read confirmed goes by that
// validator, and by nothing else of the precondition.
func TestPersistentCause(t *testing.T) {
	weakTags := WithDialect(dialect.Dialect{Name: "weak", WeakTags: true})
	for name, test := range map[string]struct {
		fields []string
		opts   []Option
		read   []string
		want   Cause
	}{
		"weak":                            {[]string{`If-Match: W/"v1"`}, nil, []string{`ETag: W/"v1"`}, CauseWeakValidator},
		"weak, and the API takes it":      {[]string{`If-Match: W/"v1"`}, []Option{weakTags}, []string{`ETag: W/"v1"`}, CauseSelfContradiction},
		"strong, beside a weak one":       {[]string{`If-Match: "v1", W/"v0"`}, nil, []string{`ETag: "v1"`}, CauseSelfContradiction},
		"plain, beside a coded one":       {[]string{`If-Match: "v1", "v0-gzip"`}, nil, []string{`ETag: "v1"`}, CauseSelfContradiction},
		"coded":                           {[]string{`If-Match: "v1-gzip"`}, nil, []string{`ETag: "v1-gzip"`}, CauseCodedValidator},
		"beside the date of that state":   {[]string{stale, longAgo}, nil, []string{`ETag: "v1"`, "Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT"}, CauseStaleDate},
		"beside the date of an older one": {[]string{stale, longAgo}, nil, []string{`ETag: "v1"`, "Last-Modified: " + old9}, CauseConflictingPreconditions},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.Refuse(0), replying("HEAD", 0, 200, test.read...), replying("GET", 0, 200, test.read...))
			got := send(t, origin, Resend, http.MethodPut, test.fields, test.opts...)
			if got.outcome.Cause != test.want || got.exchanges() != "PUT 412, HEAD 200, GET 200, PUT 412" {
				t.Errorf("%s: %s, want %v", name, got.summary(), test.want)
			}
		})
	}
}

// toggling is an origin whose tag goes to and fro, by the content, or by the node that a
// request meets. It refuses each write until one is to be accepted.
type toggling struct {
	byNode   bool
	accepted int // this write; zero: none
	at       int
	writes   int
}

func (o *toggling) RoundTrip(req *http.Request) (*http.Response, error) {
	if o.byNode {
		o.at++
	}
	tag := []string{`ETag: "off"`, `ETag: "on"`}[o.at%2]
	if req.Method != http.MethodPut {
		state := tag
		if o.byNode {
			state = "the same"
		}
		return replyTo(req, 200, state, tag), nil
	}
	closeBody(req)
	if o.writes++; o.writes == o.accepted {
		return replyTo(req, 204, ""), nil
	}
	o.at++ // somebody else was faster, or the next node has the other tag
	return replyTo(req, 412, ""), nil
}

// TestUnstableTags: tags that differ by node are found out after a few requests, and no
// policy goes on to its last attempt. Tags of a content that toggles are honest.
func TestUnstableTags(t *testing.T) {
	for name, policy := range map[string]Policy{"Resend": Resend, "Rebuild": rebuilding} {
		for _, byNode := range []bool{false, true} {
			inBubble(t, func(t *testing.T, _ *ifmatchtest.Server) {
				origin := &toggling{byNode: byNode}
				if !byNode {
					origin.accepted = 12
				}
				req, _ := http.NewRequest(http.MethodPut, "http://a.test/doc", strings.NewReader("mine"))
				req.Header.Set("If-Match", `"x"`)
				got := sendVia(t, NewTransport(origin, policy, WithMaxAttempts(16)), req)
				want := map[bool]Cause{true: CauseUnstableValidator, false: CauseChanged}[byNode]
				if got.outcome.Cause != want || byNode && len(got.outcome.Exchanges) > 12 || byNode == (got.outcome.Effect == EffectApplied) {
					t.Errorf("%s, by node %v: %s, %v", name, byNode, got.summary(), got.outcome.Err)
				}
				t.Log(name, byNode, got.summary())
			})
		}
	}
}

// TestTagsByNode: a crowd's tags, and the reads that show them.
func TestTagsByNode(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.NodeTags(2))
		got := send(t, origin, rebuilding, http.MethodPut, []string{`If-Match: "x"`}, WithMaxAttempts(16))
		if got.outcome.Cause != CauseUnstableValidator || got.outcome.Effect != EffectNotApplied || !strings.Contains(got.outcome.Err.Error(), "the same bytes had the tag") {
			t.Errorf("%s, %v", got.summary(), got.outcome.Err)
		}
	})
}

// TestSameBytesAgain: a rival that saves what is there already makes no change, and costs
// one read more.
func TestSameBytesAgain(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.CompetingWriter(1, func(b []byte) []byte { return b }))
		got, err := Update(t.Context(), origin.Client(), url, addOne)
		if o := got.Outcome; err != nil || o.Cause != CauseFalseConflict || o.Effect != EffectApplied || requests(origin) != "GET 200, PUT 412, GET 200, GET 200, PUT 204" {
			t.Errorf("%v, %v: %s", o, err, requests(origin))
		}
	})
}

// TestGoneElsewhere: a refresh of another URL that finds nothing says nothing of the
// resource that is written.
func TestGoneElsewhere(t *testing.T) {
	for at, want := range map[string]Cause{"/other": CauseRefreshFailed, "/doc": CauseGone} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(replying("HEAD", 0, 404), replying("GET", 0, 404))
			got := send(t, origin, Resend, http.MethodPut, []string{stale}, WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
				r = r.Clone(context.WithoutCancel(r.Context()))
				r.URL.Path = at
				return r, nil
			}))
			if got.outcome.Cause != want || !strings.Contains(got.outcome.Err.Error(), at) {
				t.Errorf("%s: %s, %v", at, got.summary(), got.outcome.Err)
			}
		})
	}
}
