package ifmatch

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// TestBadInputFirst: what isn't as the dialect has it gives the caller the refusal, with its
// body and a cause. Nothing more is sent than the reads that showed it, and nothing is claimed.
func TestBadInputFirst(t *testing.T) {
	const good = `{"v":3}`
	number := bodyVersion(dialect.InBody("/v"))
	number.Tokens[0].Number = true
	known := bodyVersion(dialect.InBody("/v"))
	known.Judge = func(a *dialect.Answer) dialect.Verdict {
		if strings.Contains(string(a.Body()), "known") {
			return a.Conflict()
		}
		return a.Stops("an unknown code")
	}
	checked := bodyVersion(dialect.InBody("/v"))
	checked.Tokens[0].Valid = func(v string) bool { return strings.HasPrefix(v, "v") }
	member := bodyVersion(dialect.InBody("/v"))
	field := bodyVersion(dialect.InHeader("X-Version"))
	for name, test := range map[string]struct {
		d          dialect.Dialect
		sent       string // the body of the write
		answer     string // to the read
		field      string // X-Version of that answer
		wantCause  Cause
		wantIs     error // nil: any
		wantAsked  []string
		wantPhrase string
	}{
		"an answer that isn't JSON":  {member, good, "<html>", "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "the answer"},
		"half of an answer":          {member, good, `{"v":4`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "the answer"},
		"no version":                 {member, good, `{}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "no version in the member /v"},
		"an object for a version":    {member, good, `{"v":{"a":4}}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, ""},
		"twice":                      {member, good, `{"v":4,"v":5}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, ""},
		"no number":                  {number, good, `{"v":"x4"}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "no number"},
		"no version by Valid":        {checked, `{"v":"v3"}`, `{"v":"4"}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "no version"},
		"a line break":               {member, good, `{"v":"4\r\nX: y"}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "control character"},
		"a huge version":             {member, good, `{"v":"` + strings.Repeat("4", 9000) + `"}`, "", CauseNoValidator, ErrNoValidator, []string{"PUT", "GET"}, "9000 bytes"},
		"a huge version in a field":  {field, good, "", strings.Repeat("4", 9000), CauseNoValidator, ErrNoValidator, []string{"PUT", "HEAD", "GET"}, "9000 bytes"},
		"an answer beyond the bound": {member, good, `{"v":4,"x":"` + strings.Repeat("x", 50000) + `"}`, "", CauseRefreshFailed, ErrTooLarge, []string{"PUT", "GET"}, "too large"},
		"a body beyond the bound":    {member, `{"v":3,"x":"` + strings.Repeat("x", 50000) + `"}`, `{"v":4}`, "", CauseNotReplayable, ErrTooLarge, []string{"PUT"}, "WithMaxRepresentation"},
		"a body that isn't JSON":     {member, "v=3", `{"v":4}`, "", CauseUnattributed, nil, []string{"PUT"}, "the body that was sent"},
		"a body with it twice":       {member, `{"v":3,"v":3}`, `{"v":4}`, "", CauseUnattributed, nil, []string{"PUT"}, "the body that was sent"},
		"a bad token in the write":   {number, `{"v":"x3"}`, `{"v":4}`, "", CauseUnattributed, nil, []string{"PUT"}, "is left alone"},
		"an unknown code":            {known, good, `{"v":4}`, "", CauseUnattributed, nil, []string{"PUT"}, "an unknown code"},
	} {
		for _, policy := range []Policy{Resend, rebuilding} {
			var asked []string
			origin := &served{serve: func(req *http.Request, _ string) (int, http.Header, string) {
				asked = append(asked, req.Method)
				if req.Method != http.MethodPut {
					return 200, http.Header{"X-Version": {test.field}}, test.answer
				}
				return 409, nil, "the refusal"
			}}
			r := sendTo(t, NewTransport(origin, policy, WithDialect(test.d), WithMaxRepresentation(40960)), http.MethodPut, thing, test.sent)
			want := test.wantAsked
			if policy != Resend && len(want) == 3 {
				want = []string{"PUT", "GET"} // it asks for the state at once
			}
			o := r.outcome
			if r.err != nil || r.resp.StatusCode != 409 || r.body != "the refusal" || o.Effect != EffectNotApplied || o.Attempts != 1 || o.Overwrote || o.Replaced != nil {
				t.Errorf("%s, %s: %v, %s, body %.40q, %+v", name, policyName(policy), r.err, r.summary(), r.body, o)
			}
			if !slices.Equal(asked, want) || o.Cause != test.wantCause || o.Err == nil || test.wantIs != nil && !errors.Is(o.Err, test.wantIs) {
				t.Errorf("%s, %s: sent %q, want %q; cause %v, want %v: %.300s", name, policyName(policy), asked, want, o.Cause, test.wantCause, o.Err)
			}
			if text := o.Err.Error(); !strings.Contains(text, test.wantPhrase) || strings.ContainsAny(text, "\r\n") || len(text) > 1000 {
				t.Errorf("%s, %s: %.400s", name, policyName(policy), text)
			}
		}
	}
}
