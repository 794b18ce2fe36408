package ifmatch

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/excerpt"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// refusedError is why a call ended with a refusal, as Outcome.Err: what was sent and
// refused, why nothing followed, and what helps. It matches whatever why matches. Its text
// is put together only where somebody reads it.
type refusedError struct {
	method, url string
	status      int
	sent        string // the precondition
	current     string // the tag that a read showed last; empty: not known
	policy      string
	discarded   []string // names of the context's options that don't count, since they are pinned
	cause       Cause
	cure        string // one that fits better than the one of the cause; empty: none
	said        string // by the server; empty: nothing, or nobody read it
	why         error
}

// Error ends with the code of the cause, by which docs/why-412.md tells more.
func (e *refusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ifmatch: %s %q: refused with %s: sent %s", e.method, e.url, semantics.Status(e.status), e.sent)
	if e.current != "" {
		b.WriteString(", current is " + e.current)
	}
	b.WriteString(", policy " + e.policy)
	if e.discarded != nil {
		b.WriteString(" (the context's " + strings.Join(e.discarded, ", ") + " doesn't count: the Transport was made with Pinned)")
	}
	// That it was refused stands there already.
	if e.why != nil && e.why != ErrConflict {
		b.WriteString(": " + strings.TrimPrefix(redact.WithoutURLs(e.why).Error(), "ifmatch: "))
	}
	if cure := e.helps(); cure != "" {
		b.WriteString("; " + cure)
	}
	if e.said != "" {
		b.WriteString("; the server says " + strconv.Quote(e.said))
	}
	if code := e.cause.Code(); code != "" {
		b.WriteString(" [" + code + "]")
	}
	return b.String()
}

// Unwrap returns why nothing followed the refusal.
func (e *refusedError) Unwrap() error { return e.why }

// Timeout reports whether nothing followed since the time was up.
func (e *refusedError) Timeout() bool { return semantics.IsTimeout(e.why) }

// attrs are what a log says of the refusal beside why. What was sent, what a server says
// and what helps are bounded.
func (e *refusedError) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("sent", e.sent), slog.String("policy", e.policy)}
	if e.current != "" {
		attrs = append(attrs, slog.String("current", e.current))
	}
	if e.said != "" {
		attrs = append(attrs, slog.String("server", e.said))
	}
	if e.discarded != nil {
		attrs = append(attrs, slog.Any("discarded", e.discarded))
	}
	return append(attrs, slog.String("cure", e.helps()), slog.String("code", e.cause.Code()))
}

// helps is the cure that fits best.
func (e *refusedError) helps() string {
	if e.cure != "" {
		return e.cure
	}
	return e.cause.about().Cure
}

// refusedFor is why the call ends with its last refusal.
func (c *call) refusedFor(cause Cause, why error) error {
	write := c.sent.write
	e := &refusedError{
		method: write.Method, url: redact.URL(write.URL), status: c.refused.resp.StatusCode,
		sent: sentText(&c.sent.guard, write.Header), current: c.currentText(), policy: policyName(c.policy), discarded: c.discarded,
		cause: cause, cure: cmp.Or(c.cureFor(cause), c.cureInPlace(cause)), why: why,
	}
	if c.refused.kept != nil {
		e.said = saidBy(c.refused.resp.Header, c.refused.kept.Data, write)
	}
	return e
}

// saidBy is what a server says in the body of its answer, without what the request had that
// is secret. req may be nil.
func saidBy(h http.Header, body []byte, req *http.Request) string {
	return excerpt.Of(h, body, func(text string) string { return redact.Said(text, req) })
}

// sentText is the precondition of a write as it was sent. A condition that isn't
// understood has its field named only: lock tokens are in such fields.
func sentText(g *guard.Guard, h http.Header) string {
	switch {
	case g.Versions != nil && len(g.Tags) == 0:
		return "no version"
	case g.Versions != nil:
		return "version " + oneLine(strings.Join(g.Tags, ", "))
	case g.Kind == guard.Foreign && g.Field != "If-Match":
		return g.Field
	}
	var all []string
	for _, name := range semantics.Preconditions {
		if lines := field.Lines(h, name); lines != nil {
			all = append(all, name+": "+strings.Join(lines, ", "))
		}
	}
	if all == nil {
		return "no precondition"
	}
	return oneLine(strings.Join(all, ", "))
}

