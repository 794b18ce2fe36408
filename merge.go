package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/drain"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/replay"
)

// MergeJSON returns a policy that merges the caller's change of a JSON document
// with what others changed meanwhile. base is the document as the caller read
// it, and the request's body is what the caller made of it. After a refusal the
// policy reads the current document and puts the caller's change in: what the
// caller didn't change stays as it is now, byte for byte. It sends that under
// the validator of the document that was read. Each further refusal merges
// again, from base and the caller's own body.
//
// The answer to a merged document has no ETag and no Last-Modified: the caller doesn't
// have what was stored. GET before the next save. Code that leaves If-Match off then
// writes unguarded. Outcome.Replaced has the merged document.
//
// Changes of different members merge, at every depth, and so does the same
// change on both sides. Different changes of one member overlap, and so does a
// change in something that the other side removed: nothing is sent then, and the
// call ends with a *ConflictError that wraps a *MergeError. An array is one
// value, unless MergeKey or MergeByIndex tells its elements apart. With MergeKey the
// result has the order of the current document, with the elements that the caller added
// at the end; the caller's own new order doesn't count as a change. An array in which
// an element lacks the member, or two have the same value of it, remains one value.
// With MergeByIndex an array merges by index unless both sides changed its length, each
// to another one. Values are the same when they
// mean the same: whatever the order of members, the escapes in strings and the
// notation of numbers. An object that has a name twice is one value.
//
// base, the body and the current document must be JSON without a
// Content-Encoding, nested at most 1000 levels deep; otherwise the call ends with
// an error, and nothing is sent. A PATCH can't be merged: its body isn't the
// document. The body is read into memory, up to WithMaxRepresentation. After a lost
// answer nothing is merged: what looks like another's change may be the caller's own.
//
// A policy belongs to one base, so it is mostly set for one call:
//
//	ctx = ifmatch.WithOptions(ctx, ifmatch.OnConflict(ifmatch.MergeJSON(read)))
//
// base is copied. A nil MergeOption does nothing. The policy is safe for concurrent
// use.
func MergeJSON(base []byte, opts ...MergeOption) Policy {
	p := new(mergeJSON)
	for _, opt := range opts {
		if opt != nil {
			opt.applyMerge(&p.rules)
		}
	}
	p.base, p.err = jsonedit.Parse(bytes.Clone(base))
	p.err = askable(p.err)
	return p
}

// MergeOption says which elements of an array are the same one in two states of a JSON
// document. It is for MergeJSON, and an UpdateOption, too. MergeKey and MergeByIndex are
// the only ones.
type MergeOption interface {
	UpdateOption
	applyMerge(*jsonedit.Rules)
}

type mergeOption func(*jsonedit.Rules)

func (o mergeOption) applyMerge(r *jsonedit.Rules)  { o(r) }
func (o mergeOption) applyUpdate(s *updateSettings) { o(&s.rules) }

// MergeKey lets objects in arrays be the same when this member is, such as "id" or "sku":
// a number or a string, wherever the object is in its array. It is about each array
// of the document, at every depth. With it an edit may change, move, add and
// remove elements at once, and each keeps the members that T doesn't know.
//
// It may be given several times: each array uses the first member that all of its
// objects have, or else the first one that any has. T must declare the member. Where an
// element lacks it, or two have the same value, these elements are told apart as if
// there were no MergeKey; a change that then leaves open which is which is an *EditError.
// An element whose member the edit changes is another one: a new one has nothing but what
// T writes. An empty member does nothing.
//
// By default elements are told apart by how T writes them: see Update. MergeJSON takes
// each array for one value.
func MergeKey(member string) MergeOption {
	return mergeOption(func(r *jsonedit.Rules) {
		if member != "" && !slices.Contains(r.Keys, member) {
			r.Keys = append(r.Keys[:len(r.Keys):len(r.Keys)], member)
		}
	})
}

// MergeByIndex lets elements of arrays be the same when their index is, where no MergeKey
// tells them apart: for coordinates, rows of a table, or a Go array. An edit may change and
// append elements, and remove the last ones. One that removes or inserts others
// gives each element behind the members of its neighbour that T doesn't know. An object
// that stays at its path is itself then, too, although it was given the value of another
// one.
//
// By default an index tells nothing.
func MergeByIndex() MergeOption {
	return mergeOption(func(r *jsonedit.Rules) { r.ByIndex = true })
}

// MergeError says that both sides changed the same in different ways. It matches
// ErrConflict.
type MergeError struct {
	// Pointers are the JSON pointers (RFC 6901) of all that overlaps, sorted:
	// where it is in the current document, or in base if it was removed since.
	// The empty one is the whole document.
	Pointers []string
}

