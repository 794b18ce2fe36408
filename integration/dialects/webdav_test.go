package dialects

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/webdav"
)

var docDAV = ifmatch.Options{ifmatch.WithDialect(webdav.Dialect())}

const docLockInfo = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`

// TestWebDAVLock: what a lock refuses stops at once, and what names the lock goes
// through as it is.
func TestWebDAVLock(t *testing.T) {
	for _, name := range []string{"apache", "sabre"} {
		t.Run(name, func(t *testing.T) {
			url := docServer(t, name) + "locked-" + docID()
			docPlain(t, 201, "PUT", url, "1", nil)
			resp, _ := docPlain(t, 200, "LOCK", url, docLockInfo, http.Header{"Content-Type": {"application/xml"}})
			token := resp.Header.Get("Lock-Token")

			status, _, out := docSend(t, docDAV, ifmatch.Resend, "PUT", url, "2", nil)
			docExpect(t, status, out, 423, ifmatch.CauseLocked, "PUT 423")
			status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url, "2", http.Header{"If": {"(<opaquelocktoken:00000000-0000-0000-0000-000000000000>)"}})
			docExpect(t, status, out, 412, ifmatch.CauseLocked, "PUT 412")
			status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url, "2", http.Header{"If": {"(" + token + ")"}})
			docExpect(t, status, out, 204, ifmatch.CauseNone, "PUT 204")
			status, _, out = docSend(t, docDAV, ifmatch.Resend, "UNLOCK", url, "", http.Header{"Lock-Token": {token}})
			docExpect(t, status, out, 204, ifmatch.CauseNone, "UNLOCK 204")

			docPlain(t, 201, "PUT", url+"-other", "1", nil)
			status, _, out = docSend(t, docDAV, ifmatch.Resend, "COPY", url, "", http.Header{"Destination": {url + "-other"}, "Overwrite": {"F"}})
			docExpect(t, status, out, 412, ifmatch.CauseExists, "COPY 412")
		})
	}
}

func docEvent(uid, summary string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//ifmatch//dialects//EN\r\nBEGIN:VEVENT\r\nUID:" + uid +
		"\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T100000Z\r\nSUMMARY:" + summary + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

// TestCalDAV: a plain If-Match is as in RFC 9110, and a precondition code stops.
func TestCalDAV(t *testing.T) {
	id := docID()
	url := docServer(t, "radicale") + "event-" + id
	calendar := http.Header{"Content-Type": {"text/calendar"}}
	docPlain(t, 201, "PUT", url+".ics", docEvent(id, "1"), calendar)

	stale := calendar.Clone()
	stale.Set("If-Match", `"stale"`)
	status, _, out := docSend(t, docDAV, ifmatch.Stop, "PUT", url+".ics", docEvent(id, "2"), stale)
	docExpect(t, status, out, 412, ifmatch.CauseUnexamined, "PUT 412")
	status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url+".ics", docEvent(id, "2"), stale)
	docExpect(t, status, out, 201, ifmatch.CauseChanged, "PUT 412", "HEAD 200", "PUT 201")

	create := calendar.Clone()
	create.Set("If-None-Match", "*")
	status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url+".ics", docEvent(id, "3"), create)
	docExpect(t, status, out, 412, ifmatch.CauseExists, "PUT 412")
	status, text, out := docSend(t, docDAV, ifmatch.Resend, "PUT", url+"-twin.ics", docEvent(id, "3"), create)
	docExpect(t, status, out, 409, ifmatch.CauseExists, "PUT 409")
	if !strings.Contains(text, "no-uid-conflict") || !strings.Contains(fmt.Sprint(out.Err), "no-uid-conflict") {
		t.Errorf("got %s, %v", text, out.Err)
	}

	docPlain(t, 200, "DELETE", url+".ics", "", nil)
	status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url+".ics", docEvent(id, "2"), stale)
	docExpect(t, status, out, 412, ifmatch.CauseGone, "PUT 412", "HEAD 404", "GET 404")
}

// TestDAViCal: its error body names if-match and if-none-match, and both are refusals as in
// RFC 9110. One that a UID or a right causes has another code.
func TestDAViCal(t *testing.T) {
	id := docID()
	url := docServer(t, "davical") + "event-" + id
	calendar := http.Header{"Content-Type": {"text/calendar"}, "Authorization": {storeEnv(t, "DAVICAL_AUTHORIZATION")}}
	docPlain(t, 201, "PUT", url+".ics", docEvent(id, "1"), calendar)
	stale := calendar.Clone()
	stale.Set("If-Match", `"stale"`)
	_, text := docPlain(t, 412, "PUT", url+".ics", docEvent(id, "2"), stale)
	if !strings.Contains(text, "<if-match/>") {
		t.Errorf("a refusal without its code: %s", text)
	}

	status, _, out := docSend(t, docDAV, ifmatch.Stop, "PUT", url+".ics", docEvent(id, "2"), stale)
	docExpect(t, status, out, 412, ifmatch.CauseUnexamined, "PUT 412")
	status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url+".ics", docEvent(id, "2"), stale)
	docExpect(t, status, out, 204, ifmatch.CauseChanged, "PUT 412", "HEAD 200", "PUT 204")
	if _, text := docPlain(t, 200, "GET", url+".ics", "", calendar); !strings.Contains(text, "SUMMARY:2") {
		t.Errorf("not there: %s", text)
	}

	create := calendar.Clone()
	create.Set("If-None-Match", "*")
	status, text, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url+".ics", docEvent(id, "3"), create)
	docExpect(t, status, out, 412, ifmatch.CauseExists, "PUT 412")
	if !strings.Contains(text, "<if-none-match/>") {
		t.Errorf("a refusal without its code: %s", text)
	}
	status, _, out = docSend(t, docDAV, ifmatch.Resend, "DELETE", url+".ics", "", stale)
	docExpect(t, status, out, 204, ifmatch.CauseChanged, "DELETE 412", "HEAD 200", "DELETE 204")
	status, _, out = docSend(t, docDAV, ifmatch.Resend, "PUT", url+".ics", docEvent(id, "2"), stale)
	docExpect(t, status, out, 412, ifmatch.CauseGone, "PUT 412", "HEAD 404", "GET 404")
}
