package ifmatch

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// laggard plays one call: the writes are answered in order, and the reads as well. A zero
// is a lost answer. The last write is accepted, if there is one more than in the script.
type laggard struct {
	writes, reads []says
}

func (l *laggard) RoundTrip(req *http.Request) (*http.Response, error) {
	script := &l.reads
	if req.Method == http.MethodPut || req.Method == http.MethodDelete {
		script = &l.writes
	}
	if len(*script) == 0 {
		return replyTo(req, http.StatusNoContent, ""), nil
	}
	a := (*script)[0]
	*script = (*script)[1:]
	if a.status == 0 {
		io.Copy(io.Discard, req.Body)
		closeBody(req)
		return nil, io.ErrUnexpectedEOF
	}
	return replyTo(req, a.status, "mine", a.fields...), nil
}

// TestOutdatedReadsProveNothing: a read that shows what was wanted counts only where it
// isn't known to be older than the state that was refused.
func TestOutdatedReadsProveNothing(t *testing.T) {
	const own, goesOn, unknown = "204 | applied, own earlier write", "204 | applied, unattributed, overwrote", "error | unknown, unattributed"
	lost, refused := says{}, says{status: 412, fields: []string{"Date: " + at9}}
	current := func(fields ...string) says { return ok(append(fields, `ETag: "v0"`)...) }
	gone := func(fields ...string) says { return says{status: 404, fields: fields} }
	raced := []says{{status: 412}, lost, refused}                // the second write is lost
	v2 := ok(`ETag: "v2"`, "Last-Modified: "+old9, "Date: "+at2) // what guards it
	for name, test := range map[string]struct {
		policy        Policy
		method        string
		writes, reads []says
		unique        bool
		fields        []string // more of them
		want          string
	}{
		"nothing shows it":             {Resend, "PUT", []says{lost, refused}, []says{current()}, false, nil, own},
		"read after the refusal":       {Resend, "PUT", []says{lost, refused}, []says{current("Date: " + at9)}, false, nil, own},
		"read before it":               {Resend, "PUT", []says{lost, refused}, []says{current("Date: " + at2)}, false, nil, goesOn},
		"from a cache":                 {Resend, "PUT", []says{lost, refused}, []says{current("Date: "+at9, "Age: 60")}, false, nil, goesOn},
		"older than the date refused":  {Resend, "PUT", []says{lost, refused}, []says{current("Last-Modified: "+old9, "Date: "+at9)}, false, []string{"If-Unmodified-Since: " + at1}, goesOn},
		"younger than the date":        {Resend, "PUT", []says{lost, refused}, []says{current("Last-Modified: "+at2, "Date: "+at9)}, false, []string{"If-Unmodified-Since: " + at1}, own},
		"a tag refused before":         {Resend, "PUT", raced, []says{v2, ok(`ETag: "v1"`), ok(`ETag: "v1"`)}, false, nil, goesOn},
		"a tag never sent":             {Resend, "PUT", raced, []says{v2, current()}, false, nil, "204 | applied, own earlier write, overwrote"},
		"older than what was read":     {Resend, "PUT", raced, []says{v2, current("Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT", "Date: "+at9)}, false, nil, goesOn},
		"unique, read after it":        {Stop, "PUT", []says{lost, refused}, []says{current("Date: " + at9)}, true, nil, own},
		"unique, read before it":       {Stop, "PUT", []says{lost, refused}, []says{current("Date: " + at2)}, true, nil, unknown},
		"a function, read before it":   {allPolicies["a function"], "PUT", []says{lost, refused}, []says{current("Date: " + at2)}, false, nil, goesOn},
		"deleted":                      {Resend, "DELETE", []says{lost, refused}, []says{gone(), gone("Date: " + at9)}, false, nil, own},
		"deleted, as a cache knows it": {Resend, "DELETE", []says{lost, refused}, []says{gone(), gone("Date: "+at9, "Age: 60")}, false, nil, unknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(context.Background(), test.method, "http://example.test/doc", strings.NewReader("mine"))
			for _, f := range append(test.fields, stale) {
				key, value, _ := strings.Cut(f, ": ")
				req.Header.Set(key, value)
			}
			opts := Options{quick}
			if test.unique {
				opts = append(opts, WithUniqueBody())
			}
			r := sendVia(t, NewTransport(&laggard{test.writes, test.reads}, test.policy, opts), req)
			if _, got, _ := strings.Cut(r.summary(), " | "); got != test.want {
				t.Errorf("%s: got %s, %v\nwant %s", name, r.summary(), r.outcome.Err, test.want)
			}
		})
	}
}
