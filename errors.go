package ifmatch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/replay"
)

// Sentinels answer a question with errors.Is; the types below hold the details.
var (
	// ErrConflict is matched by every *ConflictError, and by Outcome.Err where
	// a policy chose to hand the refusal to the caller.
	ErrConflict = errors.New("ifmatch: the precondition was refused")

	// ErrOutcomeUnknown says that the write may have been applied or not: its
	// answer was lost, and nothing that could be learnt since decides it.
	ErrOutcomeUnknown = errors.New("ifmatch: outcome unknown")

	// ErrNotReplayable says that the write can't be sent again: there is no copy of its
	// body, GetBody failed, or its Idempotency-Key would bring back the stored
	// answer.
	ErrNotReplayable = replay.ErrNotReplayable

	// ErrNoValidator says that the server gave no validator that can guard
	// the write.
	ErrNoValidator = etag.ErrNoValidator

	// ErrTooLarge says that a body exceeds its limit. Reading a kept refusal
	// beyond 64 KiB ends with it.
	ErrTooLarge = drain.ErrTooLarge

	// ErrAttempts says that WithMaxAttempts is used up, or that the backoff
	// given by WithBackoff returned backoff.Stop.
	ErrAttempts = errors.New("ifmatch: attempts are used up")

	// ErrElapsed says that WithMaxElapsed or the context's deadline leaves no
	// time for another attempt.
	ErrElapsed = errors.New("ifmatch: no time left")
)

// ConflictError is the error of a write that was refused and couldn't go on
// for a reason of the caller's side: the policy failed, or the context ended
// while waiting. It matches ErrConflict and whatever Err matches.
type ConflictError struct {
	Method     string
	URL        string      // without user information and query values
	StatusCode int         // of the last refusal
	Header     http.Header // of the last refusal
	Body       []byte      // of the last refusal, at most 64 KiB
	Outcome    Outcome
	Err        error // why the write didn't go on
}

// Error names the write, the refusal and the reason.
func (e *ConflictError) Error() string {
	text := fmt.Sprintf("ifmatch: %s %q: refused with %d %s", e.Method, e.URL, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Err == nil {
		return text
	}
	return text + ": " + strings.TrimPrefix(e.Err.Error(), "ifmatch: ")
}

// Unwrap returns Err.
func (e *ConflictError) Unwrap() error { return e.Err }

// Timeout reports whether Err is a timeout, as *url.Error asks.
func (e *ConflictError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// StatusError is a final answer that is neither success nor a refusal.
type StatusError struct {
	Method     string
	URL        string // without user information and query values
	StatusCode int
	Header     http.Header
	Body       []byte // at most 64 KiB; nil where it was left to the caller
}

// Error names the request and the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("ifmatch: %s %q: %d %s", e.Method, e.URL, e.StatusCode, http.StatusText(e.StatusCode))
}
