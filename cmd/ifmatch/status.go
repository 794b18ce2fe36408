package main

// The exit statuses. docs/command.md lists them.
const (
	statusDone    = 0 // what was asked for is written
	statusOutput  = 1 // the output can't be written
	statusUsage   = 2 // an argument or a flag is wrong
	statusInput   = 3 // the input can't be read
	statusNothing = 4 // the input has no exchange in it
)

// failure is an error with the exit status that it ends with.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }
