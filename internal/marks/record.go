// Package marks remembers what was seen of how documents keep marks: the ids of
// writes. A server may drop what its own type doesn't have, or only what is new, and
// then an id that is absent proves nothing.
//
// The package decides from the lists and the tags that it is shown. It reads
// nothing, and knows neither documents nor HTTP.
package marks

import (
	"hash/maphash"
	"slices"
)

// maxSent is how many own ids a Record waits for.
const maxSent = 8

// Record is what was seen of one document. The zero Record is of a document that
// nobody has seen. A Record may be copied: no method changes what a copy shares.
type Record struct {
	list     []uint64 // of the newest read, hashed: a server's ids may be long, and many
	gone     []uint64 // ids that were in a list before, the newest last
	sent     []uint64 // own ids that went out over a document that was there, the newest last
	accepted string   // the id of the own write that was accepted last
	tag      string   // the strong tag that the write got; empty: none
	older    []uint64 // what was in the list before that write; nil once its id was read back
	lost     bool     // the id of an accepted write was missing where older ones stood
	habit    habit
}

// habit is what a server was seen to do with marks, at last.
type habit uint8

const (
	unseen habit = iota
	keeps
	drops
)

// maxList is how many ids of a list are kept, as many as Marks has.
const maxList = 64

var seed = maphash.MakeSeed()

// hashed returns the hashes of the last ids.
func hashed(ids []string) []uint64 {
	ids = ids[max(0, len(ids)-maxList):]
	all := make([]uint64, len(ids))
	for i, id := range ids {
		all[i] = maphash.String(seed, id)
	}
	return all
}

// Keeps reports whether the document was seen to keep marks, and not to drop one
// since, nor to lack the id of an own write beside ids that are older.
func (r *Record) Keeps() bool { return r.habit == keeps && !r.lost }

// Drops reports whether the document was seen to drop a mark, and to keep none
// since.
func (r *Record) Drops() bool { return r.habit == drops }

// Sent takes note of the id of an own write, before it goes out over a document that
// is there. What a write creates shows nothing: a server may keep all of the first
// state, and drop what is new later on.
func (r *Record) Sent(id string) {
	hash := maphash.String(seed, id)
	if !slices.Contains(r.sent, hash) {
		r.sent = append(slices.Clone(r.sent[max(0, len(r.sent)-maxSent+1):]), hash)
	}
}

// Accepted takes note of an own write that was accepted, and of the strong tag in
// its answer; an empty one shows nothing.
func (r *Record) Accepted(id, tag string) {
	r.accepted, r.tag, r.older = id, tag, r.list
}

// Awaited returns the id that has to be in the state with this tag; empty: none.
func (r *Record) Awaited(tag string) string {
	if tag == "" || tag != r.tag {
		return ""
	}
	return r.accepted
}

// Read takes note of a document that was read, with its list of ids; nil where its
// marks aren't in a list. lacks says that the state has the tag of the write that was
// accepted last, and not its id.
func (r *Record) Read(ids []string, lacks bool) {
	list := hashed(ids)
	r.missAccepted(list)
	switch {
	case lacks:
		r.habit = drops // the state is the one that the write has made
	case overlap(list, r.sent):
		r.habit = keeps // nobody else has that id
	// The document is the one from before, and has an id that is new: not one that a writer
	// put back who had read it earlier.
	case overlap(list, r.list) && gained(list, slices.Concat(r.list, r.gone)):
		r.habit = keeps
	}
	r.gone = leaving(slices.Concat(r.gone, r.list), list)
	r.list = list
}

// missAccepted takes note of whether a list that was read has the id of the write that was
// accepted last. Newer ids push out the oldest ones first: where one from before the write is
// still there, the id wasn't pushed out. The read may be an old one, and then a later one has the
// id. What others have written doesn't show that an own id is kept: a part of a document, such
// as its status, may have the marks of the whole, and take none.
func (r *Record) missAccepted(list []uint64) {
	switch {
	case r.accepted == "":
	case slices.Contains(list, maphash.String(seed, r.accepted)):
		r.older, r.lost = nil, false
	case overlap(list, r.older):
		r.lost = true
	}
}

// leaving returns the ids of a list that aren't in the next one, the last of them.
func leaving(list, next []uint64) []uint64 {
	left := slices.DeleteFunc(list, func(id uint64) bool { return slices.Contains(next, id) })
	return left[max(0, len(left)-maxList):]
}

// Missed takes note that the document wasn't there. The next one is another.
func (r *Record) Missed() { r.list, r.gone, r.older = nil, nil, nil }

// overlap reports whether two lists have an id in common.
func overlap(a, b []uint64) bool {
	return slices.ContainsFunc(a, func(id uint64) bool { return slices.Contains(b, id) })
}

// gained reports whether a list has an id that an earlier one hasn't.
func gained(list, earlier []uint64) bool {
	return slices.ContainsFunc(list, func(id uint64) bool { return !slices.Contains(earlier, id) })
}
