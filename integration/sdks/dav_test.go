package sdks

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav"
	"github.com/emersion/go-webdav/caldav"
	"github.com/ifmatch-go/ifmatch"
)

// calendarClient returns a CalDAV client whose writes are guarded in a flow of
// ifmatch.Remember.
func calendarClient(calendar string, network http.RoundTripper, onConflict ifmatch.Policy) (*caldav.Client, error) {
	client := &http.Client{Transport: ifmatch.NewTransport(network, onConflict)}
	return caldav.NewClient(webdav.HTTPClientWithBasicAuth(client, "user", "any"), calendar)
}

// setSummary reads an entry, changes it and writes it back, as the flow of ctx.
func setSummary(ctx context.Context, client *caldav.Client, path, summary string, between func()) error {
	ctx = ifmatch.Remember(ctx)
	entry, err := client.GetCalendarObject(ctx, path)
	if err != nil {
		return err
	}
	between() // what somebody else does meanwhile
	for _, event := range entry.Data.Events() {
		event.Props.SetText(ical.PropSummary, summary)
	}
	_, err = client.PutCalendarObject(ctx, path, entry.Data)
	return err
}

func newEntry(t *testing.T, client *caldav.Client, path string) {
	t.Helper()
	text := strings.ReplaceAll("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//ifmatch//sdks//EN\nBEGIN:VEVENT\nUID:"+path+
		"\nDTSTAMP:20260101T000000Z\nDTSTART:20260101T100000Z\nSUMMARY:first\nEND:VEVENT\nEND:VCALENDAR\n", "\n", "\r\n")
	calendar, err := ical.NewDecoder(strings.NewReader(text)).Decode()
	if err == nil {
		_, err = client.PutCalendarObject(t.Context(), path, calendar)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func summary(t *testing.T, client *caldav.Client, path string) string {
	t.Helper()
	entry, err := client.GetCalendarObject(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := entry.Data.Events()[0].Props.Text(ical.PropSummary)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// addToSummary makes the change on the entry as it is now.
var addToSummary = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	entry, err := ical.NewDecoder(bytes.NewReader(current.Body)).Decode()
	if err != nil {
		return nil, err
	}
	for _, event := range entry.Events() {
		text, err := event.Props.Text(ical.PropSummary)
		if err != nil {
			return nil, err
		}
		event.Props.SetText(ical.PropSummary, text+" and ours")
	}
	var body bytes.Buffer
	err = ical.NewEncoder(&body).Encode(entry)
	return body.Bytes(), err
})

func TestCalendar(t *testing.T) {
	needs(t, "radicale")
	for _, c := range []struct {
		name    string
		policy  ifmatch.Policy
		theirs  bool // somebody else writes in between
		sent    string
		summary string
		effect  ifmatch.Effect
		cause   ifmatch.Cause
	}{
		{"alone", ifmatch.Stop, false, "GET 200, PUT 201", "ours", ifmatch.EffectApplied, ifmatch.CauseNone},
		{"stop", ifmatch.Stop, true, "GET 200, PUT 412", "theirs", ifmatch.EffectNotApplied, ifmatch.CauseUnexamined},
		{"resend", ifmatch.Resend, true, "GET 200, PUT 412, HEAD 200, PUT 201", "ours", ifmatch.EffectApplied, ifmatch.CauseChanged},
		{"rebuild", addToSummary, true, "GET 200, PUT 412, GET 200, PUT 201", "theirs and ours", ifmatch.EffectApplied, ifmatch.CauseChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			var network, others wire
			client, err := calendarClient(env(t, "RADICALE"), &network, c.policy)
			if err != nil {
				t.Fatal(err)
			}
			other, err := calendarClient(env(t, "RADICALE"), &others, ifmatch.Stop)
			if err != nil {
				t.Fatal(err)
			}
			path := "sdk-" + c.name + ".ics"
			newEntry(t, other, path)
			var outcome ifmatch.Outcome
			err = setSummary(ifmatch.WithOutcome(t.Context(), &outcome), client, path, "ours", func() {
				if c.theirs {
					if err := setSummary(t.Context(), other, path, "theirs", func() {}); err != nil {
						t.Fatal(err)
					}
				}
			})
			network.expect(t, c.sent)
			ended(t, outcome, c.effect, c.cause)
			if refused := c.effect == ifmatch.EffectNotApplied; refused != (err != nil && strings.Contains(err.Error(), "412")) {
				t.Errorf("got %v, a refusal wanted: %t", err, refused)
			}
			if tag := network.written.Get("If-Match"); !strings.HasPrefix(tag, `"`) {
				t.Errorf("the last write had If-Match %q", tag)
			}
			if got := summary(t, other, path); got != c.summary {
				t.Errorf("summary: got %q, want %q", got, c.summary)
			}
		})
	}
	logged(t, "RADICALE_LOG", `PUT response status for '\S*/sdk-stop.ics'.*: 412 `)
}

// Without Remember the client's writes have no condition: one of two is lost.
func TestCalendarUnguarded(t *testing.T) {
	needs(t, "radicale")
	var network wire
	client, err := calendarClient(env(t, "RADICALE"), &network, ifmatch.Resend)
	if err != nil {
		t.Fatal(err)
	}
	newEntry(t, client, "sdk-unguarded.ics")
	entry, err := client.GetCalendarObject(t.Context(), "sdk-unguarded.ics")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutCalendarObject(t.Context(), "sdk-unguarded.ics", entry.Data); err != nil {
		t.Fatal(err)
	}
	if tag := network.written.Get("If-Match"); tag != "" {
		t.Errorf("the client has learnt to send If-Match %s: say so in docs/sdks.md", tag)
	}
}

// The same library's WebDAV client streams what it writes.
func TestWebDAV(t *testing.T) {
	needs(t, "sabre")
	var network wire
	httpClient := &http.Client{Transport: ifmatch.NewTransport(&network, ifmatch.Stop)}
	client, err := webdav.NewClient(httpClient, env(t, "SABRE"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(ctx context.Context, text string) error {
		file, err := client.Create(ctx, "sdk.txt")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(file, text); err != nil {
			return err
		}
		return file.Close()
	}
	read := func(ctx context.Context) string {
		file, err := client.Open(ctx, "sdk.txt")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if err := write(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	flow := ifmatch.Remember(t.Context())
	read(flow)
	if err := write(t.Context(), "theirs"); err != nil {
		t.Fatal(err)
	}
	network.take()
	if err := write(flow, "ours"); err == nil || !strings.Contains(err.Error(), "412") {
		t.Errorf("stop: got %v, want 412", err)
	}
	network.expect(t, "PUT 412")
	if got := read(flow); got != "theirs" {
		t.Errorf("stop: state: got %q", got)
	}
	if err := write(t.Context(), "theirs again"); err != nil {
		t.Fatal(err)
	}
	network.take()
	if err := write(ifmatch.WithOptions(flow, ifmatch.OnConflict(ifmatch.Resend)), "ours"); err != nil {
		t.Errorf("resend: %v", err)
	}
	network.expect(t, "PUT 412, HEAD 200, PUT 204")
	if got := read(t.Context()); got != "ours" {
		t.Errorf("resend: state: got %q", got)
	}
	logged(t, "SABRE_LOG", `^PUT /sdk.txt 412 "\\"`)
	logged(t, "SABRE_LOG", `^PUT /sdk.txt 204 "\\"`)
}
