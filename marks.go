package ifmatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/ifmatch-go/ifmatch/internal/edit"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/lane"
	"github.com/ifmatch-go/ifmatch/internal/marks"
)

// Mark says whether a document holds the id of a write: it is what the find of WithMarker
// returns. The zero value, and any other than the three, is MarkUnknown.
type Mark int

const (
	MarkUnknown Mark = iota // it can't be told
	MarkFound               // the write was applied
	MarkAbsent              // the write was not applied: the id would still be there
)

var markNames = [...]string{"unknown", "found", "absent"}

// String returns the word of the mark, such as "found".
func (m Mark) String() string { return nameOf(markNames[:], int(m), "Mark") }

// Marks lets an Update recognise its own write after a lost answer, in documents whose
// server keeps the member _ifmatch: embed it in T. It is of no use where a server drops
// the members that its own type doesn't have, as most typed APIs do, or refuses them: where
// the dialect of the API has a place for them, the ids are there, and not in the member.
//
// The member is an array of strings with the ids of the last 64 writes, the newest last.
// After a refusal or a lost answer the state is read and the id of the write is looked
// for. Found, the write was applied. Absent, it was not, if two things are known. The
// document was seen to keep marks: an id that went out over a document that was there was
// read back, or the list gained one between two reads with this Transport; and the id of the
// Transport's own accepted write isn't missing beside ids that are older. And the list still
// holds an id from before the write. Otherwise it can't be told: on a new document,
// where 64 others came after the write, where somebody wiped the ids, made another order
// of them or spelled the id in another way, where the document isn't there. After a lost answer Update then ends with
// ErrOutcomeUnknown. A refusal is believed: the write was not performed (RFC 9110
// §13.1.1), unless a proxy performed it twice.
//
// An Update of a document that was seen to drop a mark reads, and is an error before it
// writes: the state that an accepted write has made, by its strong tag, was read without the
// id. A later read whose list has gained an id lifts that.
//
// What was seen is kept in the Transport for the 256 documents that were used last. A URL
// with the same fields of WithHeader is one document there: where a RoundTripper below adds
// credentials that select another one, as for /me, give each user a Transport. A server that
// was seen to keep marks, and drops one later, can make an edit be applied twice: that can't
// be seen.
//
// With a dialect that has MarksAt, such as the one of Kubernetes, the ids are in a text of the
// JSON document, with a space between two of them. All of the above holds for that text. T
// need not know its place. IDs isn't used, and what the edit makes of the text doesn't count.
// Something else than ids in the text, a value there that is no text, and one on the way that
// is no object are errors that name the place, and nothing is written. Such a text may still
// show that the write was applied, and never that it wasn't.
//
// The zero value is ready to use. All writers of a document should use it, or at
// least leave the member as it is.
type Marks struct {
	IDs []string `json:"_ifmatch,omitempty"`
}

// marksMember is the member of Marks in a JSON document, as the tag above has it.
const marksMember = "_ifmatch"

// marks is promoted to the T that embeds Marks, and so shows that it does.
func (m *Marks) marks() *Marks { return m }

// marked is a T, or a *T, that embeds Marks. Nobody outside can implement it otherwise.
type marked interface{ marks() *Marks }

// marksOf returns the Marks in a document, nil where a pointer on the way to them
// is nil.
func marksOf[T any](doc *T) (m *Marks) {
	defer func() { recover() }() // promotion through a nil pointer panics
	if embeds, ok := any(doc).(marked); ok {
		return embeds.marks()
	}
	if embeds, ok := any(*doc).(marked); ok {
		return embeds.marks()
	}
	return nil
}

// markList returns the list of the Marks in a document, nil where it has none.
func markList[T any](doc *T) *[]string {
	if m := marksOf(doc); m != nil {
		return &m.IDs
	}
	return nil
}

// marker is what WithMarker was given. Its T is checked once the T of the document is
// known.
type marker[T any] struct {
	put  func(doc *T, id string)
	find func(doc *T, id string) Mark
}

