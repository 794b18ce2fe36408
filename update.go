package ifmatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/commit"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// Snapshot is a state of a document that the server gave or accepted: Validators, Value and
// Raw are of one state. It belongs to the caller, who may change all of it, and shares
// nothing with the Snapshot of another caller.
//
// After a write the state is the body of the answer where that says so: by a
// Content-Location of the URL that was written, by Preference-Applied:
// return=representation, or by the dialect. Otherwise it is what was sent and accepted.
type Snapshot[T any] struct {
	// Validators of this state, as the answer carried them. After a write they
	// are empty where the answer has none, which RFC 9110 §9.3.4 allows, and where they
	// may name another state: the body has all members of what was sent, isn't the
	// same, and nothing says that it is the new state; or it couldn't be read whole. The
	// next write must read first, as Update does.
	Validators
	Value   T           // the zero T where the document isn't there, with CreateIfAbsent
	Raw     []byte      // the text of the same state, such as the base of MergeJSON; nil where there is none
	Header  http.Header // of the answer
	Outcome Outcome     // of the write; where none was sent, its Effect is EffectNotApplied and its Attempts 0
}

// Get reads a document past caches: GET with identity coding and no-cache. A nil
// c is http.DefaultClient. A status other than 200 is a *StatusError; 404 and 410 are
// the zero T with CreateIfAbsent. A read that fails for the moment is repeated like a
// refresh, unless WithoutRepeats is given. With an error, only the Outcome of the
// Snapshot is set.
func Get[T any](ctx context.Context, c *http.Client, url string, opts ...UpdateOption) (Snapshot[T], error) {
	d := new(document[T])
	if err := d.open(c, url, opts); err != nil {
		return unwritten[T](ctx, err)
	}
	return d.get(ctx)
}

// Update reads a document, runs edit on what it decoded into a fresh T, and
// writes the result under If-Match. Where the server refuses because somebody
// else was faster, it reads again and runs edit on the new state, at most 16
// attempts in all unless WithMaxAttempts says otherwise. On a server that
// enforces preconditions no update is lost, whoever else writes.
//
// edit runs on the caller's goroutine. It may run more than once, each time on a
// newer state, and should have no other effect than on its T: the last run is the one
// that counts. An error of edit ends the Update with that error, and nothing is
// written. Where edit changes nothing, nothing is written either.
//
// Members of a JSON document that T doesn't declare survive byte for byte, or Update
// returns an *EditError that names them. Which elements of an array are the same before
// and after edit is said by MergeKey or MergeByIndex. Without these an array whose
// elements have such members can lose elements, or get new ones, or another order; where
// edit does more at once, or changes one, that is an *EditError. docs/updates.md has the
// rules.
//
// Update works with any client; nil is http.DefaultClient. Where the client has
// a Transport of this package, the options of that Transport and of ctx count,
// except the policy. Otherwise each call has a Transport of its own, and the
// budget of WithRetryBudget isn't shared.
//
// The first read takes as long as ctx lets it, as that of Get does. The limits of
// WithMaxElapsed begin with the first refusal or failure of a write.
//
// Errors: *ConflictError after the last refusal, *StatusError for another final
// status, *EditError for an edit that a JSON document can't take, ErrNoValidator where the server gives no validator, ErrOutcomeUnknown
// where it can't be known whether the write was applied, and the context's error.
// ErrOutcomeUnknown may come together with another one, so ask for it first. With
// Marks in T, or WithMarker, it is rare: the next read shows what became of a write
// whose answer was lost. With an error, only the Outcome of the Snapshot is set.
//
// Use a Resource where many goroutines change one document.
func Update[T any](ctx context.Context, c *http.Client, url string, edit func(*T) error, opts ...UpdateOption) (Snapshot[T], error) {
	report(ctx, Outcome{})
	one := new(single[T])
	err := one.open(c, url, opts)
	if err == nil && edit == nil {
		err = errNilEdit
	}
	if err != nil {
		return unwritten[T](ctx, err)
	}
	return one.update(ctx, edit)
}

