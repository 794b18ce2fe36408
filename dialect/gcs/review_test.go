package gcs

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/internal/storetest"
)

// TestWhatIsNoGuard: the metageneration begins anew with each generation, so alone
// it guards no repeat, nor does an entity-tag; and 00 isn't the generation 0.
func TestWhatIsNoGuard(t *testing.T) {
	const generation, metageneration = "X-Goog-If-Generation-Match: ", "X-Goog-If-Metageneration-Match: "
	for name, test := range map[string]struct {
		dialect   dialect.Dialect
		policy    ifmatch.Policy
		lose      int
		url, sent string
		want      []string
	}{
		"metageneration": {XML(), ifmatch.Stop, 1, "/bucket/n", metageneration + "3", []string{
			"PUT /bucket/n " + metageneration + "3 mine lost", "error: unknown, none",
		}},
		"metageneration, JSON": {JSON(), ifmatch.Stop, 1, object + "?ifMetagenerationMatch=3", "", []string{
			"PUT " + object + "?ifMetagenerationMatch=3 mine lost", "error: unknown, none",
		}},
		"If-Match":      {XML(), ifmatch.Stop, 1, "/bucket/n", `If-Match: "md5"`, []string{`PUT /bucket/n If-Match: "md5" mine lost`, "error: unknown, none"}},
		"If-None-Match": {XML(), ifmatch.Stop, 1, "/bucket/n", "If-None-Match: *", []string{"PUT /bucket/n If-None-Match: * mine lost", "error: unknown, none"}},
		"padded": {XML(), ifmatch.Resend, 0, "/bucket/n", generation + "00", []string{
			"PUT /bucket/n " + generation + "00 mine 412", "412: not applied, unattributed",
		}},
		"padded, JSON": {JSON(), ifmatch.Resend, 0, upload + "&ifGenerationMatch=00", "", []string{
			"PUT " + upload + "&ifGenerationMatch=00 mine 412", "412: not applied, unattributed",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := there()
			c := storetest.Case{
				Serve: s.serve, Lose: test.lose, Dialect: test.dialect, Policy: test.policy, Method: "PUT", URL: origin + test.url, Body: "mine", Want: test.want,
				Rival: func() { s.generation, s.metageneration, s.body = 9, 3, "rival's" },
				Shown: []string{"X-Goog-If-Generation-Match", "X-Goog-If-Metageneration-Match", "If-Match", "If-None-Match"},
			}
			if test.sent != "" {
				c.Header = []string{test.sent}
			}
			c.Run(t)
			if test.lose > 0 && s.body != "rival's" {
				t.Errorf("a repeat replaced the rival's state: %q", s.body)
			}
		})
	}
}

// watched shows each request before it is sent.
type watched struct {
	base
	show func(*http.Request)
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	w.show(req)
	return w.base.RoundTrip(req)
}

// TestRememberGeneration: Remember adds no entity-tag where the version is elsewhere.
func TestRememberGeneration(t *testing.T) {
	var sent []string
	rt := ifmatch.NewTransport(watched{base{there(), &sent}, func(req *http.Request) {
		if tag := req.Header.Get("If-Match"); tag != "" {
			t.Errorf("%s with If-Match: %s", req.Method, tag)
		}
	}}, ifmatch.Stop, ifmatch.WithDialect(XML()))
	ctx := ifmatch.Remember(t.Context())
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		req, err := http.NewRequestWithContext(ctx, method, origin+"/bucket/n", strings.NewReader("mine"))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPut {
			req.Header.Set("X-Goog-If-Generation-Match", "7")
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if len(sent) != 2 {
		t.Errorf("sent %q", sent)
	}
}

type serving func(*http.Request) (int, string)

func (f serving) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	st, text := f(req)
	return &http.Response{StatusCode: st, Header: http.Header{}, ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// TestSignedGet: the read of Get goes out as it was signed.
func TestSignedGet(t *testing.T) {
	r := serving(func(req *http.Request) (int, string) {
		if req.URL.Query().Get("X-Goog-Signature") == "" {
			return 403, ""
		}
		return 200, `{"n":1}`
	})
	_, err := ifmatch.Get[struct{ N int }](t.Context(), &http.Client{Transport: ifmatch.NewTransport(r, ifmatch.Stop)}, "https://storage.googleapis.com/b/k?X-Goog-Signature=abc", ifmatch.WithDialect(XML()))
	if err != nil && strings.Contains(err.Error(), "403") {
		t.Error(err)
	}
}

// TestPatchType: WithPatch sends what Objects: patch documents.
func TestPatchType(t *testing.T) {
	var ct string
	r := serving(func(req *http.Request) (int, string) {
		if req.Method == "GET" {
			return 200, `{"generation":"1","metageneration":"2","cacheControl":"a"}`
		}
		ct = req.Header.Get("Content-Type")
		return 200, `{}`
	})
	_, err := ifmatch.Update(t.Context(), &http.Client{Transport: ifmatch.NewTransport(r, ifmatch.Stop, ifmatch.WithDialect(JSON()))}, "https://storage.googleapis.com/storage/v1/b/b/o/k?fields=cacheControl,generation,metageneration&prettyPrint=false", func(d *struct {
		CacheControl string `json:"cacheControl"`
	}) error {
		d.CacheControl = "b"
		return nil
	}, ifmatch.WithPatch())
	if err != nil || ct != "application/json" {
		t.Errorf("%v, %s", err, ct)
	}
}