// WithMarker makes every Update exact, as Marks does, for a T that can't embed
// Marks, and goes before Marks and the MarksAt of a dialect: put stores the id of a write in
// the document, and find tells whether a document has it. find returns MarkAbsent only where the id would still be there, which is
// your word that the server keeps what put stores: where it doesn't, an edit may be applied
// twice. find returns MarkUnknown where the id may have been written over. As with Marks, an
// Update of a document that was seen to drop a mark is an error before it writes. Where the Update has another T, or
// a function is nil, each Get and Update returns an error. Both functions may be called
// concurrently for different documents, and may change no other than theirs.
//
// By default an Update is exact where T embeds Marks. Otherwise it returns
// ErrOutcomeUnknown where an answer was lost and the repeat wasn't accepted.
func WithMarker[T any](put func(doc *T, id string), find func(doc *T, id string) Mark) UpdateOption {
	m := &marker[T]{put, find}
	return updateFunc(func(s *updateSettings) { s.marker = m })
}

// markerOf returns how documents of type T hold marks. custom is the *marker[T] of
// WithMarker, nil without it.
func markerOf[T any](custom any) (edit.Marker[T], error) {
	if custom != nil {
		m, ok := custom.(*marker[T])
		if !ok || m.put == nil || m.find == nil {
			return edit.Marker[T]{}, fmt.Errorf("ifmatch: WithMarker: %T doesn't fit a document of %T, or a function is nil", custom, *new(T))
		}
		return edit.Marker[T]{Put: m.put, Find: m.look}, nil
	}
	if err := misplacedMarks(reflect.TypeFor[T]()); err != nil {
		return edit.Marker[T]{}, err
	}
	_, embeds := any(new(T)).(marked)
	_, pointerEmbeds := any(*new(T)).(marked)
	if embeds || pointerEmbeds {
		return edit.Marker[T]{IDs: markList[T]}, nil
	}
	return edit.Marker[T]{}, nil
}

// look calls find. A value that isn't a Mark is Unknown.
func (m *marker[T]) look(doc *T, id string) edit.Sighting {
	switch m.find(doc, id) {
	case MarkFound:
		return edit.Found
	case MarkAbsent:
		return edit.Absent
	}
	return edit.Unknown
}

// errDropsMarks says what to do about a server that drops marks.
var errDropsMarks = errors.New("the server drops marks: it accepted a write, and the state that the write made lacks the mark. " +
	"Nothing was sent now. Use WithMarker with a member that the server keeps, let its documents have the member, " +
	"or do without Marks and WithMarker: a lost answer then ends with ErrOutcomeUnknown")

// unmarkable is why the API's documents can't have what Marks adds to them; nil where they can.
func (d *document[T]) unmarkable(ctx context.Context) error {
	if d.marker.IDs == nil {
		return nil
	}
	dialect, why := d.dialect(ctx), ""
	switch {
	case dialect.NoMarks != "":
		why = dialect.NoMarks + ": use WithMarker with a member that the API takes"
	case dialect.MarksAt != "" && !d.format.JSON:
		why = "MarksAt is a place in JSON, and the codec is for " + d.media + ": use WithMarker"
	default:
		return nil
	}
	return fmt.Errorf("ifmatch: update %q: dialect %s: no Marks in %T: %s", d.name, dialect.Name, *new(T), why)
}

// marksAt is where the API's documents have the ids of Marks as a text; empty: in the member
// of Marks, or T has none.
func (d *document[T]) marksAt(ctx context.Context) string {
	if d.marker.IDs == nil {
		return ""
	}
	return d.dialect(ctx).MarksAt
}

// markerIn is the marker of the documents of the API that the options of ctx name.
func (d *document[T]) markerIn(ctx context.Context) edit.Marker[T] {
	marker := d.marker
	marker.At = d.marksAt(ctx)
	return marker
}

