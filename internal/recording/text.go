package recording

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// readText reads what curl -v and curl -i print, and raw messages, also mixed and as they
// are pasted from a terminal.
func readText(in *bufio.Reader) ([]Exchange, error) {
	p := &textReader{builder: builder{format: HTTP}}
	for {
		text, err := line(in)
		if err != nil {
			p.finish()
			if err == io.EOF {
				err = nil
			}
			return p.exchanges(), err
		}
		p.line(withoutEscapes(text))
	}
}

// place is where a line stands.
type place int

const (
	between      place = iota // before a message, or after one
	inRequest                 // in the header of a request
	inAnswer                  // in the header of an answer
	inBody                    // in the body of an answer
	inRequestRaw              // in the body of a request that is no curl output
)

type textReader struct {
	builder
	at      place
	curl    bool   // lines of the message at hand begin with > or <
	body    []byte // with a line end after each line
	margin  string // before each line, where all was pasted with one
	pending string // a curl command that goes on in the next line
	late    int    // bytes of the body that curl has told of, and that weren't seen yet
}

// line reads one line.
func (p *textReader) line(text string) {
	text = meter().ReplaceAllString(text, "")
	if m := timedLine().FindStringSubmatch(text); m != nil {
		p.clock.read(m[1])
		text = m[2]
	}
	trimmed := strings.TrimLeft(text, " \t")
	margin := p.margin
	p.margin = text[:len(text)-len(trimmed)] // of a message's own line
	switch {
	case p.commandLine(trimmed), p.marked(trimmed):
	case prompt().MatchString(trimmed):
		p.finish()
		p.late = 0
	case strings.HasPrefix(trimmed, "curl: ("):
		p.finish()
		p.info(trimmed)
	case progress().MatchString(trimmed):
		p.announced(trimmed)
	case p.request(trimmed, false), p.answer(trimmed, false):
	case p.at == inRequest || p.at == inAnswer:
		if !p.curl {
			p.inHeader(trimmed)
		}
	case p.at == inBody, p.at == inRequestRaw:
		p.margin = margin
		p.bodyLine(strings.TrimPrefix(text, margin))
	case p.late >= len(text) && text != "" && p.now != nil && p.now.ResponseBody == nil:
		p.at = inBody
		p.bodyLine(text)
	}
}

// announced counts the bytes of a body that curl -v tells of. Where its output goes into a
// pipe, the body itself comes after curl's last words.
func (p *textReader) announced(text string) {
	var n int
	if _, err := fmt.Sscanf(text, "{ [%d bytes data]", &n); err == nil && p.at == inBody {
		p.late += n
	}
}

// marked reads a line that curl -v marks: > sent, < received, * its own words. It reports
// false for a line that isn't marked, or that is of a body.
func (p *textReader) marked(text string) bool {
	if text == "" || strings.IndexByte("><*", text[0]) < 0 {
		return false
	}
	rest := strings.TrimPrefix(text[1:], " ")
	switch {
	case text[0] == '*':
		return rest != text[1:] && p.talk(text, rest)
	case text[0] == '>' && p.request(rest, true), text[0] == '<' && p.answer(rest, true):
	case p.curl && (p.at == inRequest && text[0] == '>' || p.at == inAnswer && text[0] == '<'):
		p.inHeader(rest)
	default:
		return false
	}
	return true
}

// request begins a request, where the line is the first one of it.
func (p *textReader) request(text string, curl bool) bool {
	if !requestLine().MatchString(text) {
		return false
	}
	p.finish()
	p.source(curl)
	p.builder.request(text)
	if p.command != nil { // -v doesn't show the body
		p.now.RequestBody = []byte(p.command.body)
	}
	p.at, p.late, p.command = inRequest, 0, nil
	return true
}

// answer begins an answer.
func (p *textReader) answer(text string, curl bool) bool {
	if !statusLine().MatchString(text) {
		return false
	}
	p.finish()
	p.source(curl || p.command != nil)
	p.builder.answer(text)
	p.at, p.late = inAnswer, 0
	p.curl = curl
	return true
}

func (p *textReader) source(curl bool) {
	if p.curl = curl; curl {
		p.format = Curl
	}
}

// inHeader reads a line of a header. An empty one ends it.
func (p *textReader) inHeader(text string) {
	switch {
	case text == "" && p.at == inAnswer:
		p.at = inBody
	case text == "" && p.curl:
		p.at = between
	case text == "":
		p.at = inRequestRaw
	case p.at == inAnswer:
		p.answerField(text)
	default:
		p.requestField(text)
	}
}

