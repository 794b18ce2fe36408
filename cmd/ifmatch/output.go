package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ifmatch-go/ifmatch/explain"
)

// format is how a report or a code is written.
type format struct {
	name   string
	report func(explain.Report, io.Writer, explain.Writing) error
	entry  func(io.Writer, explain.Entry) error // nil: a code can't be written so
}

var formats = [...]format{
	{"text", explain.Report.WriteText, entryText},
	{"json", explain.Report.WriteJSON, entryJSON},
	{"md", explain.Report.WriteMarkdown, entryMarkdown},
	{"html", explain.Report.WriteHTML, nil},
	{"har", explain.Report.WriteHAR, nil},
	{"curl", explain.Report.WriteCurl, nil},
}

// output is where and how something is written. The zero output has no format.
type output struct {
	format  string
	json    bool
	file    string // empty or "-": standard output
	writing explain.Writing
}

// flags gives a command the flags of an output.
func (o *output) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "text", "how it is written: "+strings.Join(formatNames(), ", "))
	flags.BoolVar(&o.json, "json", false, "the same as --format json")
	flags.StringVarP(&o.file, "output", "o", "", "write into this file")
	flags.BoolVar(&o.writing.Bodies, "bodies", false, "write bodies too, without what looks like a secret in them")
	flags.StringSliceVar(&o.writing.Secrets, "secret", nil, "name of a field, parameter or member that is secret too; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("format", "json")
	complete(cmd, "format", formatNames())
}

func formatNames() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// chosen is the format that the flags say.
func (o *output) chosen() (format, error) {
	name := o.format
	if o.json {
		name = "json"
	}
	i := slices.IndexFunc(formats[:], func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}, &failure{statusUsage, fmt.Errorf("there is no format %q; there are %s", name, strings.Join(formatNames(), ", "))}
	}
	return formats[i], nil
}

// check says what is wrong with the flags, before anything is read.
func (o *output) check() error {
	_, err := o.chosen()
	return err
}

// report writes a report.
func (o *output) report(w *world, r explain.Report) error {
	f, err := o.chosen()
	if err != nil {
		return err
	}
	how := o.writing
	how.Color = o.toStandard() && w.colors()
	var text bytes.Buffer
	if err := f.report(r, &text, how); err != nil {
		return &failure{statusOutput, err}
	}
	return o.write(w, text.Bytes())
}

// code writes what is known of a code.
func (o *output) code(w *world, code string) error {
	f, err := o.chosen()
	if err != nil {
		return err
	}
	entry, ok := explain.Lookup(strings.ToUpper(code))
	if !ok {
		all := explain.Entries()
		return &failure{statusUsage, fmt.Errorf("there is no code %s; they begin with %s and end with %s", strings.ToUpper(code), all[0].Code, all[len(all)-1].Code)}
	}
	if f.entry == nil {
		return &failure{statusUsage, fmt.Errorf("a code can't be written as %s: there is no exchange in it", f.name)}
	}
	var text bytes.Buffer
	if err := f.entry(&text, entry); err != nil {
		return &failure{statusOutput, err}
	}
	return o.write(w, text.Bytes())
}

// codes writes a line for each code.
func (o *output) codes(w *world, args []string) error {
	if len(args) > 0 {
		return &failure{statusUsage, errors.New("--codes reads nothing: leave the file or the code out")}
	}
	var text bytes.Buffer
	for _, e := range explain.Entries() {
		fmt.Fprintf(&text, "%s  %s: %s\n", e.Code, e.Name, e.Seen)
	}
	return o.write(w, text.Bytes())
}

func (o *output) toStandard() bool { return o.file == "" || o.file == "-" }

// write writes what is complete, so that no error leaves a part of it.
func (o *output) write(w *world, text []byte) error {
	var err error
	if o.toStandard() {
		_, err = w.out.Write(text)
	} else {
		err = os.WriteFile(o.file, text, 0o644)
	}
	if err != nil {
		return &failure{statusOutput, fmt.Errorf("the output can't be written: %w", err)}
	}
	return nil
}
