package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// TestForeignConditionsStop: where a condition that we don't understand, a signature or a fixed key is among the
// fields, nothing more is sent.
func TestForeignConditionsStop(t *testing.T) {
	for field, cause := range map[string]Cause{
		"Authorization: aws4-hmac-sha256 C": CauseSignedAbove, "Authorization: AWS k:s": CauseSignedAbove,
		"Authorization: GOOG4-RSA-SHA256 C": CauseSignedAbove, "Authorization: GOOG1 k:s": CauseSignedAbove,
		"Authorization: HMAC-SHA256 C": CauseSignedAbove, "Authorization: DPoP t": CauseSignedAbove,
		"Authorization: Hawk id": CauseSignedAbove, "Authorization: Signature keyId=x": CauseSignedAbove,
		`Authorization: OAuth realm="x", oauth_signature="s"`: CauseSignedAbove, "Signature: x": CauseSignedAbove,
		"X-Idempotency-Key: k":           CauseNotReplayable,
		"If-Unmodified-Since: yesterday": CauseUnattributed, "If-Schedule-Tag-Match: \"x\"": CauseUnattributed,
		"Lock-Token: <x>": CauseUnattributed, "If-None-Exist: a=b": CauseUnattributed, "Isolation: snapshot": CauseUnattributed,
		"x-ms-if-tags: x": CauseUnattributed, "X-Goog-If-Generation-Match: 1": CauseUnattributed, "x-amz-if-match-size: 1": CauseUnattributed,
		"X-Amz-Copy-Source-If-Match: x": CauseUnattributed, "X-Ms-Source-If-Match: x": CauseUnattributed, "X-Ms-Blob-Condition-Maxsize: 1": CauseUnattributed,
	} {
		got, s := scripted(t, Resend, []string{stale, field}, nil, refuse(), ok(`Etag: "v2"`))
		if len(s.got) != 1 || got.outcome.Cause != cause {
			t.Errorf("%s: %d requests, %v", field, len(s.got), got.outcome.Cause)
		}
	}
	for _, fields := range [][]string{
		{"If-Unmodified-Since: yesterday"}, {"If-Unmodified-Since: " + at0, "If-Unmodified-Since: " + at1}, {"X-Ms-Lease-Id: 1"}, {"Lock-Token: x"},
		{`If-None-Match: "a"`, "If-Unmodified-Since: " + at0},
	} {
		got, s := scripted(t, Resend, fields, nil, refuse(), ok(`Etag: "v2"`, "Last-Modified: "+old9))
		if len(s.got) != 1 || got.resp.StatusCode != 412 {
			t.Errorf("%s: %d requests", fields, len(s.got))
		}
		if strings.HasPrefix(fields[0], "X-Ms") && got.outcome.Cause != CauseLocked {
			t.Errorf("%s: %v", fields, got.outcome.Cause)
		}
	}
}

