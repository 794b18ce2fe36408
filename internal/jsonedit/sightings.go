package jsonedit

import (
	"bytes"
	"hash/maphash"
)

// sightings are the places of a document where certain renderings are.
type sightings struct {
	seed   maphash.Seed
	places map[uint64][]value
}

// sightingsOf finds renderings in a document. It reads a part of the document only where
// its length is one of theirs.
func sightingsOf(doc *Document, renderings []value) sightings {
	s := sightings{maphash.MakeSeed(), make(map[uint64][]value)}
	if len(renderings) == 0 {
		return s
	}
	lengths := make(map[int32]bool, len(renderings))
	for _, v := range renderings {
		lengths[int32(len(v.raw()))] = true
	}
	for i := range doc.nodes {
		if n := &doc.nodes[i]; lengths[n.end-n.start] {
			v := value{doc, int32(i)}
			hash := maphash.Bytes(s.seed, v.raw())
			s.places[hash] = append(s.places[hash], v)
		}
	}
	return s
}

// of returns where a rendering is, in the order of the document.
func (s sightings) of(rendering value) []value {
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
