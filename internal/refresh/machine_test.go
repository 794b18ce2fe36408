package refresh

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/etag"
)

// Times of one day. The dates of HTTP have a resolution of a second.
const (
	at0  = "Sun, 06 Nov 1994 08:49:30 GMT"
	at1  = "Sun, 06 Nov 1994 08:49:31 GMT"
	at2  = "Sun, 06 Nov 1994 08:49:32 GMT"
	late = "Sun, 06 Nov 1994 09:00:00 GMT"
)

// of are the facts of a write that was guarded by these tags.
func of(tags ...string) Facts { return Facts{Refused: tags, AttemptsLeft: 3} }

// since are the facts of a write that was guarded by a date.
func since(date string) Facts { return Facts{RefusedDate: date, AttemptsLeft: 3} }

// with changes facts.
func (f Facts) with(changes ...func(*Facts)) Facts {
	for _, change := range changes {
		change(&f)
	}
	return f
}

func needState(f *Facts) { f.NeedState = true }
func versions(f *Facts)  { f.Versions = true }
func respelled(f *Facts) { f.Respelled = true }
func weakTags(f *Facts)  { f.WeakTags = true }

// known is what the facts say that is known; they get one where they have none.
func (f *Facts) known() *Known {
	if f.Known == nil {
		f.Known = new(Known)
	}
	return f.Known
}
func before(body string) func(*Facts) {
	return func(f *Facts) { f.known().Before = DigestOf([]byte(body)) }
}
func earlier(tags ...string) func(*Facts) {
	return func(f *Facts) { f.known().Earlier = tags }
}
func lastWriterWins(f *Facts) { f.LastWriterWins = true }
func oneLeft(f *Facts)        { f.AttemptsLeft = 1 }
func twoLeft(f *Facts)        { f.AttemptsLeft = 2 }
func date(since string) func(*Facts) {
	return func(f *Facts) { f.RefusedDate = since }
}
func sending(fields ...string) func(*Facts) {
	return func(f *Facts) { f.Write = header(fields) }
}

func header(fields []string) http.Header {
	h := http.Header{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h[http.CanonicalHeaderKey(name)] = append(h[http.CanonicalHeaderKey(name)], value)
	}
	return h
}

func answers(all ...Answer) []Answer { return all }

// says is an answer with this status and these fields.
func says(status int, fields ...string) Answer {
	h := header(fields)
	return Answer{Status: status, Header: h, Validators: etag.Of(h)}
}

func ok(fields ...string) Answer { return says(http.StatusOK, fields...) }

// body is an answer with a strong tag, whose body was read.
func body(tag, text string, fields ...string) Answer {
	a := ok(append(fields, `ETag: "`+tag+`"`)...)
	a.Digest = DigestOf([]byte(text))
	return a
}

// toHead is an answer to HEAD, whatever was asked for: the caller may change a refresh.
func toHead(a Answer) Answer { a.Method = http.MethodHead; return a }

// weak is a weak tag of a state that was modified, and read on a date.
func weak(tag, modified, date string) Answer {
	return ok(`ETag: W/"`+tag+`"`, "Last-Modified: "+modified, "Date: "+date)
}

func dated(modified, date string) Answer { return ok("Last-Modified: "+modified, "Date: "+date) }

// version is an answer with a version in a place of a dialect.
func version(text string) Answer {
	a := ok()
	a.Validators.ETag = text
	return a
}

var errCut, errLate, errCancelled = errors.New("connection reset"), errors.New("late"), errors.New("cancelled")

// cut is a request whose connection was cut.
func cut(change ...func(*Answer)) Answer {
	a := Answer{Err: errCut}
	for _, c := range change {
		c(&a)
	}
	return a
}

// play asks until the machine is done, and returns the requests and what followed
// each, such as "HEAD UseGet, GET Done unchanged".
func (m *Machine) play(f Facts, body bool, answers ...Answer) string {
	var told []string
	step := m.Begin(body)
	if step.Do != Ask && step.Do != Stop {
		told = append(told, "first "+actionNames[step.Do])
	}
	for _, a := range answers {
		if step.Do == Done || step.Do == Stop {
			return strings.Join(told, ", ") + ", and an answer too many"
		}
		if a.Method == "" {
			a.Method = m.Method()
		}
		if step = m.Next(&f, &a); step.Reason == LostRace {
			f.AttemptsLeft--
		}
		text := a.Method
		if m.Prefers() {
			text += " (then with Prefer)"
		}
		text += " " + actionNames[step.Do]
		switch {
		case step.Do == Done && step.Reason == None && !m.Unchanged:
			text += ": shows nothing"
		case step.Reason != None && step.Reason != Other:
			text += ": " + reasonNames[step.Reason]
		}
		if step.Err != nil {
			text += ": " + step.Err.Error()
		}
		told = append(told, text)
	}
	switch {
	case step.Do == Stop && len(answers) == 0:
		told = append(told, "Stop: "+reasonNames[step.Reason])
	case step.Do != Done && step.Do != Stop:
		told = append(told, "and on by "+m.Method())
	}
	text := strings.Join(told, ", ")
	if step.Do == Done {
		text += " " + strings.TrimSpace(fmt.Sprint(m.Fresh.ETag, " ", m.Fresh.LastModified))
	}
	if m.Unchanged {
		text += " unchanged"
	}
	if m.Identity {
		text += " by identity"
	}
	return text
}