// marksPlace is where a document has its marks, a pointer; empty: it has none.
func (d *document[T]) marksPlace(dialect *guard.Dialect) string {
	if d.marker.IDs == nil {
		return ""
	}
	return cmp.Or(dialect.MarksAt, "/"+marksMember)
}

// misplacedMarks is an error for a type that has Marks in a way that does nothing: as a named
// field, or more than once.
func misplacedMarks(t reflect.Type) error {
	embedded, named := countMarks(t, map[reflect.Type]bool{})
	switch {
	case named > 0:
		return fmt.Errorf("ifmatch: %v has Marks as a named field, where they do nothing: embed them", t)
	case embedded > 1:
		return fmt.Errorf("ifmatch: %v has Marks more than once: embed them once", t)
	}
	return nil
}

// countMarks counts the Marks among the fields of a type and of those that it embeds. Those
// in within are being looked into: a type may embed a pointer to itself.
func countMarks(t reflect.Type, within map[reflect.Type]bool) (embedded, named int) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || within[t] {
		return 0, 0
	}
	within[t] = true
	defer delete(within, t)
	for i := range t.NumField() {
		f := t.Field(i)
		is := f.Type == reflect.TypeFor[Marks]() || f.Type == reflect.TypeFor[*Marks]()
		switch {
		case is && f.Anonymous:
			embedded++
		case is:
			named++
		case f.Anonymous:
			e, n := countMarks(f.Type, within)
			embedded, named = embedded+e, named+n
		}
	}
	return embedded, named
}

// book is where the Transport keeps what was seen of the document's marks, and under which
// key. There is none where T has no marks, and where the client was given another
// Transport since.
func (d *document[T]) book(ctx context.Context) (*marks.Book, marks.Key) {
	t, ours := d.client.Transport.(*Transport)
	if !ours || !d.marker.Holds() {
		return nil, marks.Key{}
	}
	return &t.marks, marks.Key{Target: lane.TargetOf(d.target, ""), Fields: d.set.fields(), List: d.marker.Lists(), At: d.marksAt(ctx)}
}

// noteRead takes note of the marks in a state that was read, and tells the state what is
// known of the document by then.
func (d *document[T]) noteRead(ctx context.Context, s *state[T]) {
	book, key := d.book(ctx)
	if book == nil {
		return
	}
	if s.Absent {
		book.Note(key, (*marks.Record).Missed)
		return
	}
	known := book.Of(key)
	awaited := known.Awaited(strongTag(s.Validators))
	marker := d.marker
	marker.At = key.At
	ids, lacks := marker.Read(&s.Document, awaited)
	s.know(book.Note(key, func(r *marks.Record) { r.Read(ids, lacks) }), key)
}

// know sets what is known of the document's marks. Of marks that aren't in a list, it is
// for the find of WithMarker to say absent only where they are kept.
func (s *state[T]) know(r marks.Record, key marks.Key) {
	s.dropsMarks = r.Drops()
	s.keepsMarks = r.Keeps() || !key.List && !r.Drops()
}

// recall tells a state that was kept what is known of the document by now.
func (d *document[T]) recall(ctx context.Context, s *state[T]) {
	if book, key := d.book(ctx); book != nil {
		s.know(book.Of(key), key)
	}
}

// noteSent takes note of the mark of a write that goes out.
func (d *document[T]) noteSent(ctx context.Context, w *submission[T]) {
	if book, key := d.book(ctx); book != nil && w.overState {
		book.Note(key, func(r *marks.Record) { r.Sent(w.id) })
	}
}

// noteAccepted takes note of the mark of a write that was accepted, and of what the answer
// says that the state has now.
func (d *document[T]) noteAccepted(ctx context.Context, w *submission[T], v Validators) {
	if book, key := d.book(ctx); book != nil {
		book.Note(key, func(r *marks.Record) { r.Accepted(w.id, strongTag(v)) })
	}
}

// strongTag is the tag of one state and no other; empty: there is none.
func strongTag(v Validators) string {
	if etag.Weak(v.ETag) {
		return ""
	}
	return v.ETag
}
