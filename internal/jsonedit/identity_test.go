package jsonedit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// thing is an object that a program edits. The document has one member more of it, u,
// whose value no other object has: it shows which object is which. Whatever a program
// does to a thing in memory, own goes along, since it is a part of the value.
type thing struct {
	ID    int              `json:"id,omitempty"`
	Title string           `json:"title,omitempty"`
	N     int              `json:"n"`
	Size  extent           `json:"size,omitzero"`
	Ptr   *thing           `json:"ptr,omitempty"`
	Null  *thing           `json:"null"`
	Parts []thing          `json:"parts,omitempty"`
	Refs  []*thing         `json:"refs,omitempty"`
	Map   map[string]thing `json:"map,omitempty"`
	Grid  [][]thing        `json:"grid,omitempty"`
	own   string
	read  bool
}

type extent struct {
	W   int `json:"w"`
	H   int `json:"h,omitempty"`
	own string

	asRead bool
	stays  bool
}

// full is the object with its member u, as any. Members that are zero are left out.
func (v *thing) full() map[string]any {
	all := map[string]any{}
	put := func(name string, value any, zero bool) {
		if !zero {
			all[name] = value
		}
	}
	put("id", float64(v.ID), v.ID == 0)
	put("n", float64(v.N), v.N == 0)
	put("title", v.Title, v.Title == "")
	put("u", v.own, v.own == "")
	size := map[string]any{}
	if v.Size.W != 0 {
		size["w"] = float64(v.Size.W)
	}
	if v.Size.H != 0 {
		size["h"] = float64(v.Size.H)
	}
	if v.Size.own != "" {
		size["u"] = v.Size.own
	}
	put("size", size, len(size) == 0)
	for name, p := range map[string]*thing{"ptr": v.Ptr, "null": v.Null} {
		if p != nil {
			all[name] = p.full()
		}
	}
	put("parts", listOf(v.Parts), len(v.Parts) == 0)
	refs := []any{}
	for _, p := range v.Refs {
		if p == nil {
			refs = append(refs, nil)
		} else {
			refs = append(refs, p.full())
		}
	}
	put("refs", refs, len(refs) == 0)
	entries := map[string]any{}
	for name, entry := range v.Map {
		entries[name] = entry.full()
	}
	put("map", entries, len(entries) == 0)
	grid := []any{}
	for _, row := range v.Grid {
		grid = append(grid, listOf(row))
	}
	put("grid", grid, len(grid) == 0)
	return all
}

func listOf(things []thing) []any {
	list := []any{}
	for i := range things {
		list = append(list, things[i].full())
	}
	return list
}

// withoutZeros is a decoded text as full has it.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if v[name] = withoutZeros(member); isEmpty(name, v[name]) {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
	}
	return v
}

func isEmpty(name string, member any) bool {
	switch member := member.(type) {
	case map[string]any:
		return len(member) == 0 && (name == "size" || name == "map") // others are objects that are there
	case []any:
		return len(member) == 0
	}
	return member == nil || member == 0.0
}

// program makes up documents and edits of them.
type program struct {
	*rand.Rand
	keyed  bool // each element of Parts and Refs has an ID
	few    bool // numbers are small, so that objects are rendered alike
	last   int
	things []*thing // those that an edit may reach
}

func (p *program) chance(percent int) bool { return p.IntN(100) < percent }
func (p *program) next() int               { p.last++; return p.last }

func (p *program) number() int {
	if p.few {
		return p.IntN(3)
	}
	return p.next()
}

func (p *program) newOwn() string {
	if p.chance(20) {
		return ""
	}
	return fmt.Sprint("u", p.next())
}

// newThing makes one that was read, with members that T doesn't know.
func (p *program) newThing(depth int, element bool) thing {
	v := thing{N: p.number(), own: p.newOwn()}
	if element && p.keyed {
		v.ID = p.next()
	} else if !p.few {
		v.Title = fmt.Sprint("t", p.next())
	}
	if p.chance(40) {
		v.Size = extent{W: p.number(), H: p.number(), own: p.newOwn()}
	}
	if depth > 2 {
		return v
	}
	if p.chance(30) {
		ptr := p.newThing(depth+1, false)
		v.Ptr = &ptr
	}
	if p.chance(30) {
		null := p.newThing(depth+1, false)
		v.Null = &null
	}
	for range p.IntN(4) {
		switch p.IntN(5) {
		case 0, 1:
			v.Parts = append(v.Parts, p.newThing(depth+1, true))
		case 2:
			ref := p.newThing(depth+1, true)
			v.Refs = append(v.Refs, &ref)
			if p.chance(20) {
				v.Refs = append(v.Refs, nil)
			}
		case 3:
			if v.Map == nil {
				v.Map = map[string]thing{}
			}
			v.Map[fmt.Sprint("k", p.next())] = p.newThing(depth+1, false)
		case 4:
			v.Grid = append(v.Grid, []thing{p.newThing(depth+1, true)})
		}
	}
	return v
}

