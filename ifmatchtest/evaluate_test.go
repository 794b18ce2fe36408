package ifmatchtest

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// In the tables below the target was written at 00:00:00 on 1 January 2000,
// twice, and the request comes an hour later.
const (
	before = "Fri, 31 Dec 1999 23:59:59 GMT"
	same   = "Sat, 01 Jan 2000 00:00:00 GMT"
	later  = "Sat, 01 Jan 2000 00:00:01 GMT"
)

type row struct {
	name   string
	method string
	fields string // "Name: value" lines
	want   int    // when the target exists, with the tag "v2"
	gone   int    // when it doesn't
}

var rows = []row{
	// RFC 9110 §13.1.1, If-Match.
	{"no precondition", "GET", "", 200, 404},
	{"no precondition", "HEAD", "", 200, 404},
	{"no precondition", "PUT", "", 204, 201},
	{"no precondition", "POST", "", 200, 201},
	{"no precondition", "PATCH", "", 204, 404},
	{"no precondition", "DELETE", "", 204, 404},
	{"current", "GET", `If-Match: "v2"`, 200, 404},
	{"current", "HEAD", `If-Match: "v2"`, 200, 404},
	{"current", "PUT", `If-Match: "v2"`, 204, 412},
	{"current", "POST", `If-Match: "v2"`, 200, 412},
	{"current", "PATCH", `If-Match: "v2"`, 204, 404},
	{"current", "DELETE", `If-Match: "v2"`, 204, 404},
	{"old", "GET", `If-Match: "v1"`, 412, 404},
	{"old", "HEAD", `If-Match: "v1"`, 412, 404},
	{"old", "PUT", `If-Match: "v1"`, 412, 412},
	{"old", "POST", `If-Match: "v1"`, 412, 412},
	{"old", "PATCH", `If-Match: "v1"`, 412, 404},
	{"old", "DELETE", `If-Match: "v1"`, 412, 404},
	{"weak form of current", "PUT", `If-Match: W/"v2"`, 412, 412},
	{"weak form of current", "GET", `If-Match: W/"v2"`, 412, 404},
	{"asterisk", "PUT", `If-Match: *`, 204, 412},
	{"asterisk", "POST", `If-Match: *`, 200, 412},
	{"asterisk", "DELETE", `If-Match: *`, 204, 404},
	{"asterisk", "GET", `If-Match: *`, 200, 404},
	{"quoted asterisk", "PUT", `If-Match: "*"`, 412, 412},
	{"list", "PUT", `If-Match: "x", "v2" , "y"`, 204, 412},
	{"list without", "PUT", `If-Match: "x", "y"`, 412, 412},
	{"list of weak ones", "PUT", `If-Match: W/"v2", W/"v1"`, 412, 412},
	{"list, weak and strong", "PUT", `If-Match: W/"v2", "v2"`, 204, 412},
	{"several lines", "PUT", "If-Match: \"x\"\nIf-Match: \"v2\"", 204, 412},
	{"several lines without", "PUT", "If-Match: \"x\"\nIf-Match: \"y\"", 412, 412},
	{"empty elements", "PUT", `If-Match: ,, "v2", ,`, 204, 412},
	{"empty list", "PUT", `If-Match: `, 412, 412},
	{"no spaces", "PUT", `If-Match: "x","v2"`, 204, 412},
	{"comma in quotes", "PUT", `If-Match: "a,b", "v2"`, 204, 412},
	{"current only inside a tag", "PUT", `If-Match: "a,"`, 412, 412},
	{"backslash in quotes", "PUT", `If-Match: "\", "v2"`, 204, 412},
	{"empty tag", "PUT", `If-Match: "", "v2"`, 204, 412},
	{"asterisk in quotes, and current", "PUT", `If-Match: "*", "v2"`, 204, 412},
	{"bytes above 127", "PUT", "If-Match: \"\xc3\xa9\x80\xff\", \"v2\"", 204, 412},
	{"case of the opaque part", "PUT", `If-Match: "V2"`, 412, 412},
	{"unquoted", "PUT", `If-Match: v2`, 400, 400},
	{"unquoted", "GET", `If-Match: v2`, 400, 404},
	{"unquoted", "DELETE", `If-Match: v2`, 400, 404},
	{"lower-case mark", "PUT", `If-Match: w/"v2"`, 400, 400},
	{"open quote", "PUT", `If-Match: "v2`, 400, 400},
	{"space in quotes", "PUT", `If-Match: "v 2"`, 400, 400},
	{"tab in quotes", "PUT", "If-Match: \"v\t2\"", 400, 400},
	{"mark alone", "PUT", `If-Match: W/`, 400, 400},
	{"space after the mark", "PUT", `If-Match: W/ "v2"`, 400, 400},
	{"no comma", "PUT", `If-Match: "x" "v2"`, 400, 400},
	{"asterisk in a list", "PUT", `If-Match: *, "v2"`, 400, 400},
	{"asterisk at the end of a list", "PUT", `If-Match: "v2", *`, 400, 400},
	{"two asterisks", "PUT", "If-Match: *\nIf-Match: *", 400, 400},

	// RFC 9110 §13.1.4, If-Unmodified-Since.
	{"unmodified since before", "PUT", "If-Unmodified-Since: " + before, 412, 201},
	{"unmodified since then", "PUT", "If-Unmodified-Since: " + same, 204, 201},
	{"unmodified since later", "PUT", "If-Unmodified-Since: " + later, 204, 201},
	{"unmodified since before", "DELETE", "If-Unmodified-Since: " + before, 412, 404},
	{"unmodified since before", "GET", "If-Unmodified-Since: " + before, 412, 404},
	{"unmodified since before, RFC 850", "PUT", "If-Unmodified-Since: Friday, 31-Dec-99 23:59:59 GMT", 412, 201},
	{"unmodified since before, asctime", "PUT", "If-Unmodified-Since: Fri Dec 31 23:59:59 1999", 412, 201},
	{"unmodified since before, asctime, one digit", "PUT", "If-Unmodified-Since: Wed Dec  1 23:59:59 1999", 412, 201},
	{"no date", "PUT", "If-Unmodified-Since: yesterday", 204, 201},
	{"date of another zone", "PUT", "If-Unmodified-Since: Fri, 31 Dec 1999 23:59:59 CET", 204, 201},
	{"date with a fraction", "PUT", "If-Unmodified-Since: Fri, 31 Dec 1999 23:59:59.5 GMT", 204, 201},
	{"seconds", "PUT", "If-Unmodified-Since: 5", 204, 201},
	{"two dates", "PUT", "If-Unmodified-Since: " + before + "\nIf-Unmodified-Since: " + before, 204, 201},
	{"list of dates", "PUT", "If-Unmodified-Since: " + before + ", " + before, 204, 201},

	// RFC 9110 §13.1.2, If-None-Match.
	{"none, asterisk", "PUT", `If-None-Match: *`, 412, 201},
	{"none, asterisk", "POST", `If-None-Match: *`, 412, 201},
	{"none, asterisk", "PATCH", `If-None-Match: *`, 412, 404},
	{"none, asterisk", "DELETE", `If-None-Match: *`, 412, 404},
	{"none, asterisk", "GET", `If-None-Match: *`, 304, 404},
	{"none, current", "GET", `If-None-Match: "v2"`, 304, 404},
	{"none, current", "HEAD", `If-None-Match: "v2"`, 304, 404},
	{"none, current", "PUT", `If-None-Match: "v2"`, 412, 201},
	{"none, weak form", "GET", `If-None-Match: W/"v2"`, 304, 404},
	{"none, weak form", "PUT", `If-None-Match: W/"v2"`, 412, 201},
	{"none, old", "GET", `If-None-Match: "v1"`, 200, 404},
	{"none, old", "PUT", `If-None-Match: "v1"`, 204, 201},
	{"none, list", "GET", `If-None-Match: "x", W/"v2"`, 304, 404},
	{"none, several lines", "PUT", "If-None-Match: \"x\"\nIf-None-Match: \"v2\"", 412, 201},
	{"none, empty list", "PUT", `If-None-Match: `, 204, 201},
	{"none, quoted asterisk", "PUT", `If-None-Match: "*"`, 204, 201},
	{"none, malformed", "PUT", `If-None-Match: v2`, 400, 400},

	// RFC 9110 §13.1.3, If-Modified-Since.
	{"modified since before", "GET", "If-Modified-Since: " + before, 200, 404},
	{"modified since then", "GET", "If-Modified-Since: " + same, 304, 404},
	{"modified since then", "HEAD", "If-Modified-Since: " + same, 304, 404},
	{"modified since later", "GET", "If-Modified-Since: " + later, 304, 404},
	{"modified since, on a write", "PUT", "If-Modified-Since: " + later, 204, 201},
	{"modified since, on a write", "DELETE", "If-Modified-Since: " + later, 204, 404},
	{"modified since, no date", "GET", "If-Modified-Since: now", 200, 404},
	{"modified since, two", "GET", "If-Modified-Since: " + later + "\nIf-Modified-Since: " + later, 200, 404},

	// RFC 9110 §13.2.2, the order.
	{"If-Match holds, date is ignored", "PUT", "If-Match: \"v2\"\nIf-Unmodified-Since: " + before, 204, 412},
	{"If-Match fails, date is ignored", "PUT", "If-Match: \"v1\"\nIf-Unmodified-Since: " + later, 412, 412},
	{"If-Match fails before If-None-Match", "GET", "If-Match: \"v1\"\nIf-None-Match: \"v2\"", 412, 404},
	{"If-Match holds, then If-None-Match", "GET", "If-Match: \"v2\"\nIf-None-Match: \"v2\"", 304, 404},
	{"If-Match holds, then If-None-Match", "PUT", "If-Match: \"v2\"\nIf-None-Match: \"v2\"", 412, 412},
	{"If-Match fails before a malformed If-None-Match", "PUT", "If-Match: \"v1\"\nIf-None-Match: v2", 412, 412},
	{"date holds, then If-None-Match", "PUT", "If-Unmodified-Since: " + same + "\nIf-None-Match: *", 412, 201},
	{"date fails before If-None-Match", "GET", "If-Unmodified-Since: " + before + "\nIf-None-Match: \"v2\"", 412, 404},
	{"If-None-Match holds, date is ignored", "GET", "If-None-Match: \"v1\"\nIf-Modified-Since: " + later, 200, 404},
	{"If-None-Match fails, date is ignored", "GET", "If-None-Match: \"v2\"\nIf-Modified-Since: " + before, 304, 404},
	{"If-Match holds, then If-Modified-Since", "GET", "If-Match: \"v2\"\nIf-Modified-Since: " + later, 304, 404},

	// RFC 9110 §13.2.1, when nothing is evaluated.
	{"OPTIONS", "OPTIONS", `If-Match: "v1"`, 204, 204},
	{"unknown method", "BREW", `If-Match: "v1"`, 405, 405},
	{"unsupported media type", "PATCH", "If-Match: \"v1\"\nContent-Type: text/plain", 415, 404},
	{"part of a PUT", "PUT", "If-Match: \"v1\"\nContent-Range: bytes 0-1/4", 400, 400},

	// RFC 9110 §13.1.5 and §14.2, ranges.
	{"range", "GET", "Range: bytes=0-1", 206, 404},
	{"range, open", "GET", "Range: bytes=1-", 206, 404},
	{"range, suffix", "GET", "Range: bytes=-99", 206, 404},
	{"range of HEAD", "HEAD", "Range: bytes=0-1", 200, 404},
	{"range too far", "GET", "Range: bytes=99-", 416, 404},
	{"range, empty suffix", "GET", "Range: bytes=-0", 416, 404},
	{"range, backwards", "GET", "Range: bytes=3-1", 200, 404},
	{"range, several", "GET", "Range: bytes=0-1,3-4", 200, 404},
	{"range, unknown unit", "GET", "Range: lines=0-1", 200, 404},
	{"range, precondition first", "GET", "Range: bytes=99-\nIf-None-Match: \"v2\"", 304, 404},
	{"range if current", "GET", "Range: bytes=0-1\nIf-Range: \"v2\"", 206, 404},
	{"range if old", "GET", "Range: bytes=0-1\nIf-Range: \"v1\"", 200, 404},
	{"range if weak", "GET", "Range: bytes=0-1\nIf-Range: W/\"v2\"", 200, 404},
	{"range too far if old", "GET", "Range: bytes=99-\nIf-Range: \"v1\"", 200, 404},
	{"range if list", "GET", "Range: bytes=0-1\nIf-Range: \"v2\", \"v2\"", 200, 404},
	{"range if since then, written twice", "GET", "Range: bytes=0-1\nIf-Range: " + same, 200, 404},
	{"range if since later", "GET", "Range: bytes=0-1\nIf-Range: " + later, 200, 404},
	{"range if garbage", "GET", "Range: bytes=0-1\nIf-Range: x", 200, 404},
}

