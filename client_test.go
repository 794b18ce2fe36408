package ifmatch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

// TestContract runs the public suite, also where every refusal is sent again.
func TestContract(t *testing.T) {
	t.Parallel()
	soon := WithTransientBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Millisecond) })
	own := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		if _, err := c.Current(ctx); err != nil {
			return Decision{}, err
		}
		return c.Resend(), nil
	})
	for name, policy := range map[string]Policy{"Stop": Stop, "Resend": Resend, "own": own, "Unconditional": Unconditional} {
		if name != "own" && long(1, 0) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
				return NewTransport(base, policy, soon)
			})
		})
	}
	t.Run("two", func(t *testing.T) {
		ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
			return NewTransport(NewTransport(base, Stop, soon), Resend, soon)
		})
	})
}

// TestRefusedWrite is the table of what follows a refusal.
func TestRefusedWrite(t *testing.T) {
	type faults []ifmatchtest.Fault
	reply := replying
	tests := []struct {
		name   string
		method string // PUT unless given
		fields []string
		policy Policy
		faults faults
		opts   []Option
		want   string
		state  string // afterwards; "theirs" unless given
	}{
		// Point 1: the mission.
		{name: "stop", fields: []string{stale}, policy: Stop, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "nil policy", fields: []string{stale}, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "resend", fields: []string{stale}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "rebuild", fields: []string{stale}, policy: rebuilding, want: "PUT 412, GET 200, PUT 204 | 204 | applied, changed", state: "theirs+mine"},
		{name: "unconditional", fields: []string{stale}, policy: Unconditional, want: "PUT 412, PUT 204 | 204 | applied, unexamined, overwrote", state: "mine"},
		{name: "no conflict", fields: []string{`If-Match: "v2"`}, policy: Resend, want: "PUT 204 | 204 | applied, none", state: "mine"},
		{name: "delete", method: "DELETE", fields: []string{stale}, policy: Resend, want: "DELETE 412, HEAD 200, DELETE 204 | 204 | applied, changed, overwrote", state: "(gone)"},
		{name: "post", method: "POST", fields: []string{stale}, policy: Resend, want: "POST 412, HEAD 200, POST 200 | 200 | applied, changed, overwrote", state: "theirsmine"},
		{name: "list", fields: []string{`If-Match: "v0", "v1", "a,b\\", "` + "\xe9" + `"`}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "list on two lines", fields: []string{`If-Match: "v0"`, stale}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "date", fields: []string{longAgo}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "tag and date", fields: []string{stale, longAgo}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "two races more", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.CompetingWriter(3, nil)},
			want: "PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "428 resend", policy: Resend, faults: faults{ifmatchtest.RequirePrecondition()}, want: "PUT 428, HEAD 200, PUT 204 | 204 | applied, precondition required, overwrote", state: "mine"},
		{name: "428 rebuild", policy: rebuilding, faults: faults{ifmatchtest.RequirePrecondition()}, want: "PUT 428, GET 200, PUT 204 | 204 | applied, precondition required", state: "theirs+mine"},
		{name: "428 stop", policy: Stop, faults: faults{ifmatchtest.RequirePrecondition()}, want: "PUT 428 | 428 | not applied, precondition required"},
		{name: "428 unconditional", policy: Unconditional, faults: faults{ifmatchtest.RequirePrecondition()}, want: "PUT 428 | 428 | not applied, precondition required"},
		{name: "428 with a precondition", fields: []string{`If-Match: "v2"`}, policy: Resend, faults: faults{reply("PUT", 0, 428)}, want: "PUT 428 | 428 | not applied, precondition required"},

		// Rules 1 to 4: what is never rewritten.
		{name: "create only", fields: []string{"If-None-Match: *"}, policy: Resend, want: "PUT 412 | 412 | not applied, exists"},
		{name: "create only, unconditional", fields: []string{"If-None-Match: *"}, policy: Unconditional, want: "PUT 412 | 412 | not applied, exists"},
		{name: "create only, stop", fields: []string{"If-None-Match: *"}, policy: Stop, want: "PUT 412 | 412 | not applied, exists"},
		{name: "any state", fields: []string{"If-Match: *"}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "any state, quoted", fields: []string{`If-Match: "*"`}, policy: Resend, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "both kinds", fields: []string{stale, "If-None-Match: *"}, policy: Resend, want: "PUT 412 | 412 | not applied, conflicting preconditions"},
		{name: "moved on, not yet", fields: []string{`If-None-Match: "v2"`}, policy: Resend, want: "PUT 412 | 412 | not applied, unattributed"},
		{name: "moved on by now", fields: []string{`If-None-Match: "v1"`}, policy: Resend, faults: faults{ifmatchtest.Refuse(1)}, want: "PUT 412 | 412 | not applied, unattributed", state: "theirs"},
		{name: "moved on, unconditional", fields: []string{`If-None-Match: "v2"`}, policy: Unconditional, want: "PUT 412 | 412 | not applied, unattributed"},
		{name: "no precondition", policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412 | 412 | not applied, unattributed"},
		{name: "unquoted tag", fields: []string{"If-Match: v1"}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412 | 412 | not applied, unattributed"},
		{name: "WebDAV If", fields: []string{"If: (<urn:x>)"}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412 | 412 | not applied, locked"},
		{name: "WebDAV If beside a tag", fields: []string{stale, "If: (<urn:x>)"}, policy: Resend, want: "PUT 412 | 412 | not applied, unattributed"},
		{name: "overwrite", fields: []string{"Overwrite: F"}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412 | 412 | not applied, exists"},
		{name: "lease", fields: []string{stale, "x-ms-lease-id: 1"}, policy: Resend, want: "PUT 412 | 412 | not applied, unattributed"},
		{name: "Content-Range", fields: []string{stale, "Content-Range: bytes 0-3/4"}, policy: Resend, faults: faults{reply("PUT", 0, 412)}, want: "PUT 412 | 412 | not applied, none"},
		{name: "safe method", method: "GET", fields: []string{stale}, policy: Resend, want: "GET 412 | 412 | not applied, none"},

		// Rule 5: what answers a refresh.
		{name: "HEAD 405", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(405)}, want: "PUT 412, HEAD 405, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 501", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(501)}, want: "PUT 412, HEAD 501, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 404", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(404)}, want: "PUT 412, HEAD 404, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 400", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(400)}, want: "PUT 412, HEAD 400, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 410", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(410)}, want: "PUT 412, HEAD 410 | 412 | not applied, gone"},
		{name: "HEAD 401", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(401)}, want: "PUT 412, HEAD 401 | 412 | not applied, refresh denied"},
		{name: "HEAD 403", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(403)}, want: "PUT 412, HEAD 403, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 406", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(406)}, want: "PUT 412, HEAD 406, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 415", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(415)}, want: "PUT 412, HEAD 415, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 418", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(418)}, want: "PUT 412, HEAD 418, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 500", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(500)}, want: "PUT 412, HEAD 500, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 403, GET 403", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 403), reply("GET", 0, 403)}, want: "PUT 412, HEAD 403, GET 403 | 412 | not applied, refresh denied"},
		{name: "GET 403", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 403)}, want: "PUT 412, GET 403 | 412 | not applied, refresh denied"},
		{name: "HEAD 406, GET 406", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 406), reply("GET", 0, 406)}, want: "PUT 412, HEAD 406, GET 406 | 412 | not applied, refresh failed"},
		{name: "HEAD 302", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 302, "Location: /other")}, want: "PUT 412, HEAD 302 | 412 | not applied, refresh failed"},
		{name: "HEAD 203", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 203, `ETag: "v2"`)}, want: "PUT 412, HEAD 203, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 304", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 304, `ETag: "v2"`)}, want: "PUT 412, HEAD 304, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 206", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 206, `ETag: "v2"`)}, want: "PUT 412, HEAD 206, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "GET 206 twice", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 206, `ETag: "v2"`)}, want: "PUT 412, GET 206, GET 206 | 412 | not applied, refresh failed"},
		{name: "GET 404", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 404)}, want: "PUT 412, GET 404 | 412 | not applied, gone"},
		{name: "GET 405", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 405)}, want: "PUT 412, GET 405 | 412 | not applied, refresh failed"},
		{name: "HEAD 503 once", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 1, 503)}, want: "PUT 412, HEAD 503, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 429 with Retry-After", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 1, 429, "Retry-After: 7")}, want: "PUT 412, HEAD 429, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 429 for too long", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 1, 429, "Retry-After: 1000000000000")}, want: "PUT 412, HEAD 429 | 412 | not applied, refresh failed"},
		{name: "500 for ever", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 500), reply("GET", 0, 500)}, want: "PUT 412, HEAD 500, GET 500, GET 500, GET 500 | 412 | not applied, refresh failed"},
		{name: "connection dies once", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.LostRequest(2).On("HEAD")}, want: "PUT 412, HEAD failed, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD without a tag", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.HeadWithoutETag()}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "no tag at all", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoETag()}, want: "PUT 412, HEAD 200, GET 200 | 412 | not applied, no validator"},
		{name: "malformed tag", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 200, "ETag: v2")}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "repeated tag", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 200, `ETag: "v2"`, `ETag: "v2"`)}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "the wildcard as a tag", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 200, `ETag: "*"`)}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "tag on the refusal", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.TagOnRefusal(`"page"`)}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "Vary: *", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 200, `ETag: "v2"`, "Vary: *")}, want: "PUT 412, HEAD 200 | 412 | not applied, no validator"},
		{name: "Vary: Content-Type", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 200, `ETag: "v2"`, "Vary: Content-Type")}, want: "PUT 412, HEAD 200 | 412 | not applied, no validator"},
		{name: "Vary: Prefer", fields: []string{stale, "Prefer: return=minimal"}, policy: Resend, faults: faults{reply("HEAD", 1, 200, `ETag: "v2"`, "Vary: Accept, Prefer")}, want: "PUT 412, HEAD 200, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},

		// Rule 6: the refused validator again.
		{name: "false conflict", fields: []string{`If-Match: "v2"`}, policy: Resend, faults: faults{ifmatchtest.Refuse(1)}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, false conflict", state: "mine"},
		{name: "false conflict, rebuild", fields: []string{`If-Match: "v2"`}, policy: rebuilding, faults: faults{ifmatchtest.Refuse(1)}, want: "PUT 412, GET 200, GET 200, PUT 204 | 204 | applied, false conflict", state: "mine"},
		{name: "the refused tag again", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.StaleReads(0)}, want: "PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, self-contradiction"},
		{name: "stale cache for one read", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.StaleReads(1)}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "coded tag, never right", fields: []string{`If-Match: "v2-gzip"`}, policy: Resend, faults: faults{reply("HEAD", 0, 200, `ETag: "v2-gzip"`), reply("GET", 0, 200, `ETag: "v2-gzip"`)},
			want: "PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, coded validator"},
		{name: "coded twin", fields: []string{`If-Match: "v2-gzip"`}, policy: Resend, faults: faults{ifmatchtest.GzipTags()}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, coded validator", state: "mine"},
		{name: "weak twin", fields: []string{`If-Match: W/"v2"`}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, weak validator", state: "mine"},
		{name: "date refused for ever", fields: []string{longAgo}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412, HEAD 200, PUT 412 | 412 | not applied, stale date"},
		{name: "tag and date refused for ever", fields: []string{stale, longAgo}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412, HEAD 200, PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, stale date"},

		// Rule 7: weak tags.
		{name: "weak tags as they are", fields: []string{`If-Match: W/"v1"`}, policy: Resend, faults: faults{ifmatchtest.WeakTags(), ifmatchtest.NoLastModified()}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "strong sent, weak given", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.WeakTagsStrict(), ifmatchtest.NoLastModified()}, want: "PUT 412, HEAD 200 | 412 | not applied, weak validator"},
		{name: "weak tag, never right", fields: []string{`If-Match: W/"v2"`}, policy: Resend, faults: faults{ifmatchtest.WeakTagsStrict(), ifmatchtest.NoLastModified()}, want: "PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, weak validator"},
		{name: "weak for a second", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.WeakFor(time.Second)}, want: "PUT 412, HEAD 200, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "weak for a second, rebuild", fields: []string{stale}, policy: rebuilding, faults: faults{ifmatchtest.WeakFor(time.Second)}, want: "PUT 412, GET 200, GET 200, PUT 204 | 204 | applied, changed", state: "theirs+mine"},
		{name: "weak for good, new state", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.WeakTagsStrict()}, want: "PUT 412, HEAD 200, HEAD 200 | 412 | not applied, weak validator"},
		{name: "date of the last second, rebuild", fields: []string{longAgo}, policy: rebuilding, want: "PUT 412, GET 200, GET 200, PUT 204 | 204 | applied, changed", state: "theirs+mine"},
		{name: "428 with weak tags", policy: Resend, faults: faults{ifmatchtest.RequirePrecondition(), ifmatchtest.WeakTags(), ifmatchtest.NoLastModified()}, want: "PUT 428, HEAD 200, PUT 204 | 204 | applied, precondition required, overwrote", state: "mine"},
		{name: "428 with dates only", policy: Resend, faults: faults{ifmatchtest.RequirePrecondition(), ifmatchtest.NoETag()}, want: "PUT 428, HEAD 200, PUT 204 | 204 | applied, precondition required, overwrote", state: "mine"},

		// Rule 8: signed above.
		{name: "SigV4", fields: []string{stale, "Authorization: AWS4-HMAC-SHA256 Credential=x"}, policy: Resend, want: "PUT 412 | 412 | not applied, signed above"},
		{name: "Shared Key", fields: []string{stale, "Authorization: SharedKey acct:x"}, policy: Resend, want: "PUT 412 | 412 | not applied, signed above"},
		{name: "message signature", fields: []string{stale, `Signature-Input: s=("@method")`}, policy: Resend, want: "PUT 412 | 412 | not applied, signed above"},
		{name: "DPoP", fields: []string{stale, "DPoP: x"}, policy: Resend, want: "PUT 412 | 412 | not applied, signed above"},
		{name: "Digest", fields: []string{stale, "Authorization: Digest username=x"}, policy: Resend, want: "PUT 412 | 412 | not applied, signed above"},
		{name: "bearer", fields: []string{stale, "Authorization: Bearer x"}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},

		// Limits and keys.
		{name: "refused for ever", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.CompetingWriter(0, nil)}, want: "PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed", state: "theirs\n\n\n\n"},
		{name: "two attempts", fields: []string{stale}, policy: Resend, opts: []Option{WithMaxAttempts(2)}, faults: faults{ifmatchtest.CompetingWriter(0, nil)}, want: "PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed", state: "theirs\n\n"},
		{name: "idempotency key", fields: []string{stale, "Idempotency-Key: k"}, policy: Resend, want: "PUT 412 | 412 | unknown, not replayable"},
		{name: "Retry-After too long", fields: []string{stale}, policy: Resend, faults: faults{reply("PUT", 1, 412, "Retry-After: 3600")}, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "answer is a 403", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.FailBefore(1, 403).After(1)}, want: "PUT 412, HEAD 200, PUT 403 | 403 | not applied, changed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(test.faults...)
				method, want := test.method, test.state
				if method == "" {
					method = http.MethodPut
				}
				if want == "" {
					want = "theirs"
				}
				got := send(t, origin, test.policy, method, test.fields, test.opts...)
				if got.summary() != test.want {
					t.Errorf("got  %s\nwant %s\nerr %v, %v", got.summary(), test.want, got.err, got.outcome.Err)
				}
				if state := stateOf(origin); state != want {
					t.Errorf("state %q, want %q", state, want)
				}
				if (got.outcome.Err == nil) != (got.outcome.Effect == EffectApplied) && got.outcome.Cause != CauseNone {
					t.Errorf("effect %v with Err %v", got.outcome.Effect, got.outcome.Err)
				}
				if len(origin.Log()) < len(got.outcome.Exchanges) {
					t.Errorf("%d requests arrived, %d were reported", len(origin.Log()), len(got.outcome.Exchanges))
				}
			})
		})
	}
}