// isNew takes off what a thing and all in it had in a document: it inherits nothing.
func (v thing) isNew() thing {
	v.own, v.Size.own, v.read = "", "", false
	for _, p := range []**thing{&v.Ptr, &v.Null} {
		if *p != nil {
			made := (*p).isNew()
			*p = &made
		}
	}
	v.Parts = newAll(v.Parts)
	v.Refs = slices.Clone(v.Refs)
	for i, p := range v.Refs {
		if p != nil {
			made := p.isNew()
			v.Refs[i] = &made
		}
	}
	v.Map = maps.Clone(v.Map)
	for name, entry := range v.Map {
		v.Map[name] = entry.isNew()
	}
	v.Grid = slices.Clone(v.Grid)
	for i := range v.Grid {
		v.Grid[i] = newAll(v.Grid[i])
	}
	return v
}

func newAll(things []thing) []thing {
	things = slices.Clone(things)
	for i := range things {
		things[i] = things[i].isNew()
	}
	return things
}

// reach collects what an edit may change. Entries of a map aren't addressable.
func (p *program) reach(v *thing) {
	p.things = append(p.things, v)
	for _, inner := range []*thing{v.Ptr, v.Null} {
		if inner != nil {
			p.reach(inner)
		}
	}
	for i := range v.Parts {
		p.reach(&v.Parts[i])
	}
	for _, ref := range v.Refs {
		if ref != nil {
			p.reach(ref)
		}
	}
	for _, row := range v.Grid {
		for i := range row {
			p.reach(&row[i])
		}
	}
}

// edit does one thing to a document in memory.
func (p *program) edit(root *thing) {
	p.things = p.things[:0]
	p.reach(root)
	v, other := p.things[p.IntN(len(p.things))], p.things[p.IntN(len(p.things))]
	edits := []func(v, other *thing){p.editMembers, p.editParts, p.editParts, p.editRefs, p.editMap, p.editGrid}
	edits[p.IntN(len(edits))](v, other)
}

func (p *program) editMembers(v, other *thing) {
	switch p.IntN(8) {
	case 0, 1:
		v.N = p.number()
	case 2, 3, 4:
		p.editSize(&v.Size, &other.Size)
	case 5:
		if (v.Ptr == nil || v.Ptr.read) && (v.Null == nil || v.Null.read) {
			v.Ptr, v.Null = v.Null, v.Ptr
		}
	case 6:
		v.Ptr = nil
	case 7:
		if v.Ptr == nil {
			made := p.newThing(3, false).isNew()
			v.Ptr = &made
		}
	}
}

// editSize changes a size, or swaps it with another one. What takes the place of another is
// that other one, changed, unless it was read, and isn't changed besides.
func (p *program) editSize(v, other *extent) {
	switch p.IntN(3) {
	case 0:
		if !v.stays {
			v.W, v.asRead = p.number(), false
		}
	case 1:
		if !v.stays {
			v.W, v.H, v.asRead = 0, 0, false
		}
	case 2:
		if v.asRead && other.asRead {
			*v, *other = *other, *v
			v.stays, other.stays = true, true
		}
	}
}

func (p *program) editParts(v, other *thing) {
	n := len(v.Parts)
	switch p.IntN(7) {
	case 0:
		v.Parts = slices.Insert(v.Parts, p.IntN(n+1), p.newThing(2, true).isNew())
	case 1:
		slices.Reverse(v.Parts)
	case 2:
		slices.SortFunc(v.Parts, func(a, b thing) int { return b.N - a.N })
	case 3:
		if n > 0 && &v.Parts != &other.Parts && !contains(&v.Parts[n-1], other) {
			moved := v.Parts[n-1]
			v.Parts = v.Parts[:n-1]
			other.Parts = append(other.Parts, moved)
		}
	case 4:
		// Without a key the copy can't be told from its original once that was changed.
		if n > 0 && p.keyed {
			added := v.Parts[p.IntN(n)].isNew()
			added.ID = p.next()
			v.Parts = append(v.Parts, added)
		}
	case 5:
		if n > 0 {
			i := p.IntN(n)
			v.Parts = slices.Delete(v.Parts, i, i+1)
		}
	case 6:
		for i := range v.Parts {
			v.Parts[i].N++
		}
	}
}

// contains reports whether one thing is in another.
func contains(v, inner *thing) bool {
	p := program{}
	p.reach(v)
	return slices.Contains(p.things, inner)
}

