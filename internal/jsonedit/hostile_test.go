package jsonedit

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// loose is an element of any kind. Of an object it knows what a card has.
type loose struct {
	Card *card
	Raw  json.RawMessage
}

func (l *loose) UnmarshalJSON(b []byte) error {
	if b[0] == '{' {
		l.Card = new(card)
		return json.Unmarshal(b, l.Card)
	}
	l.Raw = bytes.Clone(b)
	return nil
}

func (l loose) MarshalJSON() ([]byte, error) {
	if l.Card != nil {
		return json.Marshal(l.Card)
	}
	return l.Raw, nil
}

// tight renders only the cards that have a title, and sorted by it.
type tight []card

func (s tight) MarshalJSON() ([]byte, error) {
	kept := slices.DeleteFunc(slices.Clone([]card(s)), func(c card) bool { return c.Title == "" })
	slices.SortFunc(kept, func(a, b card) int { return bytes.Compare([]byte(a.Title), []byte(b.Title)) })
	return json.Marshal(kept)
}

// shouting renders its title in capitals.
type shouting card

func (c shouting) MarshalJSON() ([]byte, error) {
	c.Title = string(bytes.ToUpper([]byte(c.Title)))
	return json.Marshal(card(c))
}

type oddities struct {
	Loose  []loose    `json:"loose,omitempty"`
	Tight  tight      `json:"tight,omitempty"`
	Shouts []shouting `json:"shouts,omitempty"`
	Floats []struct {
		ID float64 `json:"id"`
		N  int     `json:"n"`
	} `json:"floats,omitempty"`
	Any []struct {
		ID any `json:"id"`
		N  int `json:"n"`
	} `json:"any,omitempty"`
	Trees []tree    `json:"trees,omitempty"`
	Grid  [][]card  `json:"grid,omitempty"`
	Ptrs  []*card   `json:"ptrs,omitempty"`
	Cube  [][][]int `json:"cube,omitempty"`
}

type tree struct {
	ID   int    `json:"id"`
	N    int    `json:"n,omitempty"`
	Kids []tree `json:"kids,omitempty"`
}

