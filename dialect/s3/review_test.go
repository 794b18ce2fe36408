package s3

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch"
)

// answering answers each request, which it counts.
type answering struct {
	f func(r *http.Request, n int) (int, string)
	n int
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	a.n++
	status, text := a.f(req, a.n)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Etag": {`"e"`}}, Request: req,
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

// TestPresignedGet: the read of Get goes out as it was signed.
func TestPresignedGet(t *testing.T) {
	base := &answering{f: func(req *http.Request, _ int) (int, string) {
		if req.URL.Query().Get("X-Amz-Signature") == "" {
			return http.StatusForbidden, ""
		}
		return http.StatusOK, `{"n":1}`
	}}
	c := &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop, ifmatch.WithDialect(Dialect()))}
	got, err := ifmatch.Get[struct{ N int }](t.Context(), c, "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Signature=abc")
	if err != nil || got.Value.N != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestBusyUnderAStar: a 409 that says that nothing was compared is repeated under
// If-Match: *, too.
func TestBusyUnderAStar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &answering{f: func(_ *http.Request, n int) (int, string) {
			if n == 1 {
				return http.StatusConflict, `<Error><Code>ConditionalRequestConflict</Code></Error>`
			}
			return http.StatusNoContent, ""
		}}
		var o ifmatch.Outcome
		req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &o), http.MethodDelete, "https://b.s3.amazonaws.com/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-Match", "*")
		resp, err := ifmatch.NewTransport(base, ifmatch.Resend, ifmatch.WithDialect(Dialect())).RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusNoContent || base.n != 2 {
			t.Errorf("%v, %v after %d: %+v", resp, err, base.n, o)
		}
	})
}
