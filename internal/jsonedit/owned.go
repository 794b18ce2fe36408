package jsonedit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// owned says which members of an object belong to each name that T renders: as encoding/json
// decodes, a member belongs to the name that is equal, or else to the name that differs in
// case only.
type owned struct {
	names   []string         // for each member the name that it belongs to
	unknown []bool           // for each member whether it belongs to none
	byName  map[string][]int // nil where there are few
}

// ownedBy returns which of the members belong to the names of others.
func (n named) ownedBy(rendered ...*named) owned {
	o := owned{names: make([]string, len(n.names)), unknown: make([]bool, len(n.names))}
	var folded map[string][]string
	if !areFew(rendered) {
		folded = foldedNames(rendered)
	}
	for i, name := range n.names {
		known := isAmong(rendered, name)
		switch {
		case known:
		case folded == nil:
			name, known = alikeAmong(rendered, name)
		default:
			all := folded[foldName(name)]
			if known = len(all) == 1; known {
				name = all[0]
			}
		}
		o.names[i], o.unknown[i] = name, !known
	}
	if len(n.names) > fewNames {
		o.byName = make(map[string][]int)
		for i, name := range o.names {
			if !o.unknown[i] {
				o.byName[name] = append(o.byName[name], i)
			}
		}
	}
	return o
}

// of returns the members that belong to a name, in their order.
func (o *owned) of(name string) (all []int) {
	if o.byName != nil {
		return o.byName[name]
	}
	for i, owner := range o.names {
		if owner == name && !o.unknown[i] {
			all = append(all, i)
		}
	}
	return all
}

// last returns the member that the value of a name is decoded from, negative where there is none.
func (o *owned) last(name string) int {
	if o.byName != nil {
		all := o.byName[name]
		if len(all) == 0 {
			return -1
		}
		return all[len(all)-1]
	}
	for i := len(o.names) - 1; i >= 0; i-- {
		if o.names[i] == name && !o.unknown[i] {
			return i
		}
	}
	return -1
}

// counterpart returns what T renders of the i-th member, absent where it doesn't know it.
func (o *owned) counterpart(i int, rendered *named) value {
	if o.unknown[i] {
		return value{}
	}
	return rendered.get(o.names[i])
}

// isAmong reports whether one of the others has a name.
func isAmong(others []*named, name string) bool {
	for _, n := range others {
		if n.find(name) >= 0 {
			return true
		}
	}
	return false
}

// areFew reports whether there are few names of each of the others.
func areFew(others []*named) bool {
	for _, n := range others {
		if n.last != nil {
			return false
		}
	}
	return true
}

// alikeAmong returns the name of the others that differs from another one in case only. It is
// false where there is none, or two: a map, or fields that differ by case only.
func alikeAmong(others []*named, name string) (alike string, only bool) {
	for _, n := range others {
		for _, other := range n.names {
			if !strings.EqualFold(name, other) || only && alike == other {
				continue
			}
			if only {
				return "", false
			}
			alike, only = other, true
		}
	}
	return alike, only
}

// foldedNames are all different names, by what they are but for case.
func foldedNames(rendered []*named) map[string][]string {
	seen := make(map[string]bool)
	folded := make(map[string][]string)
	for _, r := range rendered {
		for _, name := range r.names {
			if !seen[name] {
				seen[name] = true
				f := foldName(name)
				folded[f] = append(folded[f], name)
			}
		}
	}
	return folded
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
