package jsonedit

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"testing"
)

type card struct {
	ID    int    `json:"id,omitempty"`
	Title string `json:"title,omitempty"`
	On    bool   `json:"on,omitempty"`
}

type board struct {
	Todo      []card          `json:"todo"`
	Done      []card          `json:"done,omitempty"`
	Named     map[string]card `json:"named,omitempty"`
	Primary   *card           `json:"primary"`
	Secondary *card           `json:"secondary,omitempty"`
	Zero      card            `json:"zero,omitzero"`
	Box       *box            `json:"box,omitempty"`
}

type box struct {
	Card card            `json:"card,omitzero"`
	Hold map[string]card `json:"hold,omitempty"`
}

// TestMoves: what left one place and came to one other takes along what T doesn't know.
// What may be the same is an error.
func TestMoves(t *testing.T) {
	const kanban = `{"todo":[{"id":1,"u":"a"}, {"id":2,"u":"b"}],"done":[{"id":3,"u":"c"}]}`
	const pair = `{"todo":[],"primary":{"id":1,"u":"a"},"secondary":{"id":2,"u":"b"}}`
	const flags = `{"todo":[],"named":{"a":{"on":true,"u":1},"b":{"on":false,"u":2}}}`
	const named = `{"todo":[],"named":{"a":{"id":1,"u":1},"b":{"id":2,"u":2}}}`
	rows := []row[board]{
		{"a card to another list", kanban, func(d *board) { d.Done = append(d.Done, d.Todo[0]); d.Todo = d.Todo[1:] }, `{"todo":[{"id":2,"u":"b"}],"done":[{"id":3,"u":"c"},{"id":1,"u":"a"}]}`, ""},
		{"all cards to another list", kanban, func(d *board) { d.Done = append(d.Todo, d.Done...); d.Todo = nil }, `{"todo":null,"done":[{"id":1,"u":"a"},{"id":2,"u":"b"},{"id":3,"u":"c"}]}`, ""},
		{"a list renamed", `{"todo":[{"id":1,"u":"a"}]}`, func(d *board) { d.Done, d.Todo = d.Todo, nil }, `{"todo":null,"done":[{"id":1,"u":"a"}]}`, ""},
		{"a card to another list, changed", kanban, func(d *board) {
			d.Done = append(d.Done, card{ID: 1, Title: "x"})
			d.Todo = d.Todo[1:]
		}, "", "/todo/0/u"},
		{"a card to two lists", kanban, func(d *board) {
			d.Named = map[string]card{"x": d.Todo[0]}
			d.Done = append(d.Done, d.Todo[0])
			d.Todo = d.Todo[1:]
		}, "", "/todo/0/u"},
		{"a copy to another list", kanban, func(d *board) { d.Done = append(d.Done, d.Todo[0]) }, `{"todo":[{"id":1,"u":"a"}, {"id":2,"u":"b"}],"done":[{"id":3,"u":"c"},{"id":1}]}`, ""},
		{"removed, another one alike elsewhere", `{"todo":[{"id":1,"u":"a"}],"done":[{"id":1,"u":"b"}]}`, func(d *board) { d.Todo = nil }, `{"todo":null,"done":[{"id":1,"u":"b"}]}`, ""},
		{"removed, a new one elsewhere", kanban, func(d *board) { d.Todo = d.Todo[1:]; d.Named = map[string]card{"x": {ID: 9}} }, `{"todo":[{"id":2,"u":"b"}],"done":[{"id":3,"u":"c"}],"named":{"x":{"id":9}}}`, ""},
		{"one of two alike to another place", `{"todo":[{"id":1,"u":"a"}],"done":[{"id":1,"u":"b"}]}`, func(d *board) { d.Primary, d.Todo = &card{ID: 1}, nil }, "", "/todo/0/u"},
		{"nothing that isn't zero", `{"todo":[{"u":"a"}]}`, func(d *board) { d.Done, d.Todo = d.Todo, nil }, "", "/todo/0/u"},
		{"a key renamed", named, func(d *board) { d.Named["c"] = d.Named["a"]; delete(d.Named, "a") }, `{"todo":[],"named":{"b":{"id":2,"u":2},"c":{"id":1,"u":1}}}`, ""},
		{"a key renamed, a flag", flags, func(d *board) { d.Named["c"] = d.Named["a"]; delete(d.Named, "a") }, `{"todo":[],"named":{"b":{"on":false,"u":2},"c":{"on":true,"u":1}}}`, ""},
		{"a key renamed over another", named, func(d *board) { d.Named["b"] = d.Named["a"]; delete(d.Named, "a") }, "", "/named/b/u"},
		{"a key renamed, and its value changed", named, func(d *board) { delete(d.Named, "a"); d.Named["c"] = card{ID: 1, Title: "x"} }, "", "/named/a/u"},
		{"keys swapped", named, func(d *board) { d.Named["a"], d.Named["b"] = d.Named["b"], d.Named["a"] }, "", "/named/a/u"},
		{"members swapped", pair, func(d *board) { d.Primary, d.Secondary = d.Secondary, d.Primary }, "", "/primary/u"},
		{"one taken from another", pair, func(d *board) { d.Primary, d.Secondary = d.Secondary, nil }, "", "/primary/u"},
		{"one copied from another", pair, func(d *board) { d.Primary = d.Secondary }, "", "/primary/u"},
		{"one copied where nothing is unknown", `{"todo":[],"primary":{"id":1},"secondary":{"id":2,"u":"b"}}`, func(d *board) { d.Primary = d.Secondary }, `{"todo":[],"primary":{"id":2},"secondary":{"id":2,"u":"b"}}`, ""},
		{"swapped where one has nothing unknown", `{"todo":[],"primary":{"id":1},"secondary":{"id":2,"u":"b"}}`, func(d *board) { d.Primary, d.Secondary = d.Secondary, d.Primary }, "", "/secondary/u"},
		{"two alike, one is left elsewhere", `{"todo":[{"id":1,"u":"a"}],"done":[{"id":1,"u":"b"}]}`, func(d *board) { d.Primary, d.Todo, d.Done = &card{ID: 1}, nil, nil }, "", "/todo/0/u"},
		{"a flag taken over another", flags, func(d *board) { d.Named["b"] = d.Named["a"]; delete(d.Named, "a") }, "", "/named/a/u"},
		{"one taken where nothing is unknown", `{"todo":[],"primary":{"id":1},"secondary":{"id":2,"u":"b"}}`, func(d *board) { d.Primary, d.Secondary = d.Secondary, nil }, "", "/secondary/u"},
		{"one taken, nothing unknown", `{"todo":[],"primary":{"id":1},"secondary":{"id":2},"u":1}`, func(d *board) { d.Primary, d.Secondary = d.Secondary, nil }, `{"todo":[],"primary":{"id":2},"u":1}`, ""},
		{"to a place that is null", `{"todo":[],"primary":null,"secondary":{"id":2, "u":"b"}}`, func(d *board) { d.Primary, d.Secondary = d.Secondary, nil }, `{"todo":[],"primary":{"id":2, "u":"b"}}`, ""},
		{"from a place that is null then", `{"todo":[],"primary":{"id":2, "u":"b"}}`, func(d *board) { d.Primary, d.Secondary = nil, d.Primary }, `{"todo":[],"primary":null,"secondary":{"id":2, "u":"b"}}`, ""},
		{"a flag set", flags, func(d *board) { d.Named["b"] = card{On: true} }, `{"todo":[],"named":{"a":{"on":true,"u":1},"b":{"on":true,"u":2}}}`, ""},
		{"a flag taken away", `{"todo":[],"named":{"a":{"on":true,"u":1},"b":{"u":2}}}`, func(d *board) { d.Named["a"] = card{} }, `{"todo":[],"named":{"a":{"u":1},"b":{"u":2}}}`, ""},
		{"out of what is removed", `{"todo":[],"box":{"u":1,"card":{"id":1,"u":2}}}`, func(d *board) { d.Done, d.Box = []card{d.Box.Card}, nil }, `{"todo":[],"done":[{"id":1,"u":2}]}`, ""},
		{"into what is new", kanban, func(d *board) { d.Box, d.Todo = &box{Card: d.Todo[0], Hold: map[string]card{"x": d.Todo[1]}}, nil }, `{"todo":null,"done":[{"id":3,"u":"c"}],"box":{"card":{"id":1,"u":"a"},"hold":{"x":{"id":2,"u":"b"}}}}`, ""},
	}
	runRows(t, Rules{}, rows)
	runRows(t, Rules{ByIndex: true}, []row[board]{
		{"members swapped", pair, func(d *board) { d.Primary, d.Secondary = d.Secondary, d.Primary }, `{"todo":[],"primary":{"id":2,"u":"a"},"secondary":{"id":1,"u":"b"}}`, ""},
	})
	runRows(t, Rules{Keys: []string{"id"}}, []row[board]{
		{"the same key in another list", kanban, func(d *board) {
			d.Done = append(d.Done, card{ID: 1, Title: "x"})
			d.Todo = d.Todo[1:]
		}, "", "/todo/0/u"},
		{"to another place, and another one alike", `{"todo":[{"id":1,"title":"x","u":"a"}],"done":[{"id":1,"title":"y","u":"b"}]}`, func(d *board) { d.Primary, d.Todo, d.Done[0].Title = &d.Todo[0], nil, "x" }, "", "/todo/0/u"},
		{"one without a key changed", `{"todo":[{"title":"a","u":1},{"id":2}]}`, func(d *board) { d.Todo[0].Title = "b" }, "", "/todo/0/u"},
		{"another key in another list", `{"todo":[{"id":1,"title":"x","u":"a"}]}`, func(d *board) { d.Done, d.Todo = []card{{ID: 2, Title: "x"}}, nil }, `{"todo":null,"done":[{"id":2,"title":"x"}]}`, ""},
		{"to be like one in another list", `{"todo":[{"id":1,"title":"x","u":"a"}],"done":[{"id":1,"title":"y","u":"b"}]}`, func(d *board) { d.Todo[0].Title = "y" }, `{"todo":[{"id":1,"title":"y","u":"a"}],"done":[{"id":1,"title":"y","u":"b"}]}`, ""},
		{"to another list and another key", kanban, func(d *board) { d.Done = append(d.Done, card{ID: 77}); d.Todo = d.Todo[1:] }, `{"todo":[{"id":2,"u":"b"}],"done":[{"id":3,"u":"c"},{"id":77}]}`, ""},
	})
	runRows(t, Rules{Keys: []string{"id", "title"}}, []row[board]{
		{"the key that all have", `{"todo":[{"id":1,"title":"a","u":1},{"title":"b","u":2}]}`, func(d *board) { slices.Reverse(d.Todo); d.Todo[0].On = true }, `{"todo":[{"title":"b","u":2,"on":true},{"id":1,"title":"a","u":1}]}`, ""},
	})
	type point struct {
		N int `json:"n"`
	}
	runRows(t, Rules{}, []row[map[string]point]{
		{"zero", `{"a":{"n":0,"u":1},"b":{"n":5,"u":2}}`, func(d *map[string]point) { (*d)["b"] = point{} }, `{"a":{"n":0,"u":1},"b":{"n":0,"u":2}}`, ""},
		{"a number that another has", `{"a":{"n":6,"u":1},"b":{"n":5,"u":2}}`, func(d *map[string]point) { (*d)["b"] = point{6} }, "", "/b/u"},
	})
	runRows(t, Rules{ByIndex: true}, []row[map[string]point]{
		{"a number that another has", `{"a":{"n":6,"u":1},"b":{"n":5,"u":2}}`, func(d *map[string]point) { (*d)["b"] = point{6} }, `{"a":{"n":6,"u":1},"b":{"n":6,"u":2}}`, ""},
	})
}

