package ifmatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

var errTwice = errors.New("a name on the way occurs twice")

// memberAt returns the member of a JSON text that a pointer names (RFC 6901), the
// absent one where there is none. It keeps nothing of the text in memory: that may
// come from a server, and be large.
func memberAt(text []byte, pointer string) (rawMember, error) {
	if !json.Valid(text) {
		return rawMember{}, notJSON(text)
	}
	m := rawMember{text, skipSpace(text, 0), len(text)}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		found, n := m.member(name)
		if n > 1 {
			return rawMember{}, fmt.Errorf("%s: %w", pointer, errTwice)
		}
		if n == 0 {
			return rawMember{}, nil
		}
		m = found
	}
	return m, nil
}

// rawMember is a value in a valid JSON text. The zero rawMember is absent.
type rawMember struct {
	text       []byte
	start, end int
}

func (m rawMember) absent() bool { return m.text == nil }
func (m rawMember) raw() []byte  { return m.text[m.start:m.end] }

// number reports whether the value is one.
func (m rawMember) number() bool {
	return !m.absent() && (m.text[m.start] == '-' || m.text[m.start] >= '0' && m.text[m.start] <= '9')
}

// quoted reports whether the value is a string.
func (m rawMember) quoted() bool { return !m.absent() && m.text[m.start] == '"' }

// member returns the member of an object, and how often it has the name.
func (m rawMember) member(name string) (found rawMember, n int) {
	if m.text[m.start] != '{' {
		return rawMember{}, 0
	}
	i := skipSpace(m.text, m.start+1)
	for m.text[i] != '}' {
		end := endOfString(m.text, i)
		key := unquote(m.text[i:end])
		start := skipSpace(m.text, skipSpace(m.text, end)+1) // after the colon
		end = endOfValue(m.text, start)
		if key == name {
			found, n = rawMember{m.text, start, end}, n+1
		}
		if i = skipSpace(m.text, end); m.text[i] == ',' {
			i = skipSpace(m.text, i+1)
		}
	}
	return found, n
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

// endOfValue returns where the value ends that begins at i, in a valid text.
func endOfValue(text []byte, i int) int {
	for depth := 0; ; {
		switch c := text[i]; c {
		case '"':
			i = endOfString(text, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			i++
			continue // only inside a container
		default:
			for i < len(text) && !isSpace(text[i]) && text[i] != ',' && text[i] != ']' && text[i] != '}' {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}
