package main

import (
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/explain"
)

// foresee adds to a report without findings what the caller's write and the last GET show,
// though no probe could be refused for it: its conditions contradict each other, or are those
// of a read, it only creates and something is there, or it changes a state and nothing is.
func foresee(c *caller, r *explain.Report) {
	at := lastState(r.Exchanges)
	if at < 0 || len(r.Findings) > 0 {
		return
	}
	status := r.Exchanges[at].StatusCode
	create, tags, none := c.creates(), c.conditions.Get("If-Match"), c.conditions.Get("If-None-Match")
	switch {
	case tags != "" && none != "":
		foreseen(r, "IFM014", at, "The write has If-Match and If-None-Match, so one of them is false, whatever is there.")
	case none != "" && none != "*":
		foreseen(r, "IFM106", at, "The write has If-None-Match: "+none+", which refuses it as long as that tag is current.")
	case c.conditions.Get("If-Modified-Since") != "":
		foreseen(r, "IFM106", at, "The write has If-Modified-Since, which is for reads.")
	case create && status == http.StatusOK:
		foreseen(r, "IFM005", at, "The write only creates, with If-None-Match: *, and GET finds something.")
	case tags != "" && !create && (status == http.StatusNotFound || status == http.StatusGone):
		foreseen(r, "IFM006", at, "The write has If-Match: "+tags+", and GET finds nothing to change.")
	}
}

// foreseen makes a finding the only one of a report.
func foreseen(r *explain.Report, code string, at int, what string) {
	entry, _ := explain.Lookup(code) // a test has each code that is used here
	status := fmt.Sprint(r.Exchanges[at].StatusCode)
	line := explain.Evidence{Exchange: at, Part: explain.PartResponse, Line: status + " " + http.StatusText(r.Exchanges[at].StatusCode), Mark: status}
	r.Findings = []explain.Finding{{
		Code: code, Name: entry.Name, Certainty: explain.Likely, Exchange: at, What: what,
		Evidence: []explain.Evidence{line}, Why: entry.Why, RFC: entry.RFC, Fixes: entry.Fixes,
	}}
	r.Verdict = fmt.Sprintf("%s: %s (%v, %s)", entry.Name, what, explain.Likely, code)
}

// lastState is the index of the last GET without a condition; -1: there is none.
func lastState(exchanges []explain.Exchange) int {
	for i := len(exchanges) - 1; i >= 0; i-- {
		if e := &exchanges[i]; e.Method == http.MethodGet && e.RequestHeader.Get("If-Match") == "" && e.StatusCode != 0 {
			return i
		}
	}
	return -1
}
