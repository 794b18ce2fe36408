package explain

import (
	"slices"
	"testing"
)

// TestDraw: bars are to scale where each time is known, and none is too short to be seen or
// stands out of the drawing.
func TestDraw(t *testing.T) {
	at := func(second string) string { return "@ 2026-11-22T10:00:" + second + "Z" }
	for name, test := range map[string]struct {
		exchanges []Exchange
		span      string
		want      []row // X, W, Kind
	}{
		"to scale": {
			all(x("GET /doc", 200, at("00")), x("PUT /doc", 412, at("02")), x("PUT /doc", 500, at("03.96"))), "4s",
			[]row{{X: 0, W: 1.5, Kind: "ok"}, {X: 50, W: 1.5, Kind: "refused"}, {X: 98.5, W: 1.5, Kind: "failed"}},
		},
		"one": {all(x("PUT /doc", 412, at("00"))), "40ms", []row{{X: 0, W: 100, Kind: "refused"}}},
		"a time is missing": {
			all(x("GET /doc", 200, at("00")), x("PUT /doc", 412), x("GET /doc", 0), x("GET /doc", 304)), "",
			[]row{{X: 0, W: 25, Kind: "ok"}, {X: 25, W: 25, Kind: "refused"}, {X: 50, W: 25, Kind: "failed"}, {X: 75, W: 25, Kind: "ok"}},
		},
		"nothing": {},
	} {
		d := draw(test.exchanges, nil)
		var got []row
		for _, r := range d.Rows {
			got = append(got, row{X: r.X, W: r.W, Kind: r.Kind})
			if r.BarY < r.TextY || r.BarY+8 > d.Height {
				t.Errorf("%s: a bar at %d of %d", name, r.BarY, d.Height)
			}
		}
		if !slices.Equal(got, test.want) || d.Span != test.span || d.Timed != (test.span != "") {
			t.Errorf("%s: %+v, %q, want %+v", name, got, d.Span, test.want)
		}
	}
	if got := draw(all(x("PUT /v1/kv/a?cas=5", 200)), []int{0}).Rows[0].Kind; got != "refused" {
		t.Errorf("a refusal by 200 is drawn as %q", got)
	}
	long := draw(all(x("DELETE /a-path-of-very-many-letters-in-a-row/and/more?rev=1", 0)), nil).Rows[0]
	if long.Label != "#1 DELETE /a-path-of-very-many-lett… → no answer" || long.Full != "DELETE /a-path-of-very-many-letters-in-a-row/a… → no answer" {
		t.Errorf("%q, %q", long.Label, long.Full)
	}
}