// TestMergePatchIsSentAgain: under the fresh tag, and unchanged.
func TestMergePatchIsSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Put("/doc", "application/json", []byte(`{"a":1}`))
		req := newWrite(t, context.Background(), origin, http.MethodPatch, []string{stale})
		req.Body, req.GetBody, req.ContentLength = bodyOf(`{"b":2}`)
		got := sendVia(t, NewTransport(origin.Client().Transport, Resend), req)
		if want := "PATCH 412, HEAD 200, PATCH 200 | 200 | applied, changed, overwrote"; got.summary() != want && got.resp.StatusCode != 204 {
			t.Errorf("got  %s\nwant %s", got.summary(), want)
		}
		if state := stateOf(origin); state != `{"a":1,"b":2}` {
			t.Errorf("state %s", state)
		}
	})
}

// TestTwoTransports: retries don't multiply, yet Stop below leaves the refusal
// to a policy above.
func TestTwoTransports(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.CompetingWriter(0, nil))
		lower := NewTransport(origin.Client().Transport, Resend)
		got := sendVia(t, NewTransport(lower, Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		if got.summary() != "PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412, HEAD 200, PUT 412 | 412 | not applied, changed" || len(origin.Log()) != 7 {
			t.Errorf("%d requests: %s", len(origin.Log()), got.summary())
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		lower := NewTransport(origin.Client().Transport, Stop)
		got := sendVia(t, NewTransport(lower, Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{stale}))
		if got.summary() != "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote" {
			t.Error(got.summary())
		}
	})
}

