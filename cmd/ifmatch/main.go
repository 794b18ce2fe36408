// Command ifmatch tells why a write was refused with 412 Precondition Failed, from what
// somebody recorded of it, or by asking the server. docs/command.md describes it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], world{
		in:         os.Stdin,
		out:        os.Stdout,
		err:        os.Stderr,
		getenv:     os.Getenv,
		isTerminal: isTerminal,
	}))
}

// world is what the command sees of the process that it runs in.
type world struct {
	in         io.Reader
	out, err   io.Writer
	getenv     func(string) string
	isTerminal func(stream any) bool
}

// colors reports whether what is written to out may have colours.
func (w *world) colors() bool {
	return w.isTerminal(w.out) && w.getenv("NO_COLOR") == "" && w.getenv("TERM") != "dumb"
}

// isTerminal reports whether a stream is a device that shows characters.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// run runs the command with these arguments, and returns its exit status.
func run(args []string, w world) int {
	root := newRoot(&w)
	root.SetArgs(args)
	root.SetIn(w.in)
	root.SetOut(w.out)
	root.SetErr(w.err)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return statusDone
	}
	status := statusUsage // errors of the parser have no status
	if failed := (*failure)(nil); errors.As(err, &failed) {
		status = failed.status
	}
	if err.Error() != "" {
		fmt.Fprintf(w.err, "ifmatch: %v\n", err)
	}
	if _, _, unknown := root.Find(args); unknown != nil && isFile(args[0]) {
		fmt.Fprintf(w.err, "To explain a recording, run 'ifmatch explain %s'.\n", args[0])
	}
	if status == statusUsage {
		fmt.Fprintln(w.err, "Run 'ifmatch help' for what there is.")
	}
	return status
}

// isFile reports whether a path leads to something that is there.
func isFile(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
