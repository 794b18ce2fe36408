package main

// The exit statuses. docs/command.md lists them. From 11 on they say what diagnose has found:
// see statusOfCode.
const (
	statusDone     = 0 // what was asked for is written; of diagnose: the write would go through
	statusOutput   = 1 // the output can't be written
	statusUsage    = 2 // an argument or a flag is wrong
	statusInput    = 3 // the input can't be read
	statusNothing  = 4 // the input has no exchange in it
	statusNoAnswer = 5 // the host can't be reached, or doesn't answer in time
	statusNoState  = 6 // GET shows no state
	statusOpen     = 7 // nothing was found, and nothing shows that the write would go through
)

// failure is an error with the exit status that it ends with. Without an error the output has
// said it all.
type failure struct {
	status int
	err    error
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }
