package jsonedit

import "bytes"

// parser finds the values of a JSON text, and goes through it once (RFC 8259). What it
// takes is what json.Valid takes, less deep.
type parser struct {
	text       []byte
	containers []container // an open one has its start as its end, and the container around it as what is after
	at         int
	open       int32 // the container around the position, negative where there is none
	depth      int   // of open ones
}

// document goes through the whole text. It is false where that isn't JSON, or too deep.
func (p *parser) document() bool {
	for p.space(); p.value(); {
		for more := false; !more; {
			p.space()
			if p.depth == 0 {
				return p.at == len(p.text)
			}
			var ok bool
			if more, ok = p.separator(); !ok {
				return false
			}
		}
	}
	return false
}

// value goes past a scalar, or an empty container. Of any other container it goes past the
// bracket, and what comes then to its first scalar.
func (p *parser) value() bool {
	for p.at < len(p.text) {
		start := p.at
		c := p.text[start]
		if c != '{' && c != '[' {
			p.at = scalarEnd(p.text, start)
			return p.at > start
		}
		if p.depth == maxDepth {
			return false
		}
		p.containers = append(p.containers, container{end: int32(start), after: p.open})
		p.open = int32(len(p.containers) - 1)
		p.depth++
		p.at++
		p.space()
		if p.at < len(p.text) && p.text[p.at] == c+2 { // in ASCII the closing bracket is two on
			p.close()
			return true
		}
		if c == '{' && !p.memberName() {
			return false
		}
	}
	return false
}

// separator goes past what follows a value in a container: a bracket that closes it, or all
// that comes before one more value.
func (p *parser) separator() (more, ok bool) {
	if p.at == len(p.text) {
		return false, false
	}
	opening := p.text[p.containers[p.open].end]
	switch p.text[p.at] {
	case ',':
		p.at++
		p.space()
		return true, opening == '[' || p.memberName()
	case opening + 2:
		p.close()
		return false, true
	}
	return false, false
}

// memberName goes past a name, and what is between it and its value.
func (p *parser) memberName() bool {
	if p.at == len(p.text) || p.text[p.at] != '"' {
		return false
	}
	start := p.at
	p.at = stringEnd(p.text, start)
	if p.at == start {
		return false
	}
	p.space()
	if p.at == len(p.text) || p.text[p.at] != ':' {
		return false
	}
	p.at++
	p.space()
	return true
}

// close goes past the bracket that closes a container.
func (p *parser) close() {
	p.at++
	closed := &p.containers[p.open]
	p.open = closed.after
	p.depth--
	closed.end, closed.after = int32(p.at), int32(len(p.containers))
}

func (p *parser) space() { p.at = skipSpace(p.text, p.at) }

// scalarEnd returns the position after the scalar at i, and i where there is none.
func scalarEnd(text []byte, i int) int {
	switch c := text[i]; c {
	case '"':
		return stringEnd(text, i)
	case 't':
		return wordEnd(text, i, "true")
	case 'f':
		return wordEnd(text, i, "false")
	case 'n':
		return wordEnd(text, i, "null")
	}
	return numberEnd(text, i)
}

func wordEnd(text []byte, i int, word string) int {
	if bytes.HasPrefix(text[i:], []byte(word)) {
		return i + len(word)
	}
	return i
}

// stringEnd returns the position after the string at i, and i where it isn't one.
func stringEnd(text []byte, i int) int {
	for at := i + 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return i
		case c == '\\':
			if at = escapeEnd(text, at); at < 0 {
				return i
			}
		}
	}
	return i
}

// escapeEnd returns the position of the last byte of the escape at i, negative where it isn't
// one.
func escapeEnd(text []byte, i int) int {
	if i++; i == len(text) {
		return -1
	}
	switch text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		if len(text)-i > 4 && isHex(text[i+1]) && isHex(text[i+2]) && isHex(text[i+3]) && isHex(text[i+4]) {
			return i + 4
		}
	}
	return -1
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|' ' && c|' ' <= 'f' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// numberEnd returns the position after the number at i, and i where it isn't one.
func numberEnd(text []byte, i int) int {
	at := i
	if text[at] == '-' {
		at++
	}
	whole := digitsEnd(text, at)
	if whole == at || text[at] == '0' && whole > at+1 {
		return i
	}
	at = whole
	if at < len(text) && text[at] == '.' {
		fraction := digitsEnd(text, at+1)
		if fraction == at+1 {
			return i
		}
		at = fraction
	}
	if at < len(text) && text[at]|' ' == 'e' {
		digits := at + 1
		if digits < len(text) && (text[digits] == '+' || text[digits] == '-') {
			digits++
		}
		if at = digitsEnd(text, digits); at == digits {
			return i
		}
	}
	return at
}

// digitsEnd returns the position after the digits at i, which may be behind the text.
func digitsEnd(text []byte, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}