// TestUnconditionalBelowIsFinal: a write that was refused without a guard isn't sent again by a Transport above.
func TestUnconditionalBelowIsFinal(t *testing.T) {
	s := &scriptedBase{answers: []says{refuse()}}
	req, _ := http.NewRequest("PUT", "http://example.test/", nil)
	req.Header.Set("If-Match", `"v1"`)
	if sendVia(t, NewTransport(NewTransport(s, Unconditional), Resend), req); len(s.got) != 2 {
		t.Errorf("%d requests", len(s.got))
	}
}

// TestZeroTransport uses http.DefaultTransport as found, and says so where that
// would loop.
func TestZeroTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	origin := ifmatchtest.NewServer()
	defer origin.Close()
	origin.Put("/doc", "text/plain", []byte("theirs"))

	http.DefaultTransport = origin.Client().Transport
	if got := sendVia(t, new(Transport), newWrite(t, t.Context(), origin, http.MethodPut, []string{`If-Match: "v9"`})); got.summary() != "PUT 412 | 412 | not applied, unexamined" {
		t.Error(got.summary())
	}
	if got := sendVia(t, new(Transport), newWrite(t, WithOptions(t.Context(), OnConflict(Resend)), origin, http.MethodPut, []string{`If-Match: "v9"`})); got.outcome.Effect != EffectApplied {
		t.Error(got.summary())
	}
	// In place of the default: taken at construction, so nothing loops.
	http.DefaultTransport = NewTransport(nil, Resend)
	resp, err := http.DefaultClient.Do(newWrite(t, t.Context(), origin, http.MethodPut, []string{`If-Match: "v9"`}))
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()

	for _, base := range []http.RoundTripper{new(Transport), nil} {
		http.DefaultTransport = base
		closed := 0
		req := newWrite(t, t.Context(), origin, http.MethodPut, nil)
		req.Body = closing{strings.NewReader("mine"), &closed}
		if _, err := new(Transport).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "NewTransport") || closed != 1 {
			t.Errorf("base %v: error %v, body closed %d times", base, err, closed)
		}
		new(Transport).CloseIdleConnections()
	}
	http.DefaultTransport = nil
	if _, err := NewClient(Stop).Get(origin.URL); err == nil {
		t.Error("no error without any base")
	}
}

