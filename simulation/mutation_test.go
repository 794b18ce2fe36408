package simulation

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tables are the files of decisions, and the functions in them that decide; none: all.
var tables = []struct {
	file      string
	functions []string
}{
	{"internal/refresh/machine.go", nil},
	{"internal/refresh/state.go", nil},
	{"internal/refresh/stability.go", nil},
	{"internal/guard/judge.go", nil},
	{"internal/doubt/doubt.go", nil},
	{"internal/doubt/refusal.go", nil},
	{"internal/doubt/read.go", nil},
	{"internal/rounds/rounds.go", nil},
	{"internal/marks/record.go", nil},
	{"internal/evidence/evidence.go", nil},
	{"internal/commit/fate.go", nil},
	{"internal/memory/visit.go", []string{"seen", "unusable", "Accepted", "wholeBy", "Answered"}},
	{"internal/memory/flow.go", []string{"known", "note", "meet"}},
	{"remember.go", []string{"guardInFlow", "unguardable", "goesAsIs", "showAccepted"}},
	{"ending.go", []string{"last"}},
	{"audience.go", []string{"handled", "spent"}},
	{"repeat.go", []string{"rule", "repeatable", "spentBelow", "beforeRepeat"}},
}

// mutant is a file with one row of a decision broken.
type mutant struct {
	file string
	at   string
	text string
}

// TestMutants breaks each row of each decision once: a test has to fail. It takes an hour,
// so it runs only where IFMATCH_MUTANTS is set, to "all" or to a part of a file's name.
func TestMutants(t *testing.T) {
	only := os.Getenv("IFMATCH_MUTANTS")
	if only == "" {
		t.Skip("IFMATCH_MUTANTS isn't set")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	n, invalid := 0, 0
	for _, table := range tables {
		if only != "all" && !strings.Contains(table.file, only) {
			continue
		}
		for _, m := range mutants(t, filepath.Join(root, table.file), table.functions) {
			switch killed(t, root, m) {
			case "":
				t.Errorf("survives: %s", m.at)
			case "build":
				invalid++
				continue
			}
			n++
		}
	}
	fmt.Printf("%d mutants, and %d that don't compile\n", n, invalid)
}

// killed returns what noticed the mutant; empty: nothing.
func killed(t *testing.T, root string, m mutant) string {
	dir := t.TempDir()
	mutated, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{m.file: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mutated, []byte(m.text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		t.Fatal(err)
	}
	pkg, err := filepath.Rel(root, filepath.Dir(m.file))
	if err != nil {
		t.Fatal(err)
	}
	tries := []struct {
		dir  string
		args []string
	}{
		{root, []string{"./" + pkg}}, // for the root that is all
		{filepath.Join(root, "simulation"), []string{".", "-simulation.time=10s"}},
		{root, []string{"."}},
	}
	if pkg == "." {
		tries = tries[1:]
	}
	for _, try := range tries {
		cmd := exec.Command("go", append([]string{"test", "-count=1", "-failfast", "-overlay", overlay}, try.args...)...)
		cmd.Dir = try.dir
		cmd.Env = append(os.Environ(), "IFMATCH_MUTANTS=") // or the simulation's tests would make mutants, too
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
		case strings.Contains(string(out), "[build failed]"):
			return "build"
		default:
			return try.dir
		}
	}
	return ""
}

// mutants are the file's text with one condition after another that never holds, and
// without one case of a switch over a value after another.
func mutants(t *testing.T, file string, only []string) (all []mutant) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to token.Pos, with func(old string) string) {
		i, j := fset.Position(from).Offset, fset.Position(to).Offset
		old := string(text[i:j])
		first, _, _ := strings.Cut(old, "\n")
		all = append(all, mutant{file, fmt.Sprintf("%s: %s", fset.Position(from), first), string(text[:i]) + with(old) + string(text[j:])})
	}
	never := func(old string) string { return "false && (" + old + ")" }
	for _, decl := range parsed.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !chosen(f.Name.Name, only) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.IfStmt:
				change(n.Cond.Pos(), n.Cond.End(), never)
			case *ast.SwitchStmt:
				for _, s := range n.Body.List {
					c := s.(*ast.CaseClause)
					for _, e := range c.List {
						if n.Tag == nil {
							change(e.Pos(), e.End(), never)
						}
					}
					if n.Tag != nil && c.List != nil {
						change(c.Pos(), c.End(), func(string) string { return "" })
					}
				}
			}
			return true
		})
	}
	return all
}

func chosen(name string, only []string) bool {
	for _, o := range only {
		if o == name {
			return true
		}
	}
	return len(only) == 0
}
