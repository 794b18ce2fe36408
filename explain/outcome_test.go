package explain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestAgreesWithTransport: what a Transport tells of a call, and what is found in the same
// call's exchanges by themselves, have one code; with the Outcome, that code leads.
func TestAgreesWithTransport(t *testing.T) {
	type faults = []ifmatchtest.Fault
	const stale = `If-Match: "v1"`
	replying := func(method string, status int, fields ...string) ifmatchtest.Fault {
		return ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
			for _, f := range fields {
				name, value, _ := strings.Cut(f, ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
		}).On(method)
	}
	refused := faults{ifmatchtest.Refuse(0)}
	rebuilding := ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) { return current.Body, nil })
	expired := ifmatch.WithDialect(dialect.Dialect{Name: "x", Judge: func(a *dialect.Answer) dialect.Verdict { return a.Expired() }})
	rows := map[ifmatch.Cause]struct {
		policy ifmatch.Policy
		fields []string
		faults faults
		opts   []ifmatch.Option
		alone  string // the first code in the exchanges alone, where that is another one
	}{
		ifmatch.CauseUnexamined:               {policy: ifmatch.Stop, fields: []string{stale}},
		ifmatch.CauseChanged:                  {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{ifmatchtest.CompetingWriter(0, nil)}, opts: []ifmatch.Option{ifmatch.WithMaxAttempts(2)}},
		ifmatch.CauseExists:                   {policy: ifmatch.Resend, fields: []string{"If-None-Match: *"}},
		ifmatch.CauseGone:                     {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{ifmatchtest.NoHead(410)}},
		ifmatch.CauseWeakValidator:            {policy: ifmatch.Stop, fields: []string{`If-Match: W/"v1"`}},
		ifmatch.CauseCodedValidator:           {policy: ifmatch.Resend, fields: []string{`If-Match: "x-gzip"`}, faults: faults{replying("HEAD", 200, `ETag: "x-gzip"`), replying("GET", 200, `ETag: "x-gzip"`)}},
		ifmatch.CauseStaleCache:               {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{replying("HEAD", 200, `ETag: "v1"`, "Age: 9"), replying("GET", 200, `ETag: "v1"`, "Age: 9")}},
		ifmatch.CauseSelfContradiction:        {policy: ifmatch.Resend, fields: []string{`If-Match: "v2"`}, faults: refused},
		ifmatch.CausePreconditionRequired:     {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{replying("PUT", 428)}},
		ifmatch.CauseConflictingPreconditions: {policy: ifmatch.Resend, fields: []string{stale, "If-None-Match: *"}, faults: refused},
		ifmatch.CauseLocked:                   {policy: ifmatch.Resend, fields: []string{"If: (<urn:uuid:1>)"}, faults: refused},
		ifmatch.CauseTokenExpired:             {policy: ifmatch.Stop, fields: []string{stale}, opts: []ifmatch.Option{expired}, alone: "IFM001"}, // the dialect isn't known
		ifmatch.CauseSignedAbove:              {policy: ifmatch.Resend, fields: []string{stale, "Authorization: AWS4-HMAC-SHA256 x"}, alone: "IFM001"},
		ifmatch.CauseRefreshDenied:            {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{replying("HEAD", 401)}},
		ifmatch.CauseRefreshFailed:            {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{replying("HEAD", 302)}},
		ifmatch.CauseNoValidator:              {policy: ifmatch.Resend, fields: []string{stale}, faults: faults{ifmatchtest.NoETag()}},
		ifmatch.CauseNotReplayable:            {policy: ifmatch.Resend, fields: []string{stale, "Idempotency-Key: k"}, alone: "IFM001"},
		ifmatch.CauseUnattributed:             {policy: ifmatch.Resend, faults: refused},
		ifmatch.CauseFalseConflict:            {policy: ifmatch.Resend, fields: []string{`If-Match: "v2"`}, faults: faults{ifmatchtest.Refuse(1)}},
		ifmatch.CauseOwnEarlierWrite:          {policy: ifmatch.Resend, fields: []string{`If-Match: "v2"`}, faults: faults{ifmatchtest.LostAnswer(1).On("PUT")}},
		ifmatch.CauseStaleDate:                {policy: ifmatch.Resend, fields: []string{"If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"}, faults: refused},
		ifmatch.CauseUnstableValidator:        {policy: rebuilding, fields: []string{stale}, faults: faults{ifmatchtest.NodeTags(2)}, opts: []ifmatch.Option{ifmatch.WithMaxAttempts(16)}},
	}
	for c := ifmatch.CauseNone + 1; c.Code() != ""; c++ {
		if _, ok := rows[c]; !ok {
			t.Errorf("no call ends with %v", c)
		}
	}
	for cause, test := range rows {
		synctest.Test(t, func(t *testing.T) {
			outcome, recorder := send(t, test.policy, test.fields, test.faults, test.opts)
			if outcome.Cause != cause {
				t.Fatalf("%v: the call had the cause %v", cause, outcome.Cause)
			}
			if test.alone == "" {
				test.alone = cause.Code()
			}
			if got := Explain(recorder.Exchanges()).first(); !strings.HasSuffix(got, test.alone) {
				t.Errorf("%v: the exchanges alone: %s, want %s\n%s", cause, got, test.alone, Explain(recorder.Exchanges()))
			}
			for _, report := range []Report{Outcome(outcome), Outcome(outcome, recorder.Exchanges()...)} {
				if got := report.first(); !strings.HasSuffix(got, cause.Code()) || len(report.Exchanges) != len(outcome.Exchanges) {
					t.Errorf("%v: with its outcome: %s\n%s", cause, got, report)
				}
			}
		})
	}
}

