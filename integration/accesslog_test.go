package integration

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A logged is a request as a server's own log has it. "-" stands for a header
// that wasn't there. The logs of S3 and Radicale have no headers: theirs are "".
type logged struct {
	method, target    string
	status            int
	ifMatch           string
	ifNoneMatch       string
	ifUnmodifiedSince string
	acceptEncoding    string
	etag              string // of the answer
}

var (
	// METHOD TARGET STATUS "If-Match" "If-None-Match" "If-Unmodified-Since" "Accept-Encoding" "ETag"
	conditionsLine = regexp.MustCompile(`^([A-Z]+) (\S+)(?: HTTP/[0-9.]+)? (\d{3})((?: "(?:[^"\\]|\\.)*"){5})$`)
	quotedField    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	s3Line         = regexp.MustCompile(` s3_([A-Z][a-z]+)\w* \S+ (\S+) (\d{3}) `)
	radicaleLine   = regexp.MustCompile(`([A-Z]+) response status for '([^']*)'.* seconds: (\d{3}) `)
)

// parseLogged reads one line. Other lines than those of requests give false.
func parseLogged(line string) (logged, bool) {
	if m := conditionsLine.FindStringSubmatch(line); m != nil {
		l := logged{method: m[1], target: m[2]}
		l.status, _ = strconv.Atoi(m[3])
		quoted := quotedField.FindAllString(m[4], -1)
		for i, field := range []*string{&l.ifMatch, &l.ifNoneMatch, &l.ifUnmodifiedSince, &l.acceptEncoding, &l.etag} {
			value, err := strconv.Unquote(quoted[i])
			if err != nil {
				return logged{}, false
			}
			*field = value
		}
		return l, true
	}
	for _, form := range []*regexp.Regexp{s3Line, radicaleLine} {
		if m := form.FindStringSubmatch(line); m != nil {
			status, _ := strconv.Atoi(m[3])
			return logged{method: strings.ToUpper(m[1]), target: m[2], status: status}, true
		}
	}
	return logged{}, false
}

// accessLog is what IFMATCH_server_LOG has of the requests whose path ends in
// path, in the order in which they ended. It waits until there are at least n.
func accessLog(t *testing.T, server, path string, n int) []logged {
	t.Helper()
	file := env(t, server+"_LOG")
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		// a last line without its end is still being written
		lines := strings.Split(string(text), "\n")
		var found []logged
		for _, line := range lines[:len(lines)-1] {
			if !strings.Contains(line, path) {
				continue // to parse is dear, and the logs get long
			}
			if l, ok := parseLogged(line); ok {
				if before, _, _ := strings.Cut(l.target, "?"); strings.HasSuffix(before, path) {
					found = append(found, l)
				}
			}
		}
		if len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has %d requests for %s after 5 s, want %d", file, len(found), path, n)
		}
	}
}

func TestParseLogged(t *testing.T) {
	for line, want := range map[string]logged{
		`PUT /a?b=c 412 "\"x\", W/\"y\"" "-" "-" "gzip" "-"`:                                         {"PUT", "/a?b=c", 412, `"x", W/"y"`, "-", "-", "gzip", "-"},
		`PUT /a HTTP/1.1 204 "\x22x\x5C\x22" "*" "-" "-" "\"y\\z\""`:                                 {"PUT", "/a", 204, `"x\"`, "*", "-", "-", `"y\z"`},
		`ifmatch bucket [..] 127.0.0.1 ifmatch E0 s3_PutObject a /bucket/a 412 PreconditionFailed 0`: {method: "PUT", target: "/bucket/a", status: 412},
		`[..] [INFO] DELETE response status for '/user/calendar/a.ics' in 0.002 seconds: 412 Precondition Failed`: {
			method: "DELETE", target: "/user/calendar/a.ics", status: 412},
		`nothing of the kind`: {},
	} {
		if got, ok := parseLogged(line); got != want || ok != (want != logged{}) {
			t.Errorf("parseLogged(%q): got %+v, %t, want %+v", line, got, ok, want)
		}
	}
}
