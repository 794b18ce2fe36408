package explain

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/guard"
)

// unguarded: 412 to a request without any precondition.
func (r *refusal) unguarded() {
	if r.guard.Kind != guard.None || !r.sees() || r.StatusCode != http.StatusPreconditionFailed || r.found(Possible, codeForReads, code(cause.PreconditionRequired), code(cause.Unattributed), code(cause.Locked), code(cause.TokenExpired)) {
		return
	}
	if r.byFirewall() {
		return
	}
	what := "The request has no precondition, so the 412 is about a rule of the server's own."
	f := r.add(code(cause.Unattributed), r.withBody(Certain), what, r.asked(), r.answered(), r.said(""))
	if condition := bucketCondition(r.ResponseBody); condition != "" {
		f.What = "The request has no precondition in its fields: the bucket or the form asks for something else."
		f.Evidence = append(f.Evidence, Evidence{Exchange: r.index, Part: PartResponse, Line: "Condition: " + condition})
	}
}

// bucketCondition is what S3 names in <Condition> of a refusal; empty: nothing.
func bucketCondition(body []byte) string {
	_, rest, _ := bytes.Cut(body, []byte("<Condition>"))
	condition, _, closed := bytes.Cut(rest, []byte("</Condition>"))
	if !closed || len(condition) > 200 {
		return ""
	}
	return string(condition)
}

// firewallWords stand in the pages and the fields of firewalls.
var firewallWords = [...]string{"mod_security", "modsecurity", "web application firewall", "waf", "request was blocked", "access denied by", "incapsula", "sucuri", "appliance"}

// byFirewall: the page of a firewall, or a request that it takes for odd.
func (r *refusal) byFirewall() bool {
	html := strings.Contains(r.ResponseHeader.Get("Content-Type"), "html") || bytes.HasPrefix(bytes.TrimSpace(r.ResponseBody), []byte("<"))
	page := strings.ToLower(string(r.ResponseBody[:min(len(r.ResponseBody), 8<<10)]) + " " + r.ResponseHeader.Get("Server"))
	named := slices.ContainsFunc(firewallWords[:], func(word string) bool { return strings.Contains(page, word) })
	odd := r.RequestHeader.Get("Accept") == "" || r.RequestHeader.Get("User-Agent") == ""
	if !html || !named && !odd && r.passedWith() == nil {
		return false
	}
	certainty := Possible
	evidence := []Evidence{r.asked(), r.answered(), r.responseLine("Content-Type", ""), r.said("")}
	what := "The request has no precondition, and a page in HTML answers it, as a firewall or the web server in front writes one."
	switch with := r.passedWith(); {
	case with != nil:
		certainty, what = Certain, "The same request passes with Accept: something in front of the application refused it for its fields."
		evidence = append(evidence, with.asked(), with.requestLine("Accept", ""), with.answered())
	case named:
		certainty = Certain
		evidence = append(evidence, r.responseLine("Server", ""))
	case odd:
		certainty = Likely
		what += " The request has no Accept or no User-Agent."
	}
	r.add(codeFirewall, certainty, what, evidence...)
	return true
}

// passedWith is the same request with an Accept, which wasn't refused; nil: there is none.
func (r *refusal) passedWith() *step {
	if r.RequestHeader.Get("Accept") != "" {
		return nil
	}
	for _, e := range slices.Concat(r.before, r.after) {
		if e.Method == r.Method && e.RequestHeader.Get("Accept") != "" && e.StatusCode != 0 && e.StatusCode != http.StatusPreconditionFailed && e.guard.Kind == guard.None {
			return e
		}
	}
	return nil
}
