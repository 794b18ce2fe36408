package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestMisbehavingPolicies: each has a defined end and sends nothing wrong.
func TestMisbehavingPolicies(t *testing.T) {
	why := errors.New("no idea how to merge")
	var old *Conflict
	tests := []struct {
		name   string
		policy PolicyFunc
		want   string
		err    error // in the chain of RoundTrip's error
		text   string
	}{
		{name: "nil", policy: nil, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "decides nothing", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return Decision{}, nil }, want: "PUT 412 | 412 | not applied, unexamined"},
		{name: "asks and stops", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			v, err := c.Validators(ctx)
			if again, _ := c.Validators(ctx); again != v || v.ETag != `"v2"` || err != nil {
				t.Errorf("validators %v, then %v, %v", v, again, err)
			}
			return Decision{}, nil
		}, want: "PUT 412, HEAD 200 | 412 | not applied, changed"},
		{name: "reads and resends", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			current, err := c.Current(ctx)
			if err != nil || string(current.Body) != "theirs" || current.ETag != `"v2"` {
				t.Errorf("%v, %v", current, err)
			}
			current.Body, current.ETag = nil, `"forged"`
			return c.Resend(), nil
		}, want: "PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
		{name: "asks, then reads", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			c.Current(ctx)
			return c.Replace([]byte("merged")), nil
		}, want: "PUT 412, HEAD 200, GET 200, PUT 204 | 204 | applied, changed"},
		{name: "fails", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return c.Resend(), why }, want: "PUT 412 | error | not applied, unexamined", err: why},
		{name: "replaces unread", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return c.Replace([]byte("x")), nil }, want: "PUT 412 | error | not applied, unexamined", text: "without having read Current"},
		{name: "replaces after validators only", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			return c.Replace([]byte("x")), nil
		}, want: "PUT 412, HEAD 200 | error | not applied, changed", text: "without having read Current"},
		{name: "decision of another conflict", policy: func(ctx context.Context, c *Conflict) (Decision, error) { return old.Resend(), nil }, want: "PUT 412 | error | not applied, unexamined", text: "another Conflict"},
		{name: "changes the request", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Request.URL.Host, c.Request.Host, c.Request.Method = "elsewhere.test", "elsewhere.test", "DELETE"
			c.Request.Header.Set("If-Match", "*")
			c.Response.Header.Set("ETag", `"x"`)
			io.Copy(io.Discard, c.Response.Body)
			c.Response.Body.Close()
			return c.Resend(), nil
		}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},
		{name: "changes the header", policy: func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Header().Set("X-Why", "conflict")
			c.Header().Set("If-Match", "*")
			c.Header().Set("If-None-Match", "*")
			c.Header().Set("Host", "elsewhere.test")
			return c.Resend(), nil
		}, want: "PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				old = &Conflict{}
				got := send(t, origin, test.policy, http.MethodPut, []string{stale})
				if got.summary() != test.want {
					t.Errorf("got  %s\nwant %s\n%v", got.summary(), test.want, got.err)
				}
				if test.err != nil && !errors.Is(got.err, test.err) || !strings.Contains(errorText(got.err), test.text) {
					t.Errorf("error %v", got.err)
				}
				if got.err == nil && got.resp.StatusCode == 412 && got.body == "" {
					t.Error("the refusal's body was lost")
				}
				for _, r := range origin.Log() {
					if r.Method == "PUT" && (r.Header.Get("If-Match") == "*" || r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") == "") {
						t.Errorf("sent %v", r.Header)
					}
				}
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestRebuildWithoutAFunction: Rebuild(nil) is an error of the call, no panic.
func TestRebuildWithoutAFunction(t *testing.T) {
	if got, _ := scripted(t, Rebuild(nil), []string{stale}, nil, refuse()); !errors.Is(got.err, ErrConflict) {
		t.Error("nil build", got.err)
	}
}

