package dialect

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestCheck: the error says what is wrong.
func TestCheck(t *testing.T) {
	v, w := InQuery("v"), InHeader("V")
	for _, test := range []struct {
		want string // "": it can work
		d    Dialect
	}{
		{"", Dialect{}},
		{"", RFC9110()},
		{"", Dialect{Tokens: []Token{{Sent: v, Current: w.Or(InBody("/v"))}}}},
		{"", Dialect{Tokens: []Token{{Sent: v, Current: InBody("/v").Or(w)}}}},
		{"", Dialect{Tokens: []Token{{Sent: InHeader("if-match"), Current: InBody("/v"), Tag: true}}}},
		{"Or wants a field or a member", Dialect{Tokens: []Token{{Sent: InIf(), Current: w.Or(InIf())}}}},
		{"needs both places", Dialect{Tokens: []Token{{Sent: v}}}},
		{"needs both places", Dialect{Tokens: []Token{{Current: w}}}},
		{"needs both places", Dialect{Tokens: []Token{{Sent: InQuery(""), Current: w}}}},
		{"no query", Dialect{Tokens: []Token{{Sent: v, Current: v}}}},
		{"RFC 6901", Dialect{Tokens: []Token{{Sent: InBody("version"), Current: w}}}},
		{"RFC 6901", Dialect{Tokens: []Token{{Sent: v, Current: InBody("/")}}}},
		{"Tag is for", Dialect{Tokens: []Token{{Sent: v, Current: w, Tag: true}}}},
		{"Or is for", Dialect{Tokens: []Token{{Sent: v.Or(w), Current: w}}}},
		{"Or is for", Dialect{Tokens: []Token{{Sent: v, Current: w.Or(w.Or(w))}}}},
		{"Or wants", Dialect{Tokens: []Token{{Sent: v, Current: w.Or(v)}}}},
		{"Or wants", Dialect{Tokens: []Token{{Sent: v, Current: w.Or(Place{})}}}},
		{"Or wants", Dialect{Tokens: []Token{{Sent: v, Current: w.Or(InBody("v"))}}}},
		{"", Dialect{Tokens: []Token{{Sent: InHeaderJSON("arg", "/v"), Current: InHeaderJSON("Result", "/v").Or(w)}}}},
		{"", Dialect{Tokens: []Token{{Sent: InHeader("if-match"), Current: InBody("/v"), Tag: true, Write: Bare}}}},
		{"InHeaderJSON wants", Dialect{Tokens: []Token{{Sent: InHeaderJSON("arg", "v"), Current: w}}}},
		{"Read isn't for Tag", Dialect{Tokens: []Token{{Sent: InHeader("If-Match"), Current: w, Tag: true, Read: Previous}}}},
		{"Write isn't for dates", Dialect{Tokens: []Token{{Sent: InHeader("If-Unmodified-Since"), Current: w, Tag: true, Write: Bare}}}},
		{"200 to 499", Dialect{Statuses: []int{412, 500}}},
		{"200 to 499", Dialect{Statuses: []int{100}, Judge: (*Answer).AsRFC9110}},
		{"without a Judge status 304", Dialect{Statuses: []int{304}}},
		{"", Dialect{Statuses: []int{200, 304, 499}, Judge: (*Answer).AsRFC9110}},
		{"", Dialect{ReadState: "/data/data", WriteState: "/data"}},
		{"ReadState: want", Dialect{ReadState: "data"}},
		{"WriteState: want", Dialect{WriteState: "/"}},
		{"", Dialect{Tokens: []Token{{Sent: v, Current: w, Refusal: (*Answer).text}}, RefusalState: (*Answer).Body}},
		{"", Dialect{MarksAt: "/metadata/annotations/x~1marks~0"}},
		{"MarksAt: want", Dialect{MarksAt: "metadata"}},
		{"MarksAt: want", Dialect{MarksAt: "/x~2marks"}},
		{"MarksAt: want", Dialect{MarksAt: "/x~"}},
		{"ReadState: want", Dialect{ReadState: "/x~~1"}},
		{"MarksAt: there is no place for marks under NoMarks", Dialect{MarksAt: "/marks", NoMarks: "no"}},
		{"dialect shelf: ", Dialect{Name: "shelf", Statuses: []int{200}}},
	} {
		err := test.d.Check()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.d, err, test.want)
		}
	}
}