// TestPresignedURLsStop: a signature in the query covers the write, whatever API it is of.
func TestPresignedURLsStop(t *testing.T) {
	for _, query := range []string{"X-Amz-Signature=x", "x-amz-signature=x", "X-Goog-Signature=x", "Signature=x", "x-oss-signature=x"} {
		s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`)}}
		req, _ := http.NewRequest("PUT", "http://example.test/doc?a=b&"+query, nil)
		req.Header.Set("If-Match", `"v1"`)
		if got := sendVia(t, NewTransport(s, Resend), req); len(s.got) != 1 || got.outcome.Cause != CauseSignedAbove {
			t.Errorf("%s: %d requests, %v", query, len(s.got), got.outcome.Cause)
		}
	}
}

// TestSafeMethodsPass: the 412 to a method that only reads comes through.
func TestSafeMethodsPass(t *testing.T) {
	for _, method := range []string{"OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"} {
		s := &scriptedBase{answers: []says{refuse()}}
		req, _ := http.NewRequest(method, "http://example.test/doc", nil)
		req.Header.Set("If-Match", `"v1"`)
		if got := sendVia(t, NewTransport(s, Resend), req); len(s.got) != 1 || got.outcome.Attempts != 0 {
			t.Errorf("%s: %d requests, %s", method, len(s.got), got.summary())
		}
	}
}

// TestOverwriteTrueIsNoCondition: Overwrite: T is the default of WebDAV, and forbids nothing.
func TestOverwriteTrueIsNoCondition(t *testing.T) {
	if got, s := scripted(t, Resend, []string{stale, "Overwrite: T"}, nil, refuse(), ok(`Etag: "v2"`), ok()); len(s.got) != 3 {
		t.Error("Overwrite: T", got.summary())
	}
}

// TestFieldsWithoutValues: a name without a value isn't sent and so doesn't count.
func TestFieldsWithoutValues(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		req := newWrite(t, context.Background(), o, "PUT", []string{stale})
		req.Header["X-Ms-Lease-Id"] = nil
		got := sendVia(t, NewTransport(o.Client().Transport, Resend), req)
		if got.outcome.Effect != EffectApplied {
			t.Error("a nil field that isn't sent:", got.summary())
		}
		req = newWrite(t, context.Background(), o, "PUT", nil)
		req.Header["if-match"] = []string{`"v0"`}
		req.Header["IF-match"] = []string{`"v1"`}
		got = sendVia(t, NewTransport(o.Client().Transport, Resend), req)
	})
}

// TestOnlyThePreconditionIsRewritten: each other field and the body stay as they were.
func TestOnlyThePreconditionIsRewritten(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		got := send(t, origin, Resend, http.MethodPut, []string{stale, `If-Match: "v0"`, longAgo, "X-Mine: 1", "Content-Md5: x"})
		log := origin.Log()
		if len(log) != 3 {
			t.Fatal(got.summary())
		}
		first, last := log[0].Header.Clone(), log[2].Header.Clone()
		if !cmp.Equal(last.Values("If-Match"), []string{`"v2"`}) {
			t.Errorf("If-Match %q", last.Values("If-Match"))
		}
		if modified := got.outcome.Exchanges[1].Received.LastModified; last.Get("If-Unmodified-Since") != modified || modified == "" {
			t.Errorf("If-Unmodified-Since %q, want the server's %q", last.Get("If-Unmodified-Since"), modified)
		}
		for _, h := range []http.Header{first, last} {
			h.Del("If-Match")
			h.Del("If-Unmodified-Since")
		}
		if diff := cmp.Diff(first, last); diff != "" {
			t.Errorf("other fields changed (-first +last):\n%s", diff)
		}
		if !bytes.Equal(log[0].Body, log[2].Body) {
			t.Errorf("body %q, then %q", log[0].Body, log[2].Body)
		}
	})
}

// TestVaryAcceptEncoding: net/http would ask for gzip on the write.
func TestVaryAcceptEncoding(t *testing.T) {
	for given, want := range map[string]string{"": "identity", "br": "br"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v2"`)
				w.Header().Set("Vary", "accept-encoding")
			}).On("HEAD"))
			fields := []string{stale}
			if given != "" {
				fields = append(fields, "Accept-Encoding: "+given)
			}
			send(t, origin, Resend, http.MethodPut, fields)
			log := origin.Log()
			if got := log[len(log)-1].Header.Get("Accept-Encoding"); got != want {
				t.Errorf("Accept-Encoding %q on the repeated write, want %q", got, want)
			}
		})
	}
}

// TestOverwroteAfterFalseRefusal: a write under a fresh tag that is refused without reason still replaces an unseen state.
func TestOverwroteAfterFalseRefusal(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Refuse(1).After(1))
		got := send(t, o, Resend, "PUT", []string{stale})
		if !got.outcome.Overwrote || got.outcome.Cause == CauseFalseConflict {
			t.Errorf("%s", got.summary())
		}
	})
}

// TestOnceMoreIsTheRefusedWrite: the caller's body goes out under the caller's fields.
func TestOnceMoreIsTheRefusedWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Refuse(1))
		send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Current(ctx)
			c.Header().Set("Content-Type", "application/json")
			return c.Replace([]byte("{}")), nil
		}), "PUT", []string{`If-Match: "v2"`})
		log := o.Log()
		last := log[len(log)-1]
		if string(last.Body) == "mine" && last.Header.Get("Content-Type") != "text/plain" {
			t.Error("caller's body under the policy's Content-Type")
		}
	})
}

// TestRefusedAgainWithoutGetBody: a body that was copied ends with the same cause as one with GetBody.
func TestRefusedAgainWithoutGetBody(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.StaleReads(0))
		req := newWrite(t, context.Background(), o, "PUT", []string{stale})
		req.GetBody = nil
		got := sendVia(t, NewTransport(o.Client().Transport, rebuilding), req)
		if got.outcome.Cause != CauseSelfContradiction {
			t.Error(got.summary(), got.outcome.Err)
		}
	})
}

// TestKeptRefusal is the refusal after giving up: its body readable, cut at
// 64 KiB, untouched under Stop.
func TestKeptRefusal(t *testing.T) {
	large := strings.Repeat("x", 100<<10)
	for _, test := range []struct {
		policy Policy
		body   string
		want   int
		err    error
	}{
		{Resend, "short", 5, nil},
		{Resend, "", 0, nil},
		{Resend, large[:64<<10], 64 << 10, nil},
		{Resend, large, 64 << 10, ErrTooLarge},
		{Stop, large, 100 << 10, nil},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusPreconditionFailed)
				io.WriteString(w, test.body)
			}).On("PUT"))
			got := send(t, origin, test.policy, http.MethodPut, []string{stale}, WithMaxAttempts(1))
			if len(got.body) != test.want || !errors.Is(got.bodyErr, test.err) {
				t.Errorf("%v: %d bytes of %d, %v", test.policy, len(got.body), len(test.body), got.bodyErr)
			}
		})
	}
}

