package jsonedit

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// named are the parts of one container, found by name: the members of an object,
// or the elements of an array by a key.
type named struct {
	parts []value
	names []string
	last  map[string]int // the last one of each name: decoding takes that
	twice bool           // a name occurs more than once
}

// members returns the members of an object, and none for any other value. Their
// names are as encoding/json decodes them.
func (v value) members() named { return v.membersBy(unquote) }

// exactMembers is members with names that are equal for equal text only: see exact.
func (v value) exactMembers() named { return v.membersBy(exact) }

func (v value) membersBy(decode func(quoted []byte) string) named {
	if v.kind() != '{' {
		return named{}
	}
	n := newNamed(v.parts())
	for i, member := range n.parts {
		n.names[i] = decode(member.quotedName())
		n.last[n.names[i]] = i
	}
	n.twice = len(n.last) < len(n.parts)
	return n
}

// elementsBy returns the elements of an array by the member key, and none for an
// absent one. It is false where the key doesn't tell the elements apart: one lacks
// it, two have the same, or it is neither a string nor a number.
func (v value) elementsBy(key string) (named, bool) {
	if v.absent() {
		return named{}, true
	}
	if v.kind() != '[' {
		return named{}, false
	}
	n := newNamed(v.parts())
	for i, element := range n.parts {
		members := element.exactMembers()
		id := members.get(key)
		if members.twice || id.kind() != '"' && id.kind() != '0' {
			return named{}, false
		}
		name := scalarKey(id)
		if _, there := n.last[name]; there {
			return named{}, false
		}
		n.names[i], n.last[name] = name, i
	}
	return n, true
}

// elementsByIndex returns the elements of an array by their index, and none for any other
// value.
func (v value) elementsByIndex() named {
	if v.kind() != '[' {
		return named{}
	}
	n := newNamed(v.parts())
	for i := range n.parts {
		n.names[i] = strconv.Itoa(i)
		n.last[n.names[i]] = i
	}
	return n
}

func newNamed(parts []value) named {
	return named{parts: parts, names: make([]string, len(parts)), last: make(map[string]int, len(parts))}
}

// get returns the part of that name, the last one of several.
func (n named) get(name string) value {
	if i, ok := n.last[name]; ok {
		return n.parts[i]
	}
	return value{}
}

// ownedBy returns which members of the document belong to each name that T
// renders: as encoding/json decodes, a member belongs to the name that is equal,
// or else to the name that differs in case only.
func (n named) ownedBy(rendered ...named) map[string][]int {
	exact := make(map[string]bool)
	folded := make(map[string][]string)
	for _, r := range rendered {
		for _, name := range r.names {
			if !exact[name] {
				exact[name] = true
				f := foldName(name)
				folded[f] = append(folded[f], name)
			}
		}
	}
	owned := make(map[string][]int)
	for i, name := range n.names {
		if !exact[name] {
			alike := folded[foldName(name)]
			if len(alike) != 1 {
				continue // unknown; or a map, or fields that differ by case only
			}
			name = alike[0]
		}
		owned[name] = append(owned[name], i)
	}
	return owned
}

// anyContainer reports whether one of these parts is an object or an array.
func (n named) anyContainer(indices []int) bool {
	for _, i := range indices {
		if n.parts[i].isContainer() {
			return true
		}
	}
	return false
}

// foldName returns the same text for names that encoding/json takes for one.
func foldName(name string) string {
	folded := make([]byte, 0, len(name))
	for _, r := range name {
		folded = utf8.AppendRune(folded, foldRune(r))
	}
	return string(folded)
}

// foldRune returns the smallest rune that differs from r in case only, or r.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
