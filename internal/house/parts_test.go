package house

import (
	"go/ast"
	"go/token"
	"testing"
)

// owners are the files of the root that write the parts of a call; the others read them.
// A part is named by its field in call and by its type.
var owners = []struct{ field, typ, file string }{
	{"sent", "sent", "call.go"},
	{"turn", "turn", "turn.go"},
	{"refused", "refusal", "conflict.go"},
	{"doubt", "doubts", "doubt.go"},
	{"failed", "failed", "repeat.go"},
	{"spent", "spent", "backoff.go"},
	{"told", "told", "outcome.go"},
}

// TestPartsHaveOwners: only the file of a part assigns to a field of it, and only that
// file has methods of its type, which could do so.
func TestPartsHaveOwners(t *testing.T) {
	written := map[string]bool{}
	for _, s := range sources(t) {
		if s.dir() != "." {
			continue
		}
		wrote := func(field string, at token.Pos) {
			for _, part := range owners {
				if part.field != field {
					continue
				}
				if written[field] = true; part.file != s.name {
					t.Errorf("%s writes the part %q of a call: only %s does", s.fset.Position(at), field, part.file)
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					wrote(partOf(left), left.Pos())
				}
			case *ast.IncDecStmt:
				wrote(partOf(n.X), n.Pos())
			case *ast.FuncDecl:
				for _, part := range owners {
					if n.Recv != nil && receiver(n.Recv.List[0].Type) == part.typ && s.name != part.file {
						t.Errorf("%s has a method of %s: they belong to %s", s.fset.Position(n.Pos()), part.typ, part.file)
					}
				}
			}
			return true
		})
	}
	for _, part := range owners {
		if !written[part.field] && part.field != "told" { // its methods do that
			t.Errorf("nobody writes the part %q any more: take it off the list", part.field)
		}
	}
}

// partOf returns the field of call, held in a variable c, that an expression is about;
// empty for any other expression.
func partOf(e ast.Expr) string {
	for {
		selector, ok := e.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		if base, ok := selector.X.(*ast.Ident); ok {
			if base.Name != "c" {
				return ""
			}
			return selector.Sel.Name
		}
		e = selector.X
	}
}
