package ifmatch

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// WithRefusalError makes an error of the refusal that a call ends with: RoundTrip returns a
// *ConflictError and no response. It is for callers that check only the error, and would
// take a 412 for success. A 5xx that leaves open whether a write was applied, and ends the
// call, is an error too: it matches ErrOutcomeUnknown and is a *StatusError, whatever the
// write carried. Other answers, a 403 say, are responses as ever.
//
// This deviates from the contract of http.RoundTripper, which has an error only where there
// is no response. So it isn't for a Transport below what goes by the response: a retrier, a
// reverse proxy, or another Transport of this package, whose policy is never asked then.
//
// A refusal that passes through stays a response: of a read, of a write with Content-Range,
// a 412 to a write without a precondition, and one that a Transport below has handled. Get,
// Update and Resource return their own errors anyway.
//
// It can't be taken back by another option. By default each refusal is a response.
func WithRefusalError() Option { return optionFunc(func(s *settings) { s.refusalErrors = true }) }

// errorFor is the error that the caller gets in place of the response that the call ended
// with, nil where the caller gets the response. The body of the response is read to a bound
// then, and closed.
func (c *call) errorFor(resp *http.Response, how endingKind) error {
	// An Update has errors of its own.
	if !c.refusalErrors || c.traits.update || semantics.Safe(c.sent.write.Method) {
		return nil
	}
	method, url := c.sent.write.Method, redact.URL(c.sent.write.URL)
	switch {
	// It passes through: nobody knows what was refused.
	case how == endRefused && c.refused.cause == CauseUnattributed && c.sent.guard.Kind == guard.None:
		return nil
	case how == endRefused:
		c.refused.keep(c)
		return &ConflictError{
			Method: method, URL: url, StatusCode: resp.StatusCode,
			Header: resp.Header, Body: c.refused.kept.Data, Outcome: c.told.outcome, Err: c.told.outcome.Err,
		}
	// Whether the write was applied is open then, whatever came before.
	case semantics.AmbiguousStatus(resp.StatusCode):
		c.startClock()
		kept := c.keep(resp)
		return c.unknownError(&StatusError{Method: method, URL: url, StatusCode: resp.StatusCode, Header: resp.Header, Body: kept.Data})
	}
	return nil
}