// TestZeroTransportInTheDefault: a zero Transport that hides in
// http.DefaultTransport ends with an error, not with the stack.
func TestZeroTransportInTheDefault(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	zero := new(Transport)
	http.DefaultTransport = roundTripper(func(r *http.Request) (*http.Response, error) { return zero.RoundTrip(r) })
	if resp, err := http.Get("http://127.0.0.1:1/"); err == nil || !errors.Is(err, errZeroTransport) {
		t.Error(resp, err)
	}
}

// TestBadRequests: they fail as they do with the base alone.
func TestBadRequests(t *testing.T) {
	origin := ifmatchtest.NewServer()
	defer origin.Close()
	for name, change := range map[string]func(*http.Request){
		"nil URL":        func(r *http.Request) { r.URL = nil },
		"invalid method": func(r *http.Request) { r.Method = "PU T" },
		"nil header":     func(r *http.Request) { r.Header = nil },
		"no host":        func(r *http.Request) { r.URL = &url.URL{Scheme: "http"} },
		"bad field":      func(r *http.Request) { r.Header["If-Match"] = []string{"\n"} },
	} {
		closed := 0
		req := newWrite(t, t.Context(), origin, http.MethodPut, []string{stale})
		req.Body = closing{strings.NewReader("mine"), &closed}
		change(req)
		want, wantErr := origin.Client().Transport.RoundTrip(req.Clone(t.Context()))
		got, err := NewTransport(origin.Client().Transport, Resend).RoundTrip(req)
		if (want == nil) != (got == nil) || errorText(wantErr) != errorText(err) {
			t.Errorf("%s: %v, %v without, %v, %v with the Transport", name, want, wantErr, got, err)
		}
		for _, resp := range []*http.Response{want, got} {
			if resp != nil {
				resp.Body.Close()
			}
		}
		if closed != 2 {
			t.Errorf("%s: body closed %d times in two calls", name, closed)
		}
	}
	// A base that refuses even those must not make us panic.
	req := &http.Request{Method: http.MethodPut, Header: http.Header{"If-Match": {`"v1"`}}}
	if resp, err := NewTransport(refusing{}, Resend).RoundTrip(req); err == nil && resp.StatusCode != 412 {
		t.Error(resp, err)
	}
}

