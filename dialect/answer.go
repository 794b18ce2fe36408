package dialect

import (
	"net/http"
	"sync"
)

// Answer is the answer to a write that may refuse it. It is read only.
type Answer struct {
	Request    *http.Request // the write; without a body
	StatusCode int
	Header     http.Header

	body func() []byte
}

// NewAnswer returns an Answer to this write, for the test of a Judge. body is
// called at most once, by the first Body; nil: the answer has none.
func NewAnswer(request *http.Request, status int, header http.Header, body func() []byte) *Answer {
	if body == nil {
		body = func() []byte { return nil }
	}
	return &Answer{Request: request, StatusCode: status, Header: header, body: sync.OnceValue(body)}
}

// Body returns the beginning of the body, at most 64 KiB of it, and nothing where
// that takes longer than a second. Of a success the caller still gets all of it, from
// its beginning.
func (a *Answer) Body() []byte { return a.body() }

// Verdict is what an answer means. The zero Verdict says that it passes.
type Verdict struct {
	kind   Kind
	reason string
}

// Kind is which of the methods of Answer gave a Verdict.
type Kind int

const (
	KindPasses Kind = iota
	KindAsRFC9110
	KindConflict
	KindRequired
	KindExpired
	KindAgain
	KindPending
	KindDone
	KindExists
	KindGone
	KindChanged
	KindLocked
	KindStops
)

// Kind returns what the verdict is.
func (v Verdict) Kind() Kind { return v.kind }

// Reason returns why nothing is sent again, or what is pending. It is empty where that
// is for the policy to say.
func (v Verdict) Reason() string { return v.reason }

// Passes says that the answer is no refusal: the caller gets it as it is, and its status
// says what became of the write. A 2xx whose Body was asked for, and couldn't be had to its
// end within a second and 64 KiB, shows no such thing: it counts as Pending then. Done is
// for a Judge that has seen enough.
func (a *Answer) Passes() Verdict { return Verdict{} }

// AsRFC9110 says that the precondition of the write failed, as a 412 does, or
// that there has to be one, as a 428 does (RFC 6585 §3).
func (a *Answer) AsRFC9110() Verdict { return Verdict{kind: KindAsRFC9110} }

// Conflict says that the version of the write isn't the current one, whatever the
// status: the policy decides.
func (a *Answer) Conflict() Verdict { return Verdict{kind: KindConflict} }

// Required says that the write has no version and needs one, whatever the status:
// the policy decides, and what it sends has one.
func (a *Answer) Required() Verdict { return Verdict{kind: KindRequired} }

// Expired says that the version of the write is too old to be compared: the policy
// decides, as it does after Conflict.
func (a *Answer) Expired() Verdict { return Verdict{kind: KindExpired} }

// Again says that the server compared nothing, since something else was under
// way: a PUT or DELETE with a version, or under If-Match: *, is sent again as it
// was, after a wait, within the limits for repeats after failures. Others pass.
func (a *Answer) Again() Verdict { return Verdict{kind: KindAgain} }

// Pending says that the server has taken the write, and hasn't decided on it: an
// operation, say, that may be refused later. The caller gets the answer as it came, with
// an unknown effect and the reason in its Outcome, such as the name of the operation.
func (a *Answer) Pending(reason string) Verdict { return Verdict{KindPending, reason} }

// Done says that the write was applied, whatever the status: where 202 is the answer to
// what is done already, say. The caller gets the answer as it came.
func (a *Answer) Done() Verdict { return Verdict{kind: KindDone} }

// Exists says that there is what the write would have created. Like each verdict
// with a reason it says that no fresh version cures the refusal: the caller gets
// the answer, with the reason in its Outcome, and nothing is sent.
func (a *Answer) Exists(reason string) Verdict { return Verdict{KindExists, reason} }

// Gone says that there isn't what the write would have changed; nothing is sent.
func (a *Answer) Gone(reason string) Verdict { return Verdict{KindGone, reason} }

// Changed says that the version of the write isn't the current one, and that a
// fresh one doesn't cure that: nothing is sent.
func (a *Answer) Changed(reason string) Verdict { return Verdict{KindChanged, reason} }

// Locked says that a lock or a lease refuses the write; nothing is sent.
func (a *Answer) Locked(reason string) Verdict { return Verdict{KindLocked, reason} }

// Stops says that the write was refused for any other reason that no fresh version
// cures, or that nobody can tell: nothing is sent.
func (a *Answer) Stops(reason string) Verdict { return Verdict{KindStops, reason} }
