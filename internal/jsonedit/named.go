package jsonedit

import "strconv"

// named are the parts of one container, found by name: the members of an object,
// or the elements of an array by a key.
type named struct {
	parts []value
	names []string
	last  map[string]int // the last one of each name: decoding takes that; nil where there are few
	twice bool           // a name occurs more than once
}

// fewNames is how many names are looked through faster than they are put into a map.
const fewNames = 8

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
	for _, member := range n.parts {
		n.add(decode(member.quotedName()))
	}
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
	for _, element := range n.parts {
		members := element.exactMembers()
		id := members.get(key)
		if members.twice || id.kind() != '"' && id.kind() != '0' {
			return named{}, false
		}
		if n.add(scalarKey(id)); n.twice {
			return named{}, false
		}
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
		n.add(strconv.Itoa(i))
	}
	return n
}

func newNamed(parts []value) named {
	n := named{parts: parts, names: make([]string, 0, len(parts))}
	if len(parts) > fewNames {
		n.last = make(map[string]int, len(parts))
	}
	return n
}

// add gives the next part its name.
func (n *named) add(name string) {
	n.twice = n.twice || n.find(name) >= 0
	if n.last != nil {
		n.last[name] = len(n.names)
	}
	n.names = append(n.names, name)
}

// find returns the index of the part of that name, the last one of several, negative where
// there is none.
func (n named) find(name string) int {
	if n.last == nil {
		for i := len(n.names) - 1; i >= 0; i-- {
			if n.names[i] == name {
				return i
			}
		}
		return -1
	}
	if i, ok := n.last[name]; ok {
		return i
	}
	return -1
}

// get returns the part of that name, the last one of several.
func (n named) get(name string) value {
	if i := n.find(name); i >= 0 {
		return n.parts[i]
	}
	return value{}
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
