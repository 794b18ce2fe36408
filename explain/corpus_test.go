package explain

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRecordings reads each recording in testdata/recordings, whose name begins with the
// code that its first finding has to have, or with "nothing". It prints how many are right.
// All that is called certain has to be, and of ten first findings nine; of a recording with
// nothing to see, nothing may be found.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/recordings/*")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	var right, certain, wrong int
	codes := map[string]bool{}
	for _, file := range files {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		exchanges, err := Read(in)
		in.Close()
		given := fmt.Sprintf("%#v", exchanges)
		report := Explain(exchanges)
		if fmt.Sprintf("%#v", exchanges) != given {
			t.Errorf("%s: the exchanges were changed", file)
		}
		want, _, _ := strings.Cut(filepath.Base(file), "-")
		code, sure := "nothing", false
		if len(report.Findings) > 0 {
			code, sure = report.Findings[0].Code, report.Findings[0].Certainty == Certain
		}
		codes[code] = true
		switch {
		case err != nil:
			t.Errorf("%s: %v", file, err)
		case code == want:
			right++
			if sure {
				certain++
			}
		case sure || want == "nothing":
			wrong++
			t.Errorf("%s: %s is called certain, and it is %s\n%s", file, code, want, report)
		default:
			t.Logf("%s: %s, want %s\n%s", file, report.first(), want, report)
		}
		checkEvidence(t, file, report)
	}
	page, err := os.ReadFile("../docs/explain.md")
	said := fmt.Sprintf("how many are right: %d of %d, and of %d findings that are called certain all", right, len(files), certain)
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(page)), " "), said) {
		t.Errorf("docs/explain.md doesn't say %q, %v", said, err)
	}
	t.Logf("%d of %d first findings are right; %d are called certain, %d of them wrongly", right, len(files), certain+wrong, wrong)
	if right*10 < len(files)*9 {
		t.Errorf("%d of %d first findings are right: want nine of ten", right, len(files))
	}
}

// checkEvidence looks whether each line of evidence is in the recording.
func checkEvidence(t *testing.T, file string, report Report) {
	t.Helper()
	for _, f := range report.Findings {
		if len(f.Evidence) == 0 || f.What == "" || f.Why == "" || len(f.Fixes) == 0 {
			t.Errorf("%s: %+v", file, f)
		}
		for _, e := range f.Evidence {
			name, value, isField := strings.Cut(e.Line, ": ")
			x := report.Exchanges[e.Exchange]
			for _, h := range []map[string][]string{x.RequestHeader, x.ResponseHeader} {
				for n, values := range h {
					if isField && strings.EqualFold(n, name) && !strings.Contains(strings.Join(values, ", "), strings.TrimSpace(value)) && e.Part != PartOutcome {
						if (e.Part == PartRequest) == (len(x.RequestHeader[n]) > 0) && len(x.ResponseHeader[n]) == 0 {
							t.Errorf("%s: %q isn't in exchange %d", file, e.Line, e.Exchange)
						}
					}
				}
			}
			if e.Mark != "" && !strings.Contains(e.Line, e.Mark) {
				t.Errorf("%s: %q hasn't %q", file, e.Line, e.Mark)
			}
		}
	}
}

// TestMissingParts: of a recording that lacks something, less is said, and nothing wrong is
// called certain.
func TestMissingParts(t *testing.T) {
	files, _ := filepath.Glob("testdata/recordings/*")
	lacking := map[string]func(*Exchange){
		"request fields": func(e *Exchange) { e.RequestHeader = nil },
		"answer fields":  func(e *Exchange) { e.ResponseHeader = nil },
		"bodies":         func(e *Exchange) { e.RequestBody, e.ResponseBody, e.Whole = nil, nil, false },
		"URLs":           func(e *Exchange) { e.URL = "" },
		"methods":        func(e *Exchange) { e.Method = "" },
	}
	// What remains may show another cause that is true, too.
	also := map[string][]string{
		"IFM004": {"IFM002"}, "IFM108": {"IFM013", "IFM101"}, "IFM102": {"IFM008"}, "IFM103": {"IFM004", "IFM002"}, "IFM012": {"IFM002"},
		"IFM003": {"IFM002"}, "IFM009": {"IFM008"},
	}
	for what, lack := range lacking {
		for _, file := range files {
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			exchanges, _ := Read(in)
			in.Close()
			for i := range exchanges {
				lack(&exchanges[i])
			}
			report := Explain(exchanges)
			want, _, _ := strings.Cut(filepath.Base(file), "-")
			if len(report.Findings) > 0 && report.Findings[0].Certainty == Certain && report.Findings[0].Code != want && !slices.Contains(also[want], report.Findings[0].Code) {
				t.Errorf("%s without %s: %s", file, what, report)
			}
		}
	}
}
