package recording

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The parts of an HTTP Archive 1.2 that are read. Chrome, Firefox and others have more.
type (
	harEntry struct {
		Started string `json:"startedDateTime"`
		Time    float64
		Request struct {
			Method, URL string
			Headers     []harField
			PostData    struct{ Text string }
		}
		Response struct {
			Status     int
			StatusText string
			Headers    []harField
			Content    struct {
				Size           int64
				Text, Encoding string
			}
			Error string `json:"_error"`
		}
		Timings   map[string]any
		FromCache string `json:"_fromCache"`
	}
	harField struct{ Name, Value string }
)

// mostEntry bounds one entry of an archive, after its long texts are cut.
const mostEntry = 8 << 20

// readHAR reads an archive entry by entry, so that its size doesn't matter.
func readHAR(in *bufio.Reader) ([]Exchange, error) {
	short := &shortening{in: in, left: mostEntry}
	dec := json.NewDecoder(short)
	if err := enter(dec, "log"); err != nil {
		return nil, fmt.Errorf("HAR: %w", err)
	}
	if err := enter(dec, "entries"); err != nil {
		return nil, fmt.Errorf("HAR: %w", err)
	}
	var all kept
	for dec.More() {
		var entry harEntry
		err := dec.Decode(&entry)
		short.left = mostEntry
		if wrong := (*json.UnmarshalTypeError)(nil); err != nil && !errors.As(err, &wrong) {
			return all.exchanges(), fmt.Errorf("HAR: %w", err)
		}
		if entry.Request.Method != "" || entry.Request.URL != "" {
			all.add(entry.exchange())
		}
	}
	if _, err := dec.Token(); err != nil { // the end of the entries
		return all.exchanges(), fmt.Errorf("HAR: %w", io.ErrUnexpectedEOF)
	}
	return all.exchanges(), nil
}

// enter goes to the member of the object that comes next, and leaves its value to be read;
// of an array it enters that, too.
func enter(dec *json.Decoder, name string) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("no object that has %q", name)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if key == name {
			if name == "entries" {
				token, err = dec.Token()
				if err == nil && token != json.Delim('[') {
					err = errors.New("entries is no array")
				}
			}
			return err
		}
		if err := skip(dec); err != nil {
			return err
		}
	}
	return fmt.Errorf("no %q", name)
}

// skip passes one value without keeping it.
func skip(dec *json.Decoder) error {
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}

// exchange is what an entry says.
func (h *harEntry) exchange() *Exchange {
	e := &Exchange{
		Format: HAR, Method: h.Request.Method, URL: knownURL(h.Request.URL), StatusCode: h.Response.Status, Reason: h.Response.StatusText,
		RequestHeader: headerOf(h.Request.Headers), ResponseHeader: headerOf(h.Response.Headers), Err: h.Response.Error,
	}
	if h.FromCache != "" {
		e.Stored = "the browser's " + h.FromCache + " cache"
	}
	e.addBody(&e.RequestBody, []byte(h.Request.PostData.Text))
	content := &h.Response.Content
	body := []byte(content.Text)
	if content.Encoding == "base64" {
		body = decoded(content.Text)
	}
	e.addBody(&e.ResponseBody, body)
	e.Cut = e.Cut || len(content.Text) >= mostBody || len(body) == 0 || content.Size > int64(len(body))
	e.times(h)
	return e
}

// NoURL is the URL of an archive's request whose own isn't known. One that is no URL stands in
// the fragment.
const NoURL = "about:blank"

// knownURL is the URL as it was before an archive demanded an absolute one.
func knownURL(text string) string {
	rest, found := strings.CutPrefix(text, NoURL)
	if !found {
		return text
	}
	rest, err := url.PathUnescape(strings.TrimPrefix(rest, "#"))
	if err != nil {
		return ""
	}
	return rest
}