// talk reads a line that curl says beside the messages. In a body it has to be one that is
// known.
func (p *textReader) talk(text, rest string) bool {
	if p.at == inBody || p.at == inRequestRaw {
		if !curlTalk().MatchString(text) {
			return false
		}
		p.finish()
	}
	p.format = Curl
	p.info(strings.TrimSpace(rest))
	return true
}

// bodyLine adds a line to the body at hand. curl's next words may stand at its end, where the
// body has no line end.
func (p *textReader) bodyLine(text string) {
	if at := lastTalk().FindStringIndex(text); at != nil {
		p.addLine(text[:at[0]])
		p.finish()
		p.info(text[at[0]+2:])
		return
	}
	p.addLine(text + "\n")
}

func (p *textReader) addLine(text string) {
	if len(p.body) <= mostBody {
		p.body = append(p.body, text...)
	}
}

// finish ends the body at hand. Lines that are empty at its end stood between two messages.
func (p *textReader) finish() {
	body := bytes.Trim(p.body, "\n")
	if e := p.now; e != nil && len(body) > 0 {
		if p.at == inRequestRaw {
			e.addBody(&e.RequestBody, body)
		} else {
			e.addBody(&e.ResponseBody, body)
		}
	}
	p.body, p.at = nil, between
}

// commandLine reads a line of a curl command that was pasted too.
func (p *textReader) commandLine(text string) bool {
	if p.pending == "" {
		m := curlCommand().FindStringIndex(text)
		if m == nil || p.at == inBody && !strings.ContainsAny(text[:m[1]], "$#%❯") { // a body may speak of curl
			return false
		}
		text = text[m[1]:]
	}
	rest, goesOn := strings.CutSuffix(text, `\`)
	p.pending += rest + " "
	if !goesOn || len(p.pending) > mostLine {
		p.finish()
		p.now, p.command, p.pending = nil, parseCommand(p.pending), ""
	}
	return true
}

var (
	escapes     = compiled(`\x1b\[[0-9;?]*[A-Za-z]`)
	curlCommand = compiled(`^(?:(?:[\w.@~:/-]+ ){0,2}[\w.@~:/\[\]-]*[$#%>❯] ?)?curl +`)
	// prompt is the one of a shell, with another command than curl, or none.
	prompt = compiled(`^(?:\([^)]*\) )?[\w.-]+@[\w.-]+[: ][^ ]* ?[$#%❯](?: |$)`)
	// curlTalk are the lines of curl that may follow a body.
	curlTalk = compiled(`(?i)^\* (connection #|closing |left intact|upload completely|request completely|mark bundle|recv failure|empty reply|re-using|reusing|trying|connected|issue another|ignoring|excess|http error|tls|ssl|old ssl|using http|found bundle|host |simple|abort|end of|transfer closed|operation timed|maxed|sending|switch|no chunk|we are completely|can not multiplex|could not|couldn't|server |the requested url|failed|added|start|alpn|state|hostname|\[http|h2|handling|ipv)`)
	lastTalk = compiled(`\* (Connection #[0-9]+ to host|Closing connection|upload completely sent|Excess found|Re-using existing connection|Found bundle for host)`)
	// timedLine is a line of curl -v --trace-time.
	timedLine = compiled(`^([0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}) (?:\[[0-9x-]+\] )?([*<>{}].*)$`)
	// meter is curl's progress, which overwrites itself in a terminal.
	meter    = compiled(`(?:^|\r) *[0-9]+ [ 0-9.kMGTP]*(?: +(?:-?[0-9]+:[0-9]{2}:[0-9]{2}|[0-9]+d [0-9]+h|--:--:--)){3} +[0-9.kMGTP-]+`)
	progress = compiled(`^(%\s+Total\s+%\s+Received|Dload\s+Upload|[0-9. ]+[kMG]?\s+[0-9.kMG ]+.*--:--:--|[{}] \[[0-9]+ bytes data\]$)`)
)

func compiled(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// withoutEscapes is a line without the escapes of a terminal: curl writes names of fields in
// bold.
func withoutEscapes(text string) string {
	if !strings.Contains(text, "\x1b") {
		return text
	}
	return escapes().ReplaceAllString(text, "")
}
