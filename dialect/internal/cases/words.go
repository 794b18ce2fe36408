package cases

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// verdicts are the names of the verdicts in a file.
var verdicts = map[dialect.Kind]string{
	dialect.KindPasses: "passes", dialect.KindAsRFC9110: "as RFC 9110", dialect.KindConflict: "conflict",
	dialect.KindRequired: "required", dialect.KindExpired: "expired", dialect.KindAgain: "again",
	dialect.KindPending: "pending", dialect.KindDone: "done", dialect.KindExists: "exists",
	dialect.KindGone: "gone", dialect.KindChanged: "changed", dialect.KindLocked: "locked",
	dialect.KindStops: "stops",
}

// checkWords asks the dialect itself about the exchanges that there were: where it finds the
// versions in the writes and in the answers to reads, and what it says of each answer.
func (s *script) checkWords(d dialect.Dialect) {
	if d.Tokens == nil {
		d.Tokens = dialect.RFC9110().Tokens
	}
	write, body := s.sample()
	for i, req := range s.requests {
		e := &s.c.Exchanges[i]
		if semantics.Safe(req.Method) || e.Read {
			if got := currentIn(d, write, body, e); !e.Answer.Lost && !slices.Equal(got, e.Current) {
				s.complain("request %d: the answer has the versions %q, want %q", i+1, got, e.Current)
			}
			continue
		}
		if got := sentIn(d, req, s.bodies[i]); !slices.Equal(got, e.Sends) {
			s.complain("request %d: it has the versions %q, want %q", i+1, got, e.Sends)
		}
		if got := verdictOn(d, req, &e.Answer); !e.Answer.Lost && got != e.Verdict && (got != "passes" || e.Verdict != "") {
			s.complain("request %d: verdict %q, want %q", i+1, got, e.Verdict)
		}
		if got := shownIn(d, req, s.bodies[i], e); !slices.Equal(got, e.Current) {
			s.complain("request %d: the refusal has the versions %q, want %q", i+1, got, e.Current)
		}
	}
}

// sample is the write that a read is for, with its body: the first one that was sent, else the
// read itself.
func (s *script) sample() (*http.Request, string) {
	for i, req := range s.requests {
		if !semantics.Safe(req.Method) && !s.c.Exchanges[i].Read {
			return req, s.bodies[i]
		}
	}
	if len(s.requests) > 0 {
		return s.requests[0], ""
	}
	return nil, ""
}

// verdictOn is what the dialect says of the answer to a write.
func verdictOn(d dialect.Dialect, req *http.Request, a *Answer) string {
	statuses := d.Statuses
	if statuses == nil {
		statuses = dialect.RFC9110().Statuses
	}
	if !slices.Contains(statuses, a.Status) {
		return "passes"
	}
	if d.Judge == nil {
		return verdicts[dialect.KindAsRFC9110]
	}
	body, _ := text(a.Body)
	answer := dialect.NewAnswer(req, a.Status, a.response(req).Header, func() []byte { return []byte(body) })
	return verdicts[d.Judge(answer).Kind()]
}

// sentIn are the versions that a write has in the places of the dialect.
func sentIn(d dialect.Dialect, req *http.Request, body string) []string {
	var all []string
	for _, t := range d.Tokens {
		if value := sentAt(t, req, body); value != "" && !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}

// sentAt is the version that a write has in the place of a token, empty where it has none.
func sentAt(t dialect.Token, req *http.Request, body string) string {
	if t.For != nil && !t.For(req) {
		return ""
	}
	switch p := t.Sent; p.Where() {
	case dialect.Header:
		return strings.Join(field.Lines(req.Header, p.Name()), ", ")
	case dialect.IfTag:
		_, tag, _ := etag.InIf(field.Lines(req.Header, p.Name()))
		return tag
	case dialect.HeaderMember:
		return member(strings.Join(field.Lines(req.Header, p.Name()), ", "), p.Pointer())
	case dialect.Query:
		return req.URL.Query().Get(p.Name())
	case dialect.Body:
		return member(body, p.Pointer())
	}
	return ""
}

// currentIn are the versions that the answer to a read has for the places that a write carries
// some in, or may carry some in where it has none.
func currentIn(d dialect.Dialect, write *http.Request, sent string, e *Exchange) []string {
	if e.Answer.Status != http.StatusOK {
		return nil
	}
	h := e.Answer.response(write).Header
	body, _ := text(e.Answer.Body)
	carries := len(sentIn(d, write, sent)) > 0
	var all []string
	for _, t := range d.Tokens {
		if t.For != nil && !t.For(write) || carries && sentAt(t, write, sent) == "" {
			continue
		}
		value := currentAt(t, h, body)
		if t.Write != nil && value != "" {
			value = t.Write(value)
		}
		if value != "" && !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}

// shownIn are the versions that a refusal has for the places that the write carries some in.
func shownIn(d dialect.Dialect, write *http.Request, sent string, e *Exchange) []string {
	if e.Verdict == "" || e.Verdict == "passes" || e.Answer.Lost {
		return nil
	}
	body, _ := text(e.Answer.Body)
	answer := dialect.NewAnswer(write, e.Answer.Status, e.Answer.response(write).Header, func() []byte { return []byte(body) })
	var all []string
	for _, t := range d.Tokens {
		if t.Refusal == nil || sentAt(t, write, sent) == "" {
			continue
		}
		value := t.Refusal(answer)
		if t.Write != nil && value != "" {
			value = t.Write(value)
		}
		if value != "" && !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}

// currentAt is the version that an answer has in the place of a token.
func currentAt(t dialect.Token, h http.Header, body string) string {
	switch p := t.Current.In(h); p.Where() {
	case dialect.Header:
		return h.Get(p.Name())
	case dialect.HeaderMember:
		return member(h.Get(p.Name()), p.Pointer())
	case dialect.Body:
		return member(body, p.Pointer())
	}
	return ""
}

// member is the string or the number at a pointer, empty where there is none.
func member(text, pointer string) string {
	m, err := jsonedit.Find([]byte(text), pointer)
	if err != nil {
		return ""
	}
	var value any
	d := json.NewDecoder(strings.NewReader(string(m.Raw())))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return ""
	}
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		if _, err := strconv.ParseFloat(v.String(), 64); err == nil {
			return v.String()
		}
	}
	return ""
}