// TestPanickingPolicy: the panic goes on and nothing stays open.
func TestPanickingPolicy(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		func() {
			defer func() {
				if recover() != "broken" {
					t.Error("the panic was lost")
				}
			}()
			send(t, origin, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
				c.Current(ctx)
				panic("broken")
			}), http.MethodPut, []string{stale})
		}()
		if got := send(t, origin, Resend, http.MethodPut, []string{stale}); got.outcome.Effect != EffectApplied {
			t.Error(got.summary())
		}
		if n := origin.Connections(); n != 1 {
			t.Errorf("%d connections: one was left open", n)
		}
	})
}

// TestResendThroughAFunction: Resend is Resend, whoever calls its Resolve.
func TestResendThroughAFunction(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { return Resend.Resolve(ctx, c) }), "PUT", []string{longAgo})
		if got.outcome.Waited != 0 {
			t.Error(got.summary(), got.outcome.Waited)
		}
	})
}

// TestValidatorsThenCurrent: what Current read counts, not that Validators saw the refused tag.
func TestValidatorsThenCurrent(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.StaleReads(2))
		send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			c.Current(ctx)
			return c.Replace([]byte("merged")), nil
		}), "PUT", []string{stale})
		if stateOf(o) != "merged" {
			t.Error("state", stateOf(o))
		}
	})
}

// TestConflictUsedLate: a Conflict that is kept sends nothing.
func TestConflictUsedLate(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		var kept *Conflict
		send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) { kept = c; return Decision{}, nil }), "PUT", []string{stale})
		_, err := kept.Validators(context.Background())
		if n := len(o.Log()); n != 1 {
			t.Error(n, "requests, one of them after the call", err)
		}
	})
}

// TestRequestBehindTheRefusal: a policy can't reach the caller's request through the refusal.
func TestRequestBehindTheRefusal(t *testing.T) {
	var hosts []string
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		hosts = append(hosts, r.Method+" "+r.URL.Host+" "+r.Header.Get("Authorization"))
		return refusing{}.RoundTrip(r)
	})
	req, _ := http.NewRequest("PUT", "http://example.test/doc", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	req.Header.Set("Authorization", "Bearer secret")
	rt := NewTransport(base, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
		c.Response.Request.URL.Host = "elsewhere.test"
		c.Response.Request.Header.Set("X-Changed", "1")
		return c.Resend(), nil
	}), WithMaxAttempts(2))
	rt.RoundTrip(req)
	if req.URL.Host != "example.test" || req.Header.Get("X-Changed") != "" {
		t.Error("caller's request modified", req.URL, req.Header)
	}
}

// TestPolicysOwnContext: the end of a policy's own context isn't that of the call: the refusal is returned.
func TestPolicysOwnContext(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Slow(0, 5*time.Second).On("HEAD"))
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if _, err := c.Validators(ctx); err != nil {
				return Decision{}, err
			}
			return c.Resend(), nil
		}), "PUT", []string{stale})
		if got.err != nil {
			t.Error(got.summary(), got.err)
		}
	})
}

// TestPolicyWithAnotherContext: the call's limits hold whatever context a policy passes.
func TestPolicyWithAnotherContext(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		o.Inject(ifmatchtest.Slow(0, 20*time.Second).On("HEAD"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		got := sendVia(t, NewTransport(o.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			_, err := c.Validators(context.Background())
			return c.Resend(), err
		})), newWrite(t, ctx, o, "PUT", []string{stale}))
		if d := time.Since(start); d > time.Second {
			t.Error(d, got.summary(), got.err)
		}
	})
}

type uncomparable []string

func (uncomparable) Error() string { return "x" }

// TestUncomparableCause: errors.Is must not panic on a cause that can't be compared.
func TestUncomparableCause(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("PANIC %v", r)
			}
		}()
		ctx, cancel := context.WithCancelCause(context.Background())
		sendVia(t, NewTransport(o.Client().Transport, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			cancel(uncomparable{"a"})
			_, err := c.Validators(ctx)
			return c.Resend(), err
		})), newWrite(t, ctx, o, "PUT", []string{stale}))
	})
}

