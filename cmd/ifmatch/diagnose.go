package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ifmatch-go/ifmatch/explain"
)

const diagnoseExamples = `  ifmatch diagnose https://api.example.com/doc
  ifmatch diagnose -X PUT -H 'If-Match: "v1"' -u me:secret https://api.example.com/doc
  ifmatch diagnose --write --format html -o report.html https://api.example.com/doc`

// diagnosing are the flags of diagnose.
type diagnosing struct {
	into                        output
	to                          connection
	method, data, user, dialect string
	fields                      []string
	netrc, write                bool
	silent, verbose             bool
	most, pause                 seconds
}

// newDiagnose returns the command that asks a server.
func newDiagnose(w *world) *cobra.Command {
	var d diagnosing
	cmd := &cobra.Command{
		Use:   "diagnose [flags] URL",
		Short: "Ask a server why a write is refused",
		Long: `Diagnose sends safe requests to a URL, and tells from the answers why a write there
would be refused: HEAD and GET, without a content coding and with gzip and br, past
caches, at each address of the host, again after a pause, with If-Match fresh and bogus,
and with the condition of your write. No redirect is followed.

The flags are those of curl. Nothing is written unless --write allows it: then the same
bytes go back by PUT, under an ETag. The body of -d is never sent.

The exit status says the finding. It is 0 only where the write would go through.`,
		Example: diagnoseExamples,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context(), w, args[0]) },
	}
	d.into.flags(cmd)
	d.flags(cmd)
	return cmd
}

func (d *diagnosing) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&d.method, "request", "X", "PUT", "the method of your write; --write takes PUT alone")
	flags.StringArrayVarP(&d.fields, "header", "H", nil, "a field of your write, 'Name: value'; may be repeated")
	flags.StringVarP(&d.data, "data", "d", "", "the body of your write; taken as curl does, and never sent")
	flags.StringVarP(&d.user, "user", "u", "", "user:password")
	flags.BoolVarP(&d.to.insecure, "insecure", "k", false, "accept any certificate")
	flags.StringVar(&d.to.cacert, "cacert", "", "file with the certificates to trust")
	flags.StringVar(&d.to.cert, "cert", "", "file with a certificate for the client")
	flags.StringVar(&d.to.key, "key", "", "file with its key; by default it is in the file of --cert")
	flags.BoolVar(&d.netrc, "netrc", false, "take user and password from ~/.netrc, or the file that NETRC names")
	flags.StringVar(&d.to.proxy, "proxy", "", "URL of a proxy; by default as the environment says")
	flags.StringArrayVar(&d.to.resolve, "resolve", nil, "host:port:address[,address]; may be repeated")
	d.most, d.pause = seconds(time.Minute), seconds(defaultPause)
	flags.Var(&d.most, "max-time", "`seconds` for all requests together")
	flags.Var(&d.pause, "pause", "`seconds` before the last reads")
	flags.BoolVar(&d.write, "write", false, "allow writing the same bytes back, by PUT under an ETag")
	flags.BoolVarP(&d.silent, "silent", "s", false, "no progress")
	flags.BoolVarP(&d.verbose, "verbose", "v", false, "progress where standard error is no terminal, too")
	flags.StringVar(&d.dialect, "dialect", "", "the API that it is: "+strings.Join(dialects(), ", ")+" (by default it is recognized)")
	complete(cmd, "dialect", dialects())
}

// seconds is a time as curl takes it, such as 2.5.
type seconds time.Duration

func (s *seconds) Type() string { return "seconds" }
func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'f', -1, 64)
}
func (s *seconds) Set(text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= 86400) {
		return errors.New("it is a number of seconds, at most 86400")
	}
	*s = seconds(n * float64(time.Second))
	return nil
}

// prepare reads the flags, before anything is sent.
func (d *diagnosing) prepare(w *world, target string) (*caller, error) {
	if err := d.into.check(); err != nil {
		return nil, err
	}
	c, err := newCaller(d.method, target, d.fields)
	if err != nil {
		return nil, err
	}
	if d.write && c.method != http.MethodPut {
		return nil, &failure{statusUsage, fmt.Errorf("--write writes by PUT, and not by %.20q", c.method)}
	}
	if user, password, ok := strings.Cut(d.user, ":"); ok {
		c.authorize(user, password)
	} else if d.user != "" {
		return nil, &failure{statusUsage, errors.New("-u wants user:password")}
	}
	if d.netrc {
		name := w.getenv("NETRC")
		if name == "" {
			home, _ := os.UserHomeDir() // without one no file is found, and that is said
			name = filepath.Join(home, ".netrc")
		}
		if err := c.netrc(name); err != nil {
			return nil, err
		}
	}
	return c, d.to.open()
}

// run asks, and writes the report.
func (d *diagnosing) run(ctx context.Context, w *world, target string) error {
	options, err := dialectOptions(d.dialect)
	if err != nil {
		return err
	}
	c, err := d.prepare(w, target)
	if err != nil {
		return err
	}
	all := &diagnosis{caller: c, to: &d.to, pause: time.Duration(d.pause), say: d.progress(w)}
	if err := d.ask(ctx, w, all); err != nil {
		return err
	}
	report := explain.Explain(all.exchanges, options...)
	foresee(c, &report)
	all.facts.first, all.facts.creates = firstCode(&report), c.creates()
	status, verdict := conclude(all.facts)
	if verdict != "" {
		report.Verdict = verdict
	}
	if err := d.into.report(w, report); err != nil {
		return err
	}
	if status != statusDone {
		return &failure{status: status}
	}
	return nil
}

// ask sends what the flags allow, and warns of what wasn't done as it should be.
func (d *diagnosing) ask(ctx context.Context, w *world, all *diagnosis) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.most))
	defer cancel()
	all.probes(ctx)
	if !all.facts.answered {
		return &failure{statusNoAnswer, fmt.Errorf("%s doesn't answer: %w", all.caller.url.Host, all.err)}
	}
	if all.endless {
		fmt.Fprintf(w.err, "ifmatch: the content doesn't end within %d MiB and %v; its beginning is used\n", mostRead>>20, bodyTime)
	}
	_, all.facts.unshown = all.writable()
	if d.write {
		if err := all.writeBack(ctx); err != nil {
			fmt.Fprintf(w.err, "ifmatch: %v\n", err)
		}
	}
	return nil
}

// progress says what was sent, on a terminal or where it is asked for.
func (d *diagnosing) progress(w *world) func(string, ...any) {
	if d.silent || !d.verbose && !w.isTerminal(w.err) {
		return func(string, ...any) {}
	}
	return func(format string, args ...any) { fmt.Fprintf(w.err, "ifmatch: "+format+"\n", args...) }
}
