package integration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// sentList has the exchanges in words, such as "PUT 412, HEAD 200, PUT 204".
func sentList(o ifmatch.Outcome) string {
	var list []string
	for _, e := range o.Exchanges {
		list = append(list, e.String())
	}
	return strings.Join(list, ", ")
}

// sent compares what was sent with want: as the Outcome has it, and as the
// server itself logged it, where it has a log. It comes before the test reads
// the document again.
func (d *doc) sent(o ifmatch.Outcome, want []string) {
	d.t.Helper()
	d.told(o, want)
	d.recorded(o)
	d.logged(d.asked, splitList(sentList(o)))
}

// told compares the exchanges of the Outcome with want.
func (d *doc) told(o ifmatch.Outcome, want []string) {
	d.t.Helper()
	got := splitList(sentList(o))
	if (d.server.origin != "" || d.server.weakSecond) && len(got) != len(want) {
		// Whether Apache's second is over when the refresh comes is a matter of time.
		want = slices.Compact(slices.Clone(want))
	}
	if !slices.Equal(got, want) {
		d.t.Errorf("sent %s, want %s (%v, %v)", sentList(o), strings.Join(want, ", "), o.Cause, o.Err)
	}
}

// recorded compares what was seen below ifmatch with what the Outcome says, and
// looks at the preconditions in it.
func (d *doc) recorded(o ifmatch.Outcome) {
	d.t.Helper()
	if got := d.wire.list(); got != sentList(o) {
		d.t.Errorf("the Outcome says %s, and what was sent is %s", sentList(o), got)
	}
	d.wire.guarded(d.t)
}

// logged compares what the server logged after the first requests with want.
// The order is not the log's to tell: a request comes into it when it is done
// with, which is after its answer.
func (d *doc) logged(skip int, want []string) {
	d.t.Helper()
	if d.server.log == "" || d.t.Failed() {
		return
	}
	log := accessLog(d.t, d.server.log, d.path, skip+len(want))[skip:]
	if d.readsAfter && len(log) == len(want)+1 && log[len(want)].method == "GET" {
		log = log[:len(want)]
	}
	if got, want := sorted(splitList(loggedList(log))), sorted(want); got != want {
		d.t.Errorf("%s logged %s, want %s", d.server.log, got, want)
		return
	}
	d.guarded(log)
}

func loggedList(log []logged) string {
	var list []string
	for _, l := range log {
		list = append(list, fmt.Sprint(l.method, " ", l.status))
	}
	return strings.Join(list, ", ")
}

// splitList is sentList undone.
func splitList(list string) []string { return strings.Split(list, ", ") }

func sorted(list []string) string { return strings.Join(slices.Sorted(slices.Values(list)), ", ") }

// guarded checks in the log that a write which followed a refusal named a tag
// that a read before it was given.
func (d *doc) guarded(log []logged) {
	d.t.Helper()
	given, refused := map[string]bool{}, ""
	for _, l := range log {
		if l.method == "GET" || l.method == "HEAD" {
			given[l.etag] = true
		} else if l.status == 412 {
			refused = l.ifMatch
		}
	}
	for _, l := range log {
		isWrite := l.method != "GET" && l.method != "HEAD"
		if isWrite && l.status < 300 && strings.Contains(l.ifMatch, `"`) && refused != "" && !given[l.ifMatch] {
			d.t.Errorf("%s %d was under %s, which no answer had: %+v", l.method, l.status, l.ifMatch, log)
		}
	}
}

// write is "PUT 412" and the like.
func write(method string, status int) string { return method + " " + strconv.Itoa(status) }

// waitLogged waits until the server has logged the requests that the test asks for.
func waitLogged(t *testing.T, server, path string, enough func([]logged) bool) []logged {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		log := accessLog(t, server, path, 1)
		if enough(log) {
			return log
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log of %s has only %s", server, loggedList(log))
		}
	}
}