// TestOddities: documents that are made to have elements confused.
func TestOddities(t *testing.T) {
	const mixed = `{"loose":[1,null,"a",{"id":1,"u":1},[{"id":1}],{"id":2,"u":2},null,{"title":"x","u":3}]}`
	const shared = `{"ptrs":[{"id":1,"u":1},{"id":2,"u":2}]}`
	const trees = `{"trees":[{"id":1,"u":1,"kids":[{"id":1,"u":2},{"id":2,"u":3}]},{"id":2,"u":4,"kids":[{"id":1,"u":5}]}]}`
	runRows(t, Rules{Keys: []string{"id"}}, []row[oddities]{
		{"mixed, one changed", mixed, func(d *oddities) { d.Loose[3].Card.Title = "y" }, `{"loose":[1,null,"a",{"id":1,"u":1,"title":"y"},[{"id":1}],{"id":2,"u":2},null,{"title":"x","u":3}]}`, ""},
		{"mixed, turned round", mixed, func(d *oddities) { slices.Reverse(d.Loose); d.Loose[2].Card.Title = "y" }, `{"loose":[{"title":"x","u":3},null,{"id":2,"u":2,"title":"y"},[{"id":1}],{"id":1,"u":1},"a",null,1]}`, ""},
		{"mixed, one without a key changed", mixed, func(d *oddities) { d.Loose[7].Card.Title = "y" }, "", "/loose/7/u"},
		{"mixed, an object for a number", mixed, func(d *oddities) { d.Loose[0] = loose{Card: &card{ID: 9}} }, `{"loose":[{"id":9},null,"a",{"id":1,"u":1},[{"id":1}],{"id":2,"u":2},null,{"title":"x","u":3}]}`, ""},
		{"mixed, a number for an object", mixed, func(d *oddities) { d.Loose[3] = loose{Raw: []byte("7")} }, `{"loose":[1,null,"a",7,[{"id":1}],{"id":2,"u":2},null,{"title":"x","u":3}]}`, ""},
		{"sorted by the type", `{"tight":[{"id":1,"title":"b","u":1},{"id":2,"title":"a","u":2}]}`, func(d *oddities) { d.Tight[0].On = true }, "", "/tight/0/u"},
		{"dropped by the type", `{"tight":[{"id":1,"title":"a","u":1},{"id":2,"u":2}]}`, func(d *oddities) { d.Tight[0].On = true }, `{"tight":[{"id":1,"title":"a","u":1,"on":true},{"id":2,"u":2}]}`, ""},
		{"rendered otherwise, by key", `{"shouts":[{"id":1,"title":"a","u":1},{"id":2,"title":"b"}]}`, func(d *oddities) { d.Shouts[0].On = true }, `{"shouts":[{"id":1,"title":"a","u":1,"on":true},{"id":2,"title":"b"}]}`, ""},
		{"rendered otherwise, another key", `{"shouts":[{"id":1,"title":"a"},{"id":2,"title":"b"}]}`, func(d *oddities) { slices.Reverse(d.Shouts); d.Shouts[0].On = true }, `{"shouts":[{"id":2,"title":"b","on":true},{"id":1,"title":"a"}]}`, ""},
		{"keys in several notations", `{"floats":[{"id":1.0,"n":1,"u":1},{"id":20e-1,"n":1,"u":2}]}`, func(d *oddities) { slices.Reverse(d.Floats); d.Floats[1].N = 5 }, `{"floats":[{"id":20e-1,"n":1,"u":2},{"id":1.0,"n":5,"u":1}]}`, ""},
		{"keys of several kinds", `{"any":[{"id":1,"n":1,"u":1},{"id":"1","n":1,"u":2},{"id":null,"n":1},{"id":true,"n":2}]}`, func(d *oddities) { slices.Reverse(d.Any); d.Any[2].N = 5; d.Any[3].N = 6 }, `{"any":[{"id":true,"n":2},{"id":null,"n":1},{"id":"1","n":5,"u":2},{"id":1,"n":6,"u":1}]}`, ""},
		{"a key of 0 and an empty one", `{"any":[{"id":0,"n":1,"u":1},{"id":"","n":1,"u":2}]}`, func(d *oddities) { slices.Reverse(d.Any); d.Any[0].N = 5 }, `{"any":[{"id":"","n":5,"u":2},{"id":0,"n":1,"u":1}]}`, ""},
		{"keys that a float can't tell apart", `{"floats":[{"id":9007199254740993,"n":1,"u":1},{"id":9007199254740992,"n":1,"u":2}]}`, func(d *oddities) { d.Floats[0].N = 5 }, "", "/floats/0/id"},
		{"trees", trees, func(d *oddities) {
			slices.Reverse(d.Trees)
			d.Trees[0].Kids[0].N = 5
			d.Trees[1].Kids = append([]tree{{ID: 9}}, d.Trees[1].Kids[1])
		}, `{"trees":[{"id":2,"u":4,"kids":[{"id":1,"u":5,"n":5}]},{"id":1,"u":1,"kids":[{"id":9},{"id":2,"u":3}]}]}`, ""},
		{"a kid to another tree", `{"trees":[{"id":1,"u":1,"kids":[{"id":3,"u":2}]},{"id":2,"u":4}]}`, func(d *oddities) { d.Trees[1].Kids, d.Trees[0].Kids = d.Trees[0].Kids, nil }, `{"trees":[{"id":1,"u":1},{"id":2,"u":4,"kids":[{"id":3,"u":2}]}]}`, ""},
		{"a kid where another has its key", trees, func(d *oddities) {
			d.Trees[1].Kids = append(d.Trees[1].Kids, tree{ID: 2})
			d.Trees[0].Kids = d.Trees[0].Kids[:1]
		}, `{"trees":[{"id":1,"u":1,"kids":[{"id":1,"u":2}]},{"id":2,"u":4,"kids":[{"id":1,"u":5},{"id":2,"u":3}]}]}`, ""},
		{"a kid and one alike swap their trees", trees, func(d *oddities) {
			d.Trees[0].Kids[0], d.Trees[1].Kids[0] = d.Trees[1].Kids[0], d.Trees[0].Kids[0]
		}, trees, ""},
		{"one pointer twice", shared, func(d *oddities) { d.Ptrs[1] = d.Ptrs[0]; d.Ptrs[0].Title = "x" }, "", "/ptrs/0/u"},
		{"one pointer twice, by index too", shared, func(d *oddities) { d.Ptrs = append(d.Ptrs, d.Ptrs[0]) }, `{"ptrs":[{"id":1,"u":1},{"id":2,"u":2},{"id":1}]}`, ""},
		{"emptied and filled", shared, func(d *oddities) { d.Ptrs = append([]*card{}, &card{ID: 2, Title: "x"}) }, `{"ptrs":[{"id":2,"u":2,"title":"x"}]}`, ""},
		{"empty", `{"grid":[[],[]],"cube":[[],[[]]]}`, func(d *oddities) { d.Grid[1] = append(d.Grid[1], card{ID: 1}); d.Cube[0] = [][]int{{1}} }, `{"grid":[[],[{"id":1}]],"cube":[[[1]],[[]]]}`, ""},
		{"rows of a grid", `{"grid":[[{"id":1,"u":1}],[{"id":1,"u":2}],[]]}`, func(d *oddities) { d.Grid[2] = []card{{ID: 2}} }, "", "/grid/0/0/u"},
		{"a row of a grid removed, one alike left", `{"grid":[[{"id":1,"u":1}],[{"id":1,"u":2}]]}`, func(d *oddities) { d.Grid = d.Grid[1:] }, "", "/grid/0/0/u"},
		{"a row of a grid removed", `{"grid":[[{"id":1,"u":1}],[{"id":2,"u":2}]]}`, func(d *oddities) { d.Grid = d.Grid[1:] }, `{"grid":[[{"id":2,"u":2}]]}`, ""},
	})
	runRows(t, Rules{}, []row[oddities]{
		{"rendered otherwise", `{"shouts":[{"id":1,"title":"a"},{"id":2,"title":"b"}]}`, func(d *oddities) { d.Shouts[0].On = true }, "", "/shouts/0/title"},
		{"a number in a cube", `{"cube":[[[1, 2], [3]], []]}`, func(d *oddities) { d.Cube[0][0][0] = 5 }, `{"cube":[[[5,2],[3]], []]}`, ""},
		{"mixed, removed", mixed, func(d *oddities) { d.Loose = d.Loose[2:6] }, `{"loose":["a",{"id":1,"u":1},[{"id":1}],{"id":2,"u":2}]}`, ""},
	})
}