// TestUncomparableCauseRebuild: errors.Is must not panic on it where Rebuild's read is cut, either.
func TestUncomparableCauseRebuild(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("PANIC %v", r)
			}
		}()
		o.Inject(ifmatchtest.Slow(0, 5*time.Second).On("GET"))
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(uncomparable{"a"}) })
		sendVia(t, NewTransport(o.Client().Transport, rebuilding), newWrite(t, ctx, o, "PUT", []string{stale}))
	})
}

// TestPolicySetsKey: a new Idempotency-Key makes the write sendable again.
func TestPolicySetsKey(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		policy := PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			if !c.Ambiguous {
				t.Error("net/http repeats a request with an Idempotency-Key: ambiguous")
			}
			c.Header().Set("Idempotency-Key", "second")
			return c.Resend(), nil
		})
		got := send(t, origin, policy, http.MethodPut, []string{stale, "Idempotency-Key: first"})
		if got.outcome.Effect != EffectApplied || origin.Log()[2].Header.Get("Idempotency-Key") != "second" {
			t.Error(got.summary())
		}
	})
}

// TestDeletedKey: a policy must set a new Idempotency-Key, not none.
func TestDeletedKey(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Header().Del("Idempotency-Key")
			return c.Resend(), nil
		}), "PUT", []string{stale, "Idempotency-Key: k"})
		if got.outcome.Effect == EffectApplied {
			t.Error(got.summary())
		}
	})
}

// TestReplaceForgetsOldBody: what described the old body goes (rule 18).
func TestReplaceForgetsOldBody(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		old := []string{"Content-Encoding: identity", "Content-Md5: x", "Digest: x", "Content-Digest: x", "Repr-Digest: x", "X-Amz-Checksum-Crc32: x", "X-Amz-Content-Sha256: x", "X-Goog-Hash: x",
			"X-Amz-Decoded-Content-Length: 1", "X-Amz-Sdk-Checksum-Algorithm: x", "X-Amz-Trailer: x", "X-Ms-Blob-Content-Md5: x", "X-Ms-Content-Crc64: x"}
		send(t, origin, rebuilding, http.MethodPut, append(old, stale))
		log := origin.Log()
		last := log[len(log)-1]
		for _, field := range old {
			if name, _, _ := strings.Cut(field, ": "); last.Header.Values(name) != nil {
				t.Errorf("the rebuilt write still carries %s", name)
			}
		}
		if last.Header.Get("Content-Type") != "text/plain" || string(last.Body) != "theirs+mine" {
			t.Errorf("%v %q", last.Header, last.Body)
		}
	})
}

// TestReplaceForgetsTheTrailer: the trailer and the transfer coding were the old body's.
func TestReplaceForgetsTheTrailer(t *testing.T) {
	req, _ := http.NewRequest("PUT", "http://example.test/", strings.NewReader("x"))
	req.Header.Set("If-Match", `"v1"`)
	req.Trailer, req.TransferEncoding = http.Header{"X-Sum": {"1"}}, []string{"chunked"}
	s := &scriptedBase{answers: []says{refuse(), ok(`Etag: "v2"`), ok()}}
	sendVia(t, NewTransport(s, rebuilding), req)
	if last := s.got[2]; last.Trailer != nil || last.TransferEncoding != nil {
		t.Error("the old body's trailer or coding went with the new one")
	}
}

// TestReplaceKeepsNewEncoding: only what described the old body goes.
func TestReplaceKeepsNewEncoding(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		got := send(t, o, PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Current(ctx)
			c.Header().Set("Content-Encoding", "gzip")
			return c.Replace([]byte("gzipped")), nil
		}), "PUT", []string{stale})
		log := o.Log()
		if log[len(log)-1].Header.Get("Content-Encoding") != "gzip" {
			t.Error("Content-Encoding of the new body is gone", got.summary())
		}
	})
}
