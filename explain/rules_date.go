package explain

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/guard"
)

// dates: a date that guards a write, by whose clock it is.
func (r *refusal) dates() {
	if r.StatusCode != http.StatusPreconditionFailed {
		return
	}
	if r.guard.Kind == guard.Foreign && r.guard.Field == "If-Unmodified-Since" {
		r.add(codeClockDate, Likely, "If-Unmodified-Since has no date of HTTP.", r.requestLine("If-Unmodified-Since", ""), r.answered())
		return
	}
	if r.guard.Kind == guard.Date {
		r.skewed()
		r.ofClock()
	}
}

// ofClock: whose clock the date of a write is by.
func (r *refusal) ofClock() {
	line := r.requestLine("If-Unmodified-Since", "")
	switch read, shown := r.gaveDate(), r.dated(); {
	case read != nil:
		if r.unmovedSince(read) {
			r.add(code(cause.StaleDate), r.staleCertainty(), "The server refuses the Last-Modified that it gave itself.", read.responseLine("Last-Modified", ""), line, r.answered())
		}
	case shown != nil && r.isBefore(shown.got.LastModified):
		r.add(codeClockDate, Certain, "The date in If-Unmodified-Since was made up: no answer gave it as Last-Modified, and it is before the one that a read shows.",
			line, shown.responseLine("Last-Modified", ""), r.answered())
	case shown != nil && shown.index < r.index:
		r.add(codeClockDate, Likely, "The date in If-Unmodified-Since was made up: no answer gave it as Last-Modified.", line, shown.responseLine("Last-Modified", ""), r.answered())
	case r.isNow():
		r.add(codeClockDate, Likely, "The date in If-Unmodified-Since was made up: it is the time of the request, and not a Last-Modified.", line, r.times(), r.responseLine("Date", ""), r.answered())
	}
}

// gaveDate is the last answer before the refusal that gave the date which the write names;
// nil: none did.
func (r *refusal) gaveDate() *step {
	for _, e := range slices.Backward(r.before) {
		if !e.failed() && e.got.LastModified != "" && e.got.LastModified == r.guard.Date {
			return e
		}
	}
	return nil
}

// dated is a read with a Last-Modified, the last before the refusal or the first after it;
// nil: there is none.
func (r *refusal) dated() *step {
	for _, e := range slices.Concat(reversed(r.before), r.readsAfter()) {
		if e.read() && e.got.LastModified != "" {
			return e
		}
	}
	return nil
}

func reversed(all []*step) []*step {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

// unmovedSince reports whether no read after the one that gave the date shows another date,
// and no write was accepted since.
func (r *refusal) unmovedSince(read *step) bool {
	for _, e := range slices.Concat(r.before, r.readsAfter()) {
		if e.index > read.index && (e.write() && e.accepted() || e.read() && e.got.LastModified != r.guard.Date) {
			return false
		}
	}
	return true
}

// staleCertainty is certain where a read after the refusal still has the date, or where the
// server refused it twice.
func (r *refusal) staleCertainty() Certainty {
	for _, e := range r.readsAfter() {
		if e.read() && e.got.LastModified == r.guard.Date {
			return Certain
		}
	}
	for _, e := range r.before {
		if e.StatusCode == http.StatusPreconditionFailed && e.guard.Date == r.guard.Date && slices.ContainsFunc(r.before, func(read *step) bool {
			return read.read() && read.index > e.index && read.got.LastModified == r.guard.Date
		}) {
			return Certain
		}
	}
	return Likely
}

// isBefore reports whether the date of the write is before another one.
func (r *refusal) isBefore(date string) bool {
	sent, err := http.ParseTime(r.guard.Date)
	modified, err2 := http.ParseTime(date)
	return err == nil && err2 == nil && sent.Before(modified)
}

// isNow reports whether the date of the write is the time at which it was sent, by this
// clock or by the server's, to a few minutes.
func (r *refusal) isNow() bool {
	sent, err := http.ParseTime(r.guard.Date)
	now := r.Sent
	if date, ok := etag.Date(r.ResponseHeader); now.IsZero() && ok {
		now = date
	}
	return err == nil && !now.IsZero() && now.Sub(sent).Abs() < 5*time.Minute
}

// skewed: a clock is off. The Date of an answer has a resolution of a second, and was made
// between the times when the request was sent and answered.
func (r *refusal) skewed() {
	for _, e := range slices.Concat(r.before, []*step{r.step}, r.after) {
		off, ok := skew(e)
		if !ok {
			continue
		}
		way := "behind"
		if off > 0 {
			way = "ahead of"
		}
		_, answered, _ := e.round()
		what := "The server's clock is " + way + " the one of this machine by at least " + off.Abs().Round(time.Second).String() + "."
		f := r.add(codeSkew, Possible, what, e.responseLine("Date", ""), e.times())
		f.Why += " The round trip of " + answered.Sub(e.Sent).Round(time.Millisecond).String() + " and the second of the Date are taken off."
		if r.gaveDate() == nil && off.Abs() > time.Second {
			r.findings[len(r.findings)-1].Certainty = Likely
		}
		return
	}
}

// skew is by how much at least the clock of a server is off, and false where that can't be
// told, or where it may be right: an answer of a cache keeps its Date.
func skew(e *step) (time.Duration, bool) {
	sent, answered, ok := e.round()
	date, dated := etag.Date(e.ResponseHeader)
	if !ok || !dated || isHit(e) {
		return 0, false
	}
	switch first, last := sent.Add(-time.Second), answered; {
	case date.Before(first):
		return date.Sub(first), true
	case date.After(last):
		return date.Sub(last), true
	}
	return 0, false
}

// endedLock is the answer that gave a lock which had ended when the write was sent, and whether
// its time had passed (RFC 4918 §10.7, §14.29); nil: there is none. A 412 to a condition that
// has nothing but the token of a lock says that it has ended (RFC 4918 §10.4).
func (r *refusal) endedLock() (lock *step, over bool) {
	for _, e := range slices.Backward(r.before) {
		if e.Method != "LOCK" || !e.accepted() {
			continue
		}
		token, named := strings.Trim(e.ResponseHeader.Get("Lock-Token"), "<> "), r.RequestHeader.Get("If")
		if named == "" || !strings.Contains(named, token) {
			return nil, false // somebody else's, for all that is shown
		}
		if over = r.outlives(e); over {
			return e, true
		}
		if token != "" && r.StatusCode == http.StatusPreconditionFailed && !strings.Contains(named, "[") {
			return e, false
		}
		return nil, false
	}
	return nil, false
}

var timeout = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`Second-([0-9]{1,9})\b`) })

// outlives reports whether the write was sent after the time that a lock was given for.
func (r *refusal) outlives(lock *step) bool {
	text := lock.ResponseHeader.Get("Timeout")
	if text == "" {
		text = string(lock.ResponseBody)
	}
	m := timeout().FindStringSubmatch(text)
	if m == nil || lock.Answered.IsZero() || r.Sent.IsZero() {
		return false
	}
	seconds, _ := strconv.Atoi(m[1]) // at most nine digits
	return r.Sent.Sub(lock.Answered) > time.Duration(seconds)*time.Second
}
