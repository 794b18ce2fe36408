package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"runtime"
	"strings"
	"testing"
)

// list is a document with a list of items, which holds marks.
type list struct {
	N     int      `json:"n"`
	Items []entry  `json:"items"`
	IDs   []string `json:"ids,omitempty"`
}

type entry struct {
	ID   int      `json:"id"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// share is one edit of a document, to be done by hand and as a draft.
type share struct {
	name   string
	text   []byte
	edit   func(*list) error
	keyed  bool // items are told apart by their id, else by how they are rendered
	marked bool
}

// shares are edits of documents of about this many bytes: of a member of the document and of
// one of its items, where the type knows all members, where the document has one more, and where
// each item has.
func shares(size int) iter.Seq[share] {
	doc := list{N: 1}
	for i := range size / 56 {
		doc.Items = append(doc.Items, entry{i, fmt.Sprintf("item number %d", i), []string{"a", "bb", "ccc"}})
	}
	text, _ := json.Marshal(doc)
	number := func(d *list) error { d.N++; return nil }
	item := func(d *list) error { d.Items[len(d.Items)/2].Name = "new"; return nil }
	known, unknown := text, append([]byte(`{"theirs":1,`), text[1:]...)
	each := bytes.ReplaceAll(text, []byte(`{"id":`), []byte(`{"theirs":1,"id":`))
	return func(yield func(share) bool) {
		for _, marked := range []bool{false, true} {
			for _, s := range []share{
				{"number, all known", known, number, true, marked},
				{"number, one unknown", unknown, number, true, marked},
				{"number, one unknown in each item", each, number, true, marked},
				{"item, all known", known, item, true, marked},
				{"item, one unknown", unknown, item, true, marked},
				{"item, one unknown in each item", each, item, true, marked},
				{"item, one unknown, no key", unknown, item, false, marked},
			} {
				if marked {
					s.name += ", marked"
				}
				if !yield(s) {
					return
				}
			}
		}
	}
}

// byHand is the edit without a draft.
func (s *share) byHand() {
	var d list
	json.Unmarshal(s.text, &d)
	s.edit(&d)
	json.Marshal(&d)
}

// floor is what no draft can do without: the text is decoded and checked, and the value is
// rendered before the edit and after it.
func (s *share) floor() {
	var d list
	json.Unmarshal(s.text, &d)
	json.Marshal(&d)
	s.edit(&d)
	json.Marshal(&d)
	json.Valid(s.text)
}

// draft returns the edit as a draft.
func (s *share) draft(t testing.TB) func() {
	f := formatOf[list](new(counting))
	if s.keyed {
		f.Rules.Keys = []string{"id"}
	}
	var marker Marker[list]
	if s.marked {
		marker.IDs = func(d *list) *[]string { return &d.IDs }
	}
	return func() {
		d, err := f.Read(s.text)
		if err != nil {
			t.Fatal(err)
		}
		mark := NewMark(marker)
		if made, err := f.Draft(&d, &mark, s.edit); err != nil || made.Same {
			t.Fatal(made, err)
		}
	}
}

// allocatedBy returns how many bytes f allocates, the least of several times: a collection may
// empty a pool of encoding/json.
func allocatedBy(f func()) uint64 {
	least := ^uint64(0)
	for range 4 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// TestDraftAllocatesLittle: a draft allocates at most two and a half times the bytes of the edit
// by hand.
func TestDraftAllocatesLittle(t *testing.T) {
	sizes := []int{1 << 10, 100 << 10}
	// With the race detector 9 MiB take ten minutes, and show nothing more.
	if os.Getenv("IFMATCH_LONG") != "" && !raceEnabled {
		sizes = append(sizes, 9<<20)
	}
	for _, size := range sizes {
		for s := range shares(size) {
			got, want, floor := allocatedBy(s.draft(t)), allocatedBy(s.byHand), allocatedBy(s.floor)
			ratio := float64(got) / float64(want)
			t.Logf("%d KiB, %s: %d B, %d by hand, %d at the least: %.2f", size>>10, s.name, got, want, floor, ratio)
			if most := 2.5; ratio > most {
				t.Errorf("%d KiB, %s: %d B, %.2f times the %d B by hand, at most %v are fine", size>>10, s.name, got, ratio, want, most)
			}
		}
	}
}

// BenchmarkDraft is an edit by hand, and as a draft.
func BenchmarkDraft(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10, 9 << 20} {
		for s := range shares(size) {
			name := fmt.Sprintf("%dKiB/%s/", size>>10, strings.ReplaceAll(s.name, ", ", "/"))
			for way, do := range map[string]func(){"hand": s.byHand, "floor": s.floor, "draft": s.draft(b)} {
				b.Run(name+way, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						do()
					}
				})
			}
		}
	}
}
