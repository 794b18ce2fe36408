package ifmatch

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// readState says what follows from a 200.
func (r *refresh) readState(c *Conflict, a answer, needState bool) (step, error) {
	if next, err := r.readVary(c, a, needState); next != stepDone {
		return next, err
	}
	v, versions, err := c.call.validatorsIn(a, c.guard)
	if err == nil && !c.guard.satisfiable(v) {
		err = ErrNoValidator
	}
	if err != nil {
		if a.method == http.MethodHead {
			return stepUseGet, nil
		}
		return stepStop, c.call.stop(CauseNoValidator, refreshError(c, a, err))
	}
	r.versions, r.header = versions, a.header
	if versions != nil {
		if c.guard.names(v.ETag) {
			if next, err := r.doubt(); next != stepDone {
				return next, err
			}
		}
	} else if c.guard.usesTag(v) {
		if next, err := r.readTag(c, a, v); next != stepDone {
			return next, err
		}
	} else if next, err := r.readDate(c, a, v); next != stepDone {
		return next, err
	}
	r.fresh, r.known = v, true
	if needState {
		r.state = &Representation{Validators: v, Header: a.header, Body: a.body}
	}
	return stepDone, nil
}

// readTag says whether a tag can guard the write.
func (r *refresh) readTag(c *Conflict, a answer, v Validators) (step, error) {
	if c.guard.kind == guardMovedOn {
		return stepDone, nil // it is compared weakly, and never sent
	}
	if etag.Weak(v.ETag) && !c.call.weakTags() {
		if r.tooNew(v, a.header) {
			return r.settle(c, v)
		}
		// It stays weak, and If-Match compares strongly (RFC 9110 §13.1.1).
		if c.guard.strong() {
			return stepStop, c.call.stop(CauseWeakValidator, refreshError(c, a, fmt.Errorf("only the weak tag %s", v.ETag)))
		}
	}
	if c.guard.names(v.ETag) {
		return r.doubt()
	}
	if cause, twin := c.guard.twinCause(v.ETag); twin {
		c.call.outcome.Cause = cause
	}
	return stepDone, nil
}

// tooNew reports whether a weak tag may be one only for its first second, and
// hasn't been waited for.
func (r *refresh) tooNew(v Validators, h http.Header) bool {
	age, ok := ageOf(h)
	return ok && age <= settleTime && age >= -settleTime && v.ETag != r.awaited.ETag
}

// readDate says whether a date can guard the write.
func (r *refresh) readDate(c *Conflict, a answer, v Validators) (step, error) {
	// RFC 9110 §8.8.2.2: two writes within its second look alike.
	age, ok := ageOf(a.header)
	young := (!ok || age < settleTime) && v.LastModified != r.awaited.LastModified
	if young && !c.call.traits.lastWriterWins && !r.resend || etag.Weak(v.ETag) && r.tooNew(v, a.header) {
		return r.settle(c, v)
	}
	if v.LastModified == c.guard.date {
		return r.doubt()
	}
	return stepDone, nil
}

// settle waits for a state that is too new. Another one than the one that was
// waited for is a lost race.
func (r *refresh) settle(c *Conflict, v Validators) (step, error) {
	if r.awaited != (Validators{}) {
		c.call.lost++
		if c.call.exhausted() {
			return stepStop, ErrAttempts
		}
		r.asked = 0
	}
	r.awaited = v
	return stepSettle, nil
}

// doubt asks once more where the refresh gave what was refused.
func (r *refresh) doubt() (step, error) {
	if !r.doubted {
		r.doubted = true
		return stepDoubt, nil
	}
	r.unchanged = true
	return stepDone, nil
}

// readVary makes sure that refresh and write select the same representation
// (RFC 9110 §12.5.5).
func (r *refresh) readVary(c *Conflict, a answer, needState bool) (step, error) {
	for _, line := range a.header["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			switch name = textproto.CanonicalMIMEHeaderKey(field.TrimOWS(name)); {
			case name == "" || name == "Cache-Control" || name == "Pragma":
			case name == "*":
				if !needState {
					return stepStop, c.call.stop(CauseNoValidator, refreshError(c, a, fmt.Errorf("%w: Vary: *", ErrNoValidator)))
				}
			case name == "Accept-Encoding":
				r.identity = true
			case name == "Prefer" && field.Lines(c.call.write.Header, name) != nil:
				if !r.prefer {
					r.prefer = true
					return stepAgain, nil
				}
			case keptForRefresh(name) || field.Lines(c.call.write.Header, name) == nil:
			default:
				return stepStop, c.call.stop(CauseNoValidator, refreshError(c, a, fmt.Errorf("%w: Vary names %s, which a refresh can't carry", ErrNoValidator, name)))
			}
		}
	}
	return stepDone, nil
}

// ageOf is how old the state was when the answer was made, by the server's own
// clock.
func ageOf(h http.Header) (time.Duration, bool) {
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	date, ok := etag.Date(h)
	if err != nil || !ok {
		return 0, false
	}
	return date.Sub(modified), true
}
