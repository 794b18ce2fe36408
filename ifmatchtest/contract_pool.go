package ifmatchtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
)

// contractOneConnection proves that 20 writes that are refused, one after
// another, need one connection: whether the wrapper repeats them or leaves the
// refusal to the caller, it must not be dropped half-read. With
// MaxConnsPerHost 1 a response that is still open would block the repeat.
func contractOneConnection(t *testing.T, wrap contractWrap) {
	for _, c := range []struct {
		name string
		max  int
	}{
		{"unlimited", 0},
		{"max-conns-per-host-1", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			origin := newContractOrigin(t, &contractDocument{})
			base := newContractTransport(t)
			base.MaxConnsPerHost = c.max
			rt := wrap(base)
			for range 20 {
				upload := &contractUpload{data: "the new state"}
				contractFinish(t, contractMust(t, rt, upload.request(t.Context(), http.MethodPut, origin.URL, true)))
			}
			if n := origin.opened.Load(); n != 1 {
				t.Errorf("20 writes opened %d connections, want 1", n)
			}
		})
	}
}

// contractIdleConnections proves that http.Client.CloseIdleConnections reaches
// the base, and that a call, however it ends, doesn't close the base's idle
// connections to other origins.
func contractIdleConnections(t *testing.T, wrap contractWrap) {
	t.Run("closed-by-client", func(t *testing.T) {
		origin := newContractOrigin(t, &contractDocument{})
		client := &http.Client{Transport: wrap(newContractTransport(t))}
		contractFinish(t, contractMust(t, client.Transport, contractRequest(t.Context(), http.MethodGet, origin.URL)))
		client.CloseIdleConnections()
		if !contractEventually(contractStall, func() bool { return origin.closed.Load() == 1 }) {
			t.Error("http.Client.CloseIdleConnections left the base's connection open")
		}
	})
	for _, o := range append(contractOutcomes(), contractOutcome{"dial-error", nil}) {
		t.Run("kept/"+o.name, func(t *testing.T) {
			other := newContractOrigin(t, &contractDocument{})
			url := contractClosedURL(t)
			if o.origin != nil {
				url = newContractOrigin(t, o.origin).URL
			}
			rt := wrap(newContractTransport(t))
			contractFinish(t, contractMust(t, rt, contractRequest(t.Context(), http.MethodGet, other.URL)))
			upload := &contractUpload{data: "the new state"}
			if resp, err := contractDo(t, rt, upload.request(t.Context(), http.MethodPut, url, true)); err == nil {
				contractFinish(t, resp)
			}
			contractFinish(t, contractMust(t, rt, contractRequest(t.Context(), http.MethodGet, other.URL)))
			if n := other.opened.Load(); n != 1 {
				t.Errorf("two requests to another origin opened %d connections, want 1", n)
			}
		})
	}
}

// contractCalls numbers the labels of contractNoGoroutineLeft.
var contractCalls atomic.Int64

// contractNoGoroutineLeft proves that all goroutines which a call started,
// below the wrapper too, end when its response and the idle connections are
// closed. Goroutines inherit the profiler labels of the one that starts them:
// those of the call are known by a label, so that others don't matter.
func contractNoGoroutineLeft(t *testing.T, wrap contractWrap) {
	outcomes := append(contractOutcomes(), contractOutcome{"cancelled", contractStatus(http.StatusOK)})
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			origin := newContractOrigin(t, o.origin)
			base := newContractTransport(t)
			rt := wrap(base)
			call := fmt.Sprint(contractCalls.Add(1))
			pprof.Do(t.Context(), pprof.Labels("ifmatchtest", call), func(ctx context.Context) {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				if o.name == "cancelled" {
					cancel()
				}
				upload := &contractUpload{data: "the new state"}
				if resp, err := contractDo(t, rt, upload.request(ctx, http.MethodPut, origin.URL, true)); err == nil {
					contractFinish(t, resp)
				}
			})
			base.CloseIdleConnections()
			var left string
			ended := contractEventually(contractStall, func() bool {
				left = contractGoroutines(call)
				return left == ""
			})
			if !ended {
				t.Errorf("goroutines that the call started are left:\n%s", left)
			}
		})
	}
}

// contractGoroutines returns the stacks of the goroutines with the label call.
func contractGoroutines(call string) string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	label := fmt.Sprintf("# labels: {\"ifmatchtest\":%q}\n", call)
	var found []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, label) {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}