// TestUnsendable: what can't be sent fails as it does with the base alone, and
// isn't repeated.
func TestUnsendable(t *testing.T) {
	origin := httptest.NewServer(http.NotFoundHandler())
	defer origin.Close()
	for name, change := range map[string]func(*http.Request){
		"no URL":  func(r *http.Request) { r.URL = nil },
		"no host": func(r *http.Request) { r.URL.Host = "" },
	} {
		send := func(rt http.RoundTripper) error {
			req, _ := http.NewRequest(http.MethodPut, origin.URL, nil)
			src := &bodytest.Source{R: strings.NewReader("mine")}
			req.Body, req.ContentLength = src, 4
			req.Header.Set("If-Match", `"v1"`)
			change(req)
			_, err := rt.RoundTrip(req)
			src.Check(t)
			return err
		}
		want, got := send(origin.Client().Transport), send(NewTransport(origin.Client().Transport, Resend))
		if got == nil || got.Error() != want.Error() {
			t.Errorf("%s: %v, without the Transport %v", name, got, want)
		}
	}
}

// TestBaseReturnsNothing: a base that returns neither response nor error is no panic.
func TestBaseReturnsNothing(t *testing.T) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("PANIC %v", r)
		}
	}()
	var o Outcome
	req, _ := http.NewRequestWithContext(WithOutcome(context.Background(), &o), "PUT", "http://example.test/doc", nil)
	NewTransport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }), Resend).RoundTrip(req)
}

