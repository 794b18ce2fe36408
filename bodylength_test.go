package ifmatch

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// TestBodyOfAnotherLengthIsRepeatedOnce: net/http fails where a body isn't as long as was
// announced, and each next attempt would fail as well. One in memory isn't repeated, and
// another one is repeated once, to be counted. A whole one is repeated.
func TestBodyOfAnotherLengthIsRepeatedOnce(t *testing.T) {
	inMemory := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("mine")), nil }
	fromFile := func() (io.ReadCloser, error) {
		return struct{ io.ReadCloser }{io.NopCloser(strings.NewReader("mine"))}, nil
	}
	for name, open := range map[string]func() (io.ReadCloser, error){"in memory": inMemory, "from a file": fromFile} {
		for announced, want := range map[int64]int{3: 1, 4: 2, 5: 1, 1 << 20: 1} {
			if name == "from a file" {
				want = 2
			}
			if name == "from a file" && announced == 3 { // the server may have taken it
				want = 3
			}
			onBoth(t, func(t *testing.T, origin *ifmatchtest.Server) {
				base := origin.Client().Transport
				if announced == 4 {
					base = &script{base: base, errs: []error{io.ErrUnexpectedEOF}}
				}
				req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh})
				req.Body, _ = open()
				req.GetBody, req.ContentLength = open, announced
				got := sendVia(t, NewTransport(base, Resend, quick), req)
				// Of what is longer a server may have all that was announced, and answer,
				// before net/http notices that there is more.
				if got.outcome.Attempts > want || announced == 4 && got.outcome.Attempts != want || announced != 3 && (got.err == nil) != (announced == 4) {
					t.Errorf("%s, %d announced: %s, %v", name, announced, got.summary(), got.err)
				}
				if got.err != nil && got.outcome.Effect != EffectUnknown {
					t.Errorf("%s, %d announced: effect %v", name, announced, got.outcome.Effect)
				}
			})
		}
	}
}
