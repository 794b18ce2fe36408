package explain

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

// recorded is what a case of a dialect (dialect/*/testdata/cases.json) has of its exchanges.
type recorded struct {
	Name, Dialect string
	Exchanges     []struct {
		Request struct {
			Method, URL string
			Header      map[string]*string
			Body        json.RawMessage
		}
		Answer struct {
			Status int
			Header map[string]string
			Body   json.RawMessage
		}
		Verdict string
	}
	End struct{ Effect, Cause string }
}

// exchanges are those of a case as a recorder has them.
func (c *recorded) exchanges() []Exchange {
	var all []Exchange
	for _, e := range c.Exchanges {
		made := Exchange{
			Method: e.Request.Method, URL: e.Request.URL, StatusCode: e.Answer.Status, Whole: true, RequestHeader: http.Header{}, ResponseHeader: http.Header{},
			RequestBody: bodyOf(e.Request.Body), ResponseBody: bodyOf(e.Answer.Body),
		}
		if made.URL == "" {
			made.URL = c.Exchanges[0].Request.URL
		}
		for name, value := range e.Request.Header {
			if value != nil {
				made.RequestHeader.Set(name, *value)
			}
		}
		for name, value := range e.Answer.Header {
			made.ResponseHeader.Set(name, value)
		}
		all = append(all, made)
	}
	return all
}

// bodyOf is a body that a file has as a text, or as JSON.
func bodyOf(raw json.RawMessage) []byte {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	return raw
}

// TestCasesOfDialects: of the recorded calls of each dialect the refusals are those that the
// dialect's own verdicts name, and where the call ended refused, its cause is found.
func TestCasesOfDialects(t *testing.T) {
	files, err := filepath.Glob("../dialect/*/testdata/cases.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%q, %v", files, err)
	}
	byName := map[string]dialect.Dialect{}
	for _, d := range Dialects() {
		byName[d.Name] = d
	}
	var played, agreed, first int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var set struct{ Cases []recorded }
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatal(file, err)
		}
		for _, c := range set.Cases {
			d, ok := byName[c.Dialect]
			if !ok && c.Dialect == "" {
				for name, other := range Dialects() {
					if name == filepath.Base(filepath.Dir(filepath.Dir(file))) {
						d, ok = other, true
					}
				}
			}
			if !ok {
				continue // a variant that no name chooses
			}
			report := Explain(c.exchanges(), WithDialect(d))
			for i, e := range c.Exchanges {
				if refuses := refusalWords(e.Verdict, e.Answer.Status); refuses != slices.Contains(report.Refused, i) {
					t.Errorf("%s: %s: exchange %d, %q %d: a refusal: %v\n%s", file, c.Name, i, e.Verdict, e.Answer.Status, !refuses, report)
				}
			}
			if len(report.Refused) == 0 {
				continue
			}
			played++
			code := codeOf(c.End.Cause)
			if strings.HasSuffix(report.first(), code) {
				first++
			}
			if strings.Contains(report.codes(), code) {
				agreed++
			} else {
				t.Logf("%s: %s: %s, want %s (%s)", file, c.Name, report.codes(), code, c.End.Cause)
			}
		}
	}
	t.Logf("%d refused calls; the cause that the call had is among the findings of %d, and the first one of %d", played, agreed, first)
	if agreed*10 < played*9 || first*10 < played*9 {
		t.Error("want nine of ten")
	}
}

// refusalWords reports whether a verdict is a refusal. A 412 is one to explain in any case.
func refusalWords(verdict string, status int) bool {
	switch {
	case status == http.StatusPreconditionFailed && verdict != "":
		return true
	case verdict == "" || strings.HasPrefix(verdict, "passes"), strings.HasPrefix(verdict, "again"), strings.HasPrefix(verdict, "pending"), strings.HasPrefix(verdict, "done"):
		return false
	}
	return true
}

func codeOf(name string) string {
	for c := ifmatch.CauseNone; c <= ifmatch.CauseUnattributed; c++ {
		if c.String() == name {
			return c.Code()
		}
	}
	return "no cause " + name
}
