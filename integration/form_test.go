package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A form is how a document holds a number, and maybe a title.
type form interface {
	encode(id, stock int) []byte
	decode(body []byte) (stock int, err error)
}

// stock is the document of servers that store JSON.
type stock struct {
	Stock int    `json:"stock"`
	Title string `json:"title,omitempty"`
}

// jsonForm may be padded: servers don't compress what is short.
type jsonForm struct{ padding int }

func (f jsonForm) encode(_, n int) []byte {
	if f.padding == 0 {
		return fmt.Appendf(nil, `{"stock":%d}`, n)
	}
	return fmt.Appendf(nil, `{"stock":%d,"padding":%q}`, n, strings.Repeat("padding ", f.padding))
}

func (jsonForm) decode(body []byte) (int, error) {
	var s stock
	err := json.Unmarshal(body, &s)
	return s.Stock, err
}

type calendarForm struct{}

func (calendarForm) encode(id, n int) []byte {
	return fmt.Appendf(nil, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//ifmatch//integration//EN\r\nBEGIN:VEVENT\r\nUID:doc-%d\r\n"+
		"DTSTAMP:20260101T000000Z\r\nDTSTART:20260101T100000Z\r\nSUMMARY:%d\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", id, n)
}

var summary = regexp.MustCompile(`(?m)^SUMMARY:(\d+)\r?$`)

func (calendarForm) decode(body []byte) (int, error) {
	m := summary.FindSubmatch(body)
	if m == nil {
		return 0, fmt.Errorf("no SUMMARY with a number in %q", body)
	}
	return strconv.Atoi(string(m[1]))
}
