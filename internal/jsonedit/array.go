package jsonedit

import (
	"bytes"
	"math"
	"strconv"
)

// diffArray edits an array element by element.
//
//  1. An element that is equal before and after is copied from the document,
//     wherever it moves (alignment.matchEqual).
//  2. One that changed at its own index is edited, so that it keeps what T
//     doesn't know (alignment.pairChanged).
//  3. The other elements of before are removed, the others of after are new.
//
// Where that could drop an unknown member although its element was only changed,
// or hang it on another element, it is an error. An array whose elements T
// doesn't render one by one, in the same order, is replaced as a whole.
func diffArray(o, b, a value, path *path) (*edit, error) {
	al := &alignment{o: o.elements(), b: b.elements(), a: a.elements(), path: path}
	var tail []item
	if n := len(al.b); n != len(al.o) {
		// A Go array of fixed length drops elements, or renders more.
		common := min(n, len(al.o))
		if len(al.a) != n || !rendersAll(al.o, al.b[:common]) {
			return replaceArray(al, o, b, a, path)
		}
		for _, rest := range al.o[common:] {
			tail = append(tail, item{from: rest})
		}
		if !equalTexts(al.b[common:], al.a[common:]) {
			for _, more := range al.a[common:] {
				tail = append(tail, item{edit: &edit{text: more.raw()}})
			}
		}
		al.o, al.b, al.a = al.o[:common], al.b[:common], al.a[:common]
	} else if !rendersAll(al.o, al.b) {
		return replaceArray(al, o, b, a, path)
	}
	if err := al.matchEqual(); err != nil {
		return nil, err
	}
	if err := al.pairChanged(); err != nil {
		return nil, err
	}
	items := make([]item, 0, len(al.a)+len(tail))
	for j, value := range al.a {
		i := al.from[j]
		if i < 0 {
			items = append(items, item{edit: &edit{text: value.raw()}})
			continue
		}
		edit, err := diffValue(al.o[i], al.b[i], value, path.at(i))
		if err != nil {
			return nil, err
		}
		items = append(items, item{from: al.o[i], edit: edit})
	}
	return &edit{items: append(items, tail...)}, nil
}

// replaceArray replaces an array whose elements T renders in its own way: sorted,
// say, or without some. Elements that T dropped would be lost.
func replaceArray(al *alignment, o, b, a value, path *path) (*edit, error) {
	rendered := make(map[string]bool)
	for _, value := range al.b {
		rendered[scalarKey(value)] = true
	}
	for i, value := range al.o {
		if len(al.o) > len(al.b) && !value.container() && !rendered[scalarKey(value)] {
			return nil, &editError{path.at(i), whyDropped}
		}
	}
	return replaceValue(o, b, a, path)
}

func equalTexts(x, y []value) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !bytes.Equal(x[i].raw(), y[i].raw()) {
			return false
		}
	}
	return true
}

// rendersAll reports whether each element of b can be the rendering of the
// element of o at its index. T may render values in another form, such as times;
// that an element is rendered at another index shows otherwise. It is enough to
// look for a few: in another order the first one is somewhere else, too. o may
// have more elements.
func rendersAll(o, b []value) bool {
	var odd []int
	for i := range b {
		if !renders(o[i], b[i], 3) {
			odd = append(odd, i)
		}
	}
	elsewhere := odd
	for j := len(b); j < len(o); j++ {
		elsewhere = append(elsewhere, j)
	}
	// One large element against all others would take as long as there are others.
	// Who asks does without where that isn't known.
	left := 1 << 20
	for i := range o {
		left += 16 * len(o[i].raw())
	}
	for _, i := range odd[:min(len(odd), 8)] {
		for _, j := range elsewhere {
			if left -= len(o[j].raw()) + len(b[i].raw()); left < 0 || j != i && renders(o[j], b[i], 3) {
				return false
			}
		}
	}
	return true
}

// renders reports whether b looks like o rendered by a T that knows a part of it
// and changes no form. It looks into so many levels.
func renders(o, b value, levels int) bool {
	switch {
	case bytes.Equal(o.raw(), b.raw()):
		return true
	case o.absent() || o.kind() == 'n':
		return zeroValue(b)
	case o.kind() == '0' && b.kind() == '0':
		return closeNumbers(o, b)
	case o.kind() != b.kind():
		return false
	case levels == 0:
		return true
	case o.kind() == '{':
		members, rendered := o.members(), b.members()
		owned := members.ownedBy(rendered)
		for i, name := range rendered.names {
			var from value
			if at := owned[name]; len(at) > 0 {
				from = members.all[at[len(at)-1]]
			}
			if !renders(from, rendered.all[i], levels-1) {
				return false
			}
		}
		return true
	case o.kind() == '[':
		elements, rendered := o.elements(), b.elements()
		for i := range min(len(elements), len(rendered)) {
			if !renders(elements[i], rendered[i], levels-1) {
				return false
			}
		}
		return true
	}
	return scalarKey(o) == scalarKey(b)
}

// closeNumbers reports whether a T with less precision can render x as y.
func closeNumbers(x, y value) bool {
	f, _ := strconv.ParseFloat(string(x.raw()), 64)
	g, _ := strconv.ParseFloat(string(y.raw()), 64)
	return f == g || math.Abs(f-g) <= 1e-6*math.Abs(f)
}