// TestBaseReturnsNothingInTheEnd: neither a response nor an error for the repeated write is an error.
func TestBaseReturnsNothingInTheEnd(t *testing.T) {
	n := 0
	base := roundTripper(func(q *http.Request) (*http.Response, error) {
		if n++; n > 2 {
			return nil, nil
		}
		return (&scriptedBase{answers: []says{{status: map[bool]int{true: 200, false: 412}[q.Method == "HEAD"], fields: []string{`Etag: "v2"`}}}}).RoundTrip(q)
	})
	req, _ := http.NewRequest("PUT", "http://example.test/", nil)
	req.Header.Set("If-Match", `"v1"`)
	synctest.Test(t, func(t *testing.T) { // the base is asked again after a wait
		if resp, err := NewTransport(base, Resend).RoundTrip(req); resp != nil || err == nil {
			t.Error(resp, err)
		}
	})
}

// TestNoGoroutineStays: neither while the call waits nor after it.
func TestNoGoroutineStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := refusing{}
		rt := NewTransport(base, Resend, WithBackoff(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) }))
		req, _ := http.NewRequest(http.MethodPut, "http://example.test/", strings.NewReader("x"))
		req.Header.Set("If-Match", `"v1"`)
		resp, err := rt.RoundTrip(req)
		if err != nil || resp.StatusCode != 412 {
			t.Fatal(resp, err)
		}
	}) // the bubble fails when a goroutine is left
}

// TestHeaderValuesAreNotShared: the caller's header values don't reach a base through a repeated write.
func TestHeaderValuesAreNotShared(t *testing.T) {
	backing := []string{`"v2"`, "spare"}
	writes := 0
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == "PUT" {
			writes++
		}
		if writes == 2 {
			r.Header["If-Match"][0] = "changed"
		}
		resp, err := refusing{}.RoundTrip(r)
		resp.Header.Set("Etag", `"v2"`)
		return resp, err
	})
	req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("x"))
	req.Header["If-Match"] = backing[:1]
	NewTransport(base, Resend).RoundTrip(req)
	if backing[0] != `"v2"` {
		t.Error("caller's slice reached the base of a repeated write:", backing)
	}
}
