package explain

import (
	"fmt"
	"io"

	"github.com/ifmatch-go/ifmatch/internal/recording"
)

// ErrUnknownFormat says that Read found no exchange.
var ErrUnknownFormat = recording.ErrUnknown

// ErrCutOff says that an archive ends in the middle. Read returns the exchanges before that
// beside it.
var ErrCutOff = recording.ErrCut

// Read reads what somebody recorded, in the format that it looks like: HTTP Archive 1.2 of a
// browser, the output of curl -v or curl -i as it is pasted from a terminal, what curl
// --trace-ascii wrote, HTTP messages as they are on the wire, or ifmatch's log in the JSON of
// log/slog.
//
// It reads r to its end in bounded memory. Of bodies and of long texts it keeps the first
// 64 KiB; of more than 2000 exchanges it keeps those at URLs that were written or that
// answered with an error, and of those the last. What is missing, cut off or malformed is left
// out. The error matches ErrUnknownFormat where nothing was found, or is the one of r. It
// matches ErrCutOff where an archive ends in the middle; the exchanges before that are
// returned beside it.
func Read(r io.Reader) ([]Exchange, error) {
	all, err := recording.Read(r)
	if err != nil {
		err = fmt.Errorf("explain: %w", err)
	}
	var exchanges []Exchange
	if len(all) > 0 {
		exchanges = make([]Exchange, len(all))
	}
	for i, e := range all {
		exchanges[i] = Exchange{
			Source: Source(e.Format), Method: e.Method, URL: e.URL, RequestHeader: e.RequestHeader, ResponseHeader: e.ResponseHeader,
			RequestBody: e.RequestBody, ResponseBody: e.ResponseBody, Whole: !e.Cut, StatusCode: e.StatusCode, Reason: e.Reason,
			Err: e.Err, Sent: e.Sent, Answered: e.Answered, Stored: e.Stored, Told: e.Told,
		}
	}
	return exchanges, err
}
