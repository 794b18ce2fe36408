package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

const want = `We read the document. Then a second writer added a line, so our tag is stale.
What becomes of our PUT under that tag:

Resend   PUT 412, HEAD 200, PUT 204             applied      the last writer wins: their line is lost
Rebuild  PUT 412, GET 200, PUT 204              applied      our line was added to theirs
Stop     PUT 412                                not applied  their line stays, the 412 is ours to handle

Read back after each: as it should be.
`

func compare(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("output:\n%s\nwant:\n%s", got, want)
	}
}

func TestRun(t *testing.T) {
	var got strings.Builder
	if err := run(&got, ""); err != nil {
		t.Fatal(err)
	}
	compare(t, got.String(), "in-process origin\n\n"+want)
}

// A server that isn't ours is driven twice: the second run finds the document
// of the first.
func TestRunURL(t *testing.T) {
	srv := ifmatchtest.NewServer()
	defer srv.Close()
	srv.Inject(ifmatchtest.GzipTags())
	for range 2 {
		var got strings.Builder
		if err := run(&got, srv.URL+"/doc"); err != nil {
			t.Fatal(err)
		}
		compare(t, got.String(), srv.URL+"/doc\n\n"+want)
	}
}

// Apache httpd gives weak tags in the first second after a write.
func TestFirstSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := ifmatchtest.NewMemoryServer()
		defer srv.Close()
		srv.Inject(ifmatchtest.WeakFor(time.Second), ifmatchtest.GzipTags())
		var got strings.Builder
		start := time.Now()
		if err := drive(t.Context(), &got, document{srv.URL + "/doc", srv.Client().Transport}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 3500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		apache := strings.NewReplacer(
			"PUT 412, HEAD 200, PUT 204           ", "PUT 412, HEAD 200, HEAD 200, PUT 204 ",
			"PUT 412, GET 200, PUT 204          ", "PUT 412, GET 200, GET 200, PUT 204 ",
			"is lost\n", "is lost (waited 1.0s)\n",
			"to theirs\n", "to theirs (waited 1.0s)\n",
		).Replace(want)
		compare(t, got.String(), apache)
	})
}

func TestWeakForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := ifmatchtest.NewMemoryServer()
		defer srv.Close()
		srv.Inject(ifmatchtest.WeakTagsStrict())
		err := drive(t.Context(), io.Discard, document{srv.URL + "/doc", srv.Client().Transport})
		if err == nil || !strings.Contains(err.Error(), "weak tags only") {
			t.Errorf("error %v, want one about weak tags", err)
		}
	})
}

// What is wrong with a server is said in words.
func TestBadServers(t *testing.T) {
	var state ifmatchtest.Server
	origin := func(change func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			change(w, r)
			state.ServeHTTP(w, r)
		}
	}
	inject := func(faults ...ifmatchtest.Fault) http.HandlerFunc {
		var srv ifmatchtest.Server
		srv.Inject(faults...)
		return srv.ServeHTTP
	}
	taken := func() http.HandlerFunc {
		var srv ifmatchtest.Server
		srv.Put("/doc", "text/plain", []byte("precious"))
		return srv.ServeHTTP
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"deaf":       {origin(func(_ http.ResponseWriter, r *http.Request) { r.Header.Del("If-Match") }), "the server ignores preconditions"},
		"no tags":    {inject(ifmatchtest.NoETag()), "no ETag"},
		"read only":  {inject(ifmatchtest.FailBefore(0, http.StatusMethodNotAllowed)), "405"},
		"taken":      {taken(), "isn't ours"},
		"refuses":    {inject(ifmatchtest.Refuse(0).After(2)), `it is "not applied"`},
		"broken":     {inject(ifmatchtest.FailBefore(0, http.StatusInternalServerError).After(2)), "answered 500"},
		"redirected": {http.RedirectHandler("/elsewhere", http.StatusMovedPermanently).ServeHTTP, "301"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(tt.handler)
			defer srv.Close()
			err := run(io.Discard, srv.URL+"/doc")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	for _, target := range []string{"doc.txt", "ftp://host/doc", "http://", ":"} {
		if err := run(io.Discard, target); err == nil {
			t.Errorf("%q was taken for a document's address", target)
		}
	}
}
