package ifmatchtest

import "strings"

// parseTags parses the lines of an If-Match or If-None-Match field, which
// together are one list (RFC 9110 §5.3); a tag doesn't span two of them. It
// reports a lone asterisk as star, and ok false for what the grammar does not
// allow.
func parseTags(lines []string) (tags []string, star, ok bool) {
	if trimOWS(strings.Join(lines, ",")) == "*" {
		return nil, true, true
	}
	for _, s := range lines {
		for {
			s = strings.TrimLeft(s, " \t,") // RFC 9110 §5.6.1.2: empty elements are ignored
			if s == "" {
				break
			}
			n := tagLen(s)
			if n == 0 {
				return nil, false, false
			}
			tags, s = append(tags, s[:n]), strings.TrimLeft(s[n:], " \t")
			if s != "" && s[0] != ',' {
				return nil, false, false
			}
		}
	}
	return tags, false, true
}

// tagLen returns the length of the entity-tag that s begins with, 0 for none.
func tagLen(s string) int {
	n := 0
	if strings.HasPrefix(s, "W/") { // RFC 9110 §8.8.3: the mark is case-sensitive
		n = 2
	}
	if n == len(s) || s[n] != '"' {
		return 0
	}
	for n++; n < len(s); n++ {
		switch c := s[n]; {
		case c == '"': // RFC 9110 §8.8.3: a backslash escapes nothing
			return n + 1
		case c <= ' ' || c == 0x7f:
			return 0
		}
	}
	return 0
}

// validTag reports whether s is exactly one entity-tag.
func validTag(s string) bool { return s != "" && tagLen(s) == len(s) }

func isWeak(tag string) bool { return strings.HasPrefix(tag, "W/") }

// strongMatch is the strong comparison of RFC 9110 §8.8.3.2.
func strongMatch(a, b string) bool { return a == b && !isWeak(a) }

// weakMatch is the weak comparison of RFC 9110 §8.8.3.2.
func weakMatch(a, b string) bool {
	return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}

func trimOWS(s string) string { return strings.Trim(s, " \t") }
