package stored

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// PlaceOf returns whose representation the answer to a write of target has.
func PlaceOf(target *url.URL, answer http.Header) Place {
	switch {
	case !semantics.AboutTarget(target, answer):
		return OfAnother
	case strings.Join(field.Lines(answer, "Content-Location"), "") != "":
		return OfTarget
	}
	return Unsaid
}

// Says reports whether an answer says that its body is the new state: the preference
// return=representation was applied (RFC 7240 §4.2). Of several return preferences none
// counts.
func Says(answer http.Header) bool {
	says, others := false, false
	for _, line := range field.Lines(answer, "Preference-Applied") {
		for one := range strings.SplitSeq(line, ",") {
			one, _, _ = strings.Cut(one, ";")
			name, value, _ := strings.Cut(one, "=")
			if !strings.EqualFold(field.TrimOWS(name), "return") {
				continue
			}
			value = strings.Trim(field.TrimOWS(value), `"`)
			says = says || strings.EqualFold(value, "representation")
			others = others || !strings.EqualFold(value, "representation")
		}
	}
	return says && !others
}

// Sent is a write that was accepted.
type Sent struct {
	Body   []byte // what was sent: a document, or a merge patch
	Stored []byte // the document that it makes
	JSON   bool   // both are JSON
	Media  string // the document's media type
	Hidden string // a pointer to a member that a server may leave out, with what is there for it alone; empty: none
}

// Look compares the body of an answer, which was read whole, with what was sent. JSON is
// compared by its meaning and by the members of the outermost object; its media type doesn't
// matter. Of any other format only the bytes and the media type can be compared.
func (s *Sent) Look(body []byte, answer http.Header) Body {
	switch {
	case len(body) == 0:
		return None
	case bytes.Equal(body, s.Stored):
		return Same
	case s.JSON:
		return s.lookJSON(body)
	case kindOf(answer.Get("Content-Type")) == kindOf(s.Media):
		return Differs
	}
	return Foreign
}

// kindOf is a media type without parameters.
func kindOf(t string) string {
	kind, _, _ := mime.ParseMediaType(t)
	return kind
}

// lookJSON compares JSON. A member that was sent as null is as good as absent, and many
// servers leave it out.
func (s *Sent) lookJSON(body []byte) Body {
	switch {
	case !json.Valid(body):
		return Foreign
	case jsonedit.Same(body, s.Stored):
		return Same
	case shape(body) != shape(s.Stored):
		return Foreign
	case shape(body) != '{':
		return Differs
	}
	var sent, got map[string]json.RawMessage
	if json.Unmarshal(body, &got) != nil || json.Unmarshal(s.Body, &sent) != nil {
		return Foreign
	}
	held, missing := 0, 0
	for name, value := range sent {
		_, there := got[name]
		switch {
		case there:
			held++
		case string(value) != "null" && !s.mayLack(name, value):
			missing++
		}
	}
	switch {
	case missing == 0:
		return Differs
	case held > 0:
		return Partial
	}
	return Foreign
}

// mayLack reports whether a member of what was sent has nothing but what a server may leave out.
func (s *Sent) mayLack(name string, value json.RawMessage) bool {
	if s.Hidden == "" {
		return false
	}
	for i, step := range strings.Split(s.Hidden[1:], "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step) // RFC 6901 §4
		if i == 0 {
			if name != step {
				return false
			}
			continue
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil || len(object) != 1 || object[step] == nil {
			return false
		}
		value = object[step]
	}
	return true
}

// shape is the first character of valid JSON, the same for both booleans and for all
// numbers.
func shape(text []byte) byte {
	text = bytes.TrimLeft(text, " \t\r\n")
	switch {
	case len(text) == 0:
		return 0
	case text[0] == 'f':
		return 't'
	case text[0] == '-' || text[0] >= '0' && text[0] <= '9':
		return '0'
	}
	return text[0]
}