func headerOf(fields []harField) http.Header {
	if fields == nil {
		return nil
	}
	h := http.Header{}
	for _, f := range fields {
		addField(&h, f.Name, f.Value)
	}
	return h
}

// decoded is as much of a base64 text as is whole.
func decoded(text string) []byte {
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		body, _ = base64.StdEncoding.DecodeString(text[:len(text)/4*4])
	}
	return body
}

// times reads when the request was sent and answered: startedDateTime is before the waits for
// a connection.
func (e *Exchange) times(h *harEntry) {
	started, err := time.Parse(time.RFC3339Nano, h.Started)
	if err != nil || started.Year() < 1990 {
		return
	}
	took := func(names ...string) time.Duration {
		var sum float64
		for _, name := range names {
			// -1: not known, or none.
			if ms, ok := h.Timings[name].(float64); ok && ms > 0 && ms < math.MaxInt32 {
				sum += ms
			}
		}
		return time.Duration(sum * float64(time.Millisecond))
	}
	e.Sent = started.Add(took("blocked", "dns", "connect"))
	if h.Response.Status == 0 {
		return
	}
	e.Answered = e.Sent.Add(took("send", "wait"))
	if len(h.Timings) == 0 && h.Time > 0 && h.Time < math.MaxInt32 {
		e.Answered = e.Sent.Add(time.Duration(h.Time * float64(time.Millisecond)))
	}
}

var errEntry = errors.New("an entry is too large")

// shortening passes JSON on with its strings cut to mostBody bytes, and ends where one value
// is too large all the same.
type shortening struct {
	in      *bufio.Reader
	left    int  // bytes of the value at hand
	length  int  // of the string at hand, as far as it is passed on; 0: between strings, 1: at its quote
	escaped int  // bytes of an escape that are left
	slash   bool // the byte before began an escape
	high    bool // the escape before is, or may be, the first half of a surrogate pair
	cutting bool // the rest of the string at hand is left out
}

func (s *shortening) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errEntry
	}
	for {
		if _, err := s.in.Peek(1); err != nil {
			return 0, err
		}
		chunk, _ := s.in.Peek(s.in.Buffered())
		n, used := s.copy(p, chunk)
		s.in.Discard(used)
		if s.left -= n; n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

// copy passes bytes on, and returns how many, and of how many that were read.
func (s *shortening) copy(p, chunk []byte) (n, used int) {
	for used < len(chunk) && n < len(p) {
		if s.cutting && !s.slash && s.escaped == 0 {
			// All up to the next one that matters is left out.
			more := bytes.IndexAny(chunk[used:], "\"\\")
			if more < 0 {
				return n, len(chunk)
			}
			used += more
		}
		if s.passes(chunk[used]) {
			p[n] = chunk[used]
			n++
		}
		used++
	}
	return n, used
}

// half notes by a digit of an escape whether that is the first half of a surrogate pair: D800
// to DBFF.
func (s *shortening) half(digit byte) {
	switch s.escaped {
	case 4:
		s.high = digit|0x20 == 'd'
	case 3:
		s.high = s.high && strings.IndexByte("89abAB", digit) >= 0
	}
}

// passes reports whether a byte is passed on. A string is cut between two characters: not
// within an escape, and not between the escapes of a surrogate pair's halves.
func (s *shortening) passes(c byte) bool {
	switch {
	case s.length == 0:
		if c == '"' {
			s.length = 1
		}
		return true
	case s.slash:
		s.slash = false
		if c == 'u' {
			s.escaped = 4
		}
	case s.escaped > 0:
		s.half(c)
		s.escaped--
	case c == '"':
		s.length, s.cutting = 0, false
		return true
	case c == '\\':
		s.cutting = s.cutting || s.length >= mostBody && !s.high
		s.slash, s.high = true, false
	default:
		s.cutting = s.cutting || s.length >= mostBody && c&0xC0 != 0x80
		s.high = false
	}
	s.length++
	return !s.cutting
}
