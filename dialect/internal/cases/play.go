package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

// Play plays a case under its dialect, and returns what was other than the case has it. It
// waits as the pace demands, so it belongs into a synctest bubble.
func Play(d dialect.Dialect, c *Case) []string {
	call := c.call()
	first, err := url.Parse(call.URL)
	if err != nil {
		return []string{err.Error()}
	}
	s := &script{c: c, first: first}
	var out ifmatch.Outcome
	ctx := ifmatch.WithOutcome(context.Background(), &out)
	switch c.Do {
	case "update", "patch", "create":
		s.update(ctx, d, call)
	case "stop", "resend", "rebuild":
		s.roundTrip(ctx, d, call)
	default:
		return []string{fmt.Sprintf("nobody knows how to do %q", c.Do)}
	}
	if s.next < len(c.Exchanges) {
		s.complain("%d requests, want %d", s.next, len(c.Exchanges))
	}
	if got := out.Effect.String(); got != c.End.Effect {
		s.complain("effect %q, want %q (%v)", got, c.End.Effect, out.Err)
	}
	if got := out.Cause.String(); got != c.End.Cause {
		s.complain("cause %q, want %q (%v)", got, c.End.Cause, out.Err)
	}
	if c.End.Error != "" && !strings.Contains(fmt.Sprint(out.Err), c.End.Error) {
		s.complain("error %v, want %q in it", out.Err, c.End.Error)
	}
	s.checkWords(d)
	return s.problems
}

// call is the request of the caller: the first one, where the case has no other.
func (c *Case) call() *Request {
	if c.Write == nil {
		return &c.Exchanges[0].Request
	}
	call := *c.Write
	if call.URL == "" {
		call.URL = c.Exchanges[0].Request.URL
	}
	return &call
}

// roundTrip sends the write through a Transport.
func (s *script) roundTrip(ctx context.Context, d dialect.Dialect, call *Request) {
	body, _ := text(call.Body)
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, strings.NewReader(body))
	if err != nil {
		s.complain("%v", err)
		return
	}
	for name, value := range call.Header {
		if value != nil {
			req.Header.Set(name, *value)
		}
	}
	resp, err := ifmatch.NewTransport(s, s.policy(), ifmatch.WithDialect(d)).RoundTrip(req)
	status := 0
	if err == nil {
		status = resp.StatusCode
		resp.Body.Close()
	}
	if status != s.c.End.Status {
		s.complain("status %d, want %d (%v)", status, s.c.End.Status, err)
	}
	if status == 0 && err != nil && !strings.Contains(err.Error(), s.c.End.Error) {
		s.complain("error %v, want %q in it", err, s.c.End.Error)
	}
}

// policy is what the case does about a refusal.
func (s *script) policy() ifmatch.Policy {
	switch s.c.Do {
	case "resend":
		return ifmatch.Resend
	case "rebuild":
		return ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
			if s.c.Change[0] != '{' {
				return s.c.Change, nil // it replaces the state (RFC 7396)
			}
			var state map[string]any
			if err := json.Unmarshal(current.Body, &state); err != nil {
				return nil, err
			}
			if err := s.change(&state); err != nil {
				return nil, err
			}
			return json.Marshal(state)
		})
	}
	return ifmatch.Stop
}

// change is the edit of the case: a merge patch (RFC 7396).
func (s *script) change(state *map[string]any) error {
	var patch map[string]any
	if err := json.Unmarshal(s.c.Change, &patch); err != nil {
		return err
	}
	if *state == nil {
		*state = map[string]any{}
	}
	merge(*state, patch)
	return nil
}

func merge(state, patch map[string]any) {
	for name, value := range patch {
		deeper, isObject := value.(map[string]any)
		there, wasObject := state[name].(map[string]any)
		switch {
		case value == nil:
			delete(state, name)
		case isObject && wasObject:
			merge(there, deeper)
		default:
			state[name] = value
		}
	}
}

// update does the change of the case by Update.
func (s *script) update(ctx context.Context, d dialect.Dialect, call *Request) {
	opts := []ifmatch.UpdateOption{ifmatch.WithDialect(d)}
	switch s.c.Do {
	case "create":
		opts = append(opts, ifmatch.CreateIfAbsent())
	case "patch":
		opts = append(opts, ifmatch.WithPatch())
	}
	if s.c.Write != nil { // else the fields are those that Update sends
		for name, value := range call.Header {
			if value != nil {
				opts = append(opts, ifmatch.WithHeader(name, *value))
			}
		}
	}
	got, err := ifmatch.Update(ctx, &http.Client{Transport: s}, call.URL, s.change, opts...)
	switch end := s.c.End; {
	case err != nil && end.Error == "":
		s.complain("error %v, want none", err)
	case err == nil && end.Error != "":
		s.complain("no error, want %q in it", end.Error)
	case err != nil && !strings.Contains(err.Error(), end.Error):
		s.complain("error %v, want %q in it", err, end.Error)
	case err == nil && end.State != nil:
		if state, _ := json.Marshal(got.Value); !sameJSON(string(state), string(end.State)) {
			s.complain("state %s, want %s", state, end.State)
		}
	}
}
