package explain

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// FuzzExplain: whatever is read, explaining it doesn't crash, gives the same each time, shows
// something for each finding, and can be written.
func FuzzExplain(f *testing.F) {
	files, _ := filepath.Glob("testdata/recordings/*")
	for _, file := range files {
		if in, err := os.ReadFile(file); err == nil {
			f.Add(in)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		exchanges, err := Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		began := time.Now()
		report := Explain(exchanges)
		defer func() {
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		}()
		if again := Explain(exchanges); !reflect.DeepEqual(report.Findings, again.Findings) || report.Verdict != again.Verdict {
			t.Error("not the same twice")
		}
		for _, finding := range report.Findings {
			if len(finding.Evidence) == 0 || finding.Exchange < 0 || finding.Exchange >= len(report.Exchanges) {
				t.Errorf("%+v", finding)
			}
			for _, e := range finding.Evidence {
				if e.Line == "" || e.Exchange < 0 || e.Exchange >= len(report.Exchanges) {
					t.Errorf("%s: %+v", finding.Code, e)
				}
			}
		}
		if report.String() == "" {
			t.Error("nothing is written")
		}
	})
}
