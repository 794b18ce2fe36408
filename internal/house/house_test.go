// Package house holds the code to the layout that docs/design.md describes: which
// package may import which, how long a file may be, and a function. Cyclomatic
// complexity is measured in .ci/run.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/ifmatch-go/ifmatch"

	maxCode     = 300 // lines of a file with code on them
	maxLines    = 400 // lines of a file
	maxFunction = 40  // lines of a function, from func to its last brace
)

// source is one file of the module that is no test.
type source struct {
	name  string // from the module's root, with slashes
	lines int
	code  int
	file  *ast.File
	fset  *token.FileSet
}

// dir is the package's directory, "." for the root.
func (s *source) dir() string { return path.Dir(s.name) }

// imports are the packages of this module that the file imports, from its root.
func (s *source) imports() []string {
	var all []string
	for _, spec := range s.file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		if name == module {
			all = append(all, ".")
		} else if rest, ours := strings.CutPrefix(name, module+"/"); ours {
			all = append(all, rest)
		}
	}
	return all
}

// functions returns the lines of each function, named as in a stack trace.
func (s *source) functions() map[string]int {
	all := map[string]int{}
	for _, decl := range s.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			name = receiver(f.Recv.List[0].Type) + "." + name
		}
		all[name] = s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
	}
	return all
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// sources parses the module's files, without tests and without the modules in
// folders of it.
func sources(t *testing.T) []*source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []*source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == root {
				return nil
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		s, err := parse(root, name)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("%d files: the module isn't found", len(all))
	}
	return all
}

func parse(root, name string) (*source, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	short, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	s := &source{name: filepath.ToSlash(short), fset: token.NewFileSet()}
	s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	s.lines = s.fset.File(s.file.Pos()).LineCount()
	if strings.HasSuffix(string(text), "\n") {
		s.lines--
	}
	s.code = len(codeLines(s.fset, s.file, text))
	return s, nil
}

// codeLines are the lines with something on them that is no comment.
func codeLines(fset *token.FileSet, file *ast.File, text []byte) map[int]bool {
	without := slices.Clone(text)
	base := fset.File(file.Pos()).Base()
	for _, group := range file.Comments {
		for _, c := range group.List {
			for i := int(c.Pos()) - base; i < int(c.End())-base && i < len(without); i++ {
				if without[i] != '\n' {
					without[i] = ' '
				}
			}
		}
	}
	lines := map[int]bool{}
	for i, line := range strings.Split(string(without), "\n") {
		if strings.TrimSpace(line) != "" {
			lines[i] = true
		}
	}
	return lines
}

// TestLengths: a file is one noun, and a function fits on a screen. What is longer
// today stands in a list that may only shrink.
func TestLengths(t *testing.T) {
	excused := map[string]bool{}
	for _, s := range sources(t) {
		if s.code > maxCode || s.lines > maxLines {
			if excused[s.name] = true; !slices.Contains(longFiles, s.name) {
				t.Errorf("%s has %d lines, %d of them code: at most %d and %d", s.name, s.lines, s.code, maxLines, maxCode)
			}
		}
		for name, lines := range s.functions() {
			name = s.dir() + " " + name
			if lines > maxFunction {
				if excused[name] = true; !slices.Contains(longFunctions, name) {
					t.Errorf("%q in %s has %d lines: at most %d", name, s.name, lines, maxFunction)
				}
			}
		}
	}
	for _, name := range slices.Concat(longFiles, longFunctions) {
		if !excused[name] {
			t.Errorf("%q isn't too long any more: take it off the list", name)
		}
	}
}

// TestArrows: imports point down the list of packages, none of which knows the
// root, and a package for one API knows the vocabulary alone.
func TestArrows(t *testing.T) {
	floor := func(dir string) int { return slices.Index(floors, dir) }
	for _, s := range sources(t) {
		dir := s.dir()
		for _, other := range s.imports() {
			switch {
			case strings.HasPrefix(dir, "examples/"):
				if strings.Contains(other+"/", "internal/") {
					t.Errorf("%s imports %s, which its readers can't", s.name, other)
				}
			case slices.Contains(forTests, dir):
			case strings.HasPrefix(dir, "dialect/"):
				if other != "dialect" && !strings.HasPrefix(other, "dialect/internal/") {
					t.Errorf("%s imports %q: a dialect of one API knows package dialect alone", s.name, other)
				}
			case floor(dir) < 0 || floor(other) < 0:
				t.Errorf("%s imports %q: both need a place in the list floors", s.name, other)
			case floor(other) <= floor(dir):
				t.Errorf("%s imports %q, which doesn't stand below it in the list floors", s.name, other)
			}
		}
	}
}
