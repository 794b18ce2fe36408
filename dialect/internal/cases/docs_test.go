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

// A kind says what the answers of a file were taken from.
type kind struct{ begins, says string }

var kinds = []kind{
	{"real server", "A real server was asked about the API, not about all of the dialect"},
	{"the vendor's emulator", "Only an emulator by the vendor of the API was asked"},
	{"another's emulator", "Only an emulator was asked, which others wrote from the documentation and which proves little"},
	{"documented behaviour", "No server was asked, and all is played from documentation"},
}

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
	asked := make([][]string, len(kinds))
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
		i := slices.IndexFunc(kinds, func(k kind) bool { return strings.HasPrefix(f.Verified, k.begins) })
		if i < 0 {
			t.Fatalf("%s: verified doesn't say what was asked: %s", name, f.Verified)
		}
		asked[i] = append(asked[i], f.API)
		made = put(t, made, "cases of "+pkg, f.Table())
		if !strings.Contains(made, `<a id="`+pkg+`"></a>`) {
			t.Errorf("%s: %s has no place of that name", page, pkg)
		}
	}
	table := RowsHead
	for _, api := range slices.Sorted(maps.Keys(rows)) {
		table += rows[api]
	}
	for i, k := range kinds {
		slices.Sort(asked[i])
		table += "\n" + k.says + ": " + strings.Join(asked[i], "; ") + ".\n"
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

// TestPackages: the doc of each package of a dialect cites a page of the API, and says what isn't
// covered; and there is an Example.
func TestPackages(t *testing.T) {
	files, err := filepath.Glob("../../*/testdata/cases.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		dir := filepath.Dir(filepath.Dir(name))
		source, err := os.ReadFile(filepath.Join(dir, filepath.Base(dir)+".go"))
		if err != nil {
			t.Fatal(err)
		}
		doc, _, _ := strings.Cut(string(source), "\npackage ")
		for _, want := range []string{"https://", "Not covered: "} {
			if !strings.Contains(doc, want) {
				t.Errorf("%s: the doc has no %q", dir, want)
			}
		}
		example, err := os.ReadFile(filepath.Join(dir, "example_test.go"))
		if err != nil || !strings.Contains(string(example), "\nfunc Example") || !strings.Contains(string(example), "// Output:") {
			t.Errorf("%s: there is no Example: %v", dir, err)
		}
	}
}

// TestExamples: the dialects of one's own in docs/dialects.md are those that are tested, and
// each has less than 40 lines, its server included.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	tested, err := os.ReadFile("../../example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile("../../../example_dialect_test.go") // docs/dialects.md has all of that file
	if err != nil {
		t.Fatal(err)
	}
	if _, example, _ := strings.Cut(string(root), "func Example"); strings.Count(example, "\n") >= 40 {
		t.Error("ExampleWithDialect is too long")
	}
	for _, name := range []string{"ExampleDialect_refusedBySuccess", "ExampleDialect_stateInEnvelope"} {
		_, rest, found := strings.Cut(string(tested), "func "+name)
		body, _, ended := strings.Cut(rest, "\n}\n")
		example := "func " + name + body + "\n}\n"
		if n := strings.Count(example, "\n"); !found || !ended || n >= 40 {
			t.Errorf("%s has %d lines (%t, %t)", name, n, found, ended)
		}
		if !strings.Contains(string(text), "```go\n"+example+"```") {
			t.Errorf("%s doesn't have the text of %s", page, name)
		}
	}
}