var (
	actionNames = [...]string{Ask: "Ask", UseGet: "UseGet", Repeat: "Repeat", Settle: "Settle", Compare: "Compare", Doubt: "Doubt", Done: "Done", Stop: "Stop"}
	reasonNames = [...]string{
		SameBytes: "same bytes", Unstable: "unstable", Weak: "weak", Coded: "coded", Respelled: "respelled", Denied: "denied", Gone: "gone", NoValidator: "no validator", Failed: "failed",
		TooMany: "too many", Late: "late", Cancelled: "cancelled", LostRace: "lost race",
	}
)

// TestMachine: facts and answers in, steps out. A row begins with the number of the
// rule that it holds, or with what RFC 9110 §12.5.5 is about.
func TestMachine(t *testing.T) {
	for _, test := range []struct {
		name    string
		facts   Facts
		answers []Answer
		want    string
	}{
		// Rule 5: which answers give a state, and what is asked next.
		{"5 a fresh tag", of(`"v1"`), answers(ok(`ETag: "v2"`)), `HEAD Done "v2"`},
		{"1 the refused tag, in another spelling", of(`"v1"`, `"v2"`).with(respelled), answers(ok(`ETag: "v2"`)), `HEAD Done: respelled "v2"`},
		{"1 another tag than the refused one, in whatever spelling", of(`"v1"`).with(respelled), answers(ok(`ETag: "v2"`)), `HEAD Done "v2"`},
		{"1 the refused version, in another spelling", of("1").with(versions, respelled), answers(version("1")), `HEAD Done: respelled 1`},
		{"5 a fresh tag and date", of(`"v1"`).with(date(at0)), answers(ok(`ETag: "v2"`, "Last-Modified: "+at1)), `HEAD Done "v2" ` + at1},
		{"5 the state is wanted", of(`"v1"`).with(needState), answers(ok(`ETag: "v2"`)), `GET Done "v2"`},
		{"5 no precondition before", of(), answers(ok(`ETag: "v2"`)), `HEAD Done: shows nothing "v2"`},
		{"5 HEAD 400", of(`"v1"`), answers(says(400), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 404", of(`"v1"`), answers(says(404), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 405", of(`"v1"`), answers(says(405), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 403", of(`"v1"`), answers(says(403), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 406", of(`"v1"`), answers(says(406), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 415", of(`"v1"`), answers(says(415), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 418", of(`"v1"`), answers(says(418), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 501", of(`"v1"`), answers(says(501), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 204", of(`"v1"`), answers(says(204, `ETag: "v9"`), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 404, GET 404", of(`"v1"`), answers(says(404), says(404)), `HEAD UseGet, GET Stop: gone`},
		{"5 HEAD 410", of(`"v1"`), answers(says(410)), `HEAD Stop: gone`},
		{"5 GET 400", of(`"v1"`).with(needState), answers(says(400)), `GET Stop: failed`},
		{"5 GET 204", of(`"v1"`).with(needState), answers(says(204, `ETag: "v9"`)), `GET Stop: failed`},
		{"5 GET 405", of(`"v1"`).with(needState), answers(says(405)), `GET Stop: failed`},
		{"5 GET 501 is no transient failure", of(`"v1"`).with(needState), answers(says(501)), `GET Stop: failed`},
		{"5 GET 404", of(`"v1"`).with(needState), answers(says(404)), `GET Stop: gone`},
		{"5 GET 410", of(`"v1"`).with(needState), answers(says(410)), `GET Stop: gone`},
		{"5 HEAD 203 has no validators", of(`"v1"`), answers(says(203, `ETag: "v9"`), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 206", of(`"v1"`), answers(says(206, `ETag: "v9"`), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 HEAD 304", of(`"v1"`), answers(says(304, `ETag: "v9"`), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 GET 206 once", of(`"v1"`).with(needState), answers(says(206), ok(`ETag: "v2"`)), `GET UseGet, GET Done "v2"`},
		{"5 GET 206 twice", of(`"v1"`).with(needState), answers(says(206), says(206)), `GET UseGet, GET Stop: failed`},
		{"5 203, then 304", of(`"v1"`), answers(says(203), says(304)), `HEAD UseGet, GET Stop: failed`},
		{"5 GET 406", of(`"v1"`).with(needState), answers(says(406)), `GET Stop: failed`},
		{"5 GET 415", of(`"v1"`).with(needState), answers(says(415)), `GET Stop: failed`},
		{"5 GET 418", of(`"v1"`).with(needState), answers(says(418)), `GET Stop: failed`},
		{"5 HEAD 406, GET 406", of(`"v1"`), answers(says(406), says(406)), `HEAD UseGet, GET Stop: failed`},
		{"5 HEAD 405, GET 405", of(`"v1"`), answers(says(405), says(405)), `HEAD UseGet, GET Stop: failed`},
		{"5 HEAD 403, GET 403", of(`"v1"`), answers(says(403), says(403)), `HEAD UseGet, GET Stop: denied`},
		{"5 HEAD 403, GET 404", of(`"v1"`), answers(says(403), says(404)), `HEAD UseGet, GET Stop: gone`},
		{"5 HEAD 403, GET 503", of(`"v1"`), answers(says(403), says(503), ok(`ETag: "v2"`)), `HEAD UseGet, GET Repeat, GET Done "v2"`},
		{"5 HEAD 403 twice: the caller made a HEAD of the GET", of(`"v1"`), answers(says(403), toHead(says(403))), `HEAD UseGet, HEAD Stop: denied`},
		{"5 HEAD 405 twice", of(`"v1"`), answers(says(405), toHead(says(405))), `HEAD UseGet, HEAD Stop: failed`},
		{"5 HEAD 404 never says that the state is gone", of(`"v1"`), answers(says(404), toHead(says(404)), toHead(says(404)), toHead(says(404))), `HEAD UseGet, HEAD UseGet, HEAD UseGet, HEAD Stop: too many`},
		{"5 401", of(`"v1"`), answers(says(401)), `HEAD Stop: denied`},
		{"5 401 by GET", of(`"v1"`).with(needState), answers(says(401)), `GET Stop: denied`},
		{"5 GET 403", of(`"v1"`).with(needState), answers(says(403)), `GET Stop: denied`},
		{"5 407", of(`"v1"`), answers(says(407)), `HEAD Stop: denied`},
		{"5 302", of(`"v1"`), answers(says(302)), `HEAD Stop: failed`},
		{"5 201", of(`"v1"`), answers(says(201, `ETag: "v2"`)), `HEAD Stop: failed`},
		{"5 499", of(`"v1"`), answers(says(499)), `HEAD Stop: failed`},
		{"5 408", of(`"v1"`), answers(says(408), ok(`ETag: "v2"`)), `HEAD Repeat, HEAD Done "v2"`},
		{"5 429", of(`"v1"`), answers(says(429), ok(`ETag: "v2"`)), `HEAD Repeat, HEAD Done "v2"`},
		{"5 HEAD 500: GET from then on", of(`"v1"`), answers(says(500), ok(`ETag: "v2"`)), `HEAD Repeat, GET Done "v2"`},
		{"5 HEAD 502, GET 502", of(`"v1"`), answers(says(502), says(502), ok(`ETag: "v2"`)), `HEAD Repeat, GET Repeat, GET Done "v2"`},
		{"5 HEAD 505", of(`"v1"`), answers(says(505), ok(`ETag: "v2"`)), `HEAD Repeat, GET Done "v2"`},
		{"5 HEAD 503, GET 403", of(`"v1"`), answers(says(503), says(403)), `HEAD Repeat, GET Stop: denied`},
		{"5 HEAD 503, GET 404", of(`"v1"`), answers(says(503), says(404)), `HEAD Repeat, GET Stop: gone`},
		{"5 HEAD 429, HEAD 503", of(`"v1"`), answers(says(429), says(503), ok(`ETag: "v2"`)), `HEAD Repeat, HEAD Repeat, GET Done "v2"`},
		{"5 599 by GET", of(`"v1"`).with(needState), answers(says(599), ok(`ETag: "v2"`)), `GET Repeat, GET Done "v2"`},
		{"5 the connection is cut", of(`"v1"`), answers(cut(), ok(`ETag: "v2"`)), `HEAD Repeat, HEAD Done "v2"`},
		{"5 cut while the body is read", of(`"v1"`).with(needState), answers(cut(func(a *Answer) { a.Status = 200 }), ok(`ETag: "v2"`)), `GET Repeat, GET Done "v2"`},
		{"5 an error that stays", of(`"v1"`), answers(cut(func(a *Answer) { a.Final = true })), `HEAD Stop: failed: connection reset`},
		{"5 an error that isn't transient", of(`"v1"`), answers(cut(func(a *Answer) { a.Err = &tls.CertificateVerificationError{Err: errCut} })), `HEAD Stop: failed: tls: failed to verify certificate: connection reset`},
		{"22 cut, and no time is left", of(`"v1"`), answers(cut(func(a *Answer) { a.Late = errLate })), `HEAD Stop: late: connection reset`},
		{"22 cut, since the call was cancelled", of(`"v1"`), answers(cut(func(a *Answer) { a.Late, a.Cancelled = errLate, errCancelled })), `HEAD Stop: cancelled: cancelled`},
		{"5 HEAD without a tag", of(`"v1"`), answers(ok("Last-Modified: "+at0), ok(`ETag: "v2"`)), `HEAD UseGet, GET Done "v2"`},
		{"5 no tag at all", of(`"v1"`), answers(ok(), ok("Last-Modified: "+at0)), `HEAD UseGet, GET Stop: no validator: ifmatch: no usable validator`},
		{"5 a tag without the date beside it", of(`"v1"`).with(date(at0)), answers(ok(`ETag: "v2"`), ok(`ETag: "v2"`)), `HEAD UseGet, GET Stop: no validator: ifmatch: no usable validator`},
		{"5 no date", since(at0), answers(ok(`ETag: "v2"`), ok(`ETag: "v2"`)), `HEAD UseGet, GET Stop: no validator: ifmatch: no usable validator`},
		{"5 nothing for no precondition", of(), answers(ok(), ok()), `HEAD UseGet, GET Stop: no validator: ifmatch: no usable validator`},
		{"5 only a date for no precondition", of(), answers(dated(at0, late)), `HEAD Done: shows nothing ` + at0},
		{"5 a version of a dialect", of("7").with(versions), answers(version("8")), `HEAD Done 8`},
		{"5 HEAD has no version", of("7").with(versions), answers(Answer{Status: 200, NoVersion: errors.New("no number")}, version("8")), `HEAD UseGet, GET Done 8`},
		{"5 no version", of("7").with(versions, needState), answers(Answer{Status: 200, NoVersion: errors.New("no number")}), `GET Stop: no validator: no number`},

		// RFC 9110 §12.5.5: refresh and write select the same representation.
		{"Vary: fields that both carry, or none", of(`"v1"`).with(sending("Accept: x")), answers(ok(`ETag: "v2"`, "Vary: accept, , cache-control", "Vary: Pragma, If-None-Match,X-Other")), `HEAD Done "v2"`},
		{"Vary: what every refresh has", of(`"v1"`).with(sending("Cache-Control: no-store", "Pragma: x")), answers(ok(`ETag: "v2"`, "Vary: cache-control, pragma")), `HEAD Done "v2"`},
		{"Vary: *", of(`"v1"`), answers(ok(`ETag: "v2"`, "Vary: Accept, *")), `HEAD Stop: no validator: ifmatch: no usable validator: Vary: *`},
		{"Vary: * with the state", of(`"v1"`).with(needState), answers(ok(`ETag: "v2"`, "Vary: *")), `GET Done "v2"`},
		{"Vary: Accept-Encoding", of(`"v1"`).with(sending("Accept-Encoding: br")), answers(ok(`ETag: "v2"`, "Vary: Accept-Encoding")), `HEAD Done "v2" by identity`},
		{"Vary: Prefer, which the write has", of(`"v1"`).with(sending("Prefer: return=minimal")), answers(ok(`ETag: "v9"`, "Vary: Prefer"), ok(`ETag: "v2"`, "Vary: Prefer")), `HEAD (then with Prefer) Ask, HEAD (then with Prefer) Done "v2"`},
		{"Vary: Prefer, which the write has not", of(`"v1"`), answers(ok(`ETag: "v2"`, "Vary: Prefer")), `HEAD Done "v2"`},
		{"Vary: what only the write has", of(`"v1"`).with(sending("Content-Type: x")), answers(ok(`ETag: "v2"`, "Vary: Accept, Content-Type")), `HEAD Stop: no validator: ifmatch: no usable validator: Vary names Content-Type, which a refresh can't carry`},
		{"Vary: what only a write might have", of(`"v1"`), answers(ok(`ETag: "v2"`, "Vary: Content-Type")), `HEAD Done "v2"`},

		// Rule 6: the refused validator again.
		{"6 the refused tag, then another", of(`"v1"`), answers(ok(`ETag: "v1"`), ok(`ETag: "v2"`)), `HEAD Doubt, GET Done "v2"`},
		{"6 the refused tag twice", of(`"v1"`), answers(ok(`ETag: "v1"`), ok(`ETag: "v1"`)), `HEAD Doubt, GET Done "v1" unchanged`},
		{"6 one of the refused tags", of(`"v0"`, `"v1"`), answers(ok(`ETag: "v1"`), ok(`ETag: "v0"`)), `HEAD Doubt, GET Done "v0" unchanged`},
		{"6 no wait for a refused tag that is gone", of(`"v1"`), answers(ok(`ETag: "v1"`), says(404)), `HEAD Doubt, GET Stop: gone`},
		{"6 the refused version twice", of("7").with(versions), answers(version("7"), version("7")), `HEAD Doubt, GET Done 7 unchanged`},
		{"6 the refused version, then another", of("7").with(versions), answers(version("7"), version("8")), `HEAD Doubt, GET Done 8`},
		{"6 the refused date twice", since(at0), answers(dated(at0, late), dated(at0, late)), `HEAD Doubt, GET Done ` + at0 + ` unchanged`},
		{"6 the refused date, then another", since(at0), answers(dated(at0, late), dated(at1, late)), `HEAD Doubt, GET Done ` + at1},
		{"6 the coded twin is a fresh tag", of(`"v1-gzip"`), answers(ok(`ETag: "v1"`)), `HEAD Done: coded "v1"`},
		{"6 so is the plain twin", of(`"v1"`), answers(ok(`ETag: "v1--gzip"`)), `HEAD Done: coded "v1--gzip"`},
		{"6 the strong twin of a weak tag is a fresh tag", of(`"v0"`, `W/"v1"`), answers(ok(`ETag: "v1"`)), `HEAD Done: weak "v1"`},
		{"6 the coded twin of a weak tag", of(`W/"v1-gzip"`), answers(ok(`ETag: W/"v1"`)), `HEAD Done: coded W/"v1"`},
		{"6 a refused tag that is also a twin", of(`"v1-gzip"`, `"v1"`), answers(ok(`ETag: "v1"`), ok(`ETag: "v1"`)), `HEAD Doubt, GET Done "v1" unchanged`},
		{"6 versions have no twins", of(`"v1-gzip"`).with(versions), answers(ok(`ETag: "v1"`)), `HEAD Done "v1"`},

		// Rule 6: a tag that differs from read to read.
		{"6 other bytes than before", of(`"v1"`).with(needState, before("x")), answers(body("v2", "y")), `GET Done "v2"`},
		{"6 the same bytes, by a rival", of(`"v1"`).with(needState, before("x")), answers(body("v2", "x"), body("v2", "x")), `GET Compare, GET Done: same bytes "v2"`},
		{"6 the same bytes, by two rivals", of(`"v1"`).with(needState, before("x")), answers(body("v2", "x"), body("v3", "x"), body("v3", "x")), `GET Compare, GET Compare, GET Done: same bytes "v3"`},
		{"6 the same bytes, and then others", of(`"v1"`).with(needState, before("x")), answers(body("v2", "x"), body("v3", "y")), `GET Compare, GET Done "v3"`},
		{"6 another tag for each read", of(`"v1"`).with(needState, before("x")), answers(body("v2", "x"), body("v3", "x"), body("v2", "x")),
			`GET Compare, GET Compare, GET Stop: unstable: the same bytes had the tag "v3" and then "v2", with nothing sent between`},
		{"6 the second time of the call", of(`"v1"`).with(needState, before("x"), func(f *Facts) { f.AttemptsLeft = 1 }), answers(body("v1", "x"), body("v2", "x"), body("v1", "x")),
			`GET Doubt, GET Compare, GET Stop: unstable: the same bytes had the tag "v2" and then "v1", with nothing sent between`},
		{"6 another date shows a rival", of(`"v1"`).with(needState, before("x")), answers(body("v2", "x", "Last-Modified: "+at0), body("v3", "x", "Last-Modified: "+at1)), `GET Compare, GET Done: same bytes "v3" ` + at1},
		{"6 twins are no suspicion", of(`"v1-gzip"`).with(needState, before("x")), answers(body("v1", "x")), `GET Done: coded "v1"`},
		{"6 nothing was read before", of(`"v1"`).with(needState), answers(body("v2", "x")), `GET Done "v2"`},
		{"6 a tag that returned", of(`"v2"`).with(earlier(`"v1"`)), answers(ok(`ETag: "v1"`), body("v1", "x")), `HEAD Compare, GET Done "v1"`},
		{"6 a tag that returned, and changes", of(`"v2"`).with(earlier(`"v1"`)), answers(ok(`ETag: "v1"`), body("v2", "x"), body("v1", "x"), body("v3", "x")),
			`HEAD Compare, GET Compare, GET Compare, GET Stop: unstable: the same bytes had the tag "v1" and then "v3", with nothing sent between`},
		{"6 a tag that returned, read to have other bytes", of(`"v2"`).with(before("x"), earlier(`"v1"`)), answers(ok(`ETag: "v1"`), body("v1", "y")), `HEAD Compare, GET Done "v1"`},
		{"6 a tag that returned with other bytes", of(`"v2"`).with(needState, before("x"), earlier(`"v1"`)), answers(body("v1", "y")), `GET Done "v1"`},
		{"6 a tag that returned, too large to compare", of(`"v2"`).with(earlier(`"v1"`)), answers(ok(`ETag: "v1"`), ok(`ETag: "v1"`)), `HEAD Compare, GET Done "v1"`},
		{"6 the same bytes, and no request is left", of(`"v1"`).with(needState, before("x")), answers(says(503), says(503), says(503), body("v2", "x")), `GET Repeat, GET Repeat, GET Repeat, GET Done: same bytes "v2"`},
		{"6 versions are compared by the API", of("7").with(versions, before("x")), answers(version("8")), `HEAD Done 8`},

		// Rule 7: weak tags and dates of the last second.
		{"7 a weak tag goes back", of(`W/"v1"`), answers(ok(`ETag: W/"v2"`)), `HEAD Done W/"v2"`},
		{"7 a weak tag after a strong one", of(`"v1"`), answers(ok(`ETag: W/"v2"`)), `HEAD Stop: weak: only the weak tag W/"v2"`},
		{"7 a weak tag after a strong one among weak ones", of(`W/"v0"`, `"v1"`), answers(ok(`ETag: W/"v2"`)), `HEAD Stop: weak: only the weak tag W/"v2"`},
		{"7 an old weak tag after a strong one", of(`"v1"`), answers(weak("v2", at0, at2)), `HEAD Stop: weak: only the weak tag W/"v2"`},
		{"7 a weak tag for no precondition", of(), answers(ok(`ETag: W/"v2"`)), `HEAD Done: shows nothing W/"v2"`},
		{"7 the API compares weak tags", of(`"v1"`).with(weakTags), answers(weak("v2", at0, at0)), `HEAD Done W/"v2" ` + at0},
		{"7 the API compares weak tags, the refused one", of(`W/"v1"`).with(weakTags), answers(ok(`ETag: W/"v1"`), ok(`ETag: W/"v1"`)), `HEAD Doubt, GET Done W/"v1" unchanged`},
		{"7 the API compares weak tags, the weak twin", of(`"v1"`).with(weakTags), answers(ok(`ETag: W/"v1"`)), `HEAD Done: coded W/"v1"`},
		{"7 weak, then strong", of(`"v1"`), answers(weak("v2", at0, at0), ok(`ETag: "v2"`)), `HEAD Settle, HEAD Done "v2"`},
		{"7 weak at the age of a second, then strong", of(`"v1"`), answers(weak("v2", at0, at1), ok(`ETag: "v2"`)), `HEAD Settle, HEAD Done "v2"`},
		{"7 weak, the clock of the state is a second ahead", of(`"v1"`), answers(weak("v2", at1, at0), ok(`ETag: "v2"`)), `HEAD Settle, HEAD Done "v2"`},
		{"7 weak, the clock of the state is further ahead", of(`"v1"`), answers(weak("v2", at2, at0)), `HEAD Stop: weak: only the weak tag W/"v2"`},
		{"7 weak also where a weak one was sent", of(`W/"v1"`), answers(weak("v2", at0, at0), ok(`ETag: "v2"`)), `HEAD Settle, HEAD Done "v2"`},
		{"7 it stays weak", of(`"v1"`), answers(weak("v2", at0, at0), weak("v2", at0, at1)), `HEAD Settle, HEAD Stop: weak: only the weak tag W/"v2"`},
		{"7 it stays weak where a weak one was sent", of(`W/"v1"`), answers(weak("v2", at0, at0), weak("v2", at0, at1)), `HEAD Settle, HEAD Done W/"v2" ` + at0},
		{"7 the refused weak tag stays weak", of(`W/"v1"`), answers(weak("v1", at0, at0), weak("v1", at0, at1), weak("v1", at0, at1)), `HEAD Settle, HEAD Doubt, GET Done W/"v1" ` + at0 + ` unchanged`},
		{"7 somebody wrote while it settled", of(`"v1"`), answers(weak("v2", at0, at0), weak("v3", at1, at1), ok(`ETag: "v3"`)), `HEAD Settle, HEAD Settle: lost race, HEAD Done "v3"`},
		{"7 and the strong one of that is fresh", of(`"v1"`), answers(weak("v2", at0, at0), ok(`ETag: "v3"`)), `HEAD Settle, HEAD Done "v3"`},
		{"7 two attempts are left", of(`"v1"`).with(twoLeft), answers(weak("v2", at0, at0), weak("v3", at1, at1), weak("v4", at2, at2)), `HEAD Settle, HEAD Settle: lost race, HEAD Stop: lost race`},
		{"7 one attempt is left", of(`"v1"`).with(oneLeft), answers(weak("v2", at0, at0), weak("v3", at1, at1)), `HEAD Settle, HEAD Stop: lost race`},
		{"7 the first wait is no lost race", of(`"v1"`).with(oneLeft), answers(weak("v2", at0, at0), ok(`ETag: "v2"`)), `HEAD Settle, HEAD Done "v2"`},
		{"7 a date of the last second", since(at0), answers(dated(at1, at1), dated(at1, at2)), `HEAD Settle, HEAD Done ` + at1},
		{"7 a date of a second ago", since(at0), answers(dated(at1, at2)), `HEAD Done ` + at1},
		{"7 a date without Date", since(at0), answers(ok("Last-Modified: "+at1), ok("Last-Modified: "+at1)), `HEAD Settle, HEAD Done ` + at1},
		{"7 a date of the last second, the last writer wins", since(at0).with(lastWriterWins), answers(dated(at1, at1)), `HEAD Done ` + at1},
		{"7 a refused date of the last second", since(at0), answers(dated(at0, at0), dated(at0, at0), dated(at0, at2)), `HEAD Settle, HEAD Doubt, GET Done ` + at0 + ` unchanged`},
		{"7 another date while it settled", since(at0), answers(dated(at1, at1), dated(at2, at2), dated(at2, late)), `HEAD Settle, HEAD Settle: lost race, HEAD Done ` + at2},
		{"7 a date beside a weak tag of the last second", since(at0).with(lastWriterWins), answers(weak("v2", at1, at1), weak("v2", at1, at2)), `HEAD Settle, HEAD Done W/"v2" ` + at1},
		{"7 a date beside an old weak tag", since(at0), answers(weak("v2", at1, late)), `HEAD Done W/"v2" ` + at1},
		{"7 a date beside a strong tag of the last second", since(at0).with(lastWriterWins), answers(ok(`ETag: "v2"`, "Last-Modified: "+at1, "Date: "+at1)), `HEAD Done "v2" ` + at1},

		// Rule 22: at most four requests, and a new count after a lost race.
		{"22 a failure that doesn't pass", of(`"v1"`), answers(says(503), says(503), says(503), says(503)), `HEAD Repeat, GET Repeat, GET Repeat, GET Stop: too many`},
		{"22 too many requests for too long", of(`"v1"`), answers(says(429), says(429), says(429), says(429)), `HEAD Repeat, HEAD Repeat, HEAD Repeat, HEAD Stop: too many`},
		{"22 the fourth answer counts", of(`"v1"`), answers(says(503), says(503), says(503), ok(`ETag: "v2"`)), `HEAD Repeat, GET Repeat, GET Repeat, GET Done "v2"`},
		{"22 the fourth answer stops", of(`"v1"`), answers(says(503), says(503), says(503), says(403)), `HEAD Repeat, GET Repeat, GET Repeat, GET Stop: denied`},
		{"22 no fifth for HEAD that can't say", of(`"v1"`), answers(says(429), says(429), says(429), says(405)), `HEAD Repeat, HEAD Repeat, HEAD Repeat, HEAD Stop: too many`},
		{"22 no fifth for HEAD that is refused", of(`"v1"`), answers(says(429), says(429), says(429), says(403)), `HEAD Repeat, HEAD Repeat, HEAD Repeat, HEAD Stop: too many`},
		{"22 no fifth for HEAD that fails", of(`"v1"`), answers(says(429), says(429), says(429), says(500)), `HEAD Repeat, HEAD Repeat, HEAD Repeat, HEAD Stop: too many`},
		{"22 no fifth for the refused tag", of(`"v1"`), answers(says(429), says(429), says(429), ok(`ETag: "v1"`)), `HEAD Repeat, HEAD Repeat, HEAD Repeat, HEAD Stop: too many`},
		{"22 no fifth for a young state", of(`"v1"`), answers(says(503), says(503), says(503), weak("v2", at0, at0)), `HEAD Repeat, GET Repeat, GET Repeat, GET Stop: too many`},
		{"22 a lost race begins a new count", of(`"v1"`), answers(says(503), says(503), weak("v2", at0, at0), weak("v3", at1, at1), says(503), says(503), says(503), says(503)),
			`HEAD Repeat, GET Repeat, GET Settle, GET Settle: lost race, GET Repeat, GET Repeat, GET Repeat, GET Stop: too many`},
		{"22 each state is entered once", of(`"v1"`).with(sending("Prefer: x"), func(f *Facts) { f.AttemptsLeft = 9 }), answers(
			ok(`ETag: "v1"`, "Vary: Prefer"), says(206), ok(`ETag: "v1"`), ok(`ETag: "v1"`, "Vary: Prefer")),
			`HEAD (then with Prefer) Ask, HEAD (then with Prefer) UseGet, GET (then with Prefer) Doubt, GET (then with Prefer) Done "v1" unchanged`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m Machine
			if got := m.play(test.facts, test.facts.NeedState, test.answers...); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			if done := strings.Contains(test.want, "Done"); m.Known != done || (m.Fresh == etag.Validators{}) == done {
				t.Errorf("known: %v, %v", m.Known, m.Fresh)
			}
		})
	}
}

// TestMachineAsksForTheState: what was learnt stays, and is asked for anew with the
// state; the requests of both runs are counted together.
func TestMachineAsksForTheState(t *testing.T) {
	var m Machine
	if got, want := m.play(of(`"v1"`), false, says(503), ok(`ETag: "v1"`), ok(`ETag: "v1"`)), `HEAD Repeat, GET Doubt, GET Done "v1" unchanged`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if !m.Known {
		t.Error("the validators aren't known")
	}
	// Unchanged is found anew, but the fourth request is the last.
	again := m
	if got, want := again.play(of(`"v1"`).with(needState), true, ok(`ETag: "v1"`)), `GET Stop: too many`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got, want := m.play(of(`"v1"`).with(needState), true, ok(`ETag: "v2"`)), `GET Done "v2"`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got, want := m.play(of(`"v1"`), false), `Stop: too many`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestMachineForgets: all but the number of requests.
func TestMachineForgets(t *testing.T) {
	var m Machine
	facts := of(`"v1"`).with(sending("Prefer: x"))
	m.play(facts, true, ok(`ETag: "v2"`, "Vary: Accept-Encoding"))
	m.Forget()
	if m != (Machine{asked: 1}) {
		t.Errorf("left: %+v", m)
	}
	if got, want := m.play(facts, false, ok(`ETag: "v1"`, "Vary: Prefer"), ok(`ETag: "v1"`), ok(`ETag: "v1"`)),
		`HEAD (then with Prefer) Ask, HEAD (then with Prefer) Doubt, GET (then with Prefer) Done "v1" unchanged`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestMachineTakesATag that needs no request.
func TestMachineTakesATag(t *testing.T) {
	var m Machine
	if m.Take(`"v2"`); !m.Known || m.Fresh != (etag.Validators{ETag: `"v2"`}) || m.Unchanged {
		t.Errorf("%+v", m)
	}
	// The state is asked for all the same.
	if got, want := m.play(of(`"v1"`).with(needState), true, ok(`ETag: "v3"`)), `GET Done "v3"`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestMachineShows: what a refusal shows is taken as an answer would be, where that would be
// the last one; otherwise nothing is.
func TestMachineShows(t *testing.T) {
	for name, test := range map[string]struct {
		facts  Facts
		answer Answer
		want   string // empty: not taken
	}{
		"another tag":                     {of(`"v1"`), ok(`ETag: "v2"`), "v2"},
		"another version":                 {of("1").with(versions), version("2"), "2"},
		"6 the refused tag":               {of(`"v1"`), ok(`ETag: "v1"`), ""},
		"6 the refused version":           {of("1").with(versions), version("1"), ""},
		"no tag":                          {of(`"v1"`), ok(), ""},
		"7 a weak tag of the last second": {of(`"v1"`), weak("v2", at0, at0), ""},
		"7 a weak tag that stays":         {of(`"v1"`), weak("v2", at0, at2), ""},
		"a tag that may be unstable":      {of(`"v1"`).with(needState, before("x")), body("v2", "x"), ""},
		"Vary names Prefer":               {of(`"v1"`).with(sending("Prefer: a")), ok(`ETag: "v2"`, "Vary: Prefer"), ""},
	} {
		m := Machine{Unstable: 1}
		_, taken := m.Show(&test.facts, &test.answer)
		if taken != (test.want != "") || taken != m.Known || taken && strings.Trim(m.Fresh.ETag, `"`) != test.want || !taken && m != (Machine{Unstable: 1}) || m.asked > 0 {
			t.Errorf("%s: %t, %+v", name, taken, m)
		}
	}
}

// TestMachineCountsForTheCall: what one refresh has seen of unstable tags counts for the
// next one, also where what it had read was forgotten.
func TestMachineCountsForTheCall(t *testing.T) {
	var m Machine
	facts := of(`"v1"`).with(needState, before("x"))
	m.play(facts, true, body("v2", "x"), body("v3", "x"), body("v3", "x"))
	m.Forget()
	next := Machine{Unstable: m.Unstable}
	if got, want := next.play(facts, true, body("v2", "x"), body("v3", "x")), `GET Compare, GET Stop: unstable: the same bytes had the tag "v2" and then "v3", with nothing sent between`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
