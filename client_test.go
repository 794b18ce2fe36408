package ifmatch

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

const stale = `If-Match: "v1"`

var (
	longAgo    = "If-Unmodified-Since: Fri, 31 Dec 1999 00:00:00 GMT"
	rebuilding = Rebuild(append1)
)

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
		{name: "stop", fields: []string{stale}, policy: Stop, want: "PUT 412 | 412 | not applied, changed"},
		{name: "nil policy", fields: []string{stale}, want: "PUT 412 | 412 | not applied, changed"},
		{name: "resend", fields: []string{stale}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "rebuild", fields: []string{stale}, policy: rebuilding, want: "PUT 412, GET 200, PUT 204 | 204 | applied, changed", state: "theirs+mine"},
		{name: "unconditional", fields: []string{stale}, policy: Unconditional, want: "PUT 412, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
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
		{name: "any state", fields: []string{"If-Match: *"}, policy: Resend, faults: faults{ifmatchtest.Refuse(0)}, want: "PUT 412 | 412 | not applied, gone"},
		{name: "any state, quoted", fields: []string{`If-Match: "*"`}, policy: Resend, want: "PUT 412 | 412 | not applied, gone"},
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
		{name: "HEAD 403", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.NoHead(403)}, want: "PUT 412, HEAD 403 | 412 | not applied, refresh denied"},
		{name: "HEAD 302", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 302, "Location: /other")}, want: "PUT 412, HEAD 302 | 412 | not applied, refresh failed"},
		{name: "HEAD 203", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 203, `ETag: "v2"`)}, want: "PUT 412, HEAD 203, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 304", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 304, `ETag: "v2"`)}, want: "PUT 412, HEAD 304, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 206", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 206, `ETag: "v2"`)}, want: "PUT 412, HEAD 206, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "GET 206 twice", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 206, `ETag: "v2"`)}, want: "PUT 412, GET 206, GET 206 | 412 | not applied, refresh failed"},
		{name: "GET 404", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 404)}, want: "PUT 412, GET 404 | 412 | not applied, gone"},
		{name: "GET 405", fields: []string{stale}, policy: rebuilding, faults: faults{reply("GET", 0, 405)}, want: "PUT 412, GET 405 | 412 | not applied, refresh failed"},
		{name: "HEAD 503 once", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 1, 503)}, want: "PUT 412, HEAD 503, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 429 with Retry-After", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 1, 429, "Retry-After: 7")}, want: "PUT 412, HEAD 429, HEAD 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "HEAD 429 for too long", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 1, 429, "Retry-After: 1000000000000")}, want: "PUT 412, HEAD 429 | 412 | not applied, refresh failed"},
		{name: "HEAD 500 for ever", fields: []string{stale}, policy: Resend, faults: faults{reply("HEAD", 0, 500)}, want: "PUT 412, HEAD 500, HEAD 500, HEAD 500, HEAD 500 | 412 | not applied, refresh failed"},
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
		{name: "stale cache", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.StaleReads(0)}, want: "PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, stale cache"},
		{name: "stale cache for one read", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.StaleReads(1)}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote", state: "mine"},
		{name: "coded tag, never right", fields: []string{`If-Match: "v2-gzip"`}, policy: Resend, faults: faults{reply("HEAD", 0, 200, `ETag: "v2-gzip"`), reply("GET", 0, 200, `ETag: "v2-gzip"`)},
			want: "PUT 412, HEAD 200, GET 200, PUT 412 | 412 | not applied, coded validator"},
		{name: "coded twin", fields: []string{`If-Match: "v2-gzip"`}, policy: Resend, faults: faults{ifmatchtest.GzipTags()}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, coded validator, overwrote", state: "mine"},
		{name: "weak twin", fields: []string{`If-Match: W/"v2"`}, policy: Resend, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, weak validator, overwrote", state: "mine"},
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
		{name: "Retry-After too long", fields: []string{stale}, policy: Resend, faults: faults{reply("PUT", 1, 412, "Retry-After: 3600")}, want: "PUT 412 | 412 | not applied, changed"},
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

// TestPatch sends a merge patch again under the fresh tag.
func TestPatch(t *testing.T) {
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
