package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ifmatch-go/ifmatch/explain"
)

// entryText writes a code for a terminal.
func entryText(w io.Writer, e explain.Entry) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\nSeen: %s\nWhy: %s%s\n", e.Code, e.Name, e.Seen, e.Why, section(e))
	for _, fix := range e.Fixes {
		fmt.Fprintf(&b, "Fix [%s]: %s\n", fix.Kind.Words(), fix.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// entryMarkdown writes a code for a ticket.
func entryMarkdown(w io.Writer, e explain.Entry) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n**Seen.** %s\n\n**Why.** %s%s\n\n**What helps.**\n\n", e.Code, e.Name, e.Seen, e.Why, section(e))
	for _, fix := range e.Fixes {
		fmt.Fprintf(&b, "- %s (%s)\n", fix.Text, fix.Kind.Words())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func section(e explain.Entry) string {
	if e.RFC == "" {
		return ""
	}
	return " (" + e.RFC + ")"
}

// entryJSON writes a code as one JSON object.
func entryJSON(w io.Writer, e explain.Entry) error {
	type fix struct {
		Text string          `json:"text"`
		Kind explain.FixKind `json:"kind"`
	}
	object := struct {
		Code  string `json:"code"`
		Name  string `json:"name"`
		Seen  string `json:"seen"`
		Why   string `json:"why"`
		RFC   string `json:"rfc,omitempty"`
		Fixes []fix  `json:"fixes"`
	}{e.Code, e.Name, e.Seen, e.Why, e.RFC, []fix{}}
	for _, f := range e.Fixes {
		object.Fixes = append(object.Fixes, fix(f))
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(object)
}