func (p *program) editRefs(v, other *thing) {
	n := len(v.Refs)
	if n == 0 {
		made := p.newThing(2, true).isNew()
		v.Refs = append(v.Refs, &made)
		return
	}
	i := p.IntN(n)
	switch ref := v.Refs[i]; p.IntN(4) {
	case 0:
		v.Refs[i] = nil
	case 1:
		v.Refs = slices.Delete(slices.Clone(v.Refs), i, i+1)
	case 2:
		v.Refs[0], v.Refs[i] = v.Refs[i], v.Refs[0]
	case 3:
		if ref != nil && v != other && !contains(ref, other) {
			v.Refs = slices.Delete(slices.Clone(v.Refs), i, i+1)
			other.Refs = append(other.Refs, ref)
		}
	}
}

func (p *program) editMap(v, other *thing) {
	if len(v.Map) == 0 {
		v.Map = map[string]thing{"made": p.newThing(2, false).isNew()}
		return
	}
	names := slices.Sorted(maps.Keys(v.Map))
	name := names[p.IntN(len(names))]
	entry := v.Map[name]
	switch p.IntN(4) {
	case 0:
		delete(v.Map, name)
	case 1:
		entry.N = p.number()
		v.Map[name] = entry
	case 2:
		delete(v.Map, name)
		v.Map[fmt.Sprint("k", p.next())] = entry
	case 3:
		if other.Ptr == nil && v != other {
			delete(v.Map, name)
			other.Ptr = &entry
		}
	}
}

func (p *program) editGrid(v, _ *thing) {
	if len(v.Grid) == 0 {
		v.Grid = [][]thing{{}, {p.newThing(2, true).isNew()}}
		return
	}
	i := p.IntN(len(v.Grid))
	switch p.IntN(3) {
	case 0:
		v.Grid[0], v.Grid[i] = v.Grid[i], v.Grid[0]
	case 1:
		v.Grid = slices.Delete(v.Grid, i, i+1)
	case 2:
		v.Grid[i] = append(slices.Clone(v.Grid[i]), p.newThing(2, true).isNew())
	}
}

// withOwn reads a thing and the member u of each object in it, which the type thing
// doesn't know: so it takes them from the document.
func withOwn(v *thing, doc any) {
	object, _ := doc.(map[string]any)
	v.own, _ = object["u"].(string)
	v.read = true
	size, _ := object["size"].(map[string]any)
	v.Size.own, _ = size["u"].(string)
	v.Size.asRead = size != nil
	for name, p := range map[string]*thing{"ptr": v.Ptr, "null": v.Null} {
		if p != nil {
			withOwn(p, object[name])
		}
	}
	for i := range v.Parts {
		withOwn(&v.Parts[i], object["parts"].([]any)[i])
	}
	for i, ref := range v.Refs {
		if ref != nil {
			withOwn(ref, object["refs"].([]any)[i])
		}
	}
	for name, entry := range v.Map {
		withOwn(&entry, object["map"].(map[string]any)[name])
		v.Map[name] = entry
	}
	for i, row := range v.Grid {
		for j := range row {
			withOwn(&row[j], object["grid"].([]any)[i].([]any)[j])
		}
	}
}