// TestZeros: what T leaves out because it is zero keeps what T doesn't know.
func TestZeros(t *testing.T) {
	runRows(t, Rules{}, []row[board]{
		{"zero", `{"todo":[],"zero":{"id":1,"u": 1}}`, func(d *board) { d.Zero = card{} }, `{"todo":[],"zero":{"u": 1}}`, ""},
		{"zero, nothing unknown", `{"todo":[],"zero":{"id":1}}`, func(d *board) { d.Zero = card{} }, `{"todo":[]}`, ""},
		{"zero inside of another", `{"todo":[],"box":{"card":{"id":1,"u":1}}}`, func(d *board) { d.Box.Card = card{} }, `{"todo":[],"box":{"card":{"u":1}}}`, ""},
		{"removed, and one in it zero", `{"todo":[],"box":{"card":{"id":1,"u":1}}}`, func(d *board) { d.Box = nil }, `{"todo":[]}`, ""},
		{"zero, another removed", `{"todo":[],"zero":{"id":1,"u":1},"secondary":{"id":2,"u":2}, "named":{"a":{"id":3,"u":3}}}`, func(d *board) { d.Zero, d.Secondary, d.Named = card{}, nil, nil }, `{"todo":[],"zero":{"u":1}}`, ""},
		{"moved", `{"todo":[],"zero":{"id":1,"u":1}}`, func(d *board) { d.Todo, d.Zero = []card{d.Zero}, card{} }, `{"todo":[{"id":1,"u":1}]}`, ""},
	})
	runRows(t, Rules{}, []row[nested]{
		{"something in it moved", `{"zero":{"n":1,"u":1,"card":{"id":1,"u":2}}}`, func(d *nested) { d.Todo = []card{d.Zero.Card}; d.Zero.N, d.Zero.Card = 0, card{} }, `{"zero":{"u":1},"todo":[{"id":1,"u":2}]}`, ""},
	})
	runRows(t, Rules{Keys: []string{"id"}}, []row[sized]{
		{"in an element", `[{"id":1,"size":{"w":1,"inner":{"h":1,"u":1}}},{"id":2,"size":{"w":1}}]`, func(d *sized) { slices.Reverse(*d); (*d)[1].Size = sizeOf{}; (*d)[0].Size = sizeOf{} }, `[{"id":2},{"id":1,"size":{"inner":{"u":1}}}]`, ""},
	})
}

