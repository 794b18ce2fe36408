package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestObserversTellTheSame: trace, logger and outcome tell the same, and no secret.
func TestObserversTellTheSame(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var seen []string
		var done Outcome
		trace := &Trace{
			Refused:    func(i RefusedInfo) { seen = append(seen, "refused "+i.Sent.ETag) },
			Refreshing: func(i RefreshInfo) { seen = append(seen, "refreshing "+i.Method) },
			Waiting:    func(i WaitInfo) { seen = append(seen, "waiting "+i.Reason) },
			Done:       func(d DoneInfo) { done = d.Outcome },
		}
		var log bytes.Buffer
		rt := NewTransport(origin.Client().Transport, Resend, WithTrace(trace),
			WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		origin.Inject(ifmatchtest.WeakFor(time.Second))
		req := newWrite(t, WithOptions(context.Background(), WithTrace(trace), WithTrace(&Trace{})), origin, http.MethodPut, []string{stale, "Authorization: Bearer hush"})
		req.URL.RawQuery = "sig=hush&plain"
		req.URL.User = url.UserPassword("me", "hush")
		got := sendVia(t, rt, req)
		want := []string{"refused \"v1\"", "refused \"v1\"", "refreshing HEAD", "refreshing HEAD", "waiting validator of the last second", "waiting validator of the last second", "refreshing HEAD", "refreshing HEAD"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
		if len(done.Exchanges) != 4 || got.outcome.Effect != done.Effect || got.outcome.Waited != time.Second {
			t.Errorf("done %+v\noutcome %+v", done, got.outcome)
		}
		if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectApplied || len(o.Exchanges) != 4 {
			t.Errorf("OutcomeOf %+v, %v", o, ok)
		}
		for _, e := range got.outcome.Exchanges {
			if strings.Contains(e.URL, "hush") || strings.Contains(e.URL, "plain") {
				t.Errorf("exchange names %s", e.URL)
			}
		}
		if text := log.String(); strings.Contains(text, "hush") || !strings.Contains(text, "conflict resolved") {
			t.Errorf("log:\n%s", text)
		}
	})
}

// TestTraceOfACall: which functions are called, in which order, and that each gets the
// context of the caller's request.
func TestTraceOfACall(t *testing.T) {
	type key struct{}
	for name, test := range map[string]struct {
		method string
		policy Policy
		fields []string
		fault  ifmatchtest.Fault
		want   string
	}{
		"a write that meets nothing": {"PUT", Resend, []string{fresh}, ifmatchtest.Fault{}, `attempting 1 "v2", attempted 1 PUT 204, done applied, none`},
		"a write without a guard":    {"POST", Resend, nil, replying("POST", 1, 201), `attempting 1 , attempted 1 POST 201, done applied, none`},
		"a read":                     {"GET", Resend, nil, ifmatchtest.Fault{}, ""},
		"Stop":                       {"PUT", Stop, []string{stale}, ifmatchtest.Fault{}, `attempting 1 "v1", attempted 1 PUT 412, refused 1 "v1", done not applied, unexamined`},
		"Resend": {"PUT", Resend, []string{stale}, ifmatchtest.Fault{},
			`attempting 1 "v1", attempted 1 PUT 412, refused 1 "v1", refreshing HEAD, attempting 2 "v2", attempted 2 PUT 204, done applied, changed`},
		"a failure": {"PUT", Stop, []string{fresh}, ifmatchtest.FailBefore(1, 503),
			`attempting 1 "v2", attempted 1 PUT 503, lost 1 503 <nil>, waiting, attempting 2 "v2", attempted 2 PUT 204, done applied, none`},
		"a lost answer": {"PUT", Stop, []string{fresh}, ifmatchtest.LostAnswer(1),
			`attempting 1 "v2", attempted 1 PUT failed, lost 1 0 EOF, waiting, attempting 2 "v2", attempted 2 PUT 412, refused 2 "v2", done unknown, unattributed`},
		"a lost request of what isn't repeated": {"POST", Stop, nil, ifmatchtest.LostRequest(1).On("POST"), `attempting 1 , attempted 1 POST failed, lost 1 0 EOF, done unknown, none`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(test.fault)
				var seen []string
				ctx := context.WithValue(context.Background(), key{}, true)
				note := func(ctx context.Context, format string, args ...any) {
					if ctx.Value(key{}) == nil {
						t.Errorf(format+": not the caller's context", args...)
					}
					seen = append(seen, fmt.Sprintf(format, args...))
				}
				trace := &Trace{
					Attempting: func(i AttemptingInfo) { note(i.Context, "attempting %d %s", i.Attempt, i.Sent.ETag) },
					Attempted:  func(i AttemptedInfo) { note(i.Context, "attempted %d %s", i.Attempt, i.Exchange) },
					AnswerLost: func(i AnswerLostInfo) { note(i.Context, "lost %d %d %v", i.Attempt, i.StatusCode, i.Err) },
					Refused:    func(i RefusedInfo) { note(i.Context, "refused %d %s", i.Attempt, i.Sent.ETag) },
					Refreshing: func(i RefreshInfo) { note(i.Context, "refreshing %s", i.Method) },
					Waiting:    func(i WaitInfo) { note(i.Context, "waiting") },
					Done:       func(i DoneInfo) { note(i.Context, "done %v, %v", i.Outcome.Effect, i.Outcome.Cause) },
				}
				req := newWrite(t, ctx, origin, test.method, test.fields)
				if test.method == "GET" {
					req = newRead(t, ctx, origin)
				}
				resp, err := NewTransport(origin.Client().Transport, test.policy, WithTrace(trace)).RoundTrip(req)
				if err == nil {
					resp.Body.Close()
				}
				if got := strings.Join(seen, ", "); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

// TestPanickingTrace: a trace that panics leaves no connection and no body open.
func TestPanickingTrace(t *testing.T) {
	for name, trace := range map[string]*Trace{
		"Attempting":         {Attempting: func(AttemptingInfo) { panic(1) }},
		"Attempting, second": {Attempting: func(i AttemptingInfo) { panicIf(i.Attempt == 2) }},
		"Attempted":          {Attempted: func(AttemptedInfo) { panic(1) }},
		"AnswerLost":         {AnswerLost: func(AnswerLostInfo) { panic(1) }},
		"Refused":            {Refused: func(RefusedInfo) { panic(1) }},
		"Refreshing":         {Refreshing: func(RefreshInfo) { panic(1) }},
		"Waiting":            {Waiting: func(WaitInfo) { panic(1) }},
		"Done":               {Done: func(DoneInfo) { panic(1) }},
	} {
		inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
			if name == "AnswerLost" || name == "Waiting" {
				o.Inject(ifmatchtest.FailAfter(1, 503))
			}
			panicked := false
			body := &closeCount{Reader: strings.NewReader("mine")}
			func() {
				defer func() { panicked = recover() != nil }()
				req := newWrite(t, t.Context(), o, "PUT", []string{stale})
				req.Body = body
				NewTransport(o.Client().Transport, Resend, WithTrace(trace)).RoundTrip(req)
			}()
			synctest.Wait()
			if !panicked || body.closed != 1 {
				t.Errorf("%s: panicked %v, the body was closed %d times", name, panicked, body.closed)
			}
			send(t, o, Resend, "PUT", []string{stale})
			if o.Connections() != 1 {
				t.Errorf("%s: %d connections", name, o.Connections())
			}
		})
	}
}

func panicIf(condition bool) {
	if condition {
		panic(1)
	}
}

// TestLostAnswerIsLogged: as it happens, and a create-only that exists is no warning.
func TestLostAnswerIsLogged(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var log bytes.Buffer
		logger := WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		origin.Inject(ifmatchtest.LostAnswer(1))
		send(t, origin, Resend, http.MethodPut, []string{fresh}, logger)
		if text := log.String(); !strings.Contains(text, "level=WARN msg=\"ifmatch: answer lost: the write may have been applied\"") {
			t.Error(text)
		}
		log.Reset()
		send(t, origin, Resend, http.MethodPut, []string{"If-None-Match: *"}, logger)
		if text := log.String(); strings.Contains(text, "WARN") || !strings.Contains(text, "cause=exists") {
			t.Error(text)
		}
	})
}