func TestPreconditions(t *testing.T) {
	for _, tt := range rows {
		name := tt.method + "/" + tt.name
		t.Run(name+"/existing", func(t *testing.T) { testRow(t, tt, true) })
		t.Run(name+"/missing", func(t *testing.T) { testRow(t, tt, false) })
	}
}

func testRow(t *testing.T, tt row, exists bool) {
	synctest.Test(t, func(t *testing.T) {
		var s Server
		want := tt.gone
		if exists {
			s.Put("/x", "application/json", []byte(`{"a":0}`))
			s.Put("/x", "application/json", []byte(`{"a":1}`))
			want = tt.want
		}
		time.Sleep(time.Hour)
		_, was, _ := s.State("/x")
		r := httptest.NewRequest(tt.method, "/x", strings.NewReader(`{"a":2}`))
		r.Header.Set("Content-Type", "application/json")
		for line := range strings.Lines(tt.fields) {
			k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if k == "Content-Type" {
				r.Header.Del(k)
			}
			r.Header.Add(k, v)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
		_, is, _ := s.State("/x")
		write := tt.method != "GET" && tt.method != "HEAD" && tt.method != "OPTIONS"
		if changed := was != is; changed != (write && want < 300) {
			t.Errorf("state changed: %v after a %d", changed, want)
		}
		if got := s.Log()[0].Applied; got != (was != is) {
			t.Errorf("logged as applied: %v", got)
		}
		if w.Code == 412 && w.Header().Get("ETag") != "" {
			t.Error("the 412 has an ETag")
		}
	})
}

func TestIfRangeDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Server
		s.Put("/x", "", []byte("abc"))
		time.Sleep(time.Second)
		s.Put("/x", "", []byte("abd"))
		get := func() int {
			r := httptest.NewRequest("GET", "/x", nil)
			r.Header.Set("Range", "bytes=0-0")
			r.Header.Set("If-Range", later)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w.Code
		}
		if got := get(); got != 206 {
			t.Errorf("one write in that second: got %d, want 206", got)
		}
		time.Sleep(time.Millisecond)
		s.Put("/x", "", []byte("abe"))
		if got := get(); got != 200 {
			t.Errorf("two writes in that second: got %d, want 200", got)
		}
	})
}

