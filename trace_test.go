package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
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
			Done:       func(o Outcome) { done = o },
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

// TestPanickingTrace: a trace that panics leaves no connection open.
func TestPanickingTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, o *ifmatchtest.Server) {
		func() {
			defer func() { recover() }()
			send(t, o, Resend, "PUT", []string{stale}, WithTrace(&Trace{Refused: func(RefusedInfo) { panic(1) }}))
		}()
		send(t, o, Resend, "PUT", []string{stale})
		if o.Connections() != 1 {
			t.Error(o.Connections())
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
		if text := log.String(); !strings.Contains(text, "conflict not resolved") || !strings.Contains(text, "err=\"long long") || len(text) > 1000 {
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