// TestPlaceIn: Or counts where the answer has nothing in the field, or where the
// first place isn't one.
func TestPlaceIn(t *testing.T) {
	field, member := InHeader("x-version"), InBody("/v")
	w := InHeader("W")
	with, without := http.Header{"x-Version": {"1"}}, http.Header{"X-Version": {}}
	for _, test := range []struct {
		place Place
		h     http.Header
		want  Place
	}{
		{field, without, field}, {field.Or(member), without, member}, {field.Or(member), nil, member},
		{member.Or(field), with, field}, {member, with, member},
	} {
		if got := test.place.In(test.h); got != test.want {
			t.Errorf("%s in %v: %s, want %s", test.place, test.h, got, test.want)
		}
	}
	json := InHeaderJSON("x-version", "/v")
	if json.Or(w).In(with).Where() != HeaderMember || json.Or(w).In(without) != w || json.Pointer() != "/v" || member.Pointer() != "/v" || field.Pointer() != "" ||
		json.String() != "the member /v of the field X-Version" {
		t.Errorf("%s", json)
	}
	if got := field.Or(member).In(with); got.Where() != Header || got.Name() != "X-Version" {
		t.Errorf("a field that is there: %s", got)
	}
}

// TestSpellings: what each Write makes of the text of an answer, empty where that is no
// version. All but Next may be applied twice.
func TestSpellings(t *testing.T) {
	for _, test := range []struct {
		name        string
		write       func(string) string
		text, wants string
	}{
		{"Bare", Bare, `"a"`, "a"}, {"Bare", Bare, "a", "a"}, {"Bare", Bare, `W/"a"`, "a"}, {"Bare", Bare, `"a`, `"a`}, {"Bare", Bare, `"`, `"`}, {"Bare", Bare, "", ""},
		{"Quoted", Quoted, "a", `"a"`}, {"Quoted", Quoted, `"a"`, `"a"`}, {"Quoted", Quoted, `W/"a"`, `W/"a"`}, {"Quoted", Quoted, "", ""},
		{"Strong", Strong, `W/"a"`, `"a"`}, {"Strong", Strong, `"a"`, `"a"`},
		{"Next", Next, "9", "10"}, {"Next", Next, "-1", "0"}, {"Next", Next, "a", ""}, {"Next", Next, "9223372036854775807", ""},
		{"Previous", Previous, "10", "9"}, {"Previous", Previous, "0", ""}, {"Previous", Previous, "", ""},
	} {
		got := test.write(test.text)
		if got != test.wants || test.name != "Next" && test.name != "Previous" && test.write(got) != got {
			t.Errorf("%s(%s) is %s, want %s", test.name, test.text, got, test.wants)
		}
	}
}

// TestNewAnswer: the body is asked for once, when it is needed, and may be none.
func TestNewAnswer(t *testing.T) {
	asked := 0
	a := NewAnswer(&http.Request{Method: http.MethodPut}, 409, nil, func() []byte { asked++; return []byte("why") })
	if asked != 0 || string(a.Body()) != "why" || string(a.Body()) != "why" || asked != 1 || a.StatusCode != 409 || a.Request.Method != "PUT" {
		t.Errorf("%+v, asked %d times", a, asked)
	}
	if got := NewAnswer(nil, 409, nil, nil).Body(); got != nil {
		t.Errorf("a body: %q", got)
	}
}

// TestVerdicts: each names its meaning, and has the reason that it was given.
func TestVerdicts(t *testing.T) {
	a := NewAnswer(nil, 409, nil, nil)
	for kind, v := range map[Kind]Verdict{
		KindPasses: a.Passes(), KindAsRFC9110: a.AsRFC9110(), KindConflict: a.Conflict(), KindRequired: a.Required(),
		KindExpired: a.Expired(), KindAgain: a.Again(), KindExists: a.Exists("why"), KindGone: a.Gone("why"),
		KindChanged: a.Changed("why"), KindLocked: a.Locked("why"), KindStops: a.Stops("why"),
	} {
		if v.Kind() != kind || (v.Reason() == "why") != (kind >= KindExists) {
			t.Errorf("kind %d is %+v", kind, v)
		}
	}
	if (Verdict{}) != a.Passes() {
		t.Error("the zero Verdict doesn't pass")
	}
}

// TestWrite: a refresh has the write that it is for in its context, whose body is read once.
func TestWrite(t *testing.T) {
	write, _ := http.NewRequest("MOVE", "http://api.test/doc", nil)
	refresh, _ := http.NewRequest(http.MethodHead, "http://api.test/doc", nil)
	if w := WriteOf(refresh); w != nil {
		t.Errorf("a read without a write has %v", w)
	}
	read := 0
	refresh = refresh.WithContext(WithWrite(refresh.Context(), NewWrite(write, func() []byte { read++; return []byte("{}") })))
	w := WriteOf(refresh)
	if w == nil || w.Request != write || read != 0 || string(w.Body()) != "{}" || string(w.Body()) != "{}" || read != 1 {
		t.Errorf("%v, read %d times", w, read)
	}
	if body := NewWrite(write, nil).Body(); body != nil {
		t.Errorf("a write without a body has %q", body)
	}
}

func (a *Answer) text() string { return string(a.Body()) }

