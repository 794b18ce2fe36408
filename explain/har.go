package explain

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/recording"
)

// The parts of an HTTP Archive 1.2, with all members that its schema requires.
type (
	harLog struct {
		Version string     `json:"version"`
		Creator harCreator `json:"creator"`
		Entries []harEntry `json:"entries"`
		Comment string     `json:"comment,omitempty"`
	}
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harEntry struct {
		Started  string      `json:"startedDateTime"`
		Time     float64     `json:"time"`
		Request  harRequest  `json:"request"`
		Response harResponse `json:"response"`
		Cache    struct{}    `json:"cache"`
		Timings  harTimings  `json:"timings"`
		Comment  string      `json:"comment,omitempty"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harRequest struct {
		Method      string       `json:"method"`
		URL         string       `json:"url"`
		HTTPVersion string       `json:"httpVersion"`
		Cookies     []harPair    `json:"cookies"`
		Headers     []harPair    `json:"headers"`
		QueryString []harPair    `json:"queryString"`
		PostData    *harPostData `json:"postData,omitempty"`
		HeadersSize int          `json:"headersSize"`
		BodySize    int          `json:"bodySize"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harPair  `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
		Error       string     `json:"_error,omitempty"`
	}
	harPostData struct {
		MimeType string `json:"mimeType"`
		Text     string `json:"text"`
	}
	harContent struct {
		Size     int    `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
	}
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// WriteHAR writes the exchanges as an HTTP Archive 1.2, which browsers and other tools read.
// The comment of the archive is the verdict. A time that isn't known is the beginning of 1970,
// and a URL about:blank, since the format demands one; a URL that is none stands in the
// fragment of that. The error is w's.
func (r Report) WriteHAR(w io.Writer, how Writing) error {
	r = r.cleaned(how)
	log := harLog{Version: "1.2", Creator: harCreator{"ifmatch", "1"}, Entries: []harEntry{}, Comment: r.Verdict}
	for i := range r.Exchanges {
		log.Entries = append(log.Entries, r.Exchanges[i].har())
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]harLog{"log": log})
}

func (e *Exchange) har() harEntry {
	sent, took := e.Sent, -1.0
	if sent.IsZero() {
		sent = time.Unix(0, 0)
	}
	if !e.Sent.IsZero() && e.Answered.After(e.Sent) {
		took = float64(e.Answered.Sub(e.Sent)) / float64(time.Millisecond)
	}
	made := harEntry{
		Started: sent.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Time: max(took, 0), Timings: harTimings{0, max(took, 0), 0}, Comment: e.Note,
		Request: harRequest{
			Method: e.Method, URL: absolute(e.URL), HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: pairs(e.RequestHeader), QueryString: queryPairs(e.URL),
			HeadersSize: -1, BodySize: -1,
		},
		Response: harResponse{
			Status: e.StatusCode, StatusText: e.Reason, HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: pairs(e.ResponseHeader),
			Content:     harContent{len(e.ResponseBody), e.ResponseHeader.Get("Content-Type"), string(e.ResponseBody)},
			RedirectURL: e.ResponseHeader.Get("Location"), HeadersSize: -1, BodySize: -1, Error: e.Err,
		},
	}
	if len(e.RequestBody) > 0 {
		made.Request.PostData = &harPostData{e.RequestHeader.Get("Content-Type"), string(e.RequestBody)}
	}
	return made
}

// absolute is a URL as the format demands it.
func absolute(text string) string {
	switch u, err := url.Parse(text); {
	case text == "":
		return recording.NoURL
	case err != nil || !u.IsAbs():
		return recording.NoURL + "#" + url.PathEscape(text)
	}
	return text
}

// pairs are the lines of a header, sorted by name.
func pairs(h http.Header) []harPair {
	all := []harPair{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			all = append(all, harPair{name, value})
		}
	}
	return all
}

// queryPairs are the parameters of a URL, sorted by name.
func queryPairs(text string) []harPair {
	all := []harPair{}
	u, err := url.Parse(text)
	if err != nil {
		return all
	}
	query := u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			all = append(all, harPair{name, value})
		}
	}
	return all
}