// currentText is the validator that a read showed after the refusal, or before it where
// the write was sent again unchanged; empty where there was no such read.
func (c *call) currentText() string {
	if conflict := c.refused.conflict; conflict != nil && conflict.refresh.Known {
		return oneLine(validatorsOrNone(Validators(conflict.refresh.Fresh)))
	}
	if !c.sent.sameAgain {
		return ""
	}
	for _, e := range slices.Backward(c.told.outcome.Exchanges) {
		if semantics.Safe(e.Method) && e.StatusCode == http.StatusOK && e.Received.ETag != "" {
			return oneLine(e.Received.ETag)
		}
	}
	return ""
}

// cureFor is what helps in the case at hand, where that is more than the cause tells.
func (c *call) cureFor(cause Cause) string {
	h := c.sent.write.Header
	switch g := &c.sent.guard; {
	case g.Kind == guard.Foreign && g.Field == "If-Match":
		return "quotes are missing, or a quote too many is there: send If-Match: \"v1\""
	case g.Kind == guard.Exists && g.Quoted:
		return "send If-Match: * without the quotes"
	case g.Kind == guard.Exists && cause == CauseUnexamined:
		return "read, to see whether there is anything"
	case cause == CauseUnattributed && c.doubt.first != nil:
		return lostCure
	// It may well read, with credentials that it didn't get (rule 19).
	case cause == CauseRefreshDenied && c.readWithoutCredentials():
		return "the origin that was asked gets no credentials of the write: name it in WithRefreshCredentials, or let the base add its own"
	// What signs a request signs its method, so the same credentials don't fit a read.
	case cause == CauseRefreshDenied && c.readRefused(http.StatusUnauthorized) && field.Lines(h, "Authorization") != nil:
		return "the server takes the Authorization of the write, and not of a read: where it signs the method, put the signer below, as the base of the Transport"
	// A tag was read under the write's own Accept, and refused all the same.
	case c.sent.otherMedia:
		return fmt.Sprintf("the refresh carried Accept: %s of the write and got another media type than the write sends, so its tag is of another representation: leave Accept out, or change it in WithRefreshRequest", oneLine(h.Get("Accept")))
	}
	return ""
}

// cureInPlace is what helps where the API has the version elsewhere than RFC 9110 has it.
func (c *call) cureInPlace(cause Cause) string {
	versions := c.sent.guard.Versions
	if len(versions) == 0 || versions[0].Tag {
		return ""
	}
	place, create := versions[0].Sent.String(), versions[0].Create
	switch cause {
	case CauseUnexamined:
		return "read the state, and compare its version with the one that was sent"
	case CauseExists:
		return "read it, and update it under its version"
	case CauseGone:
		if c.dialect.NoCreate || create == "" {
			return "make it anew, if that is meant"
		}
		return fmt.Sprintf("create it with %s in %s, if that is meant", create, place)
	case CausePreconditionRequired:
		return "read, and send the version in " + place
	case CauseNoValidator:
		return "let the answer to the read have the version in " + versions[0].Current.String()
	}
	return ""
}

// readWithoutCredentials reports whether the last request was a read at another origin, which
// took nothing of the write along. A Host of its own goes along where the URL stays at its origin.
func (c *call) readWithoutCredentials() bool {
	all := c.told.outcome.Exchanges
	if len(all) == 0 {
		return false
	}
	at, err := url.Parse(all[len(all)-1].URL)
	return err == nil && !hosts.SameOrigin(&http.Request{URL: at, Host: c.sent.write.Host}, c.sent.write) && !hosts.Lists(c.credentialOrigins, at)
}

// readRefused reports whether the last request was a read, answered with this status.
func (c *call) readRefused(status int) bool {
	all := c.told.outcome.Exchanges
	return len(all) > 0 && all[len(all)-1].StatusCode == status && c.refused.resp.StatusCode != status
}

// otherMedia reports whether a write's own Accept made its refresh select a representation
// of another media type than the write's.
func otherMedia(write, read http.Header) bool {
	sent, got := mediaType(write), mediaType(read)
	return field.Lines(write, "Accept") != nil && got != "" && sent != "" && got != sent
}

// mediaType is the media type of a header, without parameters.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

const lostCure = "your write may be in: read and compare, or use Marks or WithWriteID"