// TestLogOfFailures: a failure isn't called a conflict, and the reason is logged,
// as much of it as is good for a log.
func TestLogOfFailures(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var log bytes.Buffer
		logger := WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
		origin.Inject(replying(http.MethodPut, 1, http.StatusServiceUnavailable))
		got := send(t, origin, Resend, http.MethodPut, []string{`If-Match: "v2"`}, logger)
		if text := log.String(); got.exchanges() != "PUT 503, PUT 204" || !strings.Contains(text, "failure resolved") || strings.Contains(text, "conflict") {
			t.Errorf("%s\n%s", got.exchanges(), text)
		}
		log.Reset()
		long := errors.New(strings.Repeat("long ", 1000))
		fails := PolicyFunc(func(context.Context, *Conflict) (Decision, error) { return Decision{}, long })
		send(t, origin, fails, http.MethodPut, []string{stale}, logger)
		if text := log.String(); !strings.Contains(text, "conflict not resolved") || !strings.Contains(text, "err=\"long long") || len(text) > 1200 ||
			!strings.Contains(text, `sent="If-Match: \"v1\"" policy=PolicyFunc server="precondition failed" cure="read`) || !strings.Contains(text, "code=IFM001") {
			t.Errorf("%d bytes: %.300s", len(text), text)
		}
	})
}

// TestLogOfAForeignError: the error of somebody else, which has the URL, is logged without the query.
func TestLogOfAForeignError(t *testing.T) {
	var log bytes.Buffer
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Put", URL: req.URL.String(), Err: errors.New("connection reset")}
	})
	tr := NewTransport(base, Stop, WithMaxAttempts(2), WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	req, _ := http.NewRequest("PUT", "http://a.test/x?sig=SECRET", strings.NewReader("x"))
	req.Header.Set("If-Match", `"a"`)
	tr.RoundTrip(req)
	if strings.Contains(log.String(), "SECRET") {
		t.Error(log.String())
	}
}

// TestLogIsCutBetweenRunes: a long text stays valid.
func TestLogIsCutBetweenRunes(t *testing.T) {
	if got := bounded("x" + strings.Repeat("é", 1000)); !utf8.ValidString(got) {
		t.Errorf("%q", got[500:])
	}
}
