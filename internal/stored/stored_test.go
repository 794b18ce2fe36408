package stored

import "testing"

// TestVerdict: all facts, and what they show of the state (rules 25 and 27).
func TestVerdict(t *testing.T) {
	const u, s, b = Unknown, AsSent, Told
	// By body: None, Unread, Same, Differs, Partial, Foreign.
	unsaid, said, another := [...]Verdict{s, u, s, u, s, s}, [...]Verdict{s, u, b, b, b, u}, [...]Verdict{u, u, u, u, u, u}
	for _, row := range []struct {
		name  string
		place Place
		says  bool
		want  [6]Verdict
	}{
		{"25: no sign", Unsaid, false, unsaid},
		{"25: Content-Location of the target", OfTarget, false, said},
		{"25: Preference-Applied, or a dialect", Unsaid, true, said},
		{"25: both", OfTarget, true, said},
		{"25: Content-Location of another", OfAnother, false, another},
		{"25: Content-Location of another, with a preference", OfAnother, true, another},
	} {
		for body, want := range row.want {
			if got := (Facts{row.place, row.says, Body(body)}).Verdict(); got != want {
				t.Errorf("%s, body %d: %d, want %d", row.name, body, got, want)
			}
		}
	}
	if got := (Facts{Body: 99}).Verdict(); got != Unknown {
		t.Errorf("a body that nobody knows: %d", got)
	}
}
