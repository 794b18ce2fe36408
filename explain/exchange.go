package explain

import (
	"net/http"
	"time"
)

// Source is where an exchange was seen. It is one word for texts and for JSON.
type Source string

// The sources of exchanges.
const (
	SourceLive  Source = "live"  // a Recorder or an Outcome of this process
	SourceProbe Source = "probe" // a request that was sent to find something out
	SourceHAR   Source = "har"   // HTTP Archive 1.2
	SourceCurl  Source = "curl"  // what curl -v or curl -i printed
	SourceTrace Source = "trace" // what curl --trace-ascii wrote
	SourceHTTP  Source = "http"  // HTTP messages as they are on the wire
	SourceLog   Source = "log"   // records of ifmatch in the JSON of log/slog
)

// Exchange is one request and its answer, as somebody has recorded them. What wasn't
// recorded has the zero value, and lowers the certainty of what is found. The zero Exchange
// says nothing.
type Exchange struct {
	Source Source
	Method string // empty: not recorded
	URL    string // absolute where that is known; empty: not recorded

	// RequestHeader and ResponseHeader are nil where they weren't recorded, and empty where
	// nothing was in them. Names may have any spelling.
	RequestHeader  http.Header
	ResponseHeader http.Header

	// RequestBody and ResponseBody are the beginnings of the bodies; nil: not recorded. Of a
	// content coding they are the decoded ones where the recorder has those.
	RequestBody  []byte
	ResponseBody []byte
	// Whole says that the bodies, where they are there, aren't cut off.
	Whole bool

	StatusCode int    // 0: no answer
	Reason     string // the reason phrase, or empty
	Err        string // why there is no answer; empty: not known

	// Sent is when the request began to be sent, and Answered when the header of the answer
	// was there, both by the recorder's clock; zero: not known.
	Sent     time.Time
	Answered time.Time

	// Stored is where the answer was taken from without a request, such as "the browser's
	// disk cache"; empty: not known.
	Stored string

	// Told is what a Transport has told of the call, with a code such as [IFM002] in it;
	// empty: nothing.
	Told string

	// Note says what a probe was for, such as "GET with a bogus If-Match".
	Note string
}