// The second evaluator: each field is reduced to a letter, and the letters are
// looked up in a table. t holds, f fails, x is malformed, - is absent or
// ignored.
var outcomes = []struct {
	im, ius, inm, ims, safe string // letters that the row is for
	want                    verdict
}{
	{"x", "tf-", "tfx-", "tf-", "yn", malformed},
	{"f", "tf-", "tfx-", "tf-", "yn", refused},
	{"-", "f", "tfx-", "tf-", "yn", refused},
	{"t-", "tf-", "x", "tf-", "yn", malformed},
	{"t-", "tf-", "f", "tf-", "y", notModified},
	{"t-", "tf-", "f", "tf-", "n", refused},
	{"t-", "tf-", "-", "f", "y", notModified},
	{"t-", "tf-", "t-", "tf-", "yn", proceed},
}

func evaluateByTable(t *testing.T, method string, h http.Header, sel selection) verdict {
	list := func(field string, weak, negate bool) string {
		lines, present := h[field]
		if !present {
			return "-"
		}
		tags, star, ok := slowTags(lines)
		if !ok {
			return "x"
		}
		match := star
		for _, tag := range tags {
			a, b := tag, sel.etag
			if weak {
				a, b = regexp.MustCompile(`^W/`).ReplaceAllString(a, ""), regexp.MustCompile(`^W/`).ReplaceAllString(b, "")
			}
			if a == b && a[0] == '"' {
				match = true
			}
		}
		return letter((match && sel.exists) != negate)
	}
	date := func(field string, holds func(d int) bool) string {
		d, ok := slowDate(h[field])
		if !ok || !sel.exists || sel.modified.IsZero() {
			return "-"
		}
		return letter(holds(sel.modified.Compare(d)))
	}
	safe := "n"
	if method == "GET" || method == "HEAD" {
		safe = "y"
	}
	im := list("If-Match", sel.weakly, false)
	inm := list("If-None-Match", true, true)
	ius := date("If-Unmodified-Since", func(d int) bool { return d <= 0 })
	ims := date("If-Modified-Since", func(d int) bool { return d > 0 })
	for _, o := range outcomes {
		if strings.Contains(o.im, im) && strings.Contains(o.ius, ius) && strings.Contains(o.inm, inm) &&
			strings.Contains(o.ims, ims) && strings.Contains(o.safe, safe) {
			return o.want
		}
	}
	t.Fatalf("no row for %s %s %s %s %s", im, ius, inm, ims, safe)
	return 0
}

