package explain

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// The JSON of a report. docs/explain.md has its schema; names are only added.
type (
	reportJSON struct {
		Version   int            `json:"version"`
		Verdict   string         `json:"verdict"`
		API       string         `json:"api,omitempty"`
		Refused   []int          `json:"refused"`
		Findings  []findingJSON  `json:"findings"`
		Exchanges []exchangeJSON `json:"exchanges"`
	}
	findingJSON struct {
		Code      string         `json:"code"`
		Name      string         `json:"name"`
		Certainty Certainty      `json:"certainty"`
		Exchange  int            `json:"exchange"`
		What      string         `json:"what"`
		Evidence  []evidenceJSON `json:"evidence"`
		Why       string         `json:"why"`
		RFC       string         `json:"rfc,omitempty"`
		Fixes     []fixJSON      `json:"fixes"`
	}
	evidenceJSON struct {
		Exchange int    `json:"exchange"`
		Part     Part   `json:"part"`
		Line     string `json:"line"`
		Mark     string `json:"mark,omitempty"`
	}
	fixJSON struct {
		Text string  `json:"text"`
		Kind FixKind `json:"kind"`
	}
	exchangeJSON struct {
		Source         Source      `json:"source,omitempty"`
		Method         string      `json:"method,omitempty"`
		URL            string      `json:"url,omitempty"`
		RequestHeader  http.Header `json:"requestHeader,omitempty"`
		RequestBody    string      `json:"requestBody,omitempty"`
		Status         int         `json:"status,omitempty"`
		Reason         string      `json:"reason,omitempty"`
		ResponseHeader http.Header `json:"responseHeader,omitempty"`
		ResponseBody   string      `json:"responseBody,omitempty"`
		Err            string      `json:"error,omitempty"`
		Sent           *time.Time  `json:"sent,omitempty"`
		Answered       *time.Time  `json:"answered,omitempty"`
		Note           string      `json:"note,omitempty"`
	}
)

// WriteJSON writes the report as one JSON object, as docs/explain.md describes it. Indices of
// exchanges count from 0. The error is w's.
func (r Report) WriteJSON(w io.Writer, how Writing) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r.cleaned(how).forJSON())
}

// MarshalJSON gives the object that WriteJSON writes with the zero Writing.
func (r Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(r.cleaned(Writing{}).forJSON())
}

// forJSON is a cleaned report as JSON has it.
func (r Report) forJSON() reportJSON {
	made := reportJSON{Version: 1, Verdict: r.Verdict, API: r.Dialect, Refused: append([]int{}, r.Refused...), Findings: []findingJSON{}, Exchanges: []exchangeJSON{}}
	for _, f := range r.Findings {
		made.Findings = append(made.Findings, f.forJSON())
	}
	for _, e := range r.Exchanges {
		made.Exchanges = append(made.Exchanges, exchangeJSON{
			e.Source, e.Method, e.URL, e.RequestHeader, string(e.RequestBody), e.StatusCode, e.Reason, e.ResponseHeader, string(e.ResponseBody),
			e.Err, whenKnown(e.Sent), whenKnown(e.Answered), e.Note,
		})
	}
	return made
}

func (f Finding) forJSON() findingJSON {
	made := findingJSON{f.Code, f.Name, f.Certainty, f.Exchange, f.What, []evidenceJSON{}, f.Why, f.RFC, []fixJSON{}}
	for _, e := range f.Evidence {
		made.Evidence = append(made.Evidence, evidenceJSON(e))
	}
	for _, fix := range f.Fixes {
		made.Fixes = append(made.Fixes, fixJSON(fix))
	}
	return made
}

// whenKnown is nil for the zero time.
func whenKnown(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
