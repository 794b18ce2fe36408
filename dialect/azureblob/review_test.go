package azureblob

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
)

// TestLowerCaseNames: the SDK spells the names of its fields in lower case. A copy
// gets no write id, and a lease is told apart, all the same.
func TestLowerCaseNames(t *testing.T) {
	for name, test := range map[string]struct {
		field, tag string
		identified bool
		writes     int
		cause      ifmatch.Cause
	}{
		"copy":                {"x-ms-copy-source", `"0x2"`, false, 1, ifmatch.CauseNone},
		"another field":       {"x-ms-version", `"0x2"`, true, 1, ifmatch.CauseNone},
		"lease":               {"x-ms-lease-id", `"0x1"`, true, 2, ifmatch.CauseChanged},
		"sequence number":     {"x-ms-if-sequence-number-le", `"0x1"`, true, 2, ifmatch.CauseChanged},
		"of a copy's source":  {"x-ms-source-if-match", `"0x1"`, true, 1, ifmatch.CauseUnattributed},
		"lease, no code":      {"x-ms-lease-id", `"0x1"`, true, 1, ifmatch.CauseUnattributed},
		"of an append's size": {"x-ms-blob-condition-maxsize", `"0x1"`, true, 1, ifmatch.CauseUnattributed},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{version: 2, body: "theirs"}
			if strings.HasSuffix(name, "no code") {
				s.code = "none"
			}
			writes, identified := 0, false
			base := roundTrip(func(req *http.Request) (int, http.Header, string) {
				if req.Method == http.MethodPut {
					writes++
					identified = req.Header.Get(WriteIDField) != ""
				}
				return s.serve(req, "mine")
			})
			var out ifmatch.Outcome
			req, err := http.NewRequestWithContext(ifmatch.WithOutcome(t.Context(), &out), http.MethodPut, blob, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header[test.field] = []string{"1"}
			req.Header.Set("If-Match", test.tag)
			if _, err := ifmatch.NewTransport(base, ifmatch.Resend, ifmatch.WithDialect(Dialect()), ifmatch.WithWriteID()).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			if identified != test.identified || writes != test.writes || out.Cause != test.cause {
				t.Errorf("identified %t, %d writes, %v: %v", identified, writes, out.Cause, out.Err)
			}
		})
	}
}

// roundTrip is a transport without bodies.
type roundTrip func(*http.Request) (int, http.Header, string)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	status, header, _ := f(req)
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: req}, nil
}
