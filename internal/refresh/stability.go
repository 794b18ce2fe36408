package refresh

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// mostUnstable is how often two reads in a row must give the same bytes and different
// tags, with nothing sent between, before the tag counts as unstable. Once may be a rival
// that saves the same bytes again.
const mostUnstable = 2

// Digest tells bodies apart. The zero Digest is of none that was read. It is half of a
// SHA-256: a call that waits has several.
type Digest [sha256.Size / 2]byte

// DigestOf is the Digest of a body.
func DigestOf(body []byte) Digest {
	sum := sha256.Sum256(body)
	return Digest(sum[:])
}

// Known is what a call knows of a document before a refresh.
type Known struct {
	Before  Digest   // of the state that was read before the refused write; zero: none was
	Earlier []string // tags under which writes of the call were refused
}

// before is of the state that was read before the refused write; zero: none was.
func (f *Facts) before() Digest {
	if f.Known == nil {
		return Digest{}
	}
	return f.Known.Before
}

// Read is the Digest of the body that the last usable answer had; zero: none was read.
func (m *Machine) Read() Digest {
	if m.last == nil {
		return Digest{}
	}
	return m.last.digest
}

// read is what one read gave, as far as the next one is compared with it.
type read struct {
	validators etag.Validators
	digest     Digest
}

// differs reports whether two reads in a row gave the same bytes and different tags. A
// later Last-Modified shows that somebody saved the same bytes again, and a tag that
// differs by W/ or a content coding belongs to the same state.
func (r *read) differs(next *read) bool {
	return r.digest != (Digest{}) && r.digest == next.digest && Differ(r.validators, next.validators)
}

// Differ reports whether the validators of two reads that gave the same bytes can't be of
// one state.
func Differ(a, b etag.Validators) bool {
	return a.ETag != "" && b.ETag != "" && a.ETag != b.ETag && a.LastModified == b.LastModified && !etag.Twins(a.ETag, b.ETag)
}

// compare looks whether the server gives one tag to one state. Where it doesn't, each
// write is refused by chance, and no fresh tag helps. step is what the validators lead to
// by themselves. A suspicion costs one request more.
func (m *Machine) compare(f *Facts, a *Answer, step Step) Step {
	if f.Versions || step.Do != Done && step.Do != Doubt || a.Digest == (Digest{}) && !m.suspects(f, a) {
		return step
	}
	before, now := m.last, &read{a.Validators, a.Digest}
	m.last = now
	if before != nil && before.differs(now) {
		m.Unstable++
	}
	switch {
	case m.Unstable >= mostUnstable && before != nil:
		m.Unchanged = false
		return stop(Unstable, fmt.Errorf("the same bytes had the tag %s and then %s, with nothing sent between", etag.Text(before.validators.ETag), etag.Text(now.validators.ETag)))
	case m.asked >= MaxRequests || !m.comparesOn(f, a, before, step):
		return step
	}
	m.entered |= comparing
	return Step{Do: Compare}
}

// comparesOn reports whether one read more is to be compared with the one at hand. before
// is the read before it; nil: there was none.
func (m *Machine) comparesOn(f *Facts, a *Answer, before *read, step Step) bool {
	now := m.last
	switch {
	case before != nil && before.differs(now):
		return true
	// The read before was by HEAD, so there is nothing to compare with yet. The same tag, or
	// other bytes than before the refused write, are no suspicion any more.
	case before != nil && before.digest == (Digest{}) && now.digest != (Digest{}):
		return m.Compares() && before.validators.ETag != now.validators.ETag && (f.before() == Digest{} || f.before() == now.digest)
	}
	return step.Do == Done && m.suspects(f, a)
}

// suspects reports whether an answer gives a reason to compare, at most once in a refresh:
// another tag for the same bytes, or a tag that was refused earlier in this call. A tag
// that returns with other bytes than before is of a server that derives tags from the
// content.
func (m *Machine) suspects(f *Facts, a *Answer) bool {
	switch {
	case m.Compares() || a.Validators.ETag == "" || slices.Contains(f.Refused, a.Validators.ETag):
		return false
	case a.Digest != (Digest{}) && f.before() != (Digest{}):
		return a.Digest == f.before() && twinReason(f.Refused, a.Validators.ETag) == None
	}
	return f.Known != nil && slices.Contains(f.Known.Earlier, a.Validators.ETag)
}
