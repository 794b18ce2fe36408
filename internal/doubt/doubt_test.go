package doubt

import "testing"

// TestOpens: which attempts leave the effect of their write open.
func TestOpens(t *testing.T) {
	for _, row := range []struct {
		rule    string
		attempt Attempt
		want    bool
	}{
		{"9: a connection error", Attempt{Failed: true}, true},
		{"9: it was never sent", Attempt{Failed: true, NeverSent: true}, false},
		{"9: a Transport below knows that it wasn't applied", Attempt{Failed: true, KnownBelow: true}, false},
		{"9: a Transport below doesn't know, and its last attempt was never sent", Attempt{Failed: true, UnknownBelow: true, NeverSent: true}, true},
		{"9: repeated below, and the last one failed", Attempt{Failed: true, Repeated: true}, true},
		{"9: repeated below, and the last one was refused", Attempt{Status: 412, Repeated: true}, true},
		{"9: repeated below, and the last one found nothing", Attempt{Status: 404, Repeated: true}, true},
		{"9: repeated below, and the last one was accepted", Attempt{Status: 204, Repeated: true}, false},
		{"9: repeated below by its key: the answer is kept", Attempt{Status: 412, Repeated: true, Keyed: true}, false},
		{"9: repeated below by its key, and the last one is in doubt", Attempt{Status: 503, Repeated: true, Keyed: true}, true},
		{"9: repeated below by its key, and the last one failed", Attempt{Failed: true, Repeated: true, Keyed: true}, true},
		{"9: repeated below, and the first doubt is kept", Attempt{Status: 412, Repeated: true, OpenSince: true}, false},
		{"9: a Transport below had a lost answer, and then one that applied nothing", Attempt{Status: 403, OpenBelow: true}, true},
		{"9: a Transport below had a lost answer, and then found nothing, by its key", Attempt{Status: 404, OpenBelow: true, Keyed: true}, true},
		{"9: a Transport below had a lost answer, and then success", Attempt{Status: 204, OpenBelow: true}, false},
		{"9: a Transport below returns the answer in doubt", Attempt{Status: 502, OpenBelow: true}, true},
		{"9: a Transport below had a lost answer, and the first doubt is kept", Attempt{Status: 403, OpenBelow: true, OpenSince: true}, false},
		{"9: a 500", Attempt{Status: 500}, true},
		{"9: a 503", Attempt{Status: 503}, true},
		{"9: a number of a proxy's own", Attempt{Status: 522}, true},
		{"9: 501 performs nothing", Attempt{Status: 501}, false},
		{"9: 505 performs nothing", Attempt{Status: 505}, false},
		{"9: an answer decides", Attempt{Status: 204}, false},
		{"9: a refusal decides", Attempt{Status: 412}, false},
		{"9: the first doubt is kept", Attempt{Failed: true, OpenSince: true}, false},
		{"9: the first doubt is kept over a 5xx", Attempt{Status: 500, OpenSince: true}, false},
		{"9: repeated below, and the last one was refused by 200", Attempt{Status: 200, Said: Refused, Repeated: true}, true},
		{"9: repeated below, and the last one is done at 304", Attempt{Status: 304, Said: Accepted, Repeated: true}, false},
		{"9: a Transport below had a lost answer, and then a refusal by 200", Attempt{Status: 200, Said: Refused, OpenBelow: true}, true},
		{"9: pending is an answer", Attempt{Status: 200, Said: UnderWay}, false},
		{"4: a safe method changes nothing", Attempt{Safe: true, Failed: true}, false},
		{"4: a safe method changes nothing, however often it is sent", Attempt{Safe: true, Failed: true, Repeated: true}, false},
	} {
		if got := row.attempt.Opens(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// TestEffect: what an answer says of the write when it is the last one.
func TestEffect(t *testing.T) {
	for _, row := range []struct {
		rule   string
		answer Answer
		want   Effect
	}{
		{"9: accepted", Answer{Status: 204}, Applied},
		{"9: accepted now, whatever was open", Answer{Status: 200, Open: true}, Applied},
		{"9: accepted where an earlier hop was diverted", Answer{Status: 200, Diverted: true}, Applied},
		{"9: refused", Answer{Status: 412}, NotApplied},
		{"9: a refusal after an attempt in doubt", Answer{Status: 412, Open: true}, Unknown},
		{"9: an error of the client's", Answer{Status: 400}, NotApplied},
		{"9: a 5xx", Answer{Status: 502}, Unknown},
		{"9: 501", Answer{Status: 501}, NotApplied},
		{"9: 202 promises nothing", Answer{Status: 202}, Unknown},
		{"9: 207 has a status for each member", Answer{Status: 207}, Unknown},
		{"21: 303 may follow a write that was performed", Answer{Status: 303}, Unknown},
		{"21: 302 is used alike", Answer{Status: 302}, Unknown},
		{"21: 307 performs nothing", Answer{Status: 307}, NotApplied},
		{"21: a redirect made a GET of a write in doubt", Answer{Status: 200, Safe: true, Open: true}, Unknown},
		{"21: a redirect made a GET of the write", Answer{Status: 200, Safe: true, Diverted: true}, Unknown},
		{"9: refused by 200", Answer{Status: 200, Said: Refused}, NotApplied},
		{"9: refused by 303", Answer{Status: 303, Said: Refused}, NotApplied},
		{"9: refused by 200 after an attempt in doubt", Answer{Status: 200, Said: Refused, Open: true}, Unknown},
		{"9: pending", Answer{Status: 200, Said: UnderWay}, Unknown},
		{"9: done at 202", Answer{Status: 202, Said: Accepted}, Applied},
		{"9: done at 303", Answer{Status: 303, Said: Accepted}, Applied},
		{"9: done, whatever was open", Answer{Status: 202, Said: Accepted, Open: true}, Applied},
		{"4: a read", Answer{Status: 200, Safe: true}, NotApplied},
		{"4: a read that is redirected", Answer{Status: 303, Safe: true}, NotApplied},
		{"4: a read that fails", Answer{Status: 503, Safe: true}, NotApplied},
	} {
		if got := row.answer.Effect(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}

// TestRefusal: what follows a refusal after an attempt in doubt.
func TestRefusal(t *testing.T) {
	for _, row := range []struct {
		rule    string
		refusal Refusal
		want    Step
	}{
		{"11: equal content counts under Resend", Refusal{LastWriterWins: true, Fixed: true, Put: true}, CompareState},
		{"11: equal content counts with a unique body", Refusal{UniqueBody: true, Fixed: true}, CompareState},
		{"11: with a unique body for create-only too", Refusal{UniqueBody: true, CreateOnly: true}, CompareState},
		{"11: create-only doesn't count under Resend alone", Refusal{LastWriterWins: true, Fixed: true, CreateOnly: true, Blocked: true}, EndUnknown},
		{"11: it is compared also where nothing else can follow", Refusal{UniqueBody: true, Blocked: true}, CompareState},
		{"11: found", Refusal{UniqueBody: true, Blocked: true, Own: IsOwn}, EndApplied},
		{"11: not found, and nothing can follow", Refusal{UniqueBody: true, Blocked: true, Own: NotOwn}, EndUnknown},
		{"12: nothing can follow", Refusal{Blocked: true, LastWriterWins: true, Own: NotOwn, Put: true}, EndUnknown},
		{"12: Stop, Rebuild, MergeJSON", Refusal{Fixed: true, Put: true}, EndUnknown},
		{"12: Rebuild with a unique body that isn't there", Refusal{Fixed: true, UniqueBody: true, Own: NotOwn, Put: true}, EndUnknown},
		{"12: Resend is asked", Refusal{Fixed: true, LastWriterWins: true, Own: NotOwn, Put: true}, AskPolicy},
		{"12: Resend of a PUT goes on", Refusal{Fixed: true, LastWriterWins: true, Own: NotOwn, Put: true, Decision: Resends}, GoOn},
		{"12: Resend of another method doesn't", Refusal{Fixed: true, LastWriterWins: true, Own: NotOwn, Decision: Resends}, EndUnknown},
		{"12: a function is asked", Refusal{Put: true}, AskPolicy},
		{"12: a function that stops", Refusal{Put: true, Decision: Stops}, EndUnknown},
		{"12: a function that makes another body", Refusal{Put: true, Decision: Replaces}, EndUnknown},
		{"12: a function that drops the guard", Refusal{Put: true, Decision: Other}, EndUnknown},
		{"11: a function that resends is compared first", Refusal{Put: true, Decision: Resends}, CompareState},
		{"12: and goes on where the state is another's", Refusal{Put: true, Decision: Resends, Own: NotOwn}, GoOn},
		{"11: or ends where it is its own", Refusal{Put: true, Decision: Resends, Own: IsOwn}, EndApplied},
		{"12: a function that resends a DELETE", Refusal{Decision: Resends, Own: NotOwn}, EndUnknown},
		{"12: Update without a mark", Refusal{Fixed: true, Update: true, Put: true}, EndUnknown},
		{"10: Update looks for its mark", Refusal{Fixed: true, Update: true, TellsOwn: true}, AskPolicy},
		{"10: absent, so it goes on", Refusal{Fixed: true, Update: true, TellsOwn: true, Decision: Replaces}, GoOn},
		{"10: found, so it goes on to the end", Refusal{Fixed: true, Update: true, TellsOwn: true, Decision: FoundApplied}, GoOn},
		{"10: it can't be told", Refusal{Fixed: true, Update: true, TellsOwn: true, Decision: Stops}, EndUnknown},
		{"12: Update never resends", Refusal{Fixed: true, Update: true, TellsOwn: true, Put: true, Decision: Resends}, EndUnknown},
		{"12: Update that can't go on", Refusal{Fixed: true, Update: true, TellsOwn: true, Blocked: true}, EndUnknown},
	} {
		if got := row.refusal.Next(); got != row.want {
			t.Errorf("rule %s: step %v, want %v", row.rule, got, row.want)
		}
	}
}
