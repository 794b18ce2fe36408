package cases

import (
	"cmp"
	"fmt"
	"strings"
)

// Table is the cases of a file as a table of Markdown.
func (f *File) Table() string {
	var b strings.Builder
	b.WriteString("| case | policy | requests and answers | in the end |\n| --- | --- | --- | --- |\n")
	for i := range f.Cases {
		c := &f.Cases[i]
		all := make([]string, len(c.Exchanges))
		for j := range c.Exchanges {
			all[j] = c.Exchanges[j].String()
		}
		name := c.Name
		if c.Dialect != f.Cases[0].Dialect {
			name = c.Dialect + ": " + name
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(name), c.Do, cell(cmp.Or(strings.Join(all, ", "), "nothing is sent")), cell(c.End.String()))
	}
	return b.String()
}

// String is the exchange in short, such as "PUT 409 conflict".
func (e *Exchange) String() string {
	text := e.Request.Method
	switch {
	case e.Answer.Lost:
		return text + " lost"
	case e.Verdict != "" && e.Verdict != "passes":
		return fmt.Sprintf("%s %d %s", text, e.Answer.Status, e.Verdict)
	}
	return fmt.Sprintf("%s %d", text, e.Answer.Status)
}

// String is the end in short, such as "applied, changed".
func (e *End) String() string {
	if e.Cause == "none" {
		return e.Effect
	}
	return e.Effect + ", " + e.Cause
}

// Row is a file as a row of the table of all APIs.
func (f *File) Row(pkg string) string {
	return fmt.Sprintf("| %s | [`dialect/%s`](#%s) | %s | %s | %s |\n", cell(f.API), pkg, pkg, cell(f.Version), cell(f.Refusals), cell(f.Verified))
}

// RowsHead is the head of that table.
const RowsHead = "| API | package | where the version is | what refuses a write | verified against |\n| --- | --- | --- | --- | --- |\n"

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
