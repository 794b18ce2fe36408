package jsonedit

import (
	"bytes"
	"hash/maphash"
	"math"
)

// sightings are the places of a document where certain renderings are.
type sightings struct {
	seed   maphash.Seed
	places map[uint64][]value
}

// sightingsOf finds renderings in a document. It reads a part of the document only where
// its length is one of theirs.
func sightingsOf(doc *Document, renderings []value) sightings {
	if len(renderings) == 0 {
		return sightings{}
	}
	s := sightings{maphash.MakeSeed(), make(map[uint64][]value)}
	lengths := make(map[int32]bool, len(renderings))
	least := int32(math.MaxInt32)
	for _, v := range renderings {
		lengths[v.end-v.start] = true
		least = min(least, v.end-v.start)
	}
	s.look(doc.root(), lengths, least)
	return s
}

// look notes a value, and all in it, where they have one of the lengths, of which one is the least.
func (s sightings) look(v value, lengths map[int32]bool, least int32) {
	if v.end-v.start < least {
		return
	}
	if lengths[v.end-v.start] {
		hash := maphash.Bytes(s.seed, v.raw())
		s.places[hash] = append(s.places[hash], v)
	}
	if v.end-v.start <= least {
		return // what is in it is shorter
	}
	for part := range v.all() {
		s.look(part, lengths, least)
	}
}

// of returns where a rendering is, in the order of the document.
func (s sightings) of(rendering value) []value {
	if s.places == nil {
		return nil
	}
	places := s.places[maphash.Bytes(s.seed, rendering.raw())]
	for i, v := range places {
		if !bytes.Equal(v.raw(), rendering.raw()) { // another text with that hash
			var same []value
			for _, v := range places[i:] {
				if bytes.Equal(v.raw(), rendering.raw()) {
					same = append(same, v)
				}
			}
			return append(places[:i:i], same...)
		}
	}
	return places
}

func (s sightings) count(rendering value) int { return len(s.of(rendering)) }
