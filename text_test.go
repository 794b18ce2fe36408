package ifmatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/internal/cause"
)

// TestMarshalText: constants are their words, in JSON too; what isn't a constant is told.
func TestMarshalText(t *testing.T) {
	got, err := json.Marshal([]any{EffectApplied, EffectUnknown, Effect(9), CauseStaleCache, CauseNone, Cause(-1), MarkFound, MarkAbsent, MarkUnknown, Mark(7)})
	if err != nil {
		t.Fatal(err)
	}
	want := `["applied","unknown","Effect(9)","stale cache","none","Cause(-1)","found","absent","unknown","Mark(7)"]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEveryCauseIsExplained: each cause has a name, a code of its own, and says what was
// seen and what helps.
func TestEveryCauseIsExplained(t *testing.T) {
	codes := map[string]bool{}
	for c := CauseNone + 1; int(c) < cause.Count; c++ {
		a := c.about()
		if a.Name == "" || a.Seen == "" || a.Cure == "" || a.Code != fmt.Sprintf("IFM%03d", int(c)) || codes[a.Code] {
			t.Errorf("%d: %+v", int(c), a)
		}
		codes[a.Code] = true
	}
	if CauseNone.Code() != "" || Cause(99).Code() != "" {
		t.Error("a code without a cause")
	}
}

// refusedOutcome is an Outcome with everything in it.
var refusedOutcome = Outcome{
	Effect: EffectNotApplied, Cause: CauseChanged, Attempts: 2, Waited: 1500 * time.Microsecond, Overwrote: true,
	Exchanges: []Exchange{
		{Method: "PUT", URL: "http://example.test/doc", StatusCode: 412, Sent: Validators{ETag: `"v1"`}, Duration: time.Millisecond},
		{Method: "HEAD", URL: "http://example.test/doc", StatusCode: 200, Received: Validators{ETag: `"v2"`}, Wait: 1500 * time.Microsecond, Duration: time.Millisecond},
		{Method: "PUT", URL: "http://example.test/doc", Err: errors.New("cut\noff"), Sent: Validators{LastModified: at0}},
	},
	Err: errors.New("two\nlines"),
}

// TestOutcomeText: an Outcome is one line, and with %+v a table. Nothing that a server wrote
// can break a line.
func TestOutcomeText(t *testing.T) {
	for _, row := range []struct {
		verb    string
		outcome Outcome
		want    string
	}{
		{"%v", Outcome{}, "unknown"},
		{"%v", Outcome{Effect: EffectApplied, Exchanges: []Exchange{{Method: "PUT", StatusCode: 204}}}, "applied: PUT 204"},
		{"%v", Outcome{Effect: EffectApplied, Replaced: &Representation{}}, "applied (replaced)"},
		{"%v", refusedOutcome, "not applied, changed: PUT 412, HEAD 200, PUT failed (waited 1.5ms, overwrote): two lines"},
		{"%s", refusedOutcome, "not applied, changed: PUT 412, HEAD 200, PUT failed (waited 1.5ms, overwrote): two lines"},
		{"%+v", Outcome{Effect: EffectApplied}, "applied\n"},
		{"%+v", refusedOutcome, `not applied, changed: PUT 412, HEAD 200, PUT failed (waited 1.5ms, overwrote): two lines
  PUT 412     http://example.test/doc  sent "v1"                           received -     waited 0s     took 1ms
  HEAD 200    http://example.test/doc  sent -                              received "v2"  waited 1.5ms  took 1ms
  PUT failed  http://example.test/doc  sent Sat, 01 Jan 2000 00:00:00 GMT  received -     waited 0s     took 0s
              cut off
  changed: a read showed another state than the one that was named; read it again, and make the change on what is there now [IFM002]
`},
	} {
		if diff := cmp.Diff(row.want, fmt.Sprintf(row.verb, row.outcome)); diff != "" {
			t.Errorf("%s, - want, + got:\n%s", row.verb, diff)
		}
	}
	if got := fmt.Sprintf("%#v", Outcome{Attempts: 3}); !strings.Contains(got, "Attempts:3") {
		t.Errorf("%%#v: %s", got)
	}
	long := Outcome{Err: errors.New(strings.Repeat("x", 1<<20))}
	if n := len(fmt.Sprintf("%+v", long)); n > 1000 {
		t.Errorf("%d bytes", n)
	}
}

// TestOutcomeLogValue: an Outcome is a group of a log record.
func TestOutcomeLogValue(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	log.Info("saved", "outcome", refusedOutcome)
	log.Info("saved", "outcome", Outcome{Effect: EffectApplied, Replaced: &Representation{}})
	want := `level=INFO msg=saved outcome.effect="not applied" outcome.cause=changed outcome.attempts=2 outcome.requests="PUT 412, HEAD 200, PUT failed" outcome.waited=1.5ms outcome.overwrote=true outcome.err="two lines"
level=INFO msg=saved outcome.effect=applied outcome.cause=none outcome.attempts=0 outcome.requests="" outcome.waited=0s outcome.replaced=true
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}
