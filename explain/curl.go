package explain

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// WriteCurl writes a curl command for each request, in a line of its own that a shell runs. A
// comment stands above a refused one. Below it stands a corrected one, where the cause is
// certain and leaves no choice.
// A credential has an ellipsis for its secret, to be filled in. Without Bodies a body is read
// from a file called body. The error is w's.
func (r Report) WriteCurl(w io.Writer, how Writing) error {
	had := r.Exchanges
	r = r.cleaned(how)
	var b strings.Builder
	for _, line := range r.commands(had) {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// hasBody reports whether a request had a body.
func hasBody(e *Exchange) bool {
	length := ""
	for name, values := range e.RequestHeader {
		if strings.EqualFold(name, "Content-Length") && len(values) > 0 {
			length = values[0]
		}
	}
	return len(e.RequestBody) > 0 || length != "" && length != "0"
}

// notForCurl are fields that curl writes by itself.
var notForCurl = []string{"Host", "Content-Length", "Connection", "Transfer-Encoding", "Expect", "Keep-Alive", "Proxy-Connection"}

// curl is a command that sends the request again, with the fields that it had and no other
// ones.
func (e *Exchange) curl(body bool) string {
	args := []string{"curl", "-g", "-i"}
	switch e.Method {
	case http.MethodHead:
		args = append(args, "-I")
	case http.MethodGet:
	default:
		args = append(args, "-X", quoted(e.Method))
	}
	args = append(args, e.curlFields(body)...)
	switch {
	case len(e.RequestBody) > 0:
		args = append(args, "--data-raw", quoted(string(e.RequestBody)))
	case body:
		args = append(args, "--data-binary", "@body")
	}
	return strings.Join(append(args, quoted(e.URL)), " ")
}

// curlFields are the options for the fields of the request, and against those that curl adds
// by itself.
func (e *Exchange) curlFields(body bool) []string {
	var args []string
	header := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(e.RequestHeader)) {
		key := http.CanonicalHeaderKey(name)
		if header[key] = true; slices.Contains(notForCurl, key) {
			continue
		}
		for _, value := range e.RequestHeader[name] {
			field := name + ": " + value
			if value == "" {
				field = name + ";" // with a colon curl leaves the field out
			}
			args = append(args, "-H", quoted(field))
		}
	}
	defaults := []string{"Accept", "User-Agent"}
	if body {
		defaults = append(defaults, "Content-Type")
	}
	for _, name := range defaults {
		if e.RequestHeader != nil && !header[name] {
			args = append(args, "-H", quoted(name+":"))
		}
	}
	return args
}

// quoted is a word for a shell.
func quoted(word string) string {
	if word != "" && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(word, "\x00", ""), "'", `'\''`) + "'"
}

// short is the path of a URL, with its query, for a line of a drawing.
func short(text string, most int) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		text = u.RequestURI()
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-1]) + "…"
	}
	return text
}

// label is a request and its answer in a few words.
func (e *Exchange) label() string { return e.labelOf(40) }

// labelOf is that, with at most so many letters of the URL.
func (e *Exchange) labelOf(most int) string {
	answer := "no answer"
	if e.StatusCode != 0 {
		answer = fmt.Sprint(e.StatusCode)
	}
	return strings.TrimSpace(e.Method+" "+short(e.URL, most)) + " → " + answer
}
