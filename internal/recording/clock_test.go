package recording

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTraceTime: times of day get the day and the zone by which they are next to the Date of
// an answer; what the clocks differ beyond that stays.
func TestTraceTime(t *testing.T) {
	const date = "Date: Sun, 22 Nov 2026 10:00:05 GMT\n"
	trace := func(date string, times ...any) string {
		return fmt.Sprintf("%s == Info:   Trying 192.0.2.1:80...\n%s => Send header, 30 bytes (0x1e)\n0000: PUT /doc HTTP/1.1\n0013: Host: h\n"+
			"%s <= Recv header, 24 bytes (0x18)\n0000: HTTP/1.1 412 Precondition Failed\n%s <= Recv header, 37 bytes (0x25)\n0000: ", times...) + date
	}
	verbose := func(date string, times ...any) string {
		return fmt.Sprintf("%s *   Trying 192.0.2.1:80...\n%s > PUT /doc HTTP/1.1\n%[2]s > Host: h\n%[2]s > \n%[3]s < HTTP/1.1 412 Precondition Failed\n%[4]s < ", times...) + date
	}
	for name, test := range map[string]struct {
		date           string
		times          []any
		sent, answered string // times of the day, UTC; empty: not known
	}{
		"the same clock":        {date, []any{"10:00:04.000000", "10:00:04.100000", "10:00:05.200000", "10:00:05.300000"}, "22 10:00:04.1", "22 10:00:05.2"},
		"another zone":          {date, []any{"15:45:04.000000", "15:45:04.100000", "15:45:05.200000", "15:45:05.300000"}, "22 10:00:04.1", "22 10:00:05.2"},
		"behind":                {date, []any{"09:59:04.000000", "09:59:04.100000", "09:59:05.200000", "09:59:05.300000"}, "22 09:59:04.1", "22 09:59:05.2"},
		"ahead, and in a zone":  {date, []any{"05:02:04.000000", "05:02:04.100000", "05:02:05.200000", "05:02:05.300000"}, "22 10:02:04.1", "22 10:02:05.2"},
		"yesterday in the zone": {date, []any{"23:00:04.000000", "23:00:04.100000", "23:00:05.200000", "23:00:05.300000"}, "22 10:00:04.1", "22 10:00:05.2"},
		"over midnight":         {"Date: Mon, 23 Nov 2026 00:00:01 GMT\n", []any{"23:59:58.000000", "23:59:59.500000", "00:00:01.200000", "00:00:01.300000"}, "22 23:59:59.5", "23 00:00:01.2"},
		"at midnight":           {"Date: Sun, 22 Nov 2026 00:00:00 GMT\n", []any{"00:00:00.000000", "00:00:00.000000", "00:00:00.000000", "00:00:00.000000"}, "22 00:00:00", "22 00:00:00"},
		"no date":               {"X: y\n", []any{"10:00:04.000000", "10:00:04.100000", "10:00:05.200000", "10:00:05.300000"}, "", ""},
		"a stored answer":       {date + "0025: Age: 9\n", []any{"10:00:04.000000", "10:00:04.100000", "10:00:05.200000", "10:00:05.300000"}, "", ""},
		"no time":               {date, []any{"", "", "", ""}, "", ""},
	} {
		for format, text := range map[string]string{"trace": trace(test.date, test.times...), "-v": verbose(strings.Replace(test.date, "\n0025: ", "\n"+fmt.Sprint(test.times[3])+" < ", 1), test.times...)} {
			lines := strings.Split(text, "\n")
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], " ") // of a time that isn't there
			}
			all, err := Read(strings.NewReader(strings.Join(lines, "\n")))
			if err != nil || len(all) != 1 || all[0].ResponseHeader == nil {
				t.Fatalf("%s, %s: %v, %+v\n%s", name, format, err, all, text)
			}
			if sent, answered := clockOf(all[0].Sent), clockOf(all[0].Answered); sent != test.sent || answered != test.answered {
				t.Errorf("%s, %s: %q and %q, want %q and %q", name, format, sent, answered, test.sent, test.answered)
			}
		}
	}
}

// TestTraceTimeWithoutAnswer: a request that has no answer has no times.
func TestTraceTimeWithoutAnswer(t *testing.T) {
	const text = "10:00:05.000000 > GET /a HTTP/1.1\n10:00:05.000000 > Host: h\n10:00:05.000000 > \n10:00:05.100000 < HTTP/1.1 200 OK\n10:00:05.100000 < Date: Sun, 22 Nov 2026 10:00:05 GMT\n10:00:05.100000 < \n" +
		"10:00:06.000000 > PUT /a HTTP/1.1\n10:00:06.000000 > Host: h\n10:00:06.000000 > \n10:00:09.000000 * Empty reply from server\n"
	all, err := Read(strings.NewReader(text))
	if err != nil || len(all) != 2 || clockOf(all[0].Sent) != "22 10:00:05" || !all[1].Sent.IsZero() || !all[1].Answered.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
}

func clockOf(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("02 15:04:05.9")
}
