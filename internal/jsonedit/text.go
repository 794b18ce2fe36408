package jsonedit

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote returns what a JSON string means, as encoding/json decodes it.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	plain := true
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return string(inner)
	}
	var s string
	json.Unmarshal(quoted, &s) // it is valid: the document is
	return s
}

// quote returns a text as a JSON string.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(text) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// exact returns what a JSON string means, and the string itself behind a byte that
// no text has where encoding/json can't say: it makes U+FFFD of what isn't valid
// Unicode, and so the same of different strings.
func exact(quoted []byte) string {
	s := unquote(quoted)
	if strings.ContainsRune(s, utf8.RuneError) && !validUnicode(quoted) {
		return notUnicode + string(quoted[1:len(quoted)-1])
	}
	return s
}

const notUnicode = "\xff"

// validUnicode reports whether a JSON string is UTF-8 and has no surrogate without
// the other half (RFC 8259 §8.2).
func validUnicode(quoted []byte) bool {
	if !utf8.Valid(quoted) {
		return false
	}
	var half rune // the first of a pair, from the escape before
	for i := 0; i < len(quoted); i++ {
		var unit rune
		if quoted[i] == '\\' {
			if i++; quoted[i] == 'u' {
				n, _ := strconv.ParseUint(string(quoted[i+1:i+5]), 16, 16)
				unit = rune(n)
				i += 4
			}
		}
		switch {
		case half != 0 && utf16.DecodeRune(half, unit) == utf8.RuneError:
			return false
		case half != 0:
			half = 0
		case utf16.IsSurrogate(unit):
			half = unit
		}
	}
	return true
}

// endOfValue returns the position after the value that begins at i.
func endOfValue(text []byte, i int) int {
	for depth := 0; ; {
		switch text[i] {
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
			i = endOfScalar(text, i)
		}
		if depth == 0 {
			return i
		}
	}
}

// endOfString returns the position after the string that begins at i.
func endOfString(text []byte, i int) int {
	for {
		i++
		i += bytes.IndexByte(text[i:], '"')
		unescaped := i
		for text[unescaped-1] == '\\' { // the quote that begins it is no backslash
			unescaped--
		}
		if (i-unescaped)%2 == 0 {
			return i + 1
		}
	}
}

// endOfScalar returns the position after the number or the word that begins at i.
func endOfScalar(text []byte, i int) int {
	for i < len(text) && !isSpace(text[i]) && text[i] != ',' && text[i] != ']' && text[i] != '}' {
		i++
	}
	return i
}

// skipSpace returns the first position from i on that isn't white space.
func skipSpace(text []byte, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
