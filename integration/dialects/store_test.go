package dialects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
)

// storeEnv is the value of IFMATCH_name, which run.sh sets. A missing one fails
// the test by name.
func storeEnv(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv("IFMATCH_" + name)
	if value == "" {
		t.Fatalf("IFMATCH_%s is not set: %s was asked for and is not up", name, strings.ToLower(name))
	}
	return value
}

// storeNeeds skips the test where run.sh wasn't asked for the server.
func storeNeeds(t *testing.T, name string) {
	t.Helper()
	names := strings.Fields(os.Getenv("IFMATCH_SERVERS_WANTED"))
	if len(names) == 0 {
		t.Fatal("IFMATCH_SERVERS_WANTED is not set: these tests are started by run.sh")
	}
	if !slices.Contains(names, name) {
		t.Skipf("%s was not asked for", name)
	}
}

var storeNames atomic.Int64

// storeName is a name that nobody has used before.
func storeName(name string) string {
	storeNames.CompareAndSwap(0, time.Now().UnixNano())
	return fmt.Sprintf("dialects-%d-%s", storeNames.Add(1), name)
}

// storeBase is a RoundTripper with connections of its own.
func storeBase(t *testing.T) http.RoundTripper {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// store is one object on a server.
type store struct {
	t       *testing.T
	dialect dialect.Dialect
	base    http.RoundTripper
	url     string
	put     http.Header // of each PUT and PATCH of the object itself
	read    http.Header // of each GET
}

// storeSent is what one write came to.
type storeSent struct {
	status  int // 0 without an answer
	body    string
	outcome ifmatch.Outcome
	err     error
}

// exchanges lists what was sent, such as "PUT 412, HEAD 200".
func (s storeSent) exchanges() string {
	all := make([]string, len(s.outcome.Exchanges))
	for i, e := range s.outcome.Exchanges {
		all[i] = e.String()
	}
	return strings.Join(all, ", ")
}

// want compares the exchanges, the effect and the cause.
func (s storeSent) want(t *testing.T, exchanges string, effect ifmatch.Effect, cause ifmatch.Cause) {
	t.Helper()
	if got := s.exchanges(); got != exchanges || s.outcome.Effect != effect || s.outcome.Cause != cause {
		t.Errorf("got  %s: %v, %v\nwant %s: %v, %v\n%v %.300s", got, s.outcome.Effect, s.outcome.Cause, exchanges, effect, cause, s.outcome.Err, s.body)
	}
}

// ask sends a request without ifmatch.
func (s *store) ask(method, url, body string, header http.Header) (*http.Response, string) {
	s.t.Helper()
	got := s.send(s.base, method, url, body, header)
	if got.err != nil {
		s.t.Fatal(got.err)
	}
	return got.response, got.body
}

type storeAnswer struct {
	storeSent
	response *http.Response
}

// send sends one request through a RoundTripper.
func (s *store) send(rt http.RoundTripper, method, url, body string, header http.Header) storeAnswer {
	s.t.Helper()
	var a storeAnswer
	ctx, cancel := context.WithTimeout(ifmatch.WithOutcome(s.t.Context(), &a.outcome), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	defaults := s.read
	if method == http.MethodPut || method == http.MethodPatch {
		defaults = s.put
	}
	if req.URL.Query().Has("comp") {
		defaults = nil
	}
	for _, fields := range []http.Header{defaults, header} {
		for name, values := range fields {
			req.Header[name] = values
		}
	}
	if a.response, a.err = rt.RoundTrip(req); a.err != nil {
		return a
	}
	defer a.response.Body.Close()
	text, err := io.ReadAll(a.response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a.status, a.body = a.response.StatusCode, string(text)
	return a
}

// write sends one write through ifmatch.
func (s *store) write(policy ifmatch.Policy, method, url, body string, header http.Header, opts ...ifmatch.Option) storeSent {
	s.t.Helper()
	opts = append(opts, ifmatch.WithDialect(s.dialect))
	return s.send(ifmatch.NewTransport(s.base, policy, opts...), method, url, body, header).storeSent
}

// set puts a state there and returns its tag.
func (s *store) set(body string) string {
	s.t.Helper()
	resp, text := s.ask("PUT", s.url, body, nil)
	tag := resp.Header.Get("ETag")
	if resp.StatusCode > 299 || tag == "" {
		s.t.Fatalf("PUT: %s, ETag %q: %.300s", resp.Status, tag, text)
	}
	return tag
}

// has fails where the state doesn't hold the text.
func (s *store) has(text string) {
	s.t.Helper()
	if resp, got := s.ask("GET", s.url, "", nil); resp.StatusCode != 200 || !strings.Contains(got, text) {
		s.t.Errorf("the state is %.100q (%s), want %.100q", got, resp.Status, text)
	}
}

var storeLarge = strings.Repeat("\x00\xff?", 100_000)

func storeMatch(tag string) http.Header { return http.Header{"If-Match": {tag}} }

const (
	storeFirst  = `{"n":"first"}`
	storeTheirs = `{"n":"theirs"}`
	storeMine   = `{"n":"mine"}`
	storeBoth   = `{"n":"theirs and mine"}`
)

// storeRebuild makes storeBoth of a state with storeTheirs.
func storeRebuild() ifmatch.Policy {
	return ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		if !bytes.Contains(current.Body, []byte(`"theirs"`)) {
			return nil, fmt.Errorf("the state is %.100q", current.Body)
		}
		return []byte(storeBoth), nil
	})
}

// stale writes over what somebody else has changed, under each policy.
func (s *store) stale(ok int, get string) {
	accepted := fmt.Sprintf("PUT %d", ok)
	for _, test := range []struct {
		name      string
		policy    ifmatch.Policy
		exchanges string
		left      string
	}{
		{"Stop", ifmatch.Stop, "PUT 412", storeTheirs},
		{"Resend", ifmatch.Resend, "PUT 412, " + get + ", " + accepted, storeMine},
		{"Rebuild", storeRebuild(), "PUT 412, GET 200, " + accepted, storeBoth},
	} {
		tag := s.set(storeFirst)
		s.set(storeTheirs)
		sent := s.write(test.policy, "PUT", s.url, storeMine, storeMatch(tag))
		effect, cause := ifmatch.EffectApplied, ifmatch.CauseChanged
		if test.policy == ifmatch.Policy(ifmatch.Stop) {
			effect, cause = ifmatch.EffectNotApplied, ifmatch.CauseUnexamined
		}
		sent.want(s.t, test.exchanges, effect, cause)
		s.has(test.left[1 : len(test.left)-1])
	}
}

// storeLosing loses the answer to the first PUT after the server has committed.
type storeLosing struct {
	base  http.RoundTripper
	lost  bool
	after func()
}

func (l *storeLosing) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.base.RoundTrip(req)
	if err != nil || l.lost || req.Method != http.MethodPut {
		return resp, err
	}
	l.lost = true
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode > 299 {
		return nil, fmt.Errorf("the write to lose was refused: %s", resp.Status)
	}
	if l.after != nil {
		l.after()
	}
	return nil, errors.New("connection reset by peer")
}

