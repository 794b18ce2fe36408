// Package cases plays the cases of a dialect, which are data: testdata/cases.json in the
// package of each dialect has writes, the answers to them, and what has to become of them.
// docs/dialect-cases.md has the format, so that another library can play the same files.
package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// File is what testdata/cases.json of a dialect has.
type File struct {
	API      string   `json:"api"`
	Version  string   `json:"version"`  // where it is, in words
	Refusals string   `json:"refusals"` // which answers refuse a write, in words
	Verified string   `json:"verified"` // against what, in words
	Sources  []string `json:"sources"`
	Cases    []Case   `json:"cases"`
}

// Case is one call, all requests that it makes with their answers, and its end.
type Case struct {
	Name      string          `json:"name"`
	Dialect   string          `json:"dialect"` // where a package has several
	Do        string          `json:"do"`
	Change    json.RawMessage `json:"change"` // a merge patch of the state
	Write     *Request        `json:"write"`
	Exchanges []Exchange      `json:"exchanges"`
	End       End             `json:"end"`
}

// Request is a request as it has to be. Fields that aren't named are anything; null: absent.
type Request struct {
	Method string             `json:"method"`
	URL    string             `json:"url"` // empty: as in the first exchange
	Header map[string]*string `json:"header"`
	Body   json.RawMessage    `json:"body"`
}

// Exchange is a request and its answer.
type Exchange struct {
	Request Request  `json:"request"`
	Read    bool     `json:"read"`  // a read by another method than GET and HEAD
	Sends   []string `json:"sends"` // the versions in a write
	Answer  Answer   `json:"answer"`
	Verdict string   `json:"verdict"` // of the dialect on the answer to a write; empty: passes
	Current []string `json:"current"` // the versions in the answer to a read, or in a refusal, as a write carries them
}

// Answer is what the server answers.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   json.RawMessage   `json:"body"`
	Lost   bool              `json:"lost"` // the connection breaks; the server has the request
}

// End is how the call ends.
type End struct {
	Status int             `json:"status"` // 0: with an error, or an Update
	Effect string          `json:"effect"`
	Cause  string          `json:"cause"`
	Error  string          `json:"error"` // a part of its text
	State  json.RawMessage `json:"state"` // of an Update
}

// Load reads a file of cases. A member that the format doesn't have is an error.
func Load(name string) (*File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	f := new(File)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	seen := map[string]bool{}
	for i, c := range f.Cases {
		switch {
		case c.Name == "" || seen[c.Name]:
			return nil, fmt.Errorf("%s: case %d has no name of its own: %q", name, i, c.Name)
		case len(c.Exchanges) == 0 && c.Write == nil:
			return nil, fmt.Errorf("%s: %s: nothing is asked for", name, c.Name)
		case c.End.Effect == "" || c.End.Cause == "":
			return nil, fmt.Errorf("%s: %s: the end has no effect or no cause", name, c.Name)
		}
		seen[c.Name] = true
	}
	return f, nil
}

// text returns a body as it is on the wire: a JSON string is a text, any other value JSON.
func text(body json.RawMessage) (raw string, isText bool) {
	if json.Unmarshal(body, &raw) == nil && len(body) > 0 && body[0] == '"' {
		return raw, true
	}
	return string(body), false
}
