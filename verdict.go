package ifmatch

import (
	"net/http"
	"slices"
	"sync"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// Answer is the answer to a write that may refuse it. It is read only.
type Answer struct {
	Request    *http.Request // the write; without a body
	StatusCode int
	Header     http.Header

	body func() []byte
}

// Body returns the beginning of the body, at most 64 KiB of it, and nothing where
// that takes longer than a second.
func (a *Answer) Body() []byte { return a.body() }

// Verdict is what an answer means. The zero Verdict is that of Passes.
type Verdict struct {
	kind   verdictKind
	cause  Cause
	reason string
}

type verdictKind int

func (v *Verdict) is(kind verdictKind) bool { return v != nil && v.kind == kind }

const (
	passes verdictKind = iota
	asRFC9110
	refuses
	stops
	goesAgain
)

// Passes says that the answer is no refusal: the caller gets it as it is.
func (a *Answer) Passes() Verdict { return Verdict{} }

// AsRFC9110 says that the precondition of the write failed, as a 412 does, or
// that there has to be one, as a 428 does (RFC 6585 §3).
func (a *Answer) AsRFC9110() Verdict { return Verdict{kind: asRFC9110} }

// Refuses says that the version of the write isn't the current one, whatever the
// status: the policy decides. CausePreconditionRequired says that there has to
// be one.
func (a *Answer) Refuses(cause Cause) Verdict { return Verdict{kind: refuses, cause: cause} }

// Stops says that the write was refused for a reason that no fresh version
// cures. The caller gets the answer, with the cause and the reason in its
// Outcome, and nothing is sent.
func (a *Answer) Stops(cause Cause, reason string) Verdict {
	return Verdict{kind: stops, cause: cause, reason: reason}
}

// GoesAgain says that the server compared nothing, since something else was
// under way: a PUT or DELETE with a version, or under If-Match: *, is sent again
// as it was, after a wait, within the limits for repeats after failures. Others
// pass.
func (a *Answer) GoesAgain() Verdict { return Verdict{kind: goesAgain} }

// judgedBy asks the dialect what an answer means. What it reads of the body is
// put back.
func (c *call) judgedBy(d *dialect, resp *http.Response) Verdict {
	request := c.write.Clone(c.req.Context())
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(request.Header)
	a := &Answer{Request: request, StatusCode: resp.StatusCode, Header: field.Clone(resp.Header)}
	a.body = sync.OnceValue(func() []byte { return slices.Clone(drain.Peek(resp)) })
	return d.Judge(a)
}
