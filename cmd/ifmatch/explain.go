package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ifmatch-go/ifmatch/explain"
)

const explainExamples = `  ifmatch explain network.har
  curl -v -X PUT -H 'If-Match: "v1"' -d @doc.json https://api.example.com/doc 2>&1 | ifmatch explain
  ifmatch explain --format html -o report.html network.har
  ifmatch explain IFM012`

// newExplain returns the command that explains a recording, or a code.
func newExplain(w *world) *cobra.Command {
	var into output
	var dialect string
	var all bool
	cmd := &cobra.Command{
		Use:   "explain [FILE | - | CODE]",
		Short: "Explain a recording of refused writes, or a code",
		Long: `Explain tells why writes in a recording were refused. The recording is a HAR file of a
browser, the output of curl -v, curl -i or curl --trace-ascii, HTTP messages as they
are on the wire, or ifmatch's log in JSON. Without a file, or with -, it is read from
standard input. With a code, such as IFM012, that code is told in full; a file of
that name is ./IFM012.

Credentials, cookies and keys are taken out of all that is written, and bodies are left
out, except for one line of what a refusal says. What nothing marks as a secret isn't recognized: look at what you give away.

The exit status is 0 where the report is written, whatever was found; 1 where it can't be written; 2 for a wrong
argument; 3 where the input can't be read, or an archive is cut off; 4 where no exchange is in the input.

Colours are for a terminal alone, and NO_COLOR in the environment turns them off.`,
		Example:           explainExamples,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeCodes,
		RunE: func(_ *cobra.Command, args []string) error {
			name := "-"
			if all {
				return into.codes(w, args)
			}
			if len(args) == 1 {
				name = args[0]
			}
			if isCode(name) {
				return into.code(w, fullCode(name))
			}
			return explainFile(w, name, dialect, &into)
		},
	}
	into.flags(cmd)
	cmd.Flags().StringVar(&dialect, "dialect", "", "the API that it is: "+strings.Join(dialects(), ", ")+" (by default it is recognized)")
	cmd.Flags().BoolVar(&all, "codes", false, "list the codes, and read nothing")
	complete(cmd, "dialect", dialects())
	return cmd
}

var codes = regexp.MustCompile(`^(?i:IFM)[0-9]{1,3}$`)

// fullCode is a code in capitals and with three digits, as IFM008 for ifm8.
func fullCode(arg string) string {
	return "IFM" + strings.Repeat("0", max(0, len("IFM008")-len(arg))) + arg[len("IFM"):]
}

// isCode reports whether an argument is a code, and no file.
func isCode(arg string) bool { return codes.MatchString(arg) }

func completeCodes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, e := range explain.Entries() {
		all = append(all, e.Code+"\t"+e.Name)
	}
	return all, cobra.ShellCompDirectiveDefault
}

// complete lets a shell complete the words of a flag.
func complete(cmd *cobra.Command, flag string, words []string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails for no flag that is there
}

func dialects() []string { return slices.Sorted(maps.Keys(explain.Dialects())) }

// dialectOptions are the options for a dialect by name. An empty name has none.
func dialectOptions(name string) ([]explain.Option, error) {
	if name == "" {
		return nil, nil
	}
	d, ok := explain.Dialects()[name]
	if !ok {
		return nil, &failure{statusUsage, fmt.Errorf("there is no dialect %q; there are %s", name, strings.Join(dialects(), ", "))}
	}
	return []explain.Option{explain.WithDialect(d)}, nil
}

// explainFile explains the recording in a file, or in what is piped in.
func explainFile(w *world, name, dialect string, into *output) error {
	options, err := dialectOptions(dialect)
	if err != nil {
		return err
	}
	if err := into.check(); err != nil {
		return err
	}
	if name != "-" && sameFile(name, into.file) {
		return &failure{statusUsage, fmt.Errorf("-o %s would replace the recording", into.file)}
	}
	exchanges, err := read(w, name)
	if err != nil && len(exchanges) == 0 {
		return err
	}
	// Of a recording that is cut off, the part that is there is explained, and the status tells.
	return cmp.Or(into.report(w, explain.Explain(exchanges, options...)), err)
}

// sameFile reports whether two paths lead to one file that exists.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// read reads a recording. One that is cut off gives exchanges and an error.
func read(w *world, name string) ([]explain.Exchange, error) {
	var from io.Reader = w.in
	shown := "standard input"
	if name != "-" {
		file, err := openFile(filepath.Clean(name))
		if err != nil {
			return nil, &failure{statusInput, err}
		}
		defer file.Close()
		from, shown = file, name
	} else if w.isTerminal(w.in) {
		fmt.Fprintln(w.err, "ifmatch: reading standard input; paste a recording, and end it with Ctrl-D on a line of its own")
	}
	begin := &start{from: from}
	exchanges, err := explain.Read(begin)
	switch {
	case errors.Is(err, explain.ErrUnknownFormat):
		return nil, &failure{statusNothing, fmt.Errorf("%s: no HTTP exchange is in it; %s; see 'ifmatch explain --help' for what is read", shown, hintFor(begin.text))}
	case errors.Is(err, explain.ErrCutOff):
		return exchanges, &failure{statusInput, fmt.Errorf("%s isn't whole, so the cause may be missing: %w; save it again", shown, err)}
	case err != nil:
		return nil, &failure{statusInput, fmt.Errorf("%s can't be read: %w", shown, err)}
	}
	return exchanges, nil
}
