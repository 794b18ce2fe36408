package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ifmatch-go/ifmatch/explain"
)

const plain = recordings + "IFM002-plain.txt"

func TestExplainReadsAFileOrStandardInput(t *testing.T) {
	file := try("", "explain", plain)
	file.want(t, statusDone, "(certain, IFM002)", "")
	text := content(t, plain)
	for _, args := range [][]string{{"explain"}, {"explain", "-"}} {
		piped := try(text, args...)
		piped.want(t, statusDone, "(certain, IFM002)", "")
		if piped.out != file.out {
			t.Errorf("%q gave another report than the file:\n%s", args, piped.out)
		}
	}
}

// Each recording has its first code in its name.
func TestExplainFindsWhatThePackageFinds(t *testing.T) {
	all, err := filepath.Glob(recordings + "*")
	if err != nil || len(all) < 60 {
		t.Fatalf("%d recordings, %v", len(all), err)
	}
	for _, name := range all {
		got := try("", "explain", "--json", name)
		got.want(t, statusDone, `"verdict"`, "")
		var report struct {
			Findings []struct{ Code string }
		}
		if err := json.Unmarshal([]byte(got.out), &report); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		code, _, _ := strings.Cut(filepath.Base(name), "-")
		if strings.HasPrefix(code, "IFM") != (len(report.Findings) > 0) || len(report.Findings) > 0 && report.Findings[0].Code != code {
			t.Errorf("%s: found %v", name, report.Findings)
		}
	}
}

func TestExplainWritesEachFormat(t *testing.T) {
	for name, want := range map[string]string{
		"text": "\nWhat was sent:\n",
		"json": `"version": 1`,
		"md":   "IFM002",
		"html": "<!DOCTYPE html>",
		"har":  `"version": "1.2"`,
		"curl": "curl ",
	} {
		got := try("", "explain", "--format", name, plain)
		if !strings.Contains(strings.ToLower(got.out), strings.ToLower(want)) || got.status != statusDone || got.err != "" {
			t.Errorf("%s: status %d, %q, %q; want %q in it", name, got.status, got.out, got.err, want)
		}
	}
	long := try("", "explain", "--format", "json", plain)
	if short := try("", "explain", "--json", plain); short != long {
		t.Errorf("--json gave %+v", short)
	}
}

func TestExplainWritesIntoAFile(t *testing.T) {
	want := try("", "explain", plain).out
	into := filepath.Join(t.TempDir(), "report.txt")
	try("", "explain", "-o", into, plain).want(t, statusDone, "", "")
	if got := content(t, into); got != want {
		t.Errorf("the file has %q, want %q", got, want)
	}
	try("", "explain", "-o", "-", plain).want(t, statusDone, want, "")
}

func TestExplainReplacesNoRecording(t *testing.T) {
	text := content(t, plain)
	name := filepath.Join(t.TempDir(), "recording.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	try("", "explain", "-o", name, name).want(t, statusUsage, "", "would replace the recording")
	if content(t, name) != text {
		t.Error("the recording was replaced")
	}
}

func TestExplainColoursATerminalAlone(t *testing.T) {
	always := func(any) bool { return true }
	file := filepath.Join(t.TempDir(), "report")
	for _, test := range []struct {
		name  string
		env   map[string]string
		tty   bool
		args  []string
		color bool
	}{
		{"a terminal", nil, true, nil, true},
		{"a pipe", nil, false, nil, false},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, true, nil, false},
		{"NO_COLOR is empty", map[string]string{"NO_COLOR": ""}, true, nil, true},
		{"a dumb terminal", map[string]string{"TERM": "dumb"}, true, nil, false},
		{"a file", nil, true, []string{"-o", file}, false},
		{"JSON", nil, true, []string{"--json"}, false},
	} {
		w := world{getenv: func(name string) string { return test.env[name] }}
		if test.tty {
			w.isTerminal = always
		}
		got := tryIn(w, append([]string{"explain", plain}, test.args...)...)
		text := got.out
		if len(test.args) == 2 {
			text = content(t, file)
		}
		if text == "" || strings.Contains(text, "\x1b[") != test.color {
			t.Errorf("%s: %q", test.name, text)
		}
	}
}

