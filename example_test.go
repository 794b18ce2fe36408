package ifmatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func ExampleBuiltinPolicy_resend() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	stale := srv.Put("/doc", "text/plain", []byte("first"))
	srv.Put("/doc", "text/plain", []byte("theirs")) // a second writer

	client := ifmatch.NewClient(ifmatch.Resend)
	req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", stale)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	state, _, _ := srv.State("/doc")
	fmt.Printf("%d: the last writer wins: %s\n", resp.StatusCode, state)
	// Output: 204: the last writer wins: ours
}

func ExampleBuiltinPolicy_stop() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	stale := srv.Put("/doc", "text/plain", []byte("first"))
	srv.Put("/doc", "text/plain", []byte("theirs")) // a second writer

	client := ifmatch.NewClient(ifmatch.Stop)
	req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", stale)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	state, _, _ := srv.State("/doc")
	fmt.Printf("%d: nothing was written: %s\n", resp.StatusCode, state)
	// Output: 412: nothing was written: theirs
}

// Unconditional is for diagnosis: it shows whether the precondition is what keeps
// a write from being accepted.
func ExampleBuiltinPolicy_unconditional() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/doc", "text/plain", []byte("first"))
	srv.Inject(ifmatchtest.NoETag()) // so no tag ever matches

	for _, policy := range []ifmatch.Policy{ifmatch.Resend, ifmatch.Unconditional} {
		req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("If-Match", `"stale"`)
		resp, err := ifmatch.NewClient(policy).Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(policy, resp.StatusCode)
	}
	// Output:
	// Resend 412
	// Unconditional 204
}

func ExampleRebuild() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	stale := srv.Put("/list", "text/plain", []byte("milk\n"))
	srv.Put("/list", "text/plain", []byte("milk\nbread\n")) // a second writer

	client := ifmatch.NewClient(ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		return append(current.Body, "eggs\n"...), nil
	}))
	req, err := http.NewRequest(http.MethodPut, srv.URL+"/list", strings.NewReader("milk\neggs\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", stale)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	state, _, _ := srv.State("/list")
	fmt.Printf("%d\n%s", resp.StatusCode, state)
	// Output:
	// 204
	// milk
	// bread
	// eggs
}

func ExampleWithOptions() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	stale := srv.Put("/doc", "text/plain", []byte("first"))
	srv.Inject(ifmatchtest.CompetingWriter(5, nil)) // others are faster five times

	client := ifmatch.NewClient(ifmatch.Stop)
	ctx := ifmatch.WithOptions(context.Background(),
		ifmatch.OnConflict(ifmatch.Resend), ifmatch.WithMaxAttempts(8)) // for this call only
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", stale)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	outcome, _ := ifmatch.OutcomeOf(resp)
	fmt.Printf("%d after %d attempts\n", resp.StatusCode, outcome.Attempts)
	// Output: 204 after 6 attempts
}

// A policy by host: on one the last writer may win, on all others nobody loses.
func ExamplePolicyFunc() {
	settings, ledger := ifmatchtest.NewServer(), ifmatchtest.NewServer()
	defer settings.Close()
	defer ledger.Close()
	settings.Put("/doc", "text/plain", []byte("theirs"))

	policies := map[string]ifmatch.BuiltinPolicy{settings.URL: ifmatch.Resend} // others: Stop, the zero value
	client := ifmatch.NewClient(ifmatch.PolicyFunc(func(ctx context.Context, c *ifmatch.Conflict) (ifmatch.Decision, error) {
		return policies["http://"+c.Request.URL.Host].Resolve(ctx, c)
	}))
	for _, origin := range []string{settings.URL, ledger.URL} {
		req, err := http.NewRequest(http.MethodPut, origin+"/doc", strings.NewReader("ours"))
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("If-Match", `"stale"`)
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// 204
	// 412
}

// The outcome tells what was done and whether somebody else's state was
// replaced.
func ExampleOutcomeOf() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	stale := srv.Put("/doc", "text/plain", []byte("first"))
	srv.Put("/doc", "text/plain", []byte("theirs")) // a second writer

	req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", stale)
	resp, err := ifmatch.NewClient(ifmatch.Resend).Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	if outcome, ok := ifmatch.OutcomeOf(resp); ok {
		fmt.Println(outcome.Exchanges)
		fmt.Printf("effect: %v, cause: %v, overwrote: %v\n", outcome.Effect, outcome.Cause, outcome.Overwrote)
	}
	// Output:
	// [PUT 412 HEAD 200 PUT 204]
	// effect: applied, cause: changed, overwrote: true
}

// WithOutcome tells of a call that ends with an error, too: here the policy
// fails, and there is no response to ask.
func ExampleWithOutcome() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/doc", "text/plain", []byte("theirs"))

	client := ifmatch.NewClient(ifmatch.Rebuild(func(context.Context, *ifmatch.Representation) ([]byte, error) {
		return nil, errors.New("can't merge this")
	}))
	var outcome ifmatch.Outcome
	ctx := ifmatch.WithOutcome(context.Background(), &outcome)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", `"stale"`)
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
	}
	fmt.Println(outcome.Exchanges)
	fmt.Printf("effect: %v, error: %v\n", outcome.Effect, errors.Unwrap(outcome.Err)) // Err itself tells more
	// Output:
	// [PUT 412 GET 200]
	// effect: not applied, error: can't merge this
}

func ExampleWithTrace() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/doc", "text/plain", []byte("theirs"))

	client := ifmatch.NewClient(ifmatch.Resend, ifmatch.WithTrace(&ifmatch.Trace{
		Refused:    func(i ifmatch.RefusedInfo) { fmt.Println("refused:", i.Method, i.StatusCode, i.Sent.ETag) },
		Refreshing: func(i ifmatch.RefreshInfo) { fmt.Println("refreshing:", i.Method) },
		Done:       func(d ifmatch.DoneInfo) { fmt.Println("done:", d.Outcome.Effect) },
	}))
	req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", `"stale"`)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	// Output:
	// refused: PUT 412 "stale"
	// refreshing: HEAD
	// done: applied
}

// A cache that ignores Cache-Control is passed by a query of its own. The write
// goes to the address that was given.
func ExampleWithRefreshRequest() {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/doc", "text/plain", []byte("theirs"))

	client := ifmatch.NewClient(ifmatch.Resend, ifmatch.WithRefreshRequest(func(r *http.Request) (*http.Request, error) {
		r.URL.RawQuery = "fresh=1"
		return r, nil
	}))
	req, err := http.NewRequest(http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-Match", `"stale"`)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	for _, r := range srv.Log() {
		fmt.Printf("%s %s %q\n", r.Method, r.Path, r.Query)
	}
	// Output:
	// PUT /doc ""
	// HEAD /doc "fresh=1"
	// PUT /doc ""
}

// In place of http.DefaultTransport the policy is Stop, since packages that do
// their own compare-and-swap must go on seeing their 412.
func ExampleNewTransport() {
	original := http.DefaultTransport
	http.DefaultTransport = ifmatch.NewTransport(nil, ifmatch.Stop)
	defer func() { http.DefaultTransport = original }()

	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Put("/doc", "text/plain", []byte("theirs"))
	ctx := context.Background()
	for _, ctx := range []context.Context{ctx, ifmatch.WithOptions(ctx, ifmatch.OnConflict(ifmatch.Resend))} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, srv.URL+"/doc", strings.NewReader("ours"))
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("If-Match", `"stale"`)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// 412
	// 204
}
