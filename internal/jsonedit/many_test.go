package jsonedit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// crowd is a document with many objects, each of which has a member u.
type crowd struct {
	A     []member          `json:"a"`
	B     []member          `json:"b"`
	Map   map[string]member `json:"map,omitempty"`
	Zeros []holder          `json:"zeros,omitempty"`
}

type member struct {
	ID    int    `json:"id,omitempty"`
	State string `json:"state"`
	On    bool   `json:"on,omitempty"`
}

type holder struct {
	ID   int    `json:"id"`
	Hold member `json:"hold,omitzero"`
}

// TestPatchMany: no edit of thousands of objects takes quadratic time.
func TestPatchMany(t *testing.T) {
	t.Parallel()
	n := long(5_000, 100)
	keyed := Rules{Keys: []string{"id"}}
	all := func(c *crowd, change func(i int, m *member)) {
		for i := range c.A {
			change(i, &c.A[i])
		}
	}
	for name, row := range map[string]struct {
		rules Rules
		edit  func(*crowd)
		fails bool
	}{
		"sort and change":           {keyed, func(c *crowd) { slices.Reverse(c.A); all(c, func(_ int, m *member) { m.State += "!" }) }, false},
		"change without a key":      {Rules{}, func(c *crowd) { all(c, func(_ int, m *member) { m.State += "!" }) }, true},
		"change by index":           {Rules{ByIndex: true}, func(c *crowd) { all(c, func(_ int, m *member) { m.State += "!" }) }, false},
		"sort":                      {Rules{}, func(c *crowd) { slices.Reverse(c.A) }, false},
		"move all":                  {Rules{}, func(c *crowd) { c.A, c.B = nil, c.A }, false},
		"move all one by one":       {Rules{}, func(c *crowd) { c.B = append(c.B, c.A[1:]...); c.A = c.A[:1] }, false},
		"move all by key":           {keyed, func(c *crowd) { c.B = append(c.B, c.A...); c.A = []member{} }, false},
		"all new":                   {keyed, func(c *crowd) { all(c, func(i int, m *member) { m.ID += n }) }, false},
		"all new elsewhere":         {keyed, func(c *crowd) { all(c, func(i int, m *member) { m.ID += n }); c.A, c.B = nil, c.A }, false},
		"all new without a key":     {keyed, func(c *crowd) { all(c, func(i int, m *member) { m.ID = 0 }); c.A, c.B = nil, c.A }, false},
		"moved and changed":         {Rules{}, func(c *crowd) { all(c, func(i int, m *member) { m.State += "!" }); c.A, c.B = nil, c.A }, true},
		"keys renamed":              {Rules{}, func(c *crowd) { rename(c.Map, func(m member) member { return m }) }, false},
		"keys renamed, values, too": {keyed, func(c *crowd) { rename(c.Map, func(m member) member { m.ID += n; return m }) }, false},
		"flags":                     {Rules{}, func(c *crowd) { rename(c.Map, func(m member) member { m.On = true; return m }) }, true},
		"values of a map":           {Rules{}, func(c *crowd) { changeAll(c.Map, func(m member) member { m.ID -= 5 * n; return m }) }, false},
		"to zero":                   {keyed, func(c *crowd) { empty(c.Zeros) }, false},
		"all gone":                  {Rules{}, func(c *crowd) { *c = crowd{} }, false},
		"made alike":                {keyed, func(c *crowd) { all(c, func(i int, m *member) { m.ID = 1 }) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := crowd{A: make([]member, n), B: []member{}, Map: map[string]member{}, Zeros: make([]holder, n)}
			full := map[string]any{"a": []any{}, "b": []any{}, "map": map[string]any{}, "zeros": []any{}}
			for i := range n {
				c.A[i] = member{ID: i + 1, State: "open"}
				c.Map[fmt.Sprint("k", i)] = member{ID: -i - 1, State: "open"}
				c.Zeros[i] = holder{i + 1, member{ID: 2*n + i, State: "open"}}
				full["a"] = append(full["a"].([]any), map[string]any{"id": i + 1, "state": "open", "u": i})
				full["map"].(map[string]any)[fmt.Sprint("k", i)] = map[string]any{"id": -i - 1, "state": "open", "u": i}
				full["zeros"] = append(full["zeros"].([]any), map[string]any{"id": i + 1, "hold": map[string]any{"id": 2*n + i, "state": "open", "u": i}})
			}
			original, before := marshal(t, full), marshal(t, c)
			row.edit(&c)
			after := marshal(t, c)
			row.rules.Render = renderAs[crowd]
			start := time.Now()
			got, err := Patch(original, before, after, row.rules)
			took := time.Since(start)
			if (err != nil) != row.fails || err == nil && !json.Valid(got) {
				t.Errorf("%v", err)
			}
			if t.Log(took); took > 20*time.Second {
				t.Error("it takes too long")
			}
		})
	}
}

func rename(m map[string]member, value func(member) member) {
	for name, v := range maps.Clone(m) {
		delete(m, name)
		m[name+"x"] = value(v)
	}
}

func changeAll(m map[string]member, value func(member) member) {
	for name, v := range m {
		m[name] = value(v)
	}
}

func empty(all []holder) {
	for i := range all {
		all[i].Hold = member{}
	}
}