func TestExplainLeavesSecretsAndBodiesOut(t *testing.T) {
	const in = "> PUT /doc HTTP/1.1\n> Host: api.example.com\n> If-Match: \"v1\"\n> Authorization: Bearer hunter2hunter2\n" +
		"> X-Colour: teal-4711\n> \n< HTTP/1.1 412 Precondition Failed\n< Content-Type: application/json\n< X-House: blue-1147\n< \n{\"said\":\"no such revision\"}\n"
	for _, name := range formatNames() {
		if got := try(in, "explain", "--bodies", "--format", name); strings.Contains(got.out, "hunter2") || got.status != statusDone {
			t.Errorf("%s has the secret, or failed: %+v", name, got)
		}
	}
	if got := try(in, "explain", "--json"); strings.Contains(got.out, `"responseBody"`) {
		t.Errorf("the body is in it: %s", got.out)
	}
	try(in, "explain", "--json", "--bodies").want(t, statusDone, `"responseBody"`, "")
	try(in, "explain", "--json").want(t, statusDone, "blue-1147", "")
	if got := try(in, "explain", "--json", "--secret", "X-House"); strings.Contains(got.out, "blue-1147") {
		t.Errorf("the named secret is in it: %s", got.out)
	}
}

func TestExplainTakesADialect(t *testing.T) {
	try("", "explain", "--dialect", "couchdb", "--json", plain).want(t, statusDone, "CouchDB", "")
	try("", "explain", "--dialect", "cobol", plain).want(t, statusUsage, "", `no dialect "cobol"; there are azureblob, `)
}

func TestExplainTellsACode(t *testing.T) {
	for _, e := range explain.Entries() {
		got := try("", "explain", e.Code)
		got.want(t, statusDone, e.Code+" "+e.Name+"\n", "")
		for _, part := range append([]string{e.Seen, e.Why, cmp.Or(e.RFC, e.Why)}, texts(e.Fixes)...) {
			for _, format := range []string{"text", "md"} {
				try("", "explain", "--format", format, e.Code).want(t, statusDone, part, "")
			}
		}
		var told struct {
			Code, Name, Seen, Why, RFC string
			Fixes                      []struct{ Text, Kind string }
		}
		if err := json.Unmarshal([]byte(try("", "explain", "--json", e.Code).out), &told); err != nil {
			t.Fatal(err)
		}
		if told.Code != e.Code || told.Name != e.Name || told.Seen != e.Seen || told.Why != e.Why || told.RFC != e.RFC || len(told.Fixes) != len(e.Fixes) {
			t.Errorf("%s is told as %+v", e.Code, told)
		}
	}
	if small := try("", "explain", "ifm012"); small != try("", "explain", "IFM012") {
		t.Errorf("in small letters: %+v", small)
	}
}

func texts(fixes []explain.Fix) []string {
	var all []string
	for _, f := range fixes {
		all = append(all, f.Text)
	}
	return all
}

func TestExplainOfBadInput(t *testing.T) {
	directory := t.TempDir()
	missing := filepath.Join(directory, "missing")
	for _, test := range []struct {
		name   string
		in     string
		args   []string
		status int
		err    string
	}{
		{"no such file", "", []string{missing}, statusInput, "no such file"},
		{"a directory", "", []string{directory}, statusInput, directory + " can't be read"},
		{"nothing", "", nil, statusNothing, "standard input: no HTTP exchange"},
		{"a text", "Dear diary\n", nil, statusNothing, "standard input: no HTTP exchange"},
		{"a file without exchanges", "", []string{"go.mod"}, statusNothing, "go.mod: no HTTP exchange"},
		{"no such code", "", []string{"IFM999"}, statusUsage, "no code IFM999; they begin with IFM001"},
		{"a code as a page", "", []string{"--format", "html", "IFM012"}, statusUsage, "can't be written as html"},
		{"no such format", "", []string{"--format", "xml", plain}, statusUsage, `no format "xml"; there are text, json`},
		{"no such format, found before the input is", "", []string{"--format", "xml", missing}, statusUsage, "no format"},
		{"two formats", "", []string{"--json", "--format", "md", plain}, statusUsage, "[format json]"},
		{"no such flag", "", []string{"--frobnicate"}, statusUsage, "--frobnicate"},
		{"two files", "", []string{plain, plain}, statusUsage, "at most 1 arg"},
		{"a file that can't be written", "", []string{"-o", filepath.Join(missing, "x"), plain}, statusOutput, "output can't be written"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := try(test.in, append([]string{"explain"}, test.args...)...)
			got.want(t, test.status, "", test.err)
			if !strings.HasPrefix(got.err, "ifmatch: ") {
				t.Errorf("standard error %q doesn't begin with the command", got.err)
			}
		})
	}
	try("", "exlpain").want(t, statusUsage, "", `unknown command "exlpain"`)
}