// single is a document with the one Update of it, in one piece of memory.
type single[T any] struct {
	document[T]
	updater[T]
}

// update runs the Update for its caller, and tells the outcome on every path, also where
// the edit panics.
func (one *single[T]) update(ctx context.Context, change func(*T) error) (Snapshot[T], error) {
	d, u := &one.document, &one.updater
	d.begin(ctx, u)
	u.change, u.format = change, &d.format
	defer func() { report(ctx, u.total) }()
	return d.inTurn(ctx, u, nil)
}

// unwritten ends a Get or an Update that has written nothing, with err.
func unwritten[T any](ctx context.Context, err error) (Snapshot[T], error) {
	o := Outcome{Effect: EffectNotApplied, Err: err}
	report(ctx, o)
	return Snapshot[T]{Outcome: o}, err
}

var errNilEdit = errors.New("ifmatch: the edit of an Update is nil")

// endOf is the error of a context that ended, with its cause where that says more.
func endOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || cause.Error() == err.Error() {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// withEnd adds the error of a context that ended to one that has only its cause:
// net/http returns no more.
func withEnd(ctx context.Context, err error) error {
	end := ctx.Err()
	if end == nil || errors.Is(err, end) || !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("%w: %w", end, err)
}

// UpdateOption sets one thing for Get, Update and NewResource. Every Option is
// an UpdateOption and goes over the options of the context and of the client's
// Transport. OnConflict among them is an error: Get and Update bring their own
// policy. WithRetryBudget counts only in the constructors. Where two set the same
// thing, the later one wins. A nil UpdateOption does nothing.
type UpdateOption interface{ applyUpdate(*updateSettings) }

// UpdateOptions is a bundle that is an UpdateOption itself, applied in order. A nil
// UpdateOptions does nothing.
type UpdateOptions []UpdateOption

func (o UpdateOptions) applyUpdate(s *updateSettings) {
	for _, option := range o {
		if option != nil {
			option.applyUpdate(s)
		}
	}
}

// updateFunc is an UpdateOption that isn't an Option: it means nothing to a Transport.
type updateFunc func(*updateSettings)

func (f updateFunc) applyUpdate(s *updateSettings) { f(s) }

// updateSettings is what the options of Get, Update and NewResource set.
type updateSettings struct {
	settings
	create    bool
	patch     bool
	codec     Codec           // jsonCodec or copyingCodec
	media     string          // of WithMediaType; empty: the codec's, or the one that was read
	rules     jsonedit.Rules  // of MergeKey and MergeByIndex
	marker    any             // a *marker[T], where the options don't know T; nil: none
	editLimit time.Duration   // of a Resource
	header    http.Header     // of WithHeader; one value each
	values    context.Context // of WithContextValues; nil: none
	invalid   error           // of an option; nil: none is
}

// The defaults of Update and Resource. An Update never overwrites blindly, so it may try
// more often than a client's own write.
const (
	defaultUpdateAttempts = 16
	defaultEditLimit      = 5 * time.Second
)

// take makes s what the options set, over the defaults.
func (s *updateSettings) take(opts []UpdateOption) error {
	*s = updateSettings{codec: jsonCodec{}, editLimit: defaultEditLimit}
	UpdateOptions(opts).applyUpdate(s)
	if s.invalid != nil {
		return s.invalid
	}
	if s.policy != nil {
		return errors.New("ifmatch: OnConflict is not for Get, Update and NewResource: they bring their own policy")
	}
	return nil
}

// CreateIfAbsent makes Update start from the zero T where the document isn't
// there (404 or 410) and write it with If-None-Match: *. Where somebody else
// creates it first, their document is updated. A document that was there and is
// deleted before the write stays deleted: Update returns a *ConflictError with
// CauseGone. For Get a document that isn't there is the zero T.
//
// By default a document that isn't there is a *StatusError.
func CreateIfAbsent() UpdateOption {
	return updateFunc(func(s *updateSettings) { s.create = true })
}

// WithPatch sends the change as a JSON Merge Patch (RFC 7396) with PATCH, as
// application/merge-patch+json or as the dialect has it, instead of the whole document
// with PUT. What a merge patch can't say, such as a member set to null, is an error
// that names the member. Arrays go whole. A document that is created is sent whole.
// A codec whose media type isn't JSON together with WithPatch is an error.
//
// By default the whole document is sent.
func WithPatch() UpdateOption {
	return updateFunc(func(s *updateSettings) { s.patch = true })
}

// ErrEditLimit says that an edit took longer than WithEditLimit and was left out
// of the write, so it changed nothing. Where the error matches ErrOutcomeUnknown, too,
// an earlier attempt of the write holds the edit and may have been applied.
var ErrEditLimit = commit.ErrLimit

// WithEditLimit bounds how long one edit may hold up the others of a Resource, in each
// of its runs. One that takes longer is left out of the write, and its Update returns
// ErrEditLimit once the edit returns. Get and the function Update ignore it: their edit
// holds up nobody.
//
// By default, and when d is zero or negative, it is 5 seconds.
func WithEditLimit(d time.Duration) UpdateOption {
	if d <= 0 {
		d = defaultEditLimit
	}
	return updateFunc(func(s *updateSettings) { s.editLimit = d })
}

// WithCodec reads and writes documents in another format. Then the document is
// whatever the codec makes of T, unless the codec's media type is JSON: of such a codec
// only the changes go into the document that was read, as with the default, and members
// that T doesn't know are kept.
//
// By default, and when c is nil, it is application/json by encoding/json.
func WithCodec(c Codec) UpdateOption {
	if c == nil {
		return updateFunc(func(s *updateSettings) { s.codec = jsonCodec{} })
	}
	return updateFunc(func(s *updateSettings) { s.codec = copyingCodec{c} })
}

// Codec reads and writes documents in a format. It must be safe for concurrent use.
type Codec interface {
	Decode(b []byte, v any) error // b is v's to keep
	Encode(v any) ([]byte, error) // what it returns may share memory with v

	// ContentType is the media type of what Encode returns. It is asked once for each
	// Get, Update and Resource. application/json, text/json and all that end in +json
	// say that Encode and Decode know JSON; the document may then come as another of
	// these, and is written back as the one that it came as. WithMediaType goes over it.
	ContentType() string
}

// copyingCodec is a codec of the user's. It gives nothing away that is used later, and
// keeps nothing that an edit may change: a codec may share memory with its T, and an
// edit would then change the state that it is compared with.
type copyingCodec struct{ Codec }

func (c copyingCodec) Decode(b []byte, v any) error { return c.Codec.Decode(bytes.Clone(b), v) }

func (c copyingCodec) Encode(v any) ([]byte, error) {
	b, err := c.Codec.Encode(v)
	return bytes.Clone(b), err
}

// jsonCodec is the default. With it, what T doesn't know survives an update. It doesn't
// escape <, > and &, which is for JSON inside of HTML.
type jsonCodec struct{}

func (jsonCodec) Decode(b []byte, v any) error { return json.Unmarshal(b, v) }

func (jsonCodec) Encode(v any) ([]byte, error) {
	var made text
	e := json.NewEncoder(&made)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(made.bytes, []byte("\n")), nil
}

// text is what an Encoder writes. A short one is in one piece of memory with it.
type text struct {
	bytes []byte
	room  [200]byte
}

func (t *text) Write(p []byte) (int, error) {
	if t.bytes == nil {
		t.bytes = t.room[:0]
	}
	t.bytes = append(t.bytes, p...)
	return len(p), nil
}

func (jsonCodec) ContentType() string { return "application/json" }
