package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
)

// start keeps the beginning of what is read through it.
type start struct {
	from io.Reader
	text []byte
}

const mostStart = 4 << 10

func (s *start) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.text = append(s.text, p[:min(n, mostStart-len(s.text))]...)
	return n, err
}

// howToRecord says how to get a recording of a request.
const howToRecord = "record one with: curl -v ... 2>&1 | ifmatch explain -"

// kinds are inputs that have no exchange in them, by how they begin.
var kinds = [...]struct {
	looks *regexp.Regexp
	hint  string
}{
	{regexp.MustCompile(`^(?:\x{FFFD}\x{FFFD}|[ -~]\x00|\x00[ -~])`), "it looks like UTF-16, as PowerShell writes it: save it as UTF-8"}, // FFFD: a byte of its mark
	{regexp.MustCompile(`^\s*curl(?:\.exe)? `), "it is a curl command, and not what curl printed: run it with -v, and give its output"},
	{regexp.MustCompile(`(?m)^.*"[A-Z]+ \S+ HTTP/[0-9.]+" [0-9]{3}\b`), "it looks like the access log of a server, which has no header fields"},
	{regexp.MustCompile(`(?m)^> ?> ?[A-Z]+ \S+ HTTP/`), "it looks quoted, as in a mail: take the first > off each line"},
}

// hintFor says what an input looks like, and how to get a recording.
func hintFor(text []byte) string {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for _, k := range kinds {
		if k.looks.Match(text) {
			return k.hint + "; " + howToRecord
		}
	}
	return howToRecord
}

// openFile opens a recording, which is no folder.
func openFile(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s can't be read: it is a folder; name one file in it", name)
	}
	return os.Open(name)
}
