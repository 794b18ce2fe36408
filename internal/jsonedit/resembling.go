package jsonedit

import "strings"

// newcomers are the objects that an edit brings to places where nothing was, by what they
// have in common with others: the numbers and the texts in them that aren't zero.
type newcomers struct {
	keys    []string
	objects map[string][]newcomer
}

type newcomer struct {
	value
	names map[string]bool
}

// note takes note of an object and of all in it.
func (n *newcomers) note(v value) {
	for _, part := range v.parts() {
		n.note(part)
	}
	if v.kind() != '{' {
		return
	}
	made := newcomer{v, make(map[string]bool)}
	members := v.members()
	for _, name := range members.names {
		made.names[name] = true
	}
	for _, trait := range n.traits(v) {
		if !n.has(trait, made) {
			n.objects[trait] = append(n.objects[trait], made)
		}
	}
}

// has reports whether one with the same names is there already: one is enough.
func (n *newcomers) has(trait string, made newcomer) bool {
	for _, other := range n.objects[trait] {
		if len(other.names) == len(made.names) && shared(other.names, made.names) == len(made.names) {
			return true
		}
	}
	return false
}

// traits returns what an object has, its key alone where it has one: objects with
// different keys are different.
func (n *newcomers) traits(v value) (all []string) {
	for _, key := range n.keys {
		if id, ok := v.keyBy(key); ok {
			return []string{key + "=" + id}
		}
	}
	for _, part := range v.parts() {
		if !part.isContainer() && part.tells() {
			all = append(all, unquote(part.quotedName())+":"+scalarKey(part))
		}
	}
	return all
}

// resembles finds an object that may be the one that left its place, changed: it has
// something in common with it, and half of the names at least.
func (n *newcomers) resembles(left value) (value, bool) {
	if left.kind() != '{' {
		return value{}, false
	}
	names := make(map[string]bool)
	for _, name := range left.members().names {
		names[name] = true
	}
	for _, trait := range n.traits(left) {
		for _, other := range n.objects[trait] {
			if strings.Contains(trait, "=") || 2*shared(names, other.names) >= min(len(names), len(other.names)) {
				return other.value, true
			}
		}
	}
	return value{}, false
}

func shared(a, b map[string]bool) (n int) {
	for name := range a {
		if b[name] {
			n++
		}
	}
	return n
}
