// Package excerpt takes from the body of an answer what its server says of an error, in
// one short line.
//
// The body is whatever a server or a proxy sent: cut off, malformed, endless text. It is
// read once, and nothing in it is followed.
package excerpt

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// most is how many bytes of a line are shown.
const most = 200

// Of returns what the body of an answer says, in one line that clean has gone over, of at
// most 200 bytes and an ellipsis; empty where that is nothing. clean gets the line before
// it is cut: the rest of a secret that was cut off couldn't be recognized. It knows problem details (RFC 9457), the errors
// of OData, Google, S3, Azure, CouchDB, SCIM, FHIR and WebDAV, the title of an HTML page,
// and plain text.
func Of(h http.Header, body []byte, clean func(string) string) string {
	body = bytes.TrimSpace(body)
	var said string
	switch {
	case len(body) == 0 || h.Get("Content-Encoding") != "":
		return ""
	case body[0] == '{' || body[0] == '[':
		said = inJSON(body)
	case body[0] == '<':
		said = inXML(body)
	case !isText(body):
		return ""
	}
	// A body that was cut off, or in a form of its own, is shown as it begins.
	if said == "" && body[0] != '<' {
		said = string(body)
	}
	return Cut(clean(line(said)), most)
}

// isText reports whether the beginning of a body is text.
func isText(body []byte) bool {
	return strings.HasPrefix(http.DetectContentType(body), "text/")
}

// line is the beginning of a text in one line, without escapes of JSON and HTML, and
// without characters that a terminal acts on. Where it doesn't hold the whole text, it
// ends with a whole word.
func line(text string) string {
	if len(text) > 8*most {
		text = text[:8*most]
		text = text[:max(strings.LastIndexAny(text, " \t\r\n,;"), 0)]
	}
	text = html.UnescapeString(escapes().ReplaceAllStringFunc(strings.ToValidUTF8(text, ""), unescape))
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
}

// escapes are those of JSON that a text has where it was cut off, or isn't JSON.
var escapes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\/`) })

// unescape is the character of one of them.
func unescape(escape string) string {
	if escape == `\/` {
		return "/"
	}
	r, _ := strconv.ParseUint(escape[2:], 16, 16)
	return string(rune(r))
}

// Cut is the beginning of a text, cut between two runes, with an ellipsis where it was
// longer than most bytes.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// inJSON finds the words in a JSON object, or in the first one of an array.
func inJSON(body []byte) string {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	if all, ok := doc.([]any); ok && len(all) > 0 {
		doc = all[0]
	}
	object, _ := doc.(map[string]any)
	return inObject(object)
}

// inObject finds the words of an object. Names differ by case between APIs.
func inObject(object map[string]any) string {
	member := func(names ...string) any {
		for _, want := range names {
			for _, name := range slices.Sorted(maps.Keys(object)) {
				if strings.EqualFold(name, want) {
					return object[name]
				}
			}
		}
		return nil
	}
	// OData and Google have an object in "error", OData v3 in "odata.error", FHIR the first
	// of "issue".
	if inner, ok := member("error", "odata.error").(map[string]any); ok {
		return inObject(inner)
	}
	if issues, ok := member("issue").([]any); ok && len(issues) > 0 {
		if issue, ok := issues[0].(map[string]any); ok {
			return inObject(issue)
		}
	}
	return joined(
		text(member("title", "code", "error", "__type")),
		text(member("detail", "message", "reason", "error_description", "diagnostics", "details")),
	)
}

// text is a JSON value as text: a string, or the one in the object of OData v3 or FHIR.
func text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case map[string]any:
		for _, name := range []string{"value", "text"} {
			if s, ok := value[name].(string); ok {
				return s
			}
		}
	}
	return ""
}

// joined is a title and a detail.
func joined(title, detail string) string {
	switch {
	case title == "" || title == detail:
		return detail
	case detail == "":
		return title
	}
	return title + ": " + detail
}

// inXML finds the words in the elements of an XML document, or the title of an HTML page.
func inXML(body []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	found := map[string]string{}
	element := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			element = strings.ToLower(token.Name.Local)
		case xml.EndElement:
			element = ""
		case xml.CharData:
			if said := strings.TrimSpace(string(token)); said != "" && found[element] == "" {
				found[element] = said
			}
		}
	}
	first := func(names ...string) string {
		for _, name := range names {
			if found[name] != "" {
				return found[name]
			}
		}
		return ""
	}
	return joined(first("code", "exception", "title"), first("message", "detail", "diagnostics"))
}