type nested struct {
	Zero struct {
		N    int  `json:"n"`
		Card card `json:"card,omitzero"`
	} `json:"zero,omitzero"`
	Todo []card `json:"todo,omitempty"`
}

type sized []struct {
	ID   int    `json:"id"`
	Size sizeOf `json:"size,omitzero"`
}

type sizeOf struct {
	W     int `json:"w"`
	Inner struct {
		H int `json:"h"`
	} `json:"inner"`
}

// aliased reads a member by two names, and has a default.
type aliased struct {
	Color string `json:"color,omitempty"`
	Tries int    `json:"tries"`
}

func (a *aliased) UnmarshalJSON(b []byte) error {
	type plain aliased
	v := struct {
		plain
		Colour string `json:"colour"`
	}{plain: plain{Tries: 3}}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*a = aliased(v.plain)
	if a.Color == "" {
		a.Color = v.Colour
	}
	return nil
}

// TestAliases: no second member beside one that T reads by another name.
func TestAliases(t *testing.T) {
	type point struct {
		N int `json:"n"`
	}
	runRows(t, Rules{}, []row[map[int]point]{
		{"a number", `{"01":{"n":1,"u":1}}`, func(d *map[int]point) { (*d)[1] = point{2} }, "", "/1"},
		{"a number removed", `{"01":{"n":1,"u":1}}`, func(d *map[int]point) { delete(*d, 1) }, "", "/1"},
		{"a number beside", `{"1":{"n":1,"u":1}}`, func(d *map[int]point) { (*d)[1] = point{2}; (*d)[2] = point{} }, `{"1":{"n":2,"u":1},"2":{"n":0}}`, ""},
		{"a number of zero", `{"00":{"n":0}}`, func(d *map[int]point) { (*d)[0] = point{2} }, "", "/0"},
	})
	a := netip.MustParseAddr("2001:db8::1")
	runRows(t, Rules{}, []row[map[netip.Addr]point]{
		{"an address", `{"2001:0db8::1":{"n":1}}`, func(d *map[netip.Addr]point) { (*d)[a] = point{2} }, "", "/2001:db8::1"},
		{"an address in capitals", `{"2001:DB8::1":{"n":1,"u":1}}`, func(d *map[netip.Addr]point) { (*d)[a] = point{2} }, `{"2001:DB8::1":{"n":2,"u":1}}`, ""},
		{"an address beside", `{"2001:0db8::1":{"n":1}}`, func(d *map[netip.Addr]point) { maps.Copy(*d, map[netip.Addr]point{a.Next(): {3}}) }, `{"2001:0db8::1":{"n":1},"2001:db8::2":{"n":3}}`, ""},
	})
	runRows(t, Rules{}, []row[aliased]{
		{"a name", `{"colour":"red","tries":1}`, func(d *aliased) { d.Color = "blue" }, "", "/color"},
		{"a name removed", `{"colour":"red","tries":1}`, func(d *aliased) { d.Color = "" }, "", "/color"},
		{"a name that is written", `{"color":"red","colour":"x","tries":1}`, func(d *aliased) { d.Color = "blue" }, `{"color":"blue","colour":"x","tries":1}`, ""},
		{"a default", `{"u":1}`, func(d *aliased) { d.Tries = 5 }, `{"u":1,"tries":5}`, ""},
	})
}
