package doubt

import (
	"testing"
	"time"
)

// TestOutdated: which reads are surely older than the state that was refused.
func TestOutdated(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(1_000_000+seconds), 0) }
	for _, row := range []struct {
		rule string
		read Read
		want bool
	}{
		{"10: nothing is known", Read{}, false},
		{"10: a validator that was refused", Read{Refused: true}, true},
		{"10: a validator that was refused, whatever its dates", Read{Refused: true, Modified: at(9), Seen: at(0)}, true},
		{"10: a later state was seen", Read{Modified: at(0), Seen: at(1)}, true},
		{"10: one of the same second was seen", Read{Modified: at(1), Seen: at(1)}, false},
		{"10: an older state was seen", Read{Modified: at(2), Seen: at(1)}, false},
		{"10: it has no date", Read{Seen: at(1)}, false},
		{"10: no date was seen", Read{Modified: at(1)}, false},
		{"10: made before the refusal", Read{Made: at(0), After: at(2)}, true},
		{"10: made a second before, or by another clock", Read{Made: at(1), After: at(2)}, false},
		{"10: made with the refusal", Read{Made: at(2), After: at(2)}, false},
		{"10: made after the refusal", Read{Made: at(9), After: at(2)}, false},
		{"10: the refusal has no Date", Read{Made: at(0)}, false},
		{"10: the read has no Date", Read{After: at(2)}, false},
		{"10: modified later than seen, and made before the refusal", Read{Modified: at(1), Seen: at(0), Made: at(1), After: at(9)}, true},
	} {
		if got := row.read.Outdated(); got != row.want {
			t.Errorf("rule %s: %v, want %v", row.rule, got, row.want)
		}
	}
}
