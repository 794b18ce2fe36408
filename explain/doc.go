// Package explain tells why a conditional write was refused, from what somebody recorded of
// it: a call of this process, a HAR file of a browser, the output of curl, a log.
//
//	exchanges, err := explain.Read(file) // HAR, curl -v, curl --trace-ascii, raw HTTP, slog JSON
//	if err != nil {
//		return err
//	}
//	report := explain.Explain(exchanges)
//	report.WriteText(os.Stdout, explain.Writing{})
//
// A Report has findings, the most certain first. Each has a code of docs/why-412.md or
// docs/explain.md, the lines that show it, the section of a standard that it follows from,
// and what helps. There is no finding without a line of the input, and "nothing to see here"
// is said too.
//
// A call of this process is explained by Outcome, with the header fields that a Recorder
// below the Transport has kept.
//
// The package decides by the tables of the Transport: what guards a write, what a refusal
// of it means, what a read after it shows. It sends nothing.
//
// Nothing secret leaves through a writer of a Report: credentials, cookies, API keys, signed
// queries and user information are taken out by name and by shape, and bodies are left out
// unless Writing asks for them.
package explain
