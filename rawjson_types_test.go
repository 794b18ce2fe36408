package ifmatch

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The types know a part of the documents only.
type (
	rawItemT struct {
		ID   int    `json:"id"`
		Name string `json:"name,omitempty"`
	}
	rawBase struct {
		Kind string `json:"kind,omitempty"`
	}
	rawPoint struct {
		X int `json:"x"`
		Y int `json:"y"`
	}
	rawDocT struct {
		rawBase
		Name   string            `json:"name,omitempty"`
		N      int               `json:"n,omitempty"`
		F      float64           `json:"f,omitempty"`
		Point  rawPoint          `json:"point,omitzero"`
		Ptr    *rawPoint         `json:"ptr,omitempty"`
		Tags   []string          `json:"tags,omitempty"`
		Items  []rawItemT        `json:"items,omitempty"`
		Map    map[string]any    `json:"map,omitempty"`
		Raw    json.RawMessage   `json:"raw,omitempty"`
		Num    json.Number       `json:"num,omitempty"`
		Floats []float64         `json:"floats,omitempty"`
		Deep   [][]rawItemT      `json:"deep,omitempty"`
		Fixed  [2]rawItemT       `json:"fixed,omitzero"`
		Month  rawMonth          `json:"month,omitzero"`
		Set    rawSet            `json:"set,omitempty"`
		At     []rawStamp        `json:"at,omitempty"`
		Any    any               `json:"any,omitempty"`
		Ptrs   []*rawItemT       `json:"ptrs,omitempty"`
		ByName map[string]*rawNM `json:"byName,omitempty"`
		Both   rawText           `json:"both,omitzero"`
	}
	rawStamp struct {
		At time.Time `json:"at"`
		N  int       `json:"n,omitempty"`
	}
	rawNM struct {
		N int `json:"n"`
	}
	rawPlain struct { // without omitempty
		Name  string     `json:"name"`
		Point rawPoint   `json:"point"`
		Ptr   *rawPoint  `json:"ptr"`
		Items []rawItemT `json:"items"`
	}
)

// rawMonth reads an object and renders a string.
type rawMonth struct{ year, month int }

func (m *rawMonth) UnmarshalJSON(b []byte) error {
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

func (m rawMonth) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.Itoa(m.year) + "-" + strconv.Itoa(m.month))
}

// rawText reads a string and renders an object.
type rawText struct{ Text string }

func (v *rawText) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &v.Text)
	}
	type plain rawText
	return json.Unmarshal(b, (*plain)(v))
}

// rawSet renders its elements sorted and once.
type rawSet []string

func (s rawSet) MarshalJSON() ([]byte, error) {
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