// policyName is the name of a policy in texts. A caller's own has the name of its type: its
// text may hold anything.
func policyName(p Policy) string {
	if p == nil {
		return Stop.String()
	}
	if named, ok := p.(interface{ name() string }); ok {
		return named.name()
	}
	return fmt.Sprintf("%T", p)
}

func (p BuiltinPolicy) name() string  { return p.String() }
func (PolicyFunc) name() string       { return "PolicyFunc" }
func (rebuild) name() string          { return "Rebuild" }
func (*mergeJSON) name() string       { return "MergeJSON" }
func (*updatePolicy[T]) name() string { return "of Update" }

// becameRead reports whether the request is what http.Client made of a write that was
// redirected: a GET, which does nothing of what the write was to do. After a 303 it is the
// way to what the write did.
func (c *call) becameRead(effect Effect) bool {
	if effect != EffectNotApplied || !semantics.Safe(c.sent.write.Method) {
		return false
	}
	for resp := c.req.Response; resp != nil && resp.Request != nil; resp = resp.Request.Response {
		if !semantics.Safe(resp.Request.Method) {
			return true
		}
	}
	return false
}

// errBecameRead is why such a write did not go through.
func errBecameRead(req *http.Request) error {
	return fmt.Errorf("ifmatch: the write was redirected to %s %q, and http.Client made a %s of it: use that URL", req.Method, redact.URL(req.URL), req.Method)
}

// contradicted is the error of a create that was refused since the document exists, where a
// read after it found none. It matches what err matches.
func contradicted(err error) error {
	const read = "%w, says the server; a read found none"
	var refused *refusedError
	if !errors.As(err, &refused) {
		return fmt.Errorf(read, err)
	}
	e := *refused
	e.cause, e.cure, e.why = CauseSelfContradiction, "", fmt.Errorf(read, cmp.Or(e.why, ErrConflict))
	return &e
}

// refusedText is the text of the refusal that a *ConflictError is about; empty where
// something else became of the call.
func refusedText(o *Outcome) string {
	var refused *refusedError
	if errors.As(o.Err, &refused) {
		return refused.Error()
	}
	return ""
}

// refusedInDoubtError is the error of a write whose answer was lost and whose repeat was
// refused. The refusal may be due to the write itself.
type refusedInDoubtError struct {
	lost    error  // matches ErrOutcomeUnknown
	sent    string // the precondition
	current string // the tag that a read showed last; empty: not known
	policy  string
	cause   Cause
	why     error // what kept the call from going on; nil: only Outcome.Err tells it
}

// refusedInDoubt is such an error of the last write.
func (c *call) refusedInDoubt(lost error, cause Cause, why error) error {
	return &refusedInDoubtError{lost, sentText(&c.sent.guard, c.sent.write.Header), c.currentText(), policyName(c.policy), cause, why}
}

// Error ends with the code of the cause.
func (e *refusedInDoubtError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: the answer was lost and the repeat refused: sent %s", e.lost, e.sent)
	if e.current != "" {
		b.WriteString(", current is " + e.current)
	}
	b.WriteString(", policy " + e.policy)
	if e.why != nil {
		b.WriteString(": " + strings.TrimPrefix(redact.WithoutURLs(e.why).Error(), "ifmatch: "))
	}
	b.WriteString("; " + lostCure + " [" + e.cause.Code() + "]")
	return b.String()
}

// Unwrap returns what was lost, and what kept the call from going on.
func (e *refusedInDoubtError) Unwrap() []error {
	if e.why == nil {
		return []error{e.lost}
	}
	return []error{e.lost, e.why}
}

// Timeout reports whether the answer was lost to a timeout.
func (e *refusedInDoubtError) Timeout() bool { return semantics.IsTimeout(e.lost) }

// whyUntouched is why a write whose first answer is its last didn't go through; nil where
// it did. why is known already, where it isn't nil.
func (c *call) whyUntouched(resp *http.Response, effect Effect, why error) error {
	first := c.doubt.first
	switch {
	// The answer at hand isn't the one in doubt, so it doesn't speak for itself.
	case first != nil && first.resp != resp && effect == EffectUnknown:
		return c.firstError()
	case why != nil:
		return why
	case !semantics.Safe(c.sent.write.Method) && (resp.StatusCode < 200 || resp.StatusCode > 299):
		return c.statusError(resp, nil, effect)
	case c.becameRead(effect):
		return errBecameRead(c.req)
	}
	return nil
}