// send writes /doc, on which "v1" is stale and "v2" current, through a Transport above a
// Recorder.
func send(t *testing.T, policy ifmatch.Policy, fields []string, faults []ifmatchtest.Fault, opts []ifmatch.Option) (ifmatch.Outcome, *Recorder) {
	t.Helper()
	origin := ifmatchtest.NewMemoryServer()
	defer origin.Close()
	origin.Put("/doc", "text/plain", []byte("one"))
	origin.Put("/doc", "text/plain", []byte("two"))
	origin.Inject(faults...)
	recorder := NewRecorder(origin.Client().Transport, 0)
	client := &http.Client{Transport: ifmatch.NewTransport(recorder, policy, opts...)}
	var outcome ifmatch.Outcome
	req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &outcome), http.MethodPut, origin.URL+"/doc", strings.NewReader("mine"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	if resp, err := client.Do(req); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return outcome, recorder
}

// TestOutcomeReasons: the reasons of Remember, Update and the limits.
func TestOutcomeReasons(t *testing.T) {
	for want, err := range map[string]error{
		"IFM111": ifmatch.ErrNotRemembered, "IFM112": ifmatch.ErrOutcomeUnknown, "IFM113": ifmatch.ErrEditLimit, "IFM021": ifmatch.ErrNotReplayable,
		"IFM002": ifmatch.ErrAttempts, "IFM020": ifmatch.ErrNoValidator,
	} {
		report := Outcome(ifmatch.Outcome{Err: fmt.Errorf("x: %w", err)})
		if got := report.first(); got != "certain "+want || report.Findings[0].Evidence[0].Line != "x: "+err.Error() {
			t.Errorf("%v: %s", err, report)
		}
	}
	for _, err := range []error{&ifmatch.MergeError{Pointers: []string{"/a"}}, ifmatch.ErrTooLarge, ifmatch.ErrElapsed} {
		if got := Outcome(ifmatch.Outcome{Err: err}).first(); got != "certain IFM113" {
			t.Errorf("%v: %s", err, got)
		}
	}
	for _, o := range []ifmatch.Outcome{{}, {Err: errors.New("x")}, {Effect: ifmatch.EffectApplied, Exchanges: []ifmatch.Exchange{{Method: "PUT", StatusCode: 204}}}} {
		if got := Outcome(o); got.first() != "nothing" || !strings.Contains(got.Verdict, "nothing to see here") {
			t.Errorf("%v: %s", o, got)
		}
	}
}

// TestRecorder keeps the contract of a RoundTripper, and so many exchanges.
func TestRecorder(t *testing.T) {
	ifmatchtest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return NewRecorder(base, 3) })
}

// TestRecorderKeeps: the last exchanges, with fields, times and the beginnings of bodies.
func TestRecorderKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("x", 2*mostRecorded)
		answer := func(status int, body string) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				if status == 0 {
					return nil, errors.New("cut")
				}
				return &http.Response{StatusCode: status, Header: http.Header{"Etag": {`"v1"`}}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
			})
		}
		recorder := NewRecorder(nil, 3)
		for _, step := range []struct {
			status int
			body   string
			sent   string
		}{{200, "old", ""}, {200, "short", "short"}, {412, long, long}, {0, "", ""}} {
			recorder.base = answer(step.status, step.body)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://h.test/doc", bytes.NewReader([]byte(step.sent)))
			resp, err := recorder.RoundTrip(req)
			if err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}
		all := recorder.Exchanges()
		if len(all) != 3 || string(all[0].ResponseBody) != "short" || string(all[0].RequestBody) != "short" || !all[0].Whole || all[0].Answered.Sub(all[0].Sent) != time.Second {
			t.Fatalf("%+v", all)
		}
		if e := all[1]; e.Whole || len(e.RequestBody) != mostRecorded || len(e.ResponseBody) != mostRecorded || e.ResponseHeader.Get("Etag") == "" {
			t.Errorf("%d, %d, %v", len(e.RequestBody), len(e.ResponseBody), e.Whole)
		}
		if e := all[2]; e.Err != "cut" || e.StatusCode != 0 {
			t.Errorf("%+v", e)
		}
		recorder.base = answer(200, "read in part")
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://h.test/doc", nil)
		if resp, err := recorder.RoundTrip(req); err == nil {
			io.ReadFull(resp.Body, make([]byte, 4))
			resp.Body.Close()
		}
		if e := recorder.Exchanges()[2]; e.Whole || string(e.ResponseBody) != "read" {
			t.Errorf("read in part: %q, whole: %v", e.ResponseBody, e.Whole)
		}
		if recorder.Reset(); len(recorder.Exchanges()) != 0 {
			t.Error("Reset keeps exchanges")
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
