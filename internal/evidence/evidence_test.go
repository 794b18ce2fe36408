package evidence

import "testing"

// direct is a request that an *http.Transport sends over HTTP/1.
func direct(getConns, gotConns, wrote int) Seen {
	return Seen{Direct: true, HTTP1: gotConns > 0, GetConns: getConns, GotConns: gotConns, Wrote: wrote}
}

func (s Seen) with(change func(*Seen)) Seen {
	change(&s)
	return s
}

// TestNeverSent: what has to be seen before a failed request counts as never sent.
func TestNeverSent(t *testing.T) {
	foreign := func(s *Seen) { s.Foreign, s.Direct = true, false }
	ended := func(s *Seen) { s.Ended = true }
	before := func(s *Seen) { s.EndedBefore, s.Ended, s.OwnError, s.HTTP = true, true, true, true }
	silent := func(s *Seen) { s.Silent = true }
	for _, row := range []struct {
		rule string
		seen Seen
		want bool
	}{
		{"9: no connection came", direct(1, 0, 0), true},
		{"9: nor did one until the deadline", direct(1, 0, 0).with(ended), true},
		{"9: nor did one below a foreign base", direct(1, 0, 0).with(foreign), true},
		{"9: a foreign base may go on after the deadline", direct(1, 0, 0).with(foreign).with(ended), false},
		{"9: a connection came", direct(1, 1, 0), false},
		{"9: the header was written", direct(1, 1, 1), false},
		{"9: a foreign base tried again, and got no connection", direct(2, 1, 1).with(foreign), false},
		{"9: a Transport of ours below did", direct(2, 1, 1).with(func(s *Seen) { s.Direct = false }), false},
		{"9: net/http tries again only where nothing was written", direct(2, 1, 1), true},
		{"9: but with a key it does so always", direct(2, 1, 1).with(func(s *Seen) { s.Keyed = true }), false},
		{"9: and on HTTP/2 after a PROTOCOL_ERROR", direct(2, 1, 1).with(func(s *Seen) { s.HTTP1 = false }), false},
		{"9: the second connection came", direct(2, 2, 1), false},
		{"9: a connection without being asked for", direct(0, 1, 0), false},
		{"9: the context had ended before", direct(0, 0, 0).with(before), true},
		{"9: the context had ended before, and the error isn't its own", direct(0, 0, 0).with(before).with(func(s *Seen) { s.OwnError = false }), false},
		{"9: the context had ended before, over a protocol of RegisterProtocol", direct(0, 0, 0).with(before).with(func(s *Seen) { s.HTTP = false }), false},
		{"9: a foreign base looked at the context when it had sent", direct(0, 0, 0).with(foreign).with(before), false},
		{"9: a foreign base sent it although the context had ended", direct(1, 1, 1).with(foreign).with(before), false},
		{"9: a protocol of TLSNextProto may have got the connection", direct(1, 0, 0).with(silent), false},
		{"9: or the one after a dead one", direct(2, 1, 1).with(silent), false},
		{"9: the context ended later, and nothing was seen", direct(0, 0, 0).with(ended), false},
		{"9: no event at all", direct(0, 0, 0), false},
		{"9: no event at all from a foreign base", direct(0, 0, 0).with(foreign), false},
		{"9: an invalid field", direct(0, 0, 0).with(func(s *Seen) { s.Invalid = true }), true},
		{"9: a foreign base may send an invalid field", direct(0, 0, 0).with(foreign).with(func(s *Seen) { s.Invalid = true }), false},
		{"9: nobody watched", Seen{Foreign: true}, false},
	} {
		if got := row.seen.NeverSent(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// TestRepeatedBelow: what has to be seen before an answer counts as one of several.
func TestRepeatedBelow(t *testing.T) {
	foreign := func(s *Seen) { s.Foreign, s.Direct = true, false }
	for _, row := range []struct {
		rule string
		seen Seen
		want bool
	}{
		{"9: once", direct(1, 1, 1), false},
		{"9: the header wasn't written", direct(1, 1, 0), false},
		{"9: a dead pooled connection", direct(2, 2, 2), false},
		{"9: below a Transport of ours too", direct(2, 2, 2).with(func(s *Seen) { s.Direct = false }), false},
		{"9: with a key net/http repeats what was written", direct(2, 2, 2).with(func(s *Seen) { s.Keyed = true }), true},
		{"9: on HTTP/2 nobody can tell", direct(2, 2, 2).with(func(s *Seen) { s.HTTP1 = false }), true},
		{"9: a foreign base repeats", direct(2, 2, 2).with(foreign), true},
		{"9: a foreign base answers a challenge", direct(2, 2, 2).with(foreign).with(func(s *Seen) { s.LoggedIn = true }), false},
		{"9: nobody watched", Seen{Foreign: true}, false},
	} {
		if got := row.seen.RepeatedBelow(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}
