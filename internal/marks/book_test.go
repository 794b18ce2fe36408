package marks

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/lane"
)

func keyOf(path string) Key { return Key{Target: lane.Target{Path: path}, List: true} }

// TestBook: the documents that were used last are remembered, each place of marks by
// itself, and a forgotten one isn't known (rule 10).
func TestBook(t *testing.T) {
	var b Book
	drop := func(r *Record) { r.Read(nil, true) }
	for i := range maxDocuments {
		b.Note(keyOf(fmt.Sprint(i)), drop)
	}
	b.Note(keyOf("0"), func(*Record) {}) // it was used again
	if r := b.Note(keyOf("new"), drop); !r.Drops() {
		t.Error("the record isn't returned")
	}
	for path, want := range map[string]bool{"0": true, "1": false, "2": true, "new": true, "other": false} {
		if r := b.Of(keyOf(path)); r.Drops() != want {
			t.Errorf("%s: remembered %v, want %v", path, r.Drops(), want)
		}
	}
	if r := b.Of(Key{Target: lane.Target{Path: "new"}}); r.Drops() {
		t.Error("another place of marks has the same record")
	}
	if len(b.byKey) != maxDocuments {
		t.Errorf("%d documents", len(b.byKey))
	}
}

// TestBookOfMany: a Book may be used concurrently.
func TestBookOfMany(t *testing.T) {
	var b Book
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 100 {
				b.Note(keyOf(fmt.Sprint(n%3)), func(r *Record) { r.Sent(fmt.Sprint(i)) })
				b.Of(keyOf("1"))
			}
		})
	}
	all.Wait()
}