// TestDrippingRefusal: a body that never ends doesn't hold up what is done. It
// runs in real time: a Close beside a Read ends the Read 50 ms later since Go 1.27,
// and in a synctest bubble never (golang/go#81404).
func TestDrippingRefusal(t *testing.T) {
	t.Parallel()
	dripping := func(n int) ifmatchtest.Fault {
		return ifmatchtest.Reply(n, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusPreconditionFailed)
			io.WriteString(w, "refused")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}).On("PUT")
	}
	origin := newOrigin()
	defer origin.Close()
	n := long(2, 1) // a second each
	origin.Inject(dripping(n))
	start := time.Now()
	got := send(t, origin, Resend, http.MethodPut, []string{stale})
	want := map[int]string{
		1: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote",
		2: "PUT 412, HEAD 200, PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed, overwrote",
	}[n]
	if got.summary() != want {
		t.Error(got.summary())
	}
	if took := time.Since(start); took < time.Duration(n)*time.Second || took > time.Duration(n+2)*time.Second {
		t.Errorf("took %v, a second for each of %d dripping bodies", took, n)
	}
	origin.Inject(dripping(1))
	got = send(t, origin, Resend, http.MethodPut, []string{stale}, WithMaxAttempts(1))
	if got.body != "refused" || got.bodyErr == nil {
		t.Errorf("%q, %v", got.body, got.bodyErr)
	}
}

// TestDrippingRefusalWithinTheLimits: reading a refusal takes no longer than is left.
func TestDrippingRefusalWithinTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for within, opt := range map[time.Duration]Option{300 * time.Millisecond: WithMaxElapsed(300 * time.Millisecond), 200 * time.Millisecond: nil} {
			r, w := io.Pipe()
			base := roundTripper(func(q *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 412, Header: http.Header{}, Body: r, ContentLength: -1, Request: q}, nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if opt == nil {
				ctx, cancel = context.WithTimeout(t.Context(), within)
			}
			req, _ := http.NewRequestWithContext(ctx, "PUT", "http://example.test/", nil)
			req.Header.Set("If-Match", `"v1"`)
			start := time.Now()
			resp, err := NewTransport(base, PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, nil }), opt).RoundTrip(req)
			if err != nil || time.Since(start) != within {
				t.Errorf("%v, %v after %v", resp, err, time.Since(start))
			} else if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, drain.ErrTooLong) { // WriteTo's end too
				t.Errorf("the kept body ends with %v", err)
			}
			w.Close()
			cancel()
		}
	})
}

// TestRefusalOfImpossibleLength: a Content-Length that no memory can hold is no panic.
func TestRefusalOfImpossibleLength(t *testing.T) {
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := refusing{}.RoundTrip(r)
		resp.ContentLength = math.MaxInt64
		return resp, err
	})
	req, _ := http.NewRequest(http.MethodPut, "http://example.test/", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	if resp, err := NewTransport(base, Resend).RoundTrip(req); err != nil || resp.StatusCode != http.StatusPreconditionFailed {
		t.Error(resp, err)
	}
}

// TestRequiredBesideAnInvalidDate: an invalid date is a precondition, so a 428 beside it
// isn't the policy's.
func TestRequiredBesideAnInvalidDate(t *testing.T) {
	if got, s := scripted(t, Resend, []string{"If-Unmodified-Since: yesterday"}, nil, says{status: 428}, ok(`Etag: "v2"`), ok()); len(s.got) != 1 {
		t.Error(got.summary())
	}
}

// TestMovedOnPasses: a refusal of If-None-Match with tags is the caller's. No policy
// is asked, and nothing is sent, whatever the tags are.
func TestMovedOnPasses(t *testing.T) {
	for _, tags := range []string{`"v1"`, `W/"v1"`, `"v1", "v2"`} {
		inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
			o.Inject(ifmatchtest.Refuse(1))
			asked := false
			got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
				asked = true
				return c.Resend(), nil
			}), "PUT", []string{"If-None-Match: " + tags})
			if asked || got.summary() != "PUT 412 | 412 | not applied, unattributed" || got.outcome.Err == nil {
				t.Errorf("%s: asked %t, %s: %v", tags, asked, got.summary(), got.outcome.Err)
			}
		})
	}
}

// TestGuardOnTheWire: a date needs a fresh date beside the fresh tag, and one tag takes the
// place of all spellings of the field.
func TestGuardOnTheWire(t *testing.T) {
	got, s := scripted(t, Resend, []string{stale, "If-Unmodified-Since: " + old9}, nil, refuse(), ok(`Etag: "v2"`), ok(`Etag: "v2"`))
	if len(s.got) != 3 || got.outcome.Cause != CauseNoValidator {
		t.Errorf("no Last-Modified for the date: %s", got.summary())
	}
	_, s = scripted(t, Resend, []string{`if-match: "v0"`, `IF-MATCH: "v1"`}, nil, refuse(), ok(`Etag: "v2"`), ok())
	if last := s.got[len(s.got)-1]; len(s.got) != 3 || len(field.Lines(last.Header, "If-Match")) != 1 || last.Header.Get("If-Match") != `"v2"` {
		t.Errorf("%d requests, the last with %v", len(s.got), last.Header)
	}
}
