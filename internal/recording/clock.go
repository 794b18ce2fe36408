package recording

import (
	"net/http"
	"time"
)

// clock reads the times of day of curl --trace-time, which tell neither date nor zone.
type clock struct {
	now time.Duration // since midnight before the first line; 0: not known
}

// read takes the time of a line. One that is long before the last one is on the next day.
func (c *clock) read(text string) {
	at, err := time.Parse("15:04:05", text) // it takes a fraction, too
	if err != nil {
		return
	}
	day := at.Sub(at.Truncate(24 * time.Hour))
	for day += c.now.Truncate(24 * time.Hour); day < c.now-12*time.Hour; {
		day += 24 * time.Hour
	}
	c.now = max(day, 1)
}

// zones are what the offsets of time zones are multiples of.
const zones = 15 * time.Minute

// anchor gives exchanges their times by the first answer with a Date: the day and the zone are
// those that bring the clock nearest to it. What the clock is off beyond that is left, up to
// half of zones.
func anchor(all []*Exchange) {
	var midnight time.Time
	for _, e := range all {
		date, err := http.ParseTime(e.ResponseHeader.Get("Date"))
		if err == nil && e.answered > 0 && e.ResponseHeader.Get("Age") == "" {
			day := date.Truncate(24 * time.Hour)
			midnight = day.Add((date.Sub(day) - e.answered).Round(zones))
			break
		}
	}
	for _, e := range all {
		if midnight.IsZero() || e.sent == 0 || e.answered < e.sent {
			continue
		}
		e.Sent, e.Answered = midnight.Add(e.sent), midnight.Add(e.answered)
	}
}
