// Package command runs the command ifmatch beside real servers and the real curl, as its
// users do.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// env is the value of IFMATCH_name, which run.sh sets.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv("IFMATCH_" + name)
	if value == "" {
		t.Fatalf("IFMATCH_%s is not set: %s was asked for and is not up", name, strings.ToLower(name))
	}
	return value
}

var names atomic.Int64

// session is what somebody does in a terminal: each request is sent by curl.
type session struct {
	t       *testing.T
	address string   // of the server
	origin  string   // where the document is changed behind a cache
	path    string   // of a document of its own
	query   string   // of each request, with its question mark; or empty
	fields  []string // arguments of each request
	text    strings.Builder
	entries []any // of an archive
}

// answer is what curl printed of one.
type answer struct {
	status         int
	header, asked  http.Header
	body, combined string
}

func (a *answer) tag() string { return a.header.Get("ETag") }

// url is the document at an address.
func (s *session) url(address string) string { return address + s.path + s.query }

// curl sends a request for the document, and records it.
func (s *session) curl(args ...string) *answer {
	s.t.Helper()
	return s.to(s.url(s.address), args...)
}

// to sends a request, and records it.
func (s *session) to(url string, args ...string) *answer {
	s.t.Helper()
	begun := time.Now()
	a := s.quiet(url, args...)
	s.text.WriteString("$ curl -v " + quoted(append(args, url)) + "\n" + a.combined + "\n")
	s.entries = append(s.entries, entry(url, begun, time.Since(begun), a, args))
	return a
}

// quiet sends a request that isn't recorded. Both outputs go into one pipe, as with 2>&1.
func (s *session) quiet(url string, args ...string) *answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	var out bytes.Buffer
	args = append(append(args, s.fields...), "-v", "--max-time", "20", "--noproxy", "*", "-H", "Expect:", url)
	cmd := exec.CommandContext(ctx, "curl", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("curl %s: %v\n%s", quoted(args), err, out.String())
	}
	return read(out.String())
}

func quoted(args []string) string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return strings.Join(all, " ")
}

var (
	meter = regexp.MustCompile(`(?:^|\r) *[0-9][ 0-9.kM]*(?: +[-0-9:]{7,8}){3} +[0-9.kM]+`)
	talk  = regexp.MustCompile(`^(\* |[{}] \[|  % Total| {20,}Dload|Note: )`)
	words = regexp.MustCompile(`\* (Connection #|Closing connection).*$`)
)

// read takes the output of curl -v apart.
func read(combined string) *answer {
	a := &answer{combined: combined, header: http.Header{}, asked: http.Header{}}
	for line := range strings.Lines(combined) {
		line = strings.TrimRight(meter.ReplaceAllString(line, ""), "\r\n")
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(line, "< "), "> "), ": ")
		switch {
		case strings.HasPrefix(line, "< HTTP/"):
			_, status, _ := strings.Cut(line, " HTTP/") // such as "1.1 412 Precondition Failed"
			fmt.Sscanf(status[3:], "%d", &a.status)
			a.header = http.Header{}
		case strings.HasPrefix(line, "< "):
			a.header.Add(name, value)
		case strings.HasPrefix(line, "> ") && value != "":
			a.asked.Add(name, value)
		case strings.HasPrefix(line, "> "), talk.MatchString(line), line == "" && a.body == "":
		default:
			a.body += words.ReplaceAllString(line, "") + "\n"
		}
	}
	a.body = strings.TrimRight(a.body, "\n")
	return a
}

// entry is an exchange as the network panel of a browser saves it.
func entry(url string, begun time.Time, took time.Duration, a *answer, args []string) any {
	type object = map[string]any
	pairs := func(h http.Header) []any {
		all := []any{}
		for name, values := range h {
			for _, value := range values {
				all = append(all, object{"name": strings.ToLower(name), "value": value})
			}
		}
		return all
	}
	ms := float64(took.Microseconds()) / 1000
	request := object{"method": methodOf(args), "url": url, "headers": pairs(a.asked)}
	if body := after(args, "-d"); body != "" {
		request["postData"] = object{"mimeType": a.asked.Get("Content-Type"), "text": body}
	}
	content := object{"size": len(a.body), "mimeType": a.header.Get("Content-Type"), "text": a.body}
	return object{
		"startedDateTime": begun.UTC().Format("2006-01-02T15:04:05.000Z"), "time": ms, "request": request,
		"response": object{"status": a.status, "statusText": "", "headers": pairs(a.header), "content": content},
		"timings":  object{"send": 0, "wait": ms, "receive": 0},
	}
}

// after is the argument after another one.
func after(args []string, name string) string {
	for i := range args[:max(0, len(args)-1)] {
		if args[i] == name {
			return args[i+1]
		}
	}
	return ""
}

func methodOf(args []string) string {
	switch {
	case after(args, "-X") != "":
		return after(args, "-X")
	case len(args) > 0 && args[0] == "-I":
		return "HEAD"
	}
	return "GET"
}

// archive is the session as a HAR file.
func (s *session) archive() string {
	text, err := json.Marshal(map[string]any{"log": map[string]any{"version": "1.2", "creator": map[string]any{"name": "WebInspector", "version": "537.36"}, "entries": s.entries}})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// body is the document with a number, long enough to be compressed.
func (s *session) body(n int) string {
	if strings.HasSuffix(s.path, ".ics") {
		return fmt.Sprintf("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:%s\r\nDTSTAMP:20260101T000000Z\r\n"+
			"DTSTART:20260101T100000Z\r\nSUMMARY:%d\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", s.path, n)
	}
	return fmt.Sprintf(`{"n":%d,"padding":"%s"}`, n, strings.Repeat("x", 300))
}

// make writes the document where it lives, and returns its tag once that is strong.
func (s *session) make(n int, args ...string) string {
	s.t.Helper()
	s.write(n, args...)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if tag := s.quiet(s.url(s.origin)).tag(); strings.HasPrefix(tag, `"`) {
			return tag
		}
	}
	s.t.Fatal("no strong tag in 5 s")
	return ""
}

// write writes the document where it lives, as somebody else.
func (s *session) write(n int, args ...string) {
	s.t.Helper()
	if a := s.quiet(s.url(s.origin), append(args, "-X", "PUT", "-H", s.kind(), "-d", s.body(n))...); a.status < 200 || a.status > 299 {
		s.t.Fatalf("PUT: %s", a.combined)
	}
}

func (s *session) kind() string {
	if strings.HasSuffix(s.path, ".ics") {
		return "Content-Type: text/calendar"
	}
	return "Content-Type: application/json"
}

// put writes under a condition, and returns the arguments for diagnose with it.
func (s *session) put(fields ...string) []string {
	s.t.Helper()
	args := []string{"-X", "PUT", "-H", s.kind(), "-d", s.body(7)}
	given := []string{}
	for _, f := range fields {
		given = append(given, "-H", f)
	}
	s.curl(append(args, given...)...)
	return given
}
