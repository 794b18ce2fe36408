package jsonedit

import (
	"encoding/json"
	"strconv"
	"strings"
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