// Error names the first five overlaps, and how many there are beyond.
func (e *MergeError) Error() string {
	const most = 5
	var quoted []string
	for _, pointer := range e.Pointers[:min(len(e.Pointers), most)] {
		quoted = append(quoted, strconv.Quote(pointer))
	}
	text := "ifmatch: merge: changed on both sides: " + strings.Join(quoted, ", ")
	if more := len(e.Pointers) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Is reports whether target is ErrConflict.
func (e *MergeError) Is(target error) bool { return target == ErrConflict }

// EditError says that an edit can't be put into a JSON document: it would drop something
// that T doesn't know, or leaves open what that belongs to, or the document or a merge
// patch can't hold it. Nothing was written.
type EditError struct {
	// Pointers are JSON pointers (RFC 6901), mostly into the document that was read:
	// first the member that the error is about, then what else is, such as its array, or
	// the place that it may have come from or gone to. The empty one is the whole
	// document. There is always one.
	Pointers []string
	Cure     string // what helps, as a clause; empty where nothing is known

	err error
}

// Error names the document, the member, why the edit can't be made, and what helps.
func (e *EditError) Error() string { return e.err.Error() }

// Unwrap returns the error without its place in the API.
func (e *EditError) Unwrap() error { return e.err }

// mergeJSON is the policy of MergeJSON. It isn't changed once it is made, so calls share
// it without a lock.
type mergeJSON struct {
	base  *jsonedit.Document
	err   error          // why base can't be merged, told at the first conflict; nil: it can
	rules jsonedit.Rules // of MergeKey and MergeByIndex
}

func (*mergeJSON) traits() traits { return traits{fixed: true} }

// Resolve merges the change from base to the request's own body into the current state. In
// a call with a doubt it stops: an earlier attempt may be in that state, and would look
// like another's change. The loop doesn't ask it then, but a PolicyFunc may hand on to it.
func (p *mergeJSON) Resolve(ctx context.Context, c *Conflict) (Decision, error) {
	if c.call == nil || c.ended {
		return Decision{}, errors.New("ifmatch: a Conflict was used outside of Resolve")
	}
	if c.call.doubt.first != nil {
		return Decision{}, nil
	}
	if p.err != nil {
		return Decision{}, fmt.Errorf("MergeJSON: base: %w", p.err)
	}
	mine, err := c.call.originalDocument()
	if err != nil {
		return Decision{}, fmt.Errorf("MergeJSON: %w", err)
	}
	current, err := c.Current(ctx)
	if err != nil {
		return Decision{}, err
	}
	theirs, err := parseCoded(current.Body, current.Header)
	if err != nil {
		return Decision{}, fmt.Errorf("MergeJSON: the current state: %w", err)
	}
	// A version in the body differs in all three documents, and is nobody's change.
	d := c.call.dialect
	base, err := d.WithVersionsOf(c.call.sent.write, theirs, p.base)
	if err == nil {
		mine, err = d.WithVersionsOf(c.call.sent.write, theirs, mine)
	}
	if err != nil {
		return Decision{}, fmt.Errorf("MergeJSON: dialect %s: %w", d.Name, err)
	}
	merged, err := jsonedit.Merge(base, mine, theirs, p.rules)
	if overlap := (*jsonedit.Overlap)(nil); errors.As(err, &overlap) {
		return Decision{}, &MergeError{Pointers: overlap.Pointers}
	}
	if err != nil {
		return Decision{}, err
	}
	return c.Replace(merged), nil
}

// originalDocument returns the document that the caller's own request carries. It is
// asked anew at each refusal: what was sent since holds the changes of others.
func (c *call) originalDocument() (*jsonedit.Document, error) {
	if c.req.Method == http.MethodPatch {
		return nil, errors.New("the body of a PATCH isn't the document: send it with PUT")
	}
	body, err := c.originalBody()
	if err == nil {
		body, err = c.dialect.StateSent(body)
	}
	if err != nil {
		return nil, fmt.Errorf("the request's body: %w", err)
	}
	doc, err := parseCoded(body, c.req.Header)
	if err != nil {
		return nil, fmt.Errorf("the request's body: %w", err)
	}
	return doc, nil
}

// parseCoded is jsonedit.Parse for a body that came with a header. A
// Content-Encoding is named only where the body isn't JSON: it is the likely reason.
func parseCoded(body []byte, header http.Header) (*jsonedit.Document, error) {
	doc, err := jsonedit.Parse(body)
	err = askable(err)
	if coding := strings.Join(field.Lines(header, "Content-Encoding"), ", "); err != nil && coding != "" {
		return nil, fmt.Errorf("it has the Content-Encoding %q: %w", coding, err)
	}
	return doc, err
}

// askable returns an error of jsonedit as one that callers can ask for: it matches
// ErrTooLarge where the text is too long for one, and is an *EditError where the document
// would lose something.
func askable(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, jsonedit.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if about := (*jsonedit.EditError)(nil); errors.As(err, &about) {
		return &EditError{Pointers: slices.Clone(about.Pointers), Cure: about.Cure(), err: err}
	}
	return err
}

// originalBody returns what the caller's own request carries, whatever was sent
// since, at most maxRepresentation bytes of it. It waits for base to stop reading that
// body, within the limits of the call.
func (c *call) originalBody() ([]byte, error) {
	original := replay.Of(c.req)
	if original.Empty() {
		return nil, errors.New("there is none")
	}
	// A body without GetBody is in the copy that the call has made, at its first refusal.
	// A source that hangs is given up when the time is over.
	if c.req.GetBody == nil && c.sent.payload.Copied() {
		original = c.sent.payload
		defer time.AfterFunc(c.left(), original.Abandon).Stop()
	}
	reader, err := original.Open(c.awaitDone)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	body, end := drain.UpTo(reader, c.maxRepresentation, original.Length())
	if end != io.EOF {
		return nil, end
	}
	// The next write has another body and takes the place of the copy. So the call's
	// request, a copy of the caller's, keeps what was read for the next refusal.
	if c.req.GetBody == nil {
		c.req = c.req.WithContext(c.req.Context())
		c.req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return body, nil
}