// TestCheckNamesFields: each wrong field is named, all of them at once.
func TestCheckNamesFields(t *testing.T) {
	v := InBody("/v")
	for want, d := range map[string]Dialect{
		"Tokens[1].Sent: a Token needs both places":                {Tokens: []Token{{Sent: v, Current: v}, {Current: v}}},
		"Tokens[0].Current: a Token needs both places":             {Tokens: []Token{{Sent: v}}},
		"Tokens[0].Sent: InBody wants":                             {Tokens: []Token{{Sent: InBody("v"), Current: v}}},
		"Tokens[0].Sent: InHeaderJSON wants":                       {Tokens: []Token{{Sent: InHeaderJSON("X", "v"), Current: v}}},
		"Tokens[0].Sent: no name of a header field: \"a b\"":       {Tokens: []Token{{Sent: InHeader("a b"), Current: v}}},
		"Tokens[0].Sent: no name of a header field: \"x:\"":        {Tokens: []Token{{Sent: InHeaderJSON("x:", "/v"), Current: v}}},
		"Tokens[0].Sent: Or is for two places in an answer":        {Tokens: []Token{{Sent: v.Or(v), Current: v}}},
		"Tokens[0].Current: Or wants a field or a member":          {Tokens: []Token{{Sent: v, Current: v.Or(InHeader("a b"))}}},
		"Tokens[0].Tag: Tag is for":                                {Tokens: []Token{{Sent: v, Current: v, Tag: true}}},
		"Tokens[0].Read: ":                                         {Tokens: []Token{{Sent: InHeader("If-Match"), Current: v, Tag: true, Read: Bare}}},
		"Tokens[0].Write: ":                                        {Tokens: []Token{{Sent: InHeader("If-Unmodified-Since"), Current: v, Tag: true, Write: Bare}}},
		"Tokens[0].Refusal: Refusal isn't for dates":               {Tokens: []Token{{Sent: InHeader("If-Unmodified-Since"), Current: v, Tag: true, Refusal: (*Answer).text}}},
		"RefusalState: a state without a version":                  {Tokens: []Token{{Sent: v, Current: v}}, RefusalState: (*Answer).Body},
		"Tokens[0].Current: an answer has no query":                {Tokens: []Token{{Sent: v, Current: InQuery("v")}}},
		"Tokens[0].Current: an answer has no query and no If":      {Tokens: []Token{{Sent: InIf(), Current: InIf()}}},
		"Statuses[1]: status 500":                                  {Statuses: []int{412, 500}},
		"Statuses[0]: without a Judge status 204":                  {Statuses: []int{204}},
		"RefreshOrigins[1]: no origin such as":                     {RefreshOrigins: []string{"https://api.test:8443", "api.test"}},
		"RefreshOrigins[0]: no origin such":                        {RefreshOrigins: []string{"https://u:secret@api.test"}},
		"RefreshOrigins[0]: no origin suc":                         {RefreshOrigins: []string{"https://api.test/path"}},
		"RefreshOrigins[0]: no origin s":                           {RefreshOrigins: []string{"https://api.test:65536"}},
		"RefreshOrigins[0]: no origin ":                            {RefreshOrigins: []string{"https://*.api.test"}},
		"MarksAt: /_ifmatch is a list":                             {MarksAt: "/_ifmatch"},
		"WriteInterval: -1s is no time to wait":                    {WriteInterval: -time.Second},
		"RefreshOrigins[0]: no origin su":                          {RefreshOrigins: []string{"ftp://api.test"}},
		"ReadState: want an RFC 6901 pointer":                      {ReadState: "data"},
		"WriteState: want an RFC 6901 pointer":                     {WriteState: "a"},
		"MarksAt: want an RFC 6901 pointer":                        {MarksAt: "a"},
		"Conditions[1]: no name of a header field: \"x y\"":        {Conditions: []string{"X-Ms-Lease-Id", "x y"}},
		"Conditions[0]: no name of a header field: \"\"":           {Conditions: []string{""}},
		"WriteIDField: no name of a header field: \"X-Id: \"":      {WriteIDField: "X-Id: "},
		"WriteIDField: no name of a header field: \"X-Id\\r\\nA\"": {WriteIDField: "X-Id\r\nA"},
		"MergePatch: no media type: \"json\"":                      {MergePatch: "json"},
		"Tokens[0].Sent: a Token needs both places; Tokens[0].Current: a Token needs both places; Statuses[0]: status 99": {Tokens: []Token{{}}, Statuses: []int{99}},
	} {
		d.Name = "shelf"
		if err := d.Check(); err == nil || !strings.HasPrefix(err.Error(), "dialect shelf: "+want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (Dialect{Conditions: []string{"X-Ms-Lease-Id"}, WriteIDField: "x-amz-meta-a.b_c~1", MergePatch: "application/json; a=b", RefreshOrigins: []string{"http://127.0.0.1:80"}}).Check(); err != nil {
		t.Error(err)
	}
}
