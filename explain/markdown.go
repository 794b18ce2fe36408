package explain

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report for a ticket: the verdict, the ranked causes with what shows
// them, what to ask the provider, the ids of the requests, their times, and commands that send
// them again. The error is w's.
func (r Report) WriteMarkdown(w io.Writer, how Writing) error {
	h := r.handout(how)
	var b strings.Builder
	fmt.Fprintf(&b, "# Why was it refused?\n\n**%s**\n", escaped(h.Verdict))
	if h.Dialect != "" {
		fmt.Fprintf(&b, "\nAPI: %s\n", escaped(h.Dialect))
	}
	for i, f := range h.Findings {
		h.markdownFinding(&b, i+1, &f)
	}
	list(&b, "What to ask the provider", h.Asks)
	var ids []string
	for _, id := range h.IDs {
		ids = append(ids, fmt.Sprintf("#%d %s", id.Exchange, code1(id.Name+": "+id.Value)))
	}
	raw(&b, "Request ids", ids)
	if len(h.Times) > 0 {
		b.WriteString("\n## What was sent\n\n| # | request | sent | answered | took |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, t := range h.Times {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", t.Exchange, cell(t.What), t.Sent, t.Answered, t.Took)
	}
	if len(h.Curl) > 0 {
		b.WriteString("\n## The requests, for curl\n\n" + fenced("sh", strings.Join(h.Curl, "\n")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (h *handout) markdownFinding(b *strings.Builder, n int, f *Finding) {
	fmt.Fprintf(b, "\n## %d. %s: %s (%s)\n\n%s\n\n", n, f.Code, escaped(f.Name), f.Certainty, escaped(f.What))
	var lines []string
	for _, e := range f.Evidence {
		lines = append(lines, strings.TrimSpace(e.where(h.Exchanges)+"  "+(&textPage{}).marked(e)))
	}
	b.WriteString(fenced("", strings.Join(lines, "\n")))
	fmt.Fprintf(b, "\nWhy: %s", escaped(f.Why))
	if f.RFC != "" {
		fmt.Fprintf(b, " (%s)", f.RFC)
	}
	b.WriteString("\n\n")
	for _, fix := range f.Fixes {
		fmt.Fprintf(b, "- %s _(%s)_\n", escaped(fix.Text), fix.Kind.Words())
	}
}

func list(b *strings.Builder, title string, items []string) {
	for i, item := range items {
		items[i] = escaped(item)
	}
	raw(b, title, items)
}

func raw(b *strings.Builder, title string, items []string) {
	if len(items) > 0 {
		fmt.Fprintf(b, "\n## %s\n\n- %s\n", title, strings.Join(items, "\n- "))
	}
}

// escaped is a text that Markdown shows as it is.
func escaped(text string) string {
	return strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "#", "\\#", "|", "\\|", "!", "\\!").Replace(text)
}

// cell is a text in a table.
func cell(text string) string { return escaped(text) }

// code1 is a text in one line of code, between more backticks than it has in a row.
func code1(text string) string {
	fence := ticks(text, 1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// fenced is a block of code.
func fenced(language, text string) string {
	fence := ticks(text, 3)
	return fence + language + "\n" + text + "\n" + fence + "\n"
}

// ticks are at least so many backticks, and more than a text has in a row.
func ticks(text string, least int) string {
	run, longest := 0, 0
	for _, c := range []byte(text) {
		if run++; c != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return strings.Repeat("`", max(least, longest+1))
}
