package explain

import (
	"time"
)

// drawing is a time line: a row for each exchange, with a bar from the request to its answer.
type drawing struct {
	Width, Height int
	Rows          []row
	Timed         bool // the bars are to scale
	Span          string
}

type row struct {
	Y, BarY, TextY int
	X, W           int
	Label          string
	Kind           string // of the bar: refused, ok, failed
}

const (
	drawnWidth = 400
	rowHeight  = 34
)

// draw draws the exchanges. Where the times aren't known, each has a step of the same length.
func draw(all []Exchange) drawing {
	d := drawing{Width: drawnWidth, Height: rowHeight*len(all) + 6}
	first, span := spanOf(all)
	if d.Timed = span > 0; d.Timed {
		d.Span = span.Round(time.Millisecond).String()
	}
	for i := range all {
		e := &all[i]
		y := i * rowHeight
		r := row{Y: y, TextY: y + 14, BarY: y + 20, Label: e.label(), Kind: e.kind()}
		const inner = drawnWidth - 8
		if d.Timed {
			r.X = 4 + int(float64(inner)*float64(e.Sent.Sub(first))/float64(span))
			r.W = max(3, int(float64(inner)*float64(e.Answered.Sub(e.Sent))/float64(span)))
			r.X = min(r.X, drawnWidth-4-r.W)
		} else {
			r.X, r.W = 4+inner*i/len(all), max(3, inner/len(all))
		}
		d.Rows = append(d.Rows, r)
	}
	return d
}

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