// owners returns for each u how its object is rendered by a thing, and what it has beside.
func owners(v any, all map[string][]string) string {
	switch v := v.(type) {
	case map[string]any:
		rendered := map[string]any{}
		for name, member := range v {
			if name != "u" {
				rendered[name] = owners(member, all)
			}
		}
		text, _ := json.Marshal(rendered)
		u, _ := v["u"].(string)
		all[u] = append(all[u], string(text))
		return string(text)
	case []any:
		var list []string
		for _, element := range v {
			list = append(list, owners(element, all))
		}
		text, _ := json.Marshal(list)
		return string(text)
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// checkIdentity makes a document and edits, and fails where an unknown member is then
// at another object than the one that it belongs to. It returns the error of Patch.
func checkIdentity(t *testing.T, seed uint64, keyed, few bool, rules Rules) error {
	t.Helper()
	p := &program{Rand: rand.New(rand.NewPCG(seed, 1)), keyed: keyed, few: few}
	made := p.newThing(0, false)
	original, _ := json.Marshal(made.full())
	var v thing
	if err := json.Unmarshal(original, &v); err != nil {
		t.Fatal(err)
	}
	var doc any
	json.Unmarshal(original, &doc)
	withOwn(&v, doc)
	before, _ := json.Marshal(v)
	edits := p.IntN(3) + 1
	if few {
		edits = 1 // what moves and changes has nothing that tells it apart
	}
	for range edits {
		p.edit(&v)
	}
	after, _ := json.Marshal(v)
	rules.Render = renderAs[thing]
	got, err := Patch(original, before, after, rules)
	if err != nil {
		if about := (*EditError)(nil); !errors.As(err, &about) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return err
	}
	var is any
	if err := json.Unmarshal(got, &is); err != nil {
		t.Fatalf("seed %d: %v: %s", seed, err, got)
	}
	patch, err := MergePatch(original, before, after, rules)
	if err == nil && !reflect.DeepEqual(applyMergePatch(t, string(original), string(patch)), decodeExactly(t, string(got))) {
		t.Fatalf("seed %d: %s with the merge patch %s isn't %s", seed, original, patch, got)
	}
	is = withoutZeros(is)
	if want := any(v.full()); !reflect.DeepEqual(is, want) && !sameOwners(is, want, doc) {
		wanted, _ := json.Marshal(want)
		t.Fatalf("seed %d, %v, %v:\noriginal %s\nbefore   %s\nafter    %s\ngot      %s\nwant     %s", seed, keyed, few, original, before, after, got, wanted)
	}
	return nil
}

// sameOwners reports whether two documents differ only in what no edit shows: which of
// some objects that are rendered alike is which, and whether an object was moved, or
// removed and a copy of it made elsewhere.
func sameOwners(is, want, was any) bool {
	got, wanted, before := map[string][]string{}, map[string][]string{}, map[string][]string{}
	if owners(is, got) != owners(want, wanted) {
		return false
	}
	owners(was, before)
	for u := range maps.Keys(got) {
		if u == "" || slices.Equal(got[u], wanted[u]) {
			continue
		}
		if wanted[u] != nil || len(got[u]) != 1 || got[u][0] != before[u][0] {
			return false
		}
	}
	for u := range maps.Keys(wanted) {
		if got[u] == nil && u != "" {
			return false
		}
	}
	return true
}

// TestIdentity: with a key or without one, an unknown member stays with its object, or
// the edit is an error.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, mode := range identityModes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			refused, all := 0, 1000
			for seed := range uint64(all) {
				if checkIdentity(t, seed, mode.keyed, mode.few, mode.rules) != nil {
					refused++
				}
			}
			if t.Logf("%d of %d were refused", refused, all); refused > all*mode.most/100 {
				t.Errorf("more than %d %% were refused", mode.most)
			}
		})
	}
}

var identityModes = []struct {
	name       string
	keyed, few bool // see program
	rules      Rules
	most       int // percent that may be refused
}{
	{"no key", false, false, Rules{}, 65},
	{"no key, alike", false, true, Rules{}, 50},
	{"key", true, false, Rules{Keys: []string{"id"}}, 30},
	{"key, alike", true, true, Rules{Keys: []string{"id"}}, 30},
	{"key that nothing has", false, false, Rules{Keys: []string{"id"}}, 65},
	{"key that isn't declared", true, true, Rules{Keys: []string{"u"}}, 50},
}

func FuzzIdentity(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, mode uint8) {
		m := identityModes[int(mode)%len(identityModes)]
		checkIdentity(t, seed, m.keyed, m.few, m.rules)
	})
}

// TestKeyedLists: with a key no edit of a list is refused, and each is right.
func TestKeyedLists(t *testing.T) {
	t.Parallel()
	for seed := range uint64(long(20_000, 1_000)) {
		p := &program{Rand: rand.New(rand.NewPCG(seed, 3)), keyed: true, few: seed%2 == 0}
		v := thing{Parts: []thing{}}
		for range p.IntN(6) {
			v.Parts = append(v.Parts, thing{ID: p.next(), N: p.number(), own: p.newOwn(), Title: "x"})
		}
		original, _ := json.Marshal(v.full())
		before, _ := json.Marshal(v)
		for range p.IntN(5) + 1 {
			p.editList(&v.Parts)
		}
		after, _ := json.Marshal(v)
		got, err := Patch(original, before, after, Rules{Keys: []string{"id"}, Render: renderAs[thing]})
		var is any
		if err == nil {
			err = json.Unmarshal(got, &is)
		}
		if err != nil || !reflect.DeepEqual(withoutZeros(is), any(v.full())) {
			t.Fatalf("seed %d: %s, %v\noriginal %s\nafter    %s", seed, got, err, original, after)
		}
	}
}

// editList does one thing to a list whose elements have an ID.
func (p *program) editList(list *[]thing) {
	n := len(*list)
	added := func() thing { return thing{ID: p.next(), N: p.number(), Title: "x"} }
	if n == 0 {
		*list = append(*list, added())
		return
	}
	i, j := p.IntN(n), p.IntN(n)
	switch p.IntN(8) {
	case 0:
		(*list)[i].N = p.number()
	case 1:
		for i := range *list {
			(*list)[i].N++
		}
	case 2:
		*list = slices.Insert(*list, i, added())
	case 3:
		*list = slices.Delete(*list, i, i+1)
	case 4:
		(*list)[i], (*list)[j] = (*list)[j], (*list)[i]
	case 5:
		slices.SortFunc(*list, func(a, b thing) int { return a.N - b.N })
	case 6:
		(*list)[i] = added()
	case 7:
		(*list)[n-1] = added()
		(*list)[i].Title += "y"
	}
}
