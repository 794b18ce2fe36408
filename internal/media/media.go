// Package media says of the media types of documents which are JSON, and as which one a
// document is written back. It knows the types' texts alone, and no document.
package media

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/field"
)

// IsJSON reports whether a media type is JSON (RFC 8259 §11, RFC 6839 §3.1): whatever its
// parameters and its case. A type that can't be parsed isn't.
func IsJSON(t string) bool {
	if isPlain(t) {
		return true
	}
	kind, _, err := mime.ParseMediaType(t)
	if err != nil {
		return false
	}
	top, sub, _ := strings.Cut(kind, "/")
	return isPlain(kind) || top != "" && len(sub) > len("+json") && strings.HasSuffix(sub, "+json")
}

// isPlain reports whether a kind, in lower case, is JSON of no other format.
func isPlain(kind string) bool { return kind == "application/json" || kind == "text/json" }

// Check returns why a text is no media type of a document, nil if it is one: a type that
// both Content-Type and Accept can carry, so it has no wildcard and no weight.
func Check(t string) error {
	kind, parameters, err := mime.ParseMediaType(t)
	top, sub, _ := strings.Cut(kind, "/")
	switch _, weight := parameters["q"]; {
	case err != nil:
		return fmt.Errorf("%.100q is no media type: %w", t, err)
	case top == "" || sub == "":
		return fmt.Errorf("%.100q is no media type: it has no subtype", t)
	case top == "*" || sub == "*":
		return fmt.Errorf("%.100q is a range: no document has it", t)
	case weight:
		return errors.New("q is a weight, and no parameter of a media type")
	case !field.Sendable("Content-Type", t):
		return fmt.Errorf("%.100q has a control character", t)
	}
	return nil
}

// Back returns the media type as which a document is written back that came with this
// header; empty: it came as no JSON, or as several types.
//
// A +json type is what the server said, with the parameters that its format has. A charset
// goes: JSON is UTF-8, whatever it says, and strict servers refuse it (RFC 8259 §8.1,
// JSON:API 1.1). Of application/json and text/json all parameters go: they have none (RFC
// 8259 §11), and what servers add there is about their answer.
func Back(h http.Header) string {
	lines := field.Lines(h, "Content-Type")
	if len(lines) != 1 || !IsJSON(lines[0]) {
		return ""
	}
	kind, parameters, _ := strings.Cut(lines[0], ";")
	back := field.TrimOWS(kind)
	if isPlain(strings.ToLower(back)) {
		return back
	}
	for parameters != "" {
		var one string
		one, parameters = cutParameter(parameters)
		if name, _, _ := strings.Cut(one, "="); one != "" && !strings.EqualFold(field.TrimOWS(name), "charset") {
			back += "; " + one
		}
	}
	return back
}

// cutParameter returns the first parameter, and those after it. A semicolon in a quoted
// string separates nothing.
func cutParameter(s string) (first, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return field.TrimOWS(s[:i]), s[i+1:]
		}
	}
	return field.TrimOWS(s), ""
}