// own loses the answer to a write, with and without a write id, and with a rival
// who writes afterwards.
func (s *store) own(ok int, bodies ...string) {
	idField := s.dialect.WriteIDField
	unknown := func(sent storeSent) bool {
		return errors.Is(sent.err, ifmatch.ErrOutcomeUnknown) && sent.outcome.Effect == ifmatch.EffectUnknown
	}
	lose := func(policy ifmatch.Policy, body string, rival func(), opts ...ifmatch.Option) storeSent {
		tag := s.set(storeFirst)
		losing := &storeLosing{base: s.base, after: rival}
		through := *s
		through.base = losing
		// A server that refuses a large body early, and closes, makes repeats fail.
		opts = append(opts, ifmatch.WithMaxAttempts(12))
		return through.write(policy, "PUT", s.url, body, storeMatch(tag), opts...)
	}
	for policyName, policy := range map[string]ifmatch.Policy{"Stop": ifmatch.Stop, "Resend": ifmatch.Resend, "Rebuild": storeRebuild()} {
		resend := policy == ifmatch.Policy(ifmatch.Resend)
		for _, body := range bodies {
			s.t.Logf("%s, %d bytes", policyName, len(body))
			identified := lose(policy, body, nil, ifmatch.WithWriteID())
			// A server that refuses before it has read a large body, and closes, makes
			// one more of the repeats fail: what was lost is known all the same.
			identified.outcome.Exchanges = slices.CompactFunc(identified.outcome.Exchanges, func(a, b ifmatch.Exchange) bool { return a.Err != nil && b.Err != nil })
			identified.want(s.t, "PUT failed, PUT 412, HEAD 200", ifmatch.EffectApplied, ifmatch.CauseOwnEarlierWrite)
			if identified.status != http.StatusNoContent {
				s.t.Errorf("status %d, %v", identified.status, identified.err)
			}
			if resp, _ := s.ask("HEAD", s.url, "", nil); len(resp.Header.Get(idField)) != 32 {
				s.t.Errorf("the object has no write id: %v", resp.Header)
			}

			// Without the id only Resend may look: at the content.
			plain := lose(policy, body, nil)
			if resend && plain.outcome.Cause != ifmatch.CauseOwnEarlierWrite || !resend && !unknown(plain) {
				s.t.Errorf("without a write id: %s: %v, %v", plain.exchanges(), plain.outcome.Effect, plain.err)
			}
			if resp, _ := s.ask("HEAD", s.url, "", nil); resp.Header.Get(idField) != "" {
				s.t.Errorf("a write id that nobody asked for: %v", resp.Header)
			}

			for _, id := range []http.Header{nil, {idField: {"another"}}} {
				rival := func() {
					if resp, text := s.ask("PUT", s.url, storeTheirs, id); resp.StatusCode != ok {
						s.t.Errorf("rival: %s %.300s", resp.Status, text)
					}
				}
				beaten := lose(policy, body, rival, ifmatch.WithWriteID())
				switch {
				case !resend:
					if !unknown(beaten) {
						s.t.Errorf("after a rival: %s: %v, %v", beaten.exchanges(), beaten.outcome.Effect, beaten.outcome.Cause)
					}
					s.has(`"n":"theirs"`)
				case beaten.status != ok || beaten.outcome.Cause != ifmatch.CauseChanged || !beaten.outcome.Overwrote:
					s.t.Errorf("after a rival: %s: %v, %v", beaten.exchanges(), beaten.outcome.Effect, beaten.outcome.Cause)
				}
			}
		}
	}
}
