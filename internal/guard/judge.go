package guard

import (
	"errors"
	"fmt"
	"net/http"
)

// Reason is why a write was refused, as far as the exchange shows. The zero Reason
// is that nothing does.
type Reason uint8

const (
	ReasonUnattributed Reason = iota // no precondition that is known explains it
	ReasonUnexamined                 // the precondition failed, and only a read shows why
	ReasonExists                     // there is what the write would have created
	ReasonRequired                   // there has to be a precondition, or another one
	ReasonConflicting                // several preconditions, and no telling which one failed
	ReasonLocked                     // a lock or a lease
)

var (
	errRequired    = errors.New("ifmatch: the server demands another precondition than the one that was sent")
	errExists      = errors.New("ifmatch: create only: the resource exists")
	errStar        = errors.New("ifmatch: there may be no current representation")
	errQuotedStar  = errors.New("ifmatch: the star is in quotes, so that it is a tag")
	errConflicting = errors.New("ifmatch: several preconditions: can't tell which one failed; send one")
	errNone        = errors.New("ifmatch: refused without a precondition")
)

// Judge reads from a precondition and the status that refused it why the write was
// refused. An error says that no fresh validator can help, and why: then there is
// nothing for a policy to handle.
//
// The status is 428 where a precondition is demanded (RFC 6585 §3); any other one
// says that the precondition failed, as 412 does.
func Judge(g *Guard, status int) (Reason, error) {
	if status == http.StatusPreconditionRequired {
		if g.Kind == None {
			return ReasonRequired, nil // the next write gets one
		}
		return ReasonRequired, errRequired // nobody knows which
	}
	switch g.Kind {
	case Tags, Date:
		return ReasonUnexamined, nil // a fresh one may be accepted
	case Create:
		return ReasonExists, errExists // there is no stale validator in it
	case Exists:
		// RFC 9110 §13.1.1: If-Match: * is false without a current representation. There
		// is no stale validator in it, and nothing is read: so nobody knows.
		if g.Quoted {
			return ReasonUnexamined, errQuotedStar
		}
		return ReasonUnexamined, errStar
	case Conflicting:
		return ReasonConflicting, errConflicting // a fresh tag may cure the wrong one
	case Foreign:
		return g.Reason, fmt.Errorf("ifmatch: the condition in %s is not understood, so it is left alone", g.Field)
	}
	return ReasonUnattributed, errNone
}
