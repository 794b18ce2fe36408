package jsonedit

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The types know a part of the documents only.
type (
	element struct {
		ID   int    `json:"id"`
		Name string `json:"name,omitempty"`
	}
	embedded struct {
		Kind string `json:"kind,omitempty"`
	}
	point struct {
		X int `json:"x"`
		Y int `json:"y"`
	}
	sample struct {
		embedded
		Name   string               `json:"name,omitempty"`
		N      int                  `json:"n,omitempty"`
		F      float64              `json:"f,omitempty"`
		Point  point                `json:"point,omitzero"`
		Ptr    *point               `json:"ptr,omitempty"`
		Tags   []string             `json:"tags,omitempty"`
		Items  []element            `json:"items,omitempty"`
		Map    map[string]any       `json:"map,omitempty"`
		Raw    json.RawMessage      `json:"raw,omitempty"`
		Num    json.Number          `json:"num,omitempty"`
		Floats []float64            `json:"floats,omitempty"`
		Deep   [][]element          `json:"deep,omitempty"`
		Fixed  [2]element           `json:"fixed,omitzero"`
		Month  month                `json:"month,omitzero"`
		Set    sortedSet            `json:"set,omitempty"`
		At     []stamped            `json:"at,omitempty"`
		Any    any                  `json:"any,omitempty"`
		Ptrs   []*element           `json:"ptrs,omitempty"`
		ByName map[string]*numbered `json:"byName,omitempty"`
		Both   textObject           `json:"both,omitzero"`
	}
	stamped struct {
		At time.Time `json:"at"`
		N  int       `json:"n,omitempty"`
	}
	numbered struct {
		N int `json:"n"`
	}
	plain struct { // without omitempty
		Name  string    `json:"name"`
		Point point     `json:"point"`
		Ptr   *point    `json:"ptr"`
		Items []element `json:"items"`
	}
)

// month reads an object and renders a string.
type month struct{ year, month int }

func (m *month) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		text, _ := strconv.Unquote(string(b))
		year, month, _ := strings.Cut(text, "-")
		m.year, _ = strconv.Atoi(year)
		m.month, _ = strconv.Atoi(month)
		return nil
	}
	var parts struct{ Y, M int }
	err := json.Unmarshal(b, &parts)
	m.year, m.month = parts.Y, parts.M
	return err
}

func (m month) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.Itoa(m.year) + "-" + strconv.Itoa(m.month))
}

// textObject reads a string and renders an object.
type textObject struct{ Text string }

func (v *textObject) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &v.Text)
	}
	type plain textObject
	return json.Unmarshal(b, (*plain)(v))
}

// sortedSet renders its elements sorted and once.
type sortedSet []string

func (s sortedSet) MarshalJSON() ([]byte, error) {
	sorted := make([]string, 0, len(s))
	for _, text := range s {
		i := 0
		for i < len(sorted) && sorted[i] < text {
			i++
		}
		if i == len(sorted) || sorted[i] != text {
			sorted = append(sorted[:i], append([]string{text}, sorted[i:]...)...)
		}
	}
	return json.Marshal(sorted)
}

// TestRendersInOrder: what is found without names in a map is what is found with them.
func TestRendersInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	names := []string{`"a"`, `"A"`, `"b"`, `"\u0061"`, `"c"`, `"d"`, `"ſ"`, `"s"`}
	object := func() value {
		var members []string
		for range rng.IntN(5) {
			members = append(members, names[rng.IntN(len(names))]+":"+[]string{"0", "1", `{"a":1}`, "null"}[rng.IntN(4)])
		}
		return elementsOf(t, []string{"{" + strings.Join(members, ",") + "}"})[0]
	}
	found := 0
	for range long(100_000, 20_000) {
		original, rendered := object(), object()
		if !rendersInOrder(original, rendered, 1) {
			continue
		}
		if found++; !rendersMembers(original.members(), rendered.members(), 1) {
			t.Fatalf("%s is rendered as %s", original.raw(), rendered.raw())
		}
	}
	if found < 1000 {
		t.Errorf("found %d times", found)
	}
}
