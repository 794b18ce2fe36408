package refresh

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// readState reads a 200.
func (m *Machine) readState(f *Facts, a *Answer) Step {
	if step := m.readVary(f, a); step.Do != Done {
		return step
	}
	if err := unusable(f, a); err != nil {
		// Some servers put the validators on GET alone.
		if a.Method == http.MethodHead {
			return Step{Do: UseGet}
		}
		return stop(NoValidator, err)
	}
	step := m.compare(f, a, m.readValidators(f, a))
	if step.Do == Done {
		m.Fresh, m.Known = a.Validators, true
	}
	return step
}

// readVary makes sure that refresh and write select the same representation (RFC
// 9110 §12.5.5). Done says that they do.
func (m *Machine) readVary(f *Facts, a *Answer) Step {
	for _, line := range a.Header["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if step := m.readVaryName(f, textproto.CanonicalMIMEHeaderKey(field.TrimOWS(name))); step.Do != Done {
				return step
			}
		}
	}
	return Step{Do: Done}
}

// readVaryName reads one name in Vary.
func (m *Machine) readVaryName(f *Facts, name string) Step {
	sent := func() bool { return field.Lines(f.Write, name) != nil }
	switch {
	case name == "Cache-Control", name == "Pragma":
		return Step{Do: Done} // every refresh has the two, and no write needs them
	case name == "*":
		// The state that a policy gets is that of this very answer.
		if f.NeedState {
			return Step{Do: Done}
		}
		return stop(NoValidator, fmt.Errorf("%w: Vary: *", etag.ErrNoValidator))
	case name == "Accept-Encoding":
		m.Identity = true
		return Step{Do: Done}
	case name == "Prefer" && sent():
		if m.enter(preferring) {
			return Step{Do: Ask}
		}
		return Step{Do: Done}
	case Carries(name) || !sent():
		return Step{Do: Done}
	}
	return stop(NoValidator, fmt.Errorf("%w: Vary names %s, which a refresh can't carry", etag.ErrNoValidator, name))
}

// unusable returns why the next write can't name what the answer has; nil where it
// can. The write names the same kinds of validators as the refused one, or any where
// that had none.
func unusable(f *Facts, a *Answer) error {
	switch v := a.Validators; {
	case a.NoVersion != nil:
		return a.NoVersion
	case len(f.Refused) > 0 && v.ETag == "", f.RefusedDate != "" && v.LastModified == "", v == etag.Validators{}:
		return etag.ErrNoValidator
	}
	return nil
}

// readValidators reads validators that the next write can name. Done says that it may.
func (m *Machine) readValidators(f *Facts, a *Answer) Step {
	byDate := f.RefusedDate != "" && len(f.Refused) == 0
	switch {
	case f.Versions:
		// They are compared by the API's own rules: there is nothing to wait for.
		if slices.Contains(f.Refused, a.Validators.ETag) {
			return m.same(f)
		}
		return other(f, a)
	case a.Validators.ETag != "" && !byDate:
		return m.readTag(f, a)
	}
	return m.readDate(f, a)
}

// readTag reads an entity-tag that is to guard the write.
func (m *Machine) readTag(f *Facts, a *Answer) Step {
	tag := a.Validators.ETag
	if etag.Weak(tag) && !f.WeakTags {
		if m.mayGetStrong(a) {
			return m.settle(f, a)
		}
		// It stays weak, and If-Match compares strongly (RFC 9110 §13.1.1).
		if slices.ContainsFunc(f.Refused, func(refused string) bool { return !etag.Weak(refused) }) {
			return stop(Weak, fmt.Errorf("only the weak tag %s", etag.Text(tag)))
		}
	}
	if slices.Contains(f.Refused, tag) {
		return m.same(f)
	}
	if twin := twinReason(f.Refused, tag); twin != None {
		return Step{Do: Done, Reason: twin}
	}
	return other(f, a)
}

// twinReason is why a tag was refused whose only difference to the fresh one is
// W/ or a content coding.
func twinReason(all []string, fresh string) Reason {
	for _, refused := range all {
		switch {
		case !etag.Twins(refused, fresh):
		case etag.Weak(refused) && !etag.Weak(fresh):
			return Weak
		default:
			return Coded
		}
	}
	return None
}

// mayGetStrong reports whether a weak tag may be weak for its first second only. One
// that was waited for stays as it is.
func (m *Machine) mayGetStrong(a *Answer) bool {
	age, ok := ageOf(a.Header)
	return ok && age.Abs() <= SettleTime && a.Validators.ETag != m.awaited.ETag
}

// readDate reads a date that is to guard the write.
func (m *Machine) readDate(f *Facts, a *Answer) Step {
	v := a.Validators
	// RFC 9110 §8.8.2.2: two writes within one second of the date look alike.
	age, ok := ageOf(a.Header)
	young := (!ok || age < SettleTime) && v.LastModified != m.awaited.LastModified
	if young && !f.LastWriterWins || etag.Weak(v.ETag) && m.mayGetStrong(a) {
		return m.settle(f, a)
	}
	if v.LastModified == f.RefusedDate {
		return m.doubt()
	}
	return other(f, a)
}

// other ends the refresh with a validator that isn't the refused one. Of a write that had
// none it shows nothing.
func other(f *Facts, a *Answer) Step {
	switch {
	case len(f.Refused) == 0 && f.RefusedDate == "":
		return Step{Do: Done}
	case f.before() != (Digest{}) && a.Digest == f.before():
		return Step{Do: Done, Reason: SameBytes}
	}
	return Step{Do: Done, Reason: Other}
}

// settle waits for a state that is too new.
func (m *Machine) settle(f *Facts, a *Answer) Step {
	step := Step{Do: Settle}
	// Another state than the one that was waited for is a lost race.
	if m.awaited != (etag.Validators{}) {
		if f.AttemptsLeft <= 1 {
			return stop(LostRace, nil)
		}
		step.Reason, m.asked = LostRace, 0
	}
	m.awaited = a.Validators
	return step
}

// same reads the version that was refused. In another spelling it is a fresh one: the server
// refused the letters.
func (m *Machine) same(f *Facts) Step {
	if f.Respelled {
		return Step{Do: Done, Reason: Respelled}
	}
	return m.doubt()
}

// doubt asks once more where the answer has what was refused: it may come from a
// cache.
func (m *Machine) doubt() Step {
	if m.enter(doubting) {
		return Step{Do: Doubt}
	}
	m.Unchanged = true
	return Step{Do: Done}
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
