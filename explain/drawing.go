package explain

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// drawing is a time line: a row for each exchange, with a bar from the request to its answer.
// Widths are percents, so that it fits each screen, and letters keep their size.
type drawing struct {
	Height int // pixels
	Rows   []row
	Timed  bool // the bars are to scale
	Span   string
}

type row struct {
	TextY, TrackY, BarY int
	X, W                float64 // of the bar, in percent
	Label, Full         string
	Kind                string // of the bar: refused, ok, failed
}

const (
	rowHeight = 38
	leastBar  = 1.5 // percent: what is shorter wouldn't be seen
)

// draw draws the exchanges. Where the times aren't known, each has a step of the same length.
func draw(all []Exchange, refused []int) drawing {
	d := drawing{Height: rowHeight * len(all)}
	first, span := spanOf(all)
	if d.Timed = span > 0; d.Timed {
		d.Span = span.Round(time.Millisecond).String()
	}
	for i := range all {
		e := &all[i]
		y := i * rowHeight
		r := row{TextY: y + 14, TrackY: y + 25, BarY: y + 22, Label: fmt.Sprintf("#%d %s", i+1, e.labelOf(26)), Full: e.label(), Kind: e.kind()}
		if slices.Contains(refused, i) {
			r.Kind = "refused" // by a success, too
		}
		x, w := float64(i)/float64(len(all)), 1/float64(len(all))
		if d.Timed {
			x, w = float64(e.Sent.Sub(first))/float64(span), float64(e.Answered.Sub(e.Sent))/float64(span)
		}
		r.W = percent(max(w, leastBar/100))
		r.X = percent(min(x, 1-r.W/100))
		d.Rows = append(d.Rows, r)
	}
	return d
}

// percent is a share in percent, with two digits after the point.
func percent(share float64) float64 { return math.Round(share*10000) / 100 }

// spanOf is when the first request was sent, and how long all of them took; zero where a time
// isn't known.
func spanOf(all []Exchange) (time.Time, time.Duration) {
	var first, last time.Time
	for i := range all {
		e := &all[i]
		if e.Sent.IsZero() || e.Answered.Before(e.Sent) {
			return time.Time{}, 0
		}
		if first.IsZero() || e.Sent.Before(first) {
			first = e.Sent
		}
		if e.Answered.After(last) {
			last = e.Answered
		}
	}
	return first, last.Sub(first)
}

// kind is the class of a bar.
func (e *Exchange) kind() string {
	switch {
	case e.StatusCode == 0 || e.StatusCode >= 500:
		return "failed"
	case e.StatusCode >= 400:
		return "refused"
	}
	return "ok"
}
