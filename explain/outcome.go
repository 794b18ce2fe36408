package explain

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// Outcome explains what a Transport, an Update or a Resource of this process told of one
// call. recorded are the exchanges that a Recorder below has kept; those of other calls among
// them don't matter. Without them the findings rest on what the Outcome has.
func Outcome(o ifmatch.Outcome, recorded ...Exchange) Report {
	exchanges := make([]Exchange, len(o.Exchanges))
	for i, e := range o.Exchanges {
		exchanges[i] = live(e)
	}
	match(exchanges, recorded)
	tell(&o, exchanges)
	report := Explain(exchanges)
	if why := reasonOf(o.Err); why != nil {
		report.because(why, o.Err)
	}
	return report
}

// live is an exchange of an Outcome.
func live(e ifmatch.Exchange) Exchange {
	made := Exchange{Source: SourceLive, Method: e.Method, URL: e.URL, StatusCode: e.StatusCode}
	if e.Err != nil {
		made.Err = e.Err.Error()
	}
	made.RequestHeader = validatorFields(e.Sent, "If-Match", "If-Unmodified-Since")
	made.ResponseHeader = validatorFields(e.Received, "Etag", "Last-Modified")
	return made
}

// validatorFields is a header with validators; nil where there are none, since nothing says
// that there was nothing else.
func validatorFields(v ifmatch.Validators, tag, date string) http.Header {
	var h http.Header
	for name, value := range map[string]string{tag: v.ETag, date: v.LastModified} {
		if value != "" {
			if h == nil {
				h = http.Header{}
			}
			h[name] = []string{value}
		}
	}
	return h
}

// match puts what was recorded in place of what an Outcome has of the same exchanges: the
// last ones with these methods, URLs and statuses, in this order.
func match(exchanges, recorded []Exchange) {
	next := len(recorded) - 1
	for i := range slices.Backward(exchanges) {
		e := &exchanges[i]
		for at := next; at >= 0; at-- {
			r := recorded[at]
			if r.Method == e.Method && r.StatusCode == e.StatusCode && redact.Text(r.URL) == e.URL {
				exchanges[i], next = r, at-1
				break
			}
		}
	}
}

// tell notes at the last refusal what the Transport tells of the call.
func tell(o *ifmatch.Outcome, exchanges []Exchange) {
	if o.Cause == ifmatch.CauseNone {
		return
	}
	text := "ifmatch: " + o.Effect.String() + ", " + o.Cause.String() + " [" + o.Cause.Code() + "]"
	if o.Err != nil {
		text += ": " + o.Err.Error()
	}
	for i := range slices.Backward(exchanges) {
		if e := &exchanges[i]; e.StatusCode >= 400 && e.Method != http.MethodGet && e.Method != http.MethodHead || i == 0 {
			e.Told = text
			return
		}
	}
}

// reason is a reason of ifmatch's own why a call ended.
type reason struct {
	err       error
	code      string
	what, why string
	fixes     []Fix
}

// reasons are those that an Outcome's error may match, the most special one first.
var reasons = [...]reason{
	{ifmatch.ErrNotRemembered, codeNotInMemory, "A flow of Remember had nothing that guards the write, so it wasn't sent.", "", nil},
	{ifmatch.ErrEditLimit, codeStopped, "The edit of an Update took longer than WithEditLimit gives it.", "A batch of edits waits for each of them.",
		[]Fix{asIs("let the edit do nothing but change the value: read and compute before"), decision("raise WithEditLimit")}},
	{ifmatch.ErrTooLarge, codeStopped, "A document is larger than WithMaxRepresentation.", "The state has to be in memory as a whole.",
		[]Fix{asIs("raise WithMaxRepresentation")}},
	{ifmatch.ErrNotReplayable, code(cause.NotReplayable), "The write would have gone on, and can't be sent again.", "", nil},
	{ifmatch.ErrOutcomeUnknown, codeUnknown, "The answer to a write was lost, and nothing shows whether it was performed.", "", nil},
	{ifmatch.ErrNoValidator, code(cause.NoValidator), "The read after the refusal shows no validator that the write can name.", "", nil},
	{ifmatch.ErrAttempts, code(cause.Changed), "Somebody else wrote at each attempt, until the attempts were used up.", "",
		[]Fix{asIs("raise WithMaxAttempts"), asIs("let the writers of one process share one Resource")}},
	{ifmatch.ErrElapsed, codeStopped, "The time of the call was up before the write got through.", "A wait that can't end in time isn't begun.",
		[]Fix{asIs("give the call more time: WithMaxElapsed, or its context's deadline")}},
}

// reasonOf is the reason in an error; nil: none.
func reasonOf(err error) *reason {
	var merge *ifmatch.MergeError
	if errors.As(err, &merge) {
		return &reason{err, codeStopped, "The change of the caller and the one of somebody else overlap.", "A merge takes no side where both changed the same member.",
			[]Fix{decision("show both states to the one who decides, and write what that one chooses"), asIs("name the key of the array's elements with MergeKey, where they are objects")}}
	}
	for i := range reasons {
		if err != nil && errors.Is(err, reasons[i].err) {
			return &reasons[i]
		}
	}
	return nil
}

// because puts the reason of a call's end first, or beside the finding of the same code.
func (r *Report) because(why *reason, err error) {
	entry, _ := Lookup(why.code)
	line, _, _ := strings.Cut(err.Error(), "\n")
	evidence := Evidence{Exchange: -1, Part: PartOutcome, Line: line}
	if at := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == why.code }); at >= 0 {
		f := &r.Findings[at]
		f.Evidence, f.Fixes = append(f.Evidence, evidence), append(slices.Clone(why.fixes), f.Fixes...)
		return
	}
	f := Finding{Code: entry.Code, Name: entry.Name, Certainty: Certain, Exchange: -1, What: why.what, Evidence: []Evidence{evidence}, Why: entry.Why, RFC: entry.RFC, Fixes: entry.Fixes}
	if why.why != "" {
		f.Why = why.why
	}
	if why.fixes != nil {
		f.Fixes = why.fixes
	}
	// What ended the call is told after what refused it.
	r.Findings = append(r.Findings, f)
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return int(b.Certainty) - int(a.Certainty) })
	r.Verdict = verdictOf(&r.Findings[0])
}
