package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// The states of the document. All begin with the same line, by which a document
// of an earlier run is known.
const (
	original = "ifmatch quickstart\n"
	theirs   = original + "theirs\n" // what the second writer makes of it
	ours     = original + "ours\n"   // what we make of it
	both     = theirs + "ours\n"
)

// rounds are the policies, and what the document must be afterwards.
var rounds = []struct {
	name    string
	policy  ifmatch.Policy
	want    string
	effect  ifmatch.Effect
	meaning string
}{
	{"Resend", ifmatch.Resend, ours, ifmatch.EffectApplied, "the last writer wins: their line is lost"},
	{"Rebuild", ifmatch.Rebuild(addOurs), both, ifmatch.EffectApplied, "our line was added to theirs"},
	{"Stop", ifmatch.Stop, theirs, ifmatch.EffectNotApplied, "their line stays, the 412 is ours to handle"},
}

// addOurs makes our change again, on the state that is there now.
func addOurs(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	return append(current.Body, "ours\n"...), nil
}

// drive shows one stale PUT for each policy.
func drive(ctx context.Context, w io.Writer, doc document) error {
	if err := doc.create(ctx); err != nil {
		return err
	}
	stale, err := doc.strongTag(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "We read the document. Then a second writer added a line, so our tag is stale.\n")
	fmt.Fprintf(w, "What becomes of our PUT under that tag:\n\n")
	for _, round := range rounds {
		// The second writer is a plain client that knows nothing of tags. It
		// puts its line there anew each time, so the rounds start alike, and the
		// tag of the original never comes back.
		if err := doc.put(ctx, theirs, nil); err != nil {
			return fmt.Errorf("second writer: %w", err)
		}
		outcome, err := doc.putUnder(ctx, round.policy, stale)
		if err != nil {
			return fmt.Errorf("%s: %w", round.name, err)
		}
		if err := check(outcome, round.effect); err != nil {
			return fmt.Errorf("%s (%s): %w", round.name, steps(outcome), err)
		}
		state, _, err := doc.get(ctx)
		if err != nil {
			return fmt.Errorf("%s: read back: %w", round.name, err)
		}
		if state != round.want {
			return fmt.Errorf("%s: the document should be %q, and it is %q", round.name, round.want, state)
		}
		fmt.Fprintf(w, "%-8s %-38s %-12s %s%s\n", round.name, steps(outcome), outcome.Effect, round.meaning, waited(outcome))
	}
	fmt.Fprintf(w, "\nRead back after each: as it should be.\n")
	return nil
}

// check reports what is wrong with the outcome of a PUT under a stale tag.
func check(o ifmatch.Outcome, want ifmatch.Effect) error {
	switch first := o.Exchanges[0].StatusCode; {
	case first >= 200 && first <= 299:
		return fmt.Errorf("the server ignores preconditions: it answered %d to a PUT whose If-Match was stale", first)
	case first != http.StatusPreconditionFailed:
		return fmt.Errorf("the server answered %d to a PUT whose If-Match was stale; it should be 412", first)
	case o.Effect == want:
		return nil
	case o.Err != nil:
		return fmt.Errorf("the effect should be %q, and it is %q (%v): %w", want, o.Effect, o.Cause, o.Err)
	}
	return fmt.Errorf("the effect should be %q, and it is %q", want, o.Effect)
}

// steps lists the exchanges.
func steps(o ifmatch.Outcome) string {
	var list []string
	for _, e := range o.Exchanges {
		list = append(list, e.String())
	}
	return strings.Join(list, ", ")
}

// waited tells of a wait that one notices, such as for a strong tag.
func waited(o ifmatch.Outcome) string {
	if o.Waited < 100*time.Millisecond {
		return ""
	}
	return fmt.Sprintf(" (waited %.1fs)", o.Waited.Seconds())
}

// document is one document on a server.
type document struct {
	url  string
	base http.RoundTripper
}

// send sends one request through rt. A redirect is returned as it is: to follow
// it could turn a PUT into a GET.
func (d document) send(ctx context.Context, rt http.RoundTripper, method, body string, header http.Header) (*http.Response, error) {
	client := &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, method, d.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return client.Do(req)
}

// create puts the original there, unless somebody else's document is in the way.
func (d document) create(ctx context.Context) error {
	state, _, err := d.get(ctx)
	switch {
	case errors.Is(err, errAbsent):
		return d.put(ctx, original, http.Header{"If-None-Match": {"*"}})
	case err != nil:
		return err
	case !strings.HasPrefix(state, original):
		return errors.New("there is a document already, and it isn't ours: choose an address that is free")
	}
	return d.put(ctx, original, nil)
}

// strongTag reads the tag of the original. Apache httpd gives a weak one in the
// first second after a write, which no If-Match ever matches: ask again.
func (d document) strongTag(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Second, errors.New("the server gives weak tags only, and If-Match needs a strong one"))
	defer cancel()
	for {
		state, tag, err := d.get(ctx)
		switch {
		case err != nil:
			return "", err
		case state != original:
			return "", fmt.Errorf("we wrote %q and read %q: is there a cache in between?", original, state)
		case tag == "":
			return "", errors.New("the server gives no ETag, so there is nothing to put into If-Match")
		case !strings.HasPrefix(tag, "W/"):
			return tag, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// errAbsent says that there is no document.
var errAbsent = errors.New("there is no such document")

// get reads the document and its tag. It asks for identity, since net/http asks
// for gzip by itself, and the tag of the compressed document is another one.
func (d document) get(ctx context.Context) (state, tag string, err error) {
	resp, err := d.send(ctx, d.base, http.MethodGet, "", http.Header{"Accept-Encoding": {"identity"}, "Cache-Control": {"no-cache"}})
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return string(body), resp.Header.Get("ETag"), err
	case http.StatusNotFound, http.StatusGone:
		return "", "", errAbsent
	}
	return "", "", fmt.Errorf("GET was answered with %s", resp.Status)
}

// put writes the document by a plain client.
func (d document) put(ctx context.Context, state string, header http.Header) error {
	resp, err := d.send(ctx, d.base, http.MethodPut, state, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("PUT was answered with %s: is this a server, and a place on it, that one may write to?", resp.Status)
	}
	return nil
}

// putUnder writes our state under the tag through ifmatch.
func (d document) putUnder(ctx context.Context, policy ifmatch.Policy, tag string) (ifmatch.Outcome, error) {
	var outcome ifmatch.Outcome
	ctx = ifmatch.WithOutcome(ctx, &outcome)
	resp, err := d.send(ctx, ifmatch.NewTransport(d.base, policy), http.MethodPut, ours, http.Header{"If-Match": {tag}})
	if err != nil {
		return outcome, err
	}
	return outcome, resp.Body.Close()
}
