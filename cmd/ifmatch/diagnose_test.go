package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// origin is a server with one document, which notes what it is asked.
type origin struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []*http.Request
	bodies  []string
	content string
}

func newOrigin(t *testing.T, handler func(*origin, http.ResponseWriter, *http.Request)) *origin {
	t.Helper()
	o := &origin{content: "{\"n\":1}\n"}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.asked, o.bodies = append(o.asked, r), append(o.bodies, string(body))
		o.mu.Unlock()
		handler(o, w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// strict obeys If-Match in each method, as RFC 9110 says. Its tag is "v2".
func strict(o *origin, w http.ResponseWriter, r *http.Request) {
	answer(o, w, r, `"v2"`, `"v2"`)
}

// answer gives one tag, and obeys If-Match with another one; empty: it doesn't.
func answer(o *origin, w http.ResponseWriter, r *http.Request, given, compared string) {
	if given != "" {
		w.Header().Set("ETag", given)
	}
	w.Header().Set("Content-Type", "application/json")
	if sent := r.Header.Get("If-Match"); sent != "" && sent != "*" && compared != "" && sent != compared {
		w.Header().Del("ETag")
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	if r.Method == http.MethodPut {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	io.WriteString(w, o.content)
}

// ask is a run of diagnose without a pause.
func ask(args ...string) tried {
	return try("", append([]string{"diagnose", "--pause", "0"}, args...)...)
}

func (o *origin) requests(method string) (all []*http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.asked {
		if r.Method == method {
			all = append(all, r)
		}
	}
	return all
}

func TestDiagnoseFinds(t *testing.T) {
	lax := func(o *origin, w http.ResponseWriter, r *http.Request) { // obeys If-Match in writes alone
		if r.Method != http.MethodPut {
			answer(o, w, r, `"v2"`, "")
			return
		}
		strict(o, w, r)
	}
	coded := func(o *origin, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			answer(o, w, r, `"v2-gzip"`, `"v2"`)
			return
		}
		strict(o, w, r)
	}
	unstable := func(o *origin, w http.ResponseWriter, r *http.Request) {
		tag := fmt.Sprintf(`"n%d"`, len(o.requests(http.MethodGet)))
		answer(o, w, r, tag, tag)
	}
	ahead := func(_ *origin, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		http.ServeContent(w, r, "doc.json", time.Now().Add(-time.Hour), strings.NewReader("{}"))
	}
	const monday = "Mon, 02 Jan 2006 15:04:05 GMT"
	oddDate := func(o *origin, w http.ResponseWriter, r *http.Request) { // as Apache httpd does, in writes alone
		w.Header().Set("Last-Modified", monday)
		if r.Method == http.MethodPut && r.Header.Get("If-Unmodified-Since") != "" {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		answer(o, w, r, `"v2"`, "")
	}
	leased := func(o *origin, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Ms-Lease-Id") != "" {
			w.Header().Set("X-Ms-Error-Code", "LeaseIdMismatchWithBlobOperation")
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		strict(o, w, r)
	}
	absent := func(_ *origin, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
	busy := func(_ *origin, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	for _, test := range []struct {
		name    string
		handler func(*origin, http.ResponseWriter, *http.Request)
		args    []string
		status  int
		out     string
	}{
		{"nothing", strict, nil, statusDone, "the write would go through"},
		{"nothing, with the caller's tag", strict, []string{"-H", `If-Match: "v2"`}, statusDone, "the write would go through"},
		{"nothing, and it wrote", strict, []string{"--write"}, statusDone, "the write goes through"},
		{"changed", strict, []string{"-H", `If-Match: "v1"`}, statusOfCode("IFM002"), `If-Match: "v1"`},
		{"changed, and it wrote", lax, []string{"--write", "-H", `If-Match: "v1"`}, statusOfCode("IFM002"), "(certain, IFM002)"},
		{"a tag without quotes", strict, []string{"-H", "If-Match: v2"}, statusOfCode("IFM101"), "IFM101"},
		{"a weak tag", func(o *origin, w http.ResponseWriter, r *http.Request) { answer(o, w, r, `W/"v2"`, "none") }, nil, statusOfCode("IFM008"), "(certain, IFM008)"},
		{"the tag of a compressed representation", coded, nil, statusOfCode("IFM009"), "(certain, IFM009)"},
		{"the same, sent by the caller", coded, []string{"-H", `If-Match: "v2-gzip"`}, statusOfCode("IFM009"), "(certain, IFM009)"},
		{"another tag than the compressed one's, sent by the caller", coded, []string{"-H", `If-Match: "v2"`}, statusDone, "the write would go through"},
		{"unstable tags", unstable, nil, statusOfCode("IFM012"), "(certain, IFM012)"},
		{"a server that obeys in writes alone", lax, nil, statusOpen, "no GET shows whether"},
		{"the same, and it wrote", lax, []string{"--write"}, statusDone, "the write goes through"},
		{"create-only, and something is there", strict, []string{"-H", "If-None-Match: *"}, statusOfCode("IFM005"), "(likely, IFM005)"},
		{"create-only, and nothing is there", absent, []string{"-H", "If-None-Match: *"}, statusDone, "nothing is there"},
		{"a tag of nothing", absent, []string{"-H", `If-Match: "v1"`}, statusOfCode("IFM006"), "If-Match: \"v1\", and GET finds nothing"},
		{"a star for nothing", absent, []string{"-H", "If-Match: *"}, statusOfCode("IFM006"), "(likely, IFM006)"},
		{"the condition of a read", strict, []string{"-H", `If-None-Match: "v2"`}, statusOfCode("IFM106"), "(likely, IFM106)"},
		{"the date of a read", strict, []string{"-H", "If-Modified-Since: " + monday}, statusOfCode("IFM106"), "(likely, IFM106)"},
		{"two conditions", strict, []string{"-H", `If-Match: "v2"`, "-H", "If-None-Match: *"}, statusOfCode("IFM014"), "(likely, IFM014)"},
		{"a date that is ignored", strict, []string{"-H", "If-Unmodified-Since: " + monday}, statusOpen, "no GET shows whether"},
		{"a method that no GET shows", strict, []string{"-X", "COPY", "-H", "Overwrite: F"}, statusOpen, "no GET shows whether"},
		{"a lease that isn't there", leased, []string{"-H", "X-Ms-Lease-Id: 1"}, statusOfCode("IFM015"), "IFM015"},
		{"its own date, and it wrote", oddDate, []string{"--write", "-H", "If-Unmodified-Since: " + monday}, statusOfCode("IFM007"), "(certain, IFM007)"},
		{"a date that nobody gave, and another clock", ahead, []string{"-H", "If-Unmodified-Since: Mon, 02 Jan 2006 15:04:05 GMT"}, statusOfCode("IFM104"), "IFM105"},
		{"no tag", func(o *origin, w http.ResponseWriter, r *http.Request) { answer(o, w, r, "", "") }, nil, statusOpen, "no GET shows whether"},
		{"not found", absent, nil, statusNoState, "answered with 404"},
		{"an ailing server", busy, nil, statusNoState, "answered with 503"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOrigin(t, test.handler)
			ask(append(test.args, o.URL+"/doc")...).want(t, test.status, test.out, "")
			if puts := o.requests(http.MethodPut); len(puts) > 0 != slices.Contains(test.args, "--write") {
				t.Errorf("%d writes", len(puts))
			}
		})
	}
}

func TestDiagnoseSendsSafeRequests(t *testing.T) {
	o := newOrigin(t, strict)
	ask("-X", "POST", "-d", "secret body", "-H", "X-Tenant: 7", "-H", "Content-Type: text/plain", "-H", "Idempotency-Key: k", o.URL).want(t, statusDone, "would go through", "")
	seen := map[string]bool{}
	for i, r := range o.asked {
		if r.Method != "HEAD" && r.Method != "GET" || o.bodies[i] != "" || r.Header.Get("Idempotency-Key") != "" || r.Header.Get("Content-Type") != "" {
			t.Errorf("sent %s with %v and body %q", r.Method, r.Header, o.bodies[i])
		}
		if r.Header.Get("X-Tenant") != "7" {
			t.Errorf("%v has no X-Tenant", r.Header)
		}
		seen[r.Method+r.Header.Get("Accept-Encoding")+r.Header.Get("Cache-Control")+r.Header.Get("If-Match")] = true
	}
	for _, want := range []string{"HEADidentity", "GETidentity", "GETgzip", "GETbr", "GETidentityno-cache", `GETidentity"v2"`, "GETidentity" + bogusTag} {
		if !seen[want] {
			t.Errorf("no %s among %v", want, seen)
		}
	}
}

func TestDiagnoseWritesTheSameBytes(t *testing.T) {
	o := newOrigin(t, strict)
	ask("--write", "-H", "If-Match: *", o.URL).want(t, statusDone, "goes through", "") // a star would guard nothing
	puts := o.requests(http.MethodPut)
	if len(puts) != 1 || puts[0].Header.Get("If-Match") != `"v2"` || puts[0].Header.Get("Content-Type") != "application/json" || !slices.Contains(o.bodies, o.content) {
		t.Errorf("wrote %v, %q", puts, o.bodies)
	}
}

func TestDiagnoseWritesNothingUnguardedOrInPart(t *testing.T) {
	bare := newOrigin(t, func(o *origin, w http.ResponseWriter, r *http.Request) { answer(o, w, r, "", "") })
	ask("--write", bare.URL).want(t, statusOpen, "--write can't show it either: the server gives no ETag", "nothing would guard the write")
	large := newOrigin(t, strict)
	large.content = strings.Repeat("x", mostRead+1)
	ask("--write", large.URL).want(t, statusDone, "would go through", "wasn't read whole")
	missing := newOrigin(t, func(_ *origin, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	ask("--write", missing.URL).want(t, statusNoState, "404", "")
	for _, o := range []*origin{bare, large, missing} {
		if n := len(o.requests(http.MethodPut)); n > 0 {
			t.Errorf("%d writes", n)
		}
	}
}

func TestDiagnoseFollowsNoRedirect(t *testing.T) {
	other := newOrigin(t, strict)
	o := newOrigin(t, func(_ *origin, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusFound)
	})
	ask("-u", "me:secret", o.URL).want(t, statusNoState, "answered with 302", "")
	if len(other.asked) > 0 {
		t.Errorf("the other origin was asked: %v", other.asked[0].Header)
	}
}

func TestDiagnoseSendsCredentialsAndShowsNone(t *testing.T) {
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine other.example.com login a password b\nmachine 127.0.0.1 login me password hunter2hunter2\nmachine last login c password d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"-u": {"-u", "me:hunter2hunter2"}, "--netrc": {"--netrc"}, "the URL": nil,
	} {
		o := newOrigin(t, strict)
		target := o.URL
		if args == nil {
			target = strings.Replace(o.URL, "://", "://me:hunter2hunter2@", 1)
		}
		w := world{getenv: func(name string) string { return map[string]string{"NETRC": netrc}[name] }}
		got := tryIn(w, append([]string{"diagnose", "-v", "--pause", "0", target, "--json"}, args...)...)
		got.want(t, statusDone, "would go through", "GET after a pause: 200")
		for _, secret := range []string{"hunter2", "bWU6aHVudGVyMmh1bnRlcjI"} {
			if strings.Contains(got.out+got.err, secret) {
				t.Errorf("%s: the secret is shown: %s%s", name, got.out, got.err)
			}
		}
		for _, r := range o.asked {
			if user, password, _ := r.BasicAuth(); user != "me" || password != "hunter2hunter2" {
				t.Errorf("%s: sent %q", name, r.Header)
			}
		}
	}
}

func TestDiagnoseAsksEachAddress(t *testing.T) {
	o := newOrigin(t, func(o *origin, w http.ResponseWriter, r *http.Request) { strict(o, w, r) })
	_, port, _ := net.SplitHostPort(o.Listener.Addr().String())
	second, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	node := &httptest.Server{Listener: second, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(o, w, r, `"other-node"`, `"other-node"`)
	})}}
	node.Start()
	defer node.Close()
	got := ask("--resolve", "api.example.com:"+port+":127.0.0.1,127.0.0.2", "http://api.example.com:"+port+"/doc")
	got.want(t, statusOfCode("IFM012"), "IFM012", "")
	for _, want := range []string{"GET at 127.0.0.1", "GET at 127.0.0.2"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in %s", want, got.out)
		}
	}
}

func TestDiagnoseOverTLS(t *testing.T) {
	o := newOrigin(t, strict)
	secure := httptest.NewUnstartedServer(o.Config.Handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(secure.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	ask(secure.URL).want(t, statusNoAnswer, "", "certificate")
	ask("-k", secure.URL).want(t, statusDone, "would go through", "")
	ask("--cacert", ca, secure.URL).want(t, statusDone, "would go through", "")

	wary := httptest.NewUnstartedServer(o.Config.Handler)
	wary.Config.ErrorLog = secure.Config.ErrorLog
	wary.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	wary.StartTLS()
	defer wary.Close()
	private, err := x509.MarshalPKCS8PrivateKey(secure.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, both := filepath.Join(t.TempDir(), "key.pem"), filepath.Join(t.TempDir(), "both.pem")
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string][]byte{key: keyPEM, both: append(pemOf(secure.Certificate().Raw), keyPEM...)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask("-k", wary.URL).want(t, statusNoAnswer, "", "certificate required")
	ask("-k", "--cert", ca, "--key", key, wary.URL).want(t, statusDone, "would go through", "")
	ask("-k", "--cert", both, wary.URL).want(t, statusDone, "would go through", "")
}

func TestDiagnoseByAProxy(t *testing.T) {
	o := newOrigin(t, strict) // asked as a proxy it answers for any host
	got := ask("--proxy", o.URL, "--resolve", "api.example.com:80:192.0.2.1,192.0.2.2", "http://api.example.com/doc")
	got.want(t, statusDone, "would go through", "")
	if strings.Contains(got.out, "GET at") { // the proxy chooses
		t.Errorf("addresses were asked: %s", got.out)
	}
	if len(o.asked) == 0 || o.asked[0].RequestURI != "http://api.example.com/doc" {
		t.Errorf("the proxy was asked %v", o.asked)
	}
}

func TestDiagnoseOfBadInput(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		args   []string
		status int
		err    string
	}{
		{nil, statusUsage, "accepts 1 arg"},
		{[]string{"ftp://example.com/"}, statusUsage, "no URL"},
		{[]string{"http://me:hunter2@"}, statusUsage, `"http://" is no URL`},
		{[]string{closed.URL}, statusNoAnswer, "doesn't answer"},
		{[]string{"-H", "nonsense", closed.URL}, statusUsage, "is no field"},
		{[]string{"-u", "me", closed.URL}, statusUsage, "user:password"},
		{[]string{"--write", "-X", "DELETE", closed.URL}, statusUsage, "writes by PUT"},
		{[]string{"--cacert", missing, closed.URL}, statusInput, "no such file"},
		{[]string{"--cacert", "go.mod", closed.URL}, statusInput, "no certificate"},
		{[]string{"--cert", missing, closed.URL}, statusInput, "no such file"},
		{[]string{"--proxy", "nonsense", closed.URL}, statusUsage, "--proxy"},
		{[]string{"--resolve", "nonsense", closed.URL}, statusUsage, "--resolve"},
		{[]string{"--max-time", "soon", closed.URL}, statusUsage, "seconds"},
		{[]string{"--dialect", "cobol", closed.URL}, statusUsage, "no dialect"},
		{[]string{"--format", "xml", closed.URL}, statusUsage, "no format"},
	} {
		got := ask(test.args...)
		got.want(t, test.status, "", test.err)
		if strings.Contains(got.err, "hunter2") {
			t.Errorf("%q: %s", test.args, got.err)
		}
	}
}

func TestDiagnoseSaysThatContentDoesNotEnd(t *testing.T) {
	var written atomic.Int64
	o := newOrigin(t, func(o *origin, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		for first := len(o.requests(http.MethodGet)) == 1; r.Method == http.MethodGet; {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
			if first {
				written.Add(1 << 20)
			}
		}
	})
	ask(o.URL).want(t, statusOpen, "can't show it either: the content wasn't read whole", "doesn't end within 8 MiB")
	if n := written.Load(); n > 4*mostRead { // what buffers hold is written, too
		t.Errorf("%d MiB were taken", n>>20)
	}
}

func TestDiagnoseTellsProgress(t *testing.T) {
	o := newOrigin(t, strict)
	w := world{isTerminal: func(any) bool { return true }}
	args := []string{"diagnose", "--pause", "0", o.URL}
	tryIn(w, args...).want(t, statusDone, "would go through", `GET after a pause: 200 "\"v2\""`)
	tryIn(w, append(args, "-s")...).want(t, statusDone, "would go through", "")
	try("", args...).want(t, statusDone, "would go through", "")
	try("", append(args, "-v")...).want(t, statusDone, "would go through", "GET with a bogus If-Match: 412")
}

func TestDiagnoseWritesJSON(t *testing.T) {
	o := newOrigin(t, strict)
	var report struct {
		Exchanges []struct{ Source, Note string }
	}
	if err := json.Unmarshal([]byte(ask("--json", o.URL).out), &report); err != nil || len(report.Exchanges) < 9 {
		t.Fatalf("%v, %+v", err, report)
	}
	for _, e := range report.Exchanges {
		if e.Source != "probe" || e.Note == "" {
			t.Errorf("%+v", e)
		}
	}
}
