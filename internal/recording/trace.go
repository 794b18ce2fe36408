package recording

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// readTrace reads what curl --trace-ascii writes, with and without --trace-time: blocks of
// lines, each of which begins with the offset of its first byte.
func readTrace(in *bufio.Reader) ([]Exchange, error) {
	t := &traceReader{builder: builder{format: Trace}}
	for {
		text, err := line(in)
		if err != nil {
			t.flush()
			if err == io.EOF {
				err = nil
			}
			return t.exchanges(), err
		}
		t.line(text)
	}
}

var traceHead = compiled(`^(?:([0-9:.]{8,20}) )?(?:\[[^\]]{1,40}\] )?(== Info: |=> Send header|=> Send data|<= Recv header|<= Recv data|=> Send SSL data|<= Recv SSL data)(.*)$`)

type traceReader struct {
	builder
	kind string   // of the block at hand
	text []string // its lines
	next int      // the offset where the line at hand ends
}

func (t *traceReader) line(text string) {
	if m := traceHead().FindStringSubmatch(text); m != nil {
		t.flush()
		t.clock.read(m[1])
		if t.kind = m[2]; t.kind == "== Info: " {
			t.info(strings.TrimSpace(m[3]))
		}
		return
	}
	offset, rest, found := strings.Cut(text, ": ")
	at, err := strconv.ParseInt(offset, 16, 64)
	switch {
	case !found && strings.HasSuffix(text, ":"): // an empty line
		rest = ""
		if at, err = strconv.ParseInt(strings.TrimSuffix(text, ":"), 16, 64); err != nil {
			return
		}
	case !found || err != nil:
		return
	}
	// curl breaks lines after 64 bytes; a line end takes two more.
	if int(at) == t.next && at > 0 && len(t.text) > 0 {
		t.text[len(t.text)-1] += rest
	} else if len(t.text) < 4096 {
		t.text = append(t.text, rest)
	}
	t.next = int(at) + len(rest)
}

// flush ends a block.
func (t *traceReader) flush() {
	lines := t.text
	t.text, t.next = nil, 0
	switch t.kind {
	case "=> Send header":
		t.sent(lines)
	case "<= Recv header":
		for _, text := range lines {
			if !t.answer(text) {
				t.answerField(text)
			}
		}
	case "=> Send data":
		if t.now != nil {
			t.now.addBody(&t.now.RequestBody, []byte(strings.Join(lines, "\r\n")))
		}
	case "<= Recv data":
		if t.now != nil {
			t.now.addBody(&t.now.ResponseBody, []byte(strings.Join(lines, "\r\n")))
		}
	}
}

// sent reads the header of a request.
func (t *traceReader) sent(lines []string) {
	for _, text := range lines {
		if !t.request(text) {
			t.requestField(text)
		}
	}
}
