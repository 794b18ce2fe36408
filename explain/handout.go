package explain

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/redact"
)

// handout is what one gives to the API's provider: a report in the words that Markdown and
// HTML share. All of it is cleaned.
type handout struct {
	Report
	Asks  []string   // what the provider is asked
	IDs   []idLine   // by which the provider finds the requests
	Times []timeLine // of the exchanges, in order
	Curl  []string   // commands that send the requests, with comments
	Line  drawing
}

type idLine struct {
	Exchange    int // counted from 1
	Name, Value string
}

type timeLine struct {
	Exchange                   int // counted from 1
	What, Sent, Answered, Took string
}

// handout is the report as it is given away.
func (r Report) handout(how Writing) *handout {
	h := &handout{Report: r.cleaned(how)}
	for i := range h.Exchanges {
		e := &h.Exchanges[i]
		h.IDs = append(h.IDs, e.ids(i+1)...)
		h.Times = append(h.Times, e.timeLine(i+1))
	}
	h.Curl = h.commands(r.Exchanges)
	h.Asks = h.asks()
	h.Line = draw(h.Exchanges, h.Refused)
	return h
}

// ids are the request ids in an exchange.
func (e *Exchange) ids(number int) []idLine {
	var all []idLine
	for _, name := range redact.Requests {
		for _, header := range []http.Header{e.ResponseHeader, e.RequestHeader} {
			if value := header.Get(name); value != "" && !slices.Contains(all, idLine{number, name, value}) {
				all = append(all, idLine{number, name, value})
			}
		}
	}
	return all
}

func (e *Exchange) timeLine(number int) timeLine {
	l := timeLine{Exchange: number, What: e.label(), Sent: moment(e.Sent), Answered: moment(e.Answered)}
	if !e.Sent.IsZero() && !e.Answered.IsZero() {
		l.Took = e.Answered.Sub(e.Sent).Round(time.Millisecond).String()
	}
	return l
}

// moment is a time in UTC; empty where it isn't known.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 UTC")
}

// asks are what the provider can do, by certainty, and what only its log shows.
func (h *handout) asks() []string {
	var all []string
	for _, f := range h.Findings {
		for _, fix := range f.Fixes {
			if fix.Kind == Provider && !slices.Contains(all, fix.Text) && f.Certainty >= Likely {
				all = append(all, fix.Text)
			}
		}
	}
	if len(h.Refused) > 0 {
		e := &h.Exchanges[h.Refused[len(h.Refused)-1]]
		all = append(all, "which ETag did the server compare with when it answered "+e.label()+", and which node was it")
	}
	return all
}

// number is an index as it is counted from 1.
func (e Evidence) number() string {
	if e.Exchange < 0 {
		return "outcome"
	}
	return "#" + strconv.Itoa(e.Exchange+1)
}