func letter(holds bool) string {
	if holds {
		return "t"
	}
	return "f"
}

var (
	imfDate  = regexp.MustCompile(`^(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$`)
	oldDate  = regexp.MustCompile(`^(?i:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)(?i:day), (\d\d)-(\w{3})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$`)
	ascDate  = regexp.MustCompile(`^(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$`)
	months   = "JanFebMarAprMayJunJulAugSepOctNovDec"
	shuffled = []int{2, 1, 6, 3, 4, 5} // of asctime, in the order of the others
)

// slowDate parses an HTTP-date by hand.
func slowDate(lines []string) (time.Time, bool) {
	if len(lines) != 1 {
		return time.Time{}, false
	}
	s := strings.Trim(lines[0], " \t")
	m := imfDate.FindStringSubmatch(s)
	if m == nil {
		m = oldDate.FindStringSubmatch(s)
	}
	if a := ascDate.FindStringSubmatch(s); a != nil {
		m = []string{s}
		for _, i := range shuffled {
			m = append(m, a[i])
		}
	}
	if m == nil {
		return time.Time{}, false
	}
	num := func(s string) (n int) {
		for _, c := range strings.TrimSpace(s) {
			n = 10*n + int(c-'0')
		}
		return n
	}
	month := strings.Index(months, m[2])
	year := num(m[3])
	if len(m[3]) == 2 {
		year += 1900
		if year < 1969 {
			year += 100
		}
	}
	d := time.Date(year, time.Month(month/3+1), num(m[1]), num(m[4]), num(m[5]), num(m[6]), 0, time.UTC)
	ok := month >= 0 && month%3 == 0 && d.Day() == num(m[1]) && d.Hour() == num(m[4]) && d.Minute() == num(m[5]) && d.Second() == num(m[6])
	return d, ok
}

func FuzzEvaluate(f *testing.F) {
	for _, tt := range rows {
		f.Add(tt.method, tt.fields, true, `"v2"`, false, int64(946684800))
		f.Add(tt.method, tt.fields, true, `W/"v2"`, true, int64(0))
	}
	f.Fuzz(func(t *testing.T, method, fields string, exists bool, etag string, weakly bool, modified int64) {
		if etag != "" && !validTag(etag) {
			t.Skip()
		}
		h := http.Header{}
		for line := range strings.Lines(fields) {
			k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			h.Add(k, v)
		}
		sel := selection{exists: exists, etag: etag, weakly: weakly}
		if modified > 0 {
			sel.modified = time.Unix(modified%1e11, 0).UTC()
		}
		if got, want := evaluate(method, h, sel), evaluateByTable(t, method, h, sel); got != want {
			t.Errorf("%s %q of %+v: got verdict %d, want %d", method, h, sel, got, want)
		}
	})
}
