// Package recording reads what others recorded of HTTP exchanges: HTTP Archive 1.2, what curl
// prints and traces, messages as they are on the wire, and the log of a Transport. It is
// tolerant: what is missing or cut off is left out. Whatever the input is, it takes bounded
// memory. It knows no precondition.
package recording

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// The formats.
const (
	HAR   = "har"
	Curl  = "curl"
	Trace = "trace"
	HTTP  = "http"
	Log   = "log"
)

// Exchange is one request and its answer. What wasn't recorded has the zero value; a header
// is nil then.
type Exchange struct {
	Format         string
	Method, URL    string
	RequestHeader  http.Header
	RequestBody    []byte
	StatusCode     int
	Reason         string
	ResponseHeader http.Header
	ResponseBody   []byte
	Cut            bool // a body isn't whole
	Err            string
	Sent, Answered time.Time
	Stored         string // where the answer was taken from without a request
	Told           string // what a Transport told of it

	sent, answered time.Duration // by a clock that tells no date; 0: not known
}

const (
	mostBody      = 64 << 10 // bytes of a body, and of any text of JSON
	mostLine      = 64 << 10 // bytes of a line
	mostFields    = 256      // lines of a header
	mostExchanges = 2000
)

// kept are the exchanges that are kept of a recording, however long it is.
type kept struct{ all []*Exchange }

// add keeps an exchange. Where there are too many, those go that explain the least.
func (k *kept) add(e *Exchange) {
	k.all = append(k.all, e)
	if len(k.all) < 2*mostExchanges {
		return
	}
	k.shrink()
}

// shrink leaves at most mostExchanges: writes, failures, and what was done at their URLs; of
// those the last ones.
func (k *kept) shrink() {
	told := map[string]bool{}
	for _, e := range k.all {
		if tells(e) {
			told[withoutQuery(e.URL)] = true
		}
	}
	k.all = slices.DeleteFunc(k.all, func(e *Exchange) bool { return !told[withoutQuery(e.URL)] })
	if more := len(k.all) - mostExchanges; more > 0 {
		k.all = slices.Delete(k.all, 0, more)
	}
}

func tells(e *Exchange) bool { return !semantics.Safe(e.Method) || e.StatusCode >= 400 }

func withoutQuery(url string) string {
	before, _, _ := strings.Cut(url, "?")
	return before
}

// exchanges are those that are left, without what has neither a request nor an answer.
func (k *kept) exchanges() []Exchange {
	if len(k.all) > mostExchanges {
		k.shrink()
	}
	var all []Exchange
	for _, e := range k.all {
		if e.Method != "" || e.StatusCode != 0 {
			all = append(all, *e)
		}
	}
	return all
}

// addField adds a line to a header, which is made where it is nil.
func addField(h *http.Header, name, value string) {
	if *h == nil {
		*h = http.Header{}
	}
	name = strings.TrimSpace(name)
	if name == "" || strings.HasPrefix(name, ":") || len(*h) >= mostFields || len(name) > 256 { // HTTP/2 has pseudo-fields
		return
	}
	key := http.CanonicalHeaderKey(name)
	if len((*h)[key]) < mostFields {
		(*h)[key] = append((*h)[key], strings.TrimSpace(value))
	}
}

// addBody adds bytes to a body, up to the bound.
func (e *Exchange) addBody(body *[]byte, more []byte) {
	if room := mostBody - len(*body); len(more) > room {
		more, e.Cut = more[:max(room, 0)], true
	}
	*body = append(*body, more...)
}