func TestExplainOfAFailingPipe(t *testing.T) {
	broken := errors.New("the pipe broke")
	tryIn(world{in: iotest.ErrReader(broken)}, "explain").want(t, statusInput, "", broken.Error())
	tryIn(world{out: failingWriter{broken}}, "explain", plain).want(t, statusOutput, "", broken.Error())
	tryIn(world{out: failingWriter{broken}}, "explain", "IFM001").want(t, statusOutput, "", broken.Error())
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

func TestExplainSaysThatItWaitsForATerminal(t *testing.T) {
	in := bytes.NewBufferString(content(t, plain))
	w := world{in: in, isTerminal: func(stream any) bool { return stream == in }}
	tryIn(w, "explain").want(t, statusDone, "IFM002", "end it with Ctrl-D")
	tryIn(w, "explain", plain).want(t, statusDone, "IFM002", "")
}

// TestExplainOfACutArchive: what is there is explained, and the status tells of the rest.
func TestExplainOfACutArchive(t *testing.T) {
	const get = `{"request":{"method":"GET","url":"https://h/a"},"response":{"status":200}}`
	const put = `{"request":{"method":"PUT","url":"https://h/a","headers":[{"name":"If-Match","value":"v1"}]},"response":{"status":412,"headers":[]}}`
	const begin = `{"log":{"entries":[`
	try(begin+get+","+put[:40], "explain").want(t, statusInput, "nothing to see here", "standard input isn't whole, so the cause may be missing")
	try(begin+put+","+get[:40], "explain").want(t, statusInput, "IFM101", "isn't whole")
	try(begin+get+","+put+"]}}", "explain").want(t, statusDone, "IFM101", "")
}

// TestExplainSaysWhatTheInputIs: where no exchange is in it, the error says what it looks like,
// and how to get a recording.
func TestExplainSaysWhatTheInputIs(t *testing.T) {
	for in, want := range map[string]string{
		"\xff\xfeG\x00E\x00T\x00":                            "UTF-16",
		"curl 'https://h.test/doc' -X PUT":                   "a curl command",
		`10.0.0.1 - - [x] "PUT /doc HTTP/1.1" 412 0 "-" "-"`: "access log",
		"> > PUT /doc HTTP/1.1\n> < HTTP/1.1 412 x\n":        "quoted, as in a mail",
		"Dear diary": "no HTTP exchange is in it; record one with",
	} {
		try(in, "explain").want(t, statusNothing, "", want)
		try(in, "explain").want(t, statusNothing, "", "curl -v ... 2>&1 | ifmatch explain -")
	}
	directory := t.TempDir()
	try("", "explain", directory).want(t, statusInput, "", directory+" can't be read: it is a folder")
	try("", plain).want(t, statusUsage, "", "run 'ifmatch explain "+plain+"'")
	if got := try("", "exlpain"); strings.Contains(got.err, "To explain a recording") {
		t.Error(got.err)
	}
}

// TestExplainListsTheCodes: all are listed, and a code is understood without its zeros.
func TestExplainListsTheCodes(t *testing.T) {
	for _, e := range explain.Entries() {
		try("", "explain", "--codes").want(t, statusDone, e.Code+"  "+e.Name+": "+e.Seen+"\n", "")
	}
	try("", "explain", "--codes", plain).want(t, statusUsage, "", "--codes reads nothing")
	for _, short := range []string{"IFM8", "ifm08", "IFM008"} {
		try("", "explain", short).want(t, statusDone, "IFM008 weak validator\n", "")
	}
	try("", "explain", "--help").want(t, statusDone, "The exit status is 0", "")
}
