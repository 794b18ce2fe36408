package guard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect"
)

func inAnswer(name string) func(*dialect.Answer) string {
	return func(a *dialect.Answer) string { return a.Header.Get(name) }
}

// fields is a header of these lines.
func fields(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	return h
}

// TestShownBy is rules 3 and 5: what of a refusal may take the place of a refresh.
func TestShownBy(t *testing.T) {
	tag := dialect.Token{Sent: dialect.InHeader("If-Match"), Current: dialect.InHeader("ETag"), Tag: true, Refusal: inAnswer("Etag")}
	number := dialect.Token{Sent: dialect.InHeader("X-If-Version"), Current: dialect.InHeader("X-Version"), Number: true, Refusal: inAnswer("X-Version")}
	next, bare, silent, other := number, tag, number, number
	next.Write, next.Read, next.Number = dialect.Next, dialect.Previous, false
	bare.Write = dialect.Bare
	silent.Refusal = nil
	other.Sent, other.Also = dialect.InHeader("X-Other"), true
	of := func(tokens ...dialect.Token) dialect.Dialect { return dialect.Dialect{Name: "shelf", Tokens: tokens} }
	with := func(d dialect.Dialect, state string) dialect.Dialect {
		d.RefusalState = func(a *dialect.Answer) []byte {
			if state == "" {
				return nil
			}
			return []byte(state)
		}
		return d
	}
	const conflict, rfc, expired = dialect.KindConflict, dialect.KindAsRFC9110, dialect.KindExpired
	for name, test := range map[string]struct {
		dialect  dialect.Dialect
		sent     string // field of the write
		status   int
		verdict  dialect.Kind
		fields   []string // of the refusal
		state    bool
		cut      bool
		want     string // the version
		versions int
	}{
		"3 a tag":                                 {of(tag), `If-Match: "1"`, 412, rfc, []string{`Etag: "2"`}, false, false, `"2"`, 0},
		"3 a tag, its body cut off":               {of(tag), `If-Match: "1"`, 412, rfc, []string{`Etag: "2"`}, false, true, `"2"`, 0},
		"3 a tag in a spelling":                   {of(bare), `If-Match: 1`, 412, rfc, []string{`Etag: 2`}, false, false, `"2"`, 0},
		"3 a version":                             {of(number), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, false, false, "2", 1},
		"3 a version that expired":                {of(number), "X-If-Version: 1", 409, expired, []string{"X-Version: 2"}, false, false, "2", 1},
		"3 the next version":                      {of(next), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, false, false, "3", 1},
		"3 the state":                             {with(of(number), "s"), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, true, false, "2", 1},
		"3 no state, which is wanted":             {with(of(number), ""), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, true, false, "", 0},
		"3 no state, which isn't wanted":          {with(of(number), ""), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, false, false, "2", 1},
		"3 a state that is cut off":               {with(of(number), "s"), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, true, true, "", 0},
		"3 a state that the API doesn't send":     {of(number), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, true, false, "", 0},
		"5 no version":                            {of(number), "X-If-Version: 1", 409, conflict, nil, false, false, "", 0},
		"5 no number":                             {of(number), "X-If-Version: 1", 409, conflict, []string{"X-Version: 02"}, false, false, "", 0},
		"5 what Next takes for none":              {of(next), "X-If-Version: 1", 409, conflict, []string{"X-Version: x"}, false, false, "", 0},
		"19 a tag that is none":                   {of(tag), `If-Match: "1"`, 412, rfc, []string{`Etag: "2`}, false, false, "", 0},
		"19 a tag in a spelling that is none":     {of(bare), `If-Match: 1`, 412, rfc, []string{"Etag: 2\x01"}, false, false, "", 0},
		"19 a control character":                  {of(number), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2\r\nX: y"}, false, false, "", 0},
		"5 the token's refusals have none":        {of(silent), "X-If-Version: 1", 409, conflict, []string{"X-Version: 2"}, false, false, "", 0},
		"5 one of two versions":                   {of(number, other), "X-Other: 1", 409, conflict, []string{"X-Version: 2"}, false, false, "2", 1},
		"4 428 to a write without a precondition": {of(tag), "X: y", 428, rfc, []string{`Etag: "2"`}, false, false, "", 0},
		"4 428 to a tag":                          {of(tag), `If-Match: "1"`, 428, rfc, []string{`Etag: "2"`}, false, false, "", 0},
		"4 a version is missing":                  {of(number), "X: y", 409, dialect.KindRequired, []string{"X-Version: 2"}, false, false, "", 0},
		"2 a lock":                                {of(number), "X-If-Version: 1", 409, dialect.KindLocked, []string{"X-Version: 2"}, false, false, "", 0},
		"2 create only":                           {of(tag), "If-None-Match: *", 412, rfc, []string{`Etag: "2"`}, false, false, "", 0},
		"2 any":                                   {of(tag), "If-Match: *", 412, rfc, []string{`Etag: "2"`}, false, false, "", 0},
		"1 a date is no tag":                      {of(tag), "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 412, rfc, []string{`Etag: "2"`}, false, false, "", 0},
		"1 a tag and a date":                      {of(tag, dialect.RFC9110().Tokens[1]), `If-Match: "1"|If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT`, 412, rfc, []string{`Etag: "2"`}, false, false, "", 0},
		"5 RFC 9110":                              {dialect.RFC9110(), `If-Match: "1"`, 412, rfc, []string{`Etag: "2"`}, false, false, "", 0},
	} {
		d := Prepare(test.dialect)
		if d.Err != nil {
			t.Fatal(name, d.Err)
		}
		write := httptest.NewRequest(http.MethodPut, "/", nil)
		write.Header = fields(strings.Split(test.sent, "|")...)
		g := d.Of(write)
		a := dialect.NewAnswer(write, test.status, fields(test.fields...), nil)
		got, ok := d.ShownBy(a, verdictOf(a, test.verdict), &g, !test.cut, test.state)
		if ok != (test.want != "") || ok && (got.ETag != test.want || len(got.Versions) != test.versions || (got.State != nil) != test.state) {
			t.Errorf("%s: %+v, %t; want %q", name, got, ok, test.want)
		}
		for _, v := range got.Versions {
			if v.Current != test.dialect.Tokens[0].Current {
				t.Errorf("%s: the next refresh would look at %s", name, v.Current)
			}
		}
	}
}

// verdictOf is a verdict of this kind.
func verdictOf(a *dialect.Answer, kind dialect.Kind) dialect.Verdict {
	for _, v := range []dialect.Verdict{a.AsRFC9110(), a.Conflict(), a.Expired(), a.Required(), a.Locked("")} {
		if v.Kind() == kind {
			return v
		}
	}
	return dialect.Verdict{}
}

// TestShownIsACopy: what a policy does with the state changes nothing of the refusal.
func TestShownIsACopy(t *testing.T) {
	body := []byte("state")
	d := Prepare(dialect.Dialect{
		Name:         "shelf",
		Tokens:       []dialect.Token{{Sent: dialect.InHeader("V"), Current: dialect.InHeader("V"), Refusal: inAnswer("V")}},
		RefusalState: func(*dialect.Answer) []byte { return body },
	})
	write := httptest.NewRequest(http.MethodPut, "/", nil)
	write.Header = fields("V: 1")
	g, a := d.Of(write), dialect.NewAnswer(write, 409, fields("V: 2"), nil)
	got, ok := d.ShownBy(a, a.Conflict(), &g, true, true)
	if !ok {
		t.Fatal("not taken")
	}
	if got.State[0] = 'x'; string(body) != "state" {
		t.Errorf("%s", body)
	}
}
