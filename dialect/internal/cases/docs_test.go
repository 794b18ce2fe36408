package cases

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the tables into docs/dialects.md")

const page = "../../../docs/dialects.md"

// TestDocs: the tables in docs/dialects.md are those of the cases. Run it with -write after
// a change of them.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../*/testdata/cases.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	made := string(text)
	rows := map[string]string{}
	for _, name := range files {
		f, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		pkg := filepath.Base(filepath.Dir(filepath.Dir(name)))
		if f.API == "" || f.Version == "" || f.Refusals == "" || f.Verified == "" || len(f.Sources) == 0 || len(f.Cases) < 8 {
			t.Errorf("%s: the head isn't whole, or there are fewer than 8 cases", name)
		}
		rows[strings.ToLower(f.API)] = f.Row(pkg)
		made = put(t, made, "cases of "+pkg, f.Table())
		if !strings.Contains(made, `<a id="`+pkg+`"></a>`) {
			t.Errorf("%s: %s has no place of that name", page, pkg)
		}
	}
	table := RowsHead
	for _, api := range slices.Sorted(maps.Keys(rows)) {
		table += rows[api]
	}
	made = put(t, made, "APIs", table)
	switch {
	case made == string(text):
	case *write:
		if err := os.WriteFile(page, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s isn't made of the cases as they are: run go test ./dialect/internal/cases -write", page)
	}
}

// put puts a table between the two marks of a name.
func put(t *testing.T, text, name, table string) string {
	t.Helper()
	before, rest, found := strings.Cut(text, "<!-- "+name+" -->\n")
	_, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Errorf("%s has no place for the %s", page, name)
		return text
	}
	return before + "<!-- " + name + " -->\n" + table + "<!-- end -->" + after
}
