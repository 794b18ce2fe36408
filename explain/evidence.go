package explain

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/excerpt"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// errNoAnswer stands for the error of a request without an answer.
var errNoAnswer = errors.New("no answer was recorded")

// asked is the line of a request.
func (s *step) asked() Evidence {
	line := strings.TrimSpace(s.Method + " " + s.URL)
	return Evidence{Exchange: s.index, Part: PartRequest, Line: line, Mark: s.Method}
}

// answered is the status line of an answer, or why there is none.
func (s *step) answered() Evidence {
	if s.StatusCode == 0 {
		line := "no answer"
		if s.Err != "" {
			line += ": " + s.Err
		}
		return Evidence{Exchange: s.index, Part: PartResponse, Line: line}
	}
	reason := s.Reason
	if reason == "" {
		reason = http.StatusText(s.StatusCode)
	}
	status := strconv.Itoa(s.StatusCode)
	return Evidence{Exchange: s.index, Part: PartResponse, Line: strings.TrimSpace(status + " " + reason), Mark: status}
}

// requestLine is the line of a request's field, with a part of it marked; its Line is empty
// where the request has no such field.
func (s *step) requestLine(name, mark string) Evidence {
	return lineOf(s.index, PartRequest, s.RequestHeader, name, mark)
}

// responseLine is the line of an answer's field.
func (s *step) responseLine(name, mark string) Evidence {
	return lineOf(s.index, PartResponse, s.ResponseHeader, name, mark)
}

func lineOf(index int, part Part, h http.Header, name, mark string) Evidence {
	lines := field.Lines(h, http.CanonicalHeaderKey(name))
	if lines == nil {
		return Evidence{}
	}
	value := strings.Join(lines, ", ")
	if mark == "" || !strings.Contains(value, mark) {
		mark = value
	}
	return Evidence{Exchange: index, Part: part, Line: spelled(name) + ": " + value, Mark: mark}
}

// spelled is the name of a field as its specification spells it.
func spelled(name string) string {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Etag":
		return "ETag"
	case "Odata-Version":
		return "OData-Version"
	}
	return name
}

// condition is the line of the request with its precondition, or its first line where that
// has none.
func (s *step) condition() Evidence {
	for _, v := range s.guard.Versions {
		if e := s.requestLine(v.Sent.Name(), v.Value); e.Line != "" {
			return e
		}
	}
	if len(s.guard.Versions) > 0 { // in the query or the body
		e := s.asked()
		if e.Mark = s.guard.Tags[0]; !strings.Contains(e.Line, e.Mark) {
			e.Mark = ""
		}
		return e
	}
	names := []string{"If-Match", "If-None-Match", "If-Unmodified-Since"}
	if s.guard.Field != "" {
		names = append([]string{s.guard.Field}, names...)
	}
	for _, name := range names {
		if e := s.requestLine(name, ""); e.Line != "" {
			return e
		}
	}
	return s.asked()
}

// validator is the line of the answer that shows its validator.
func (s *step) validator() Evidence {
	for _, name := range []string{"ETag", "Last-Modified"} {
		if e := s.responseLine(name, ""); e.Line != "" {
			return e
		}
	}
	if s.got.ETag != "" {
		return Evidence{Exchange: s.index, Part: PartResponse, Line: "the body has the version " + s.got.ETag, Mark: s.got.ETag}
	}
	return s.answered()
}

// said is what the server says in the body of its answer, in one line; its Line is empty
// where that is nothing.
func (s *step) said(mark string) Evidence {
	text := s.words()
	if text == "" {
		return Evidence{}
	}
	if !strings.Contains(text, mark) {
		mark = ""
	}
	return Evidence{Exchange: s.index, Part: PartResponse, Line: text, Mark: mark}
}

// words are what the server says in the body of its answer, in one line.
func (s *step) words() string {
	h := s.ResponseHeader
	if h.Get("Content-Encoding") != "" { // the recorder has decoded it, or it is no text
		h = http.Header{"Content-Type": h["Content-Type"]}
	}
	return excerpt.Of(h, s.ResponseBody, func(text string) string { return text })
}

// times is when a request was sent and answered.
func (s *step) times() Evidence {
	sent, answered, ok := s.round()
	if !ok {
		return Evidence{}
	}
	const layout = "15:04:05.000"
	return Evidence{Exchange: s.index, Part: PartTime, Line: "sent " + sent.UTC().Format(layout) + ", answered " + answered.UTC().Format(layout) + " UTC" + after(answered.Sub(sent))}
}

func after(d time.Duration) string { return " (after " + d.Round(time.Millisecond).String() + ")" }
