package marks

import (
	"sync"

	"github.com/ifmatch-go/ifmatch/internal/lane"
)

// maxDocuments is how many documents a Book remembers.
const maxDocuments = 256

// Key is a document, and the place where it keeps marks: a server may keep one
// member and drop another.
type Key struct {
	Target lane.Target
	Fields string // what else selects the document: a tenant, say
	List   bool   // the ids of the last writes are there; else what functions of the user's put
	At     string // the pointer to the text that has them; empty: they aren't in a text
}

// Book has the records of the documents that were used last. What it has forgotten
// isn't known. The zero Book is ready to use. It may be used concurrently, and must not
// be copied after its first use.
type Book struct {
	mu    sync.Mutex
	clock uint64 // counts the notes
	byKey map[Key]entry
}

type entry struct {
	Record
	at uint64 // when it was noted last
}

// Of returns the record of a document; the zero Record where there is none.
func (b *Book) Of(k Key) Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byKey[k].Record
}

// Note changes the record of a document, and returns it. change is called once, and
// must not use the Book.
func (b *Book) Note(k Key, change func(*Record)) Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byKey == nil {
		b.byKey = make(map[Key]entry)
	}
	e := b.byKey[k]
	change(&e.Record)
	b.clock++
	e.at = b.clock
	b.byKey[k] = e
	if len(b.byKey) > maxDocuments {
		b.forgetOldest()
	}
	return e.Record
}

// forgetOldest drops the record that was noted longest ago.
func (b *Book) forgetOldest() {
	var oldest Key
	at := b.clock
	for k, e := range b.byKey {
		if e.at < at {
			oldest, at = k, e.at
		}
	}
	delete(b.byKey, oldest)
}
