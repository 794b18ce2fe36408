package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// The table test below sends one write for each combination of policy, method,
// precondition and fault, and compares the effect that the call claims with what
// the origin did. In it the state is JSON, so that PATCH works too.
const (
	cellFirst  = `{"n":1}`
	cellTheirs = `{"n":2}`
	cellMine   = `{"mine":true}`
	cellOther  = `{"other":true}`
)

// effectPolicy is a column of the table.
type effectPolicy struct {
	name   string
	make   func(*effectCell) Policy
	unique bool
}

func effectPolicies() []effectPolicy {
	always := func(p Policy) func(*effectCell) Policy { return func(*effectCell) Policy { return p } }
	basic := []effectPolicy{
		{name: "Stop", make: always(Stop)},
		{name: "Resend", make: always(Resend)},
		{name: "Rebuild", make: (*effectCell).rebuilding},
		{name: "Unconditional", make: always(Unconditional)},
		{name: "own", make: (*effectCell).resending},
	}
	var all []effectPolicy
	for _, p := range basic {
		all = append(all, p)
		p.name, p.unique = p.name+"+unique", true
		all = append(all, p)
	}
	return all
}

// guardCase is a precondition of the table.
type guardCase struct {
	name    string
	fields  func(theirs, before Validators) []string
	guarded bool // a repeat can't apply it twice
	weak    bool // the origin gives weak tags
	missing bool // there is no state
}

var guardCases = []guardCase{
	{name: "fresh", guarded: true, fields: func(now, _ Validators) []string { return []string{"If-Match: " + now.ETag} }},
	{name: "stale", guarded: true, fields: func(_, old Validators) []string { return []string{"If-Match: " + old.ETag} }},
	{name: "list", fields: func(now, old Validators) []string { return []string{"If-Match: " + old.ETag + ", " + now.ETag} }},
	{name: "weak", weak: true, fields: func(now, _ Validators) []string { return []string{"If-Match: " + now.ETag} }},
	{name: "date", fields: func(now, _ Validators) []string { return []string{"If-Unmodified-Since: " + now.LastModified} }},
	{name: "create", guarded: true, missing: true, fields: func(_, _ Validators) []string { return []string{"If-None-Match: *"} }},
	{name: "exists", guarded: true, fields: func(_, _ Validators) []string { return []string{"If-None-Match: *"} }},
	{name: "none", fields: func(_, _ Validators) []string { return nil }},
}

// faultCase is what goes wrong.
type faultCase struct {
	name    string // of the first fault: the row of unknowns
	second  string
	faults  []ifmatchtest.Fault
	content bool // ContentTags: a tag comes back with its content
	replay  bool // the proxy applies the request twice, and nobody can know
	key     bool // net/http replays by itself
	hops    bool // a redirect: through http.Client
	twin    bool // another writer sends our bytes
}

func (f faultCase) String() string {
	if f.second == "" {
		return f.name
	}
	return f.name + ", then " + f.second
}

// redirect answers one write with a redirect to where it came from.
func redirect(status int) ifmatchtest.Fault {
	return ifmatchtest.Reply(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/doc")
		w.WriteHeader(status)
	}).On("PUT", "POST", "PATCH", "DELETE")
}

func faultCases(method string) []faultCase {
	other := func([]byte) []byte { return []byte(cellOther) }
	revert := func([]byte) []byte { return []byte(cellTheirs) }
	twin := func([]byte) []byte { return []byte(cellMine) }
	if method == http.MethodDelete {
		twin = func([]byte) []byte { return nil }
	}
	type faults = []ifmatchtest.Fault
	singles := []faultCase{
		{name: "none"},
		{name: "rival before", faults: faults{ifmatchtest.CompetingWriter(1, other)}},
		{name: "rival before twice", faults: faults{ifmatchtest.CompetingWriter(2, other)}},
		{name: "rival behind", faults: faults{ifmatchtest.CompetingAfter(1, other)}},
		{name: "twin before", twin: true, faults: faults{ifmatchtest.CompetingWriter(1, twin)}},
		{name: "stale read", faults: faults{ifmatchtest.StaleReads(1)}},
		{name: "stale reads", faults: faults{ifmatchtest.StaleReads(0)}},
		{name: "refused", faults: faults{ifmatchtest.Refuse(1)}},
		{name: "429", faults: faults{ifmatchtest.FailBefore(1, 429)}},
		{name: "403", faults: faults{ifmatchtest.FailBefore(1, 403)}},
		{name: "replay", replay: true, faults: faults{ifmatchtest.Replay(1)}},
		{name: "redirect", hops: true, faults: faults{redirect(307)}},
		{name: "see other", hops: true, faults: faults{redirect(303)}},
		{name: "key", key: true},
		{name: "key", second: "answer lost", key: true, faults: faults{ifmatchtest.LostAnswer(1)}},
		{name: "key", second: "answers lost", key: true, faults: faults{ifmatchtest.LostAnswer(2)}},
		{name: "key", second: "request lost", key: true, faults: faults{ifmatchtest.LostRequest(1)}},
		{name: "key", second: "502 after", key: true, faults: faults{ifmatchtest.FailAfter(1, 502)}},
	}
	first := []faultCase{
		{name: "request lost", faults: faults{ifmatchtest.LostRequest(1)}},
		{name: "answer lost", faults: faults{ifmatchtest.LostAnswer(1)}},
		{name: "502 before", faults: faults{ifmatchtest.FailBefore(1, 502)}},
		{name: "502 after", faults: faults{ifmatchtest.FailAfter(1, 502)}},
		{name: "504 after", faults: faults{ifmatchtest.FailAfter(1, 504)}},
		{name: "500 after", faults: faults{ifmatchtest.FailAfter(1, 500)}},
		{name: "524 after", faults: faults{ifmatchtest.FailAfter(1, 524)}},
	}
	second := []faultCase{
		{},
		{second: "request lost", faults: faults{ifmatchtest.LostRequest(1)}},
		{second: "answer lost", faults: faults{ifmatchtest.LostAnswer(1)}},
		{second: "502 after", faults: faults{ifmatchtest.FailAfter(1, 502)}},
		{second: "403", faults: faults{ifmatchtest.FailBefore(1, 403)}},
		{second: "refused", faults: faults{ifmatchtest.Refuse(1)}},
		{second: "rival", faults: faults{ifmatchtest.CompetingWriter(1, other).After(1)}},
		{second: "rival behind", faults: faults{ifmatchtest.CompetingAfter(1, other)}},
		{second: "twin", twin: true, faults: faults{ifmatchtest.CompetingWriter(1, twin).After(1)}},
		{second: "twin behind", twin: true, faults: faults{ifmatchtest.CompetingAfter(1, twin)}},
		{second: "tag back", content: true, faults: faults{ifmatchtest.CompetingAfter(1, revert)}},
		{second: "stale read", faults: faults{ifmatchtest.StaleReads(1)}},
		{second: "stale reads", faults: faults{ifmatchtest.StaleReads(0)}},
		{second: "redirect", hops: true, faults: faults{redirect(307)}},
		{second: "see other", hops: true, faults: faults{redirect(303)}},
	}
	all := singles
	for _, a := range first {
		for _, b := range second {
			b.name, b.faults = a.name, append(slices.Clone(a.faults), b.faults...)
			all = append(all, b)
		}
	}
	// A refusal first, so that the write that is lost is a repeated one.
	for _, a := range first[:4] {
		all = append(all, faultCase{name: "refused", second: a.name, faults: append(faults{ifmatchtest.Refuse(1)}, a.faults...)})
	}
	return all
}

// effectCell is one call of the table.
type effectCell struct {
	policy effectPolicy
	method string
	guard  guardCase
	fault  faultCase
	wide   bool // WithTransientRetry
	stream bool // the body has no GetBody

	origin *ifmatchtest.Server
	bodies []*countedBody
	errors []string
}

func (c *effectCell) String() string {
	s := fmt.Sprintf("%s %s %s: %s", c.policy.name, c.method, c.guard.name, c.fault)
	if c.wide {
		s += ", widened"
	}
	if c.stream {
		s += ", streamed"
	}
	return s
}

func (c *effectCell) errorf(format string, args ...any) {
	c.errors = append(c.errors, fmt.Sprintf(format, args...))
}

// rebuilding adds to the current state, and must not be asked in an ambiguous
// call.
func (c *effectCell) rebuilding() Policy {
	return Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
		if n, _ := c.ambiguousAttempt(); n >= 0 {
			c.errorf("Rebuild's function was called in an ambiguous call")
		}
		return bytes.Replace(current.Body, []byte("}"), []byte(`,"rebuilt":true}`), 1), nil
	})
}

// resending is a policy of the caller's own that resends.
func (c *effectCell) resending() Policy {
	return PolicyFunc(func(_ context.Context, conflict *Conflict) (Decision, error) {
		if n, _ := c.ambiguousAttempt(); conflict.Ambiguous != (n >= 0 || c.fault.key) {
			c.errorf("the policy saw Ambiguous %v", conflict.Ambiguous)
		}
		if conflict.Request == nil || conflict.Response == nil {
			c.errorf("the policy saw no request or response")
		}
		return conflict.Resend(), nil
	})
}

// writes are the requests of the call in the origin's log that aren't reads.
func (c *effectCell) writes() []ifmatchtest.Request {
	return slices.DeleteFunc(c.origin.Log(), func(r ifmatchtest.Request) bool { return r.Method != c.method })
}

// ambiguousAttempt returns the number of the first write whose effect the client
// can't know, and whether its answer was lost; -1 for none.
func (c *effectCell) ambiguousAttempt() (n int, lost bool) {
	for i, r := range c.writes() {
		if r.Lost && !c.fault.replay || r.StatusCode >= 500 {
			return i, r.Lost
		}
	}
	return -1, false
}

// countedBody is a request body that counts how often it was closed.
type countedBody struct {
	io.Reader
	closed atomic.Int32
}

func (b *countedBody) Close() error {
	b.closed.Add(1)
	return nil
}

func (c *effectCell) newBody() io.ReadCloser {
	b := &countedBody{Reader: strings.NewReader(cellMine)}
	c.bodies = append(c.bodies, b)
	return b
}

// prepare makes the state and the request.
func (c *effectCell) prepare(t *testing.T) *http.Request {
	if c.guard.weak {
		c.origin.Inject(ifmatchtest.WeakTags())
	}
	if c.fault.content {
		c.origin.Inject(ifmatchtest.ContentTags())
	}
	var validators [2]Validators
	for i, state := range []string{cellFirst, cellTheirs} {
		etag := c.origin.Put("/doc", "application/json", []byte(state))
		validators[i] = Validators{etag, time.Now().UTC().Format(http.TimeFormat)}
		time.Sleep(3 * time.Second) // so that dates are good guards
	}
	if c.guard.missing {
		c.origin.Delete("/doc")
	}
	// A connection that was used before: net/http replays on no other.
	c.read(t)
	c.origin.ResetLog()
	c.origin.Inject(c.fault.faults...)

	req, err := http.NewRequest(c.method, c.origin.URL+"/doc", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.method != http.MethodDelete {
		req.Body, req.ContentLength = c.newBody(), int64(len(cellMine))
		if !c.stream {
			req.GetBody = func() (io.ReadCloser, error) { return c.newBody(), nil }
		}
	}
	req.Header.Set("Content-Type", "application/json")
	for _, field := range c.guard.fields(validators[1], validators[0]) {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Set(name, value)
	}
	if c.fault.key {
		req.Header.Set("Idempotency-Key", "k")
	}
	return req
}

func (c *effectCell) read(t *testing.T) {
	resp, err := c.origin.Client().Get(c.origin.URL + "/doc")
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// run makes the call and checks what holds for every one.
func (c *effectCell) run(t *testing.T) (got result) {
	synctest.Test(t, func(t *testing.T) {
		c.origin = ifmatchtest.NewMemoryServer()
		defer c.origin.Close()
		req := c.prepare(t)
		var opts []Option
		if c.policy.unique {
			opts = append(opts, WithUniqueBody())
		}
		if c.wide {
			opts = append(opts, WithTransientRetry(retryablehttp.DefaultRetryPolicy))
		}
		var rt http.RoundTripper = NewTransport(c.origin.Client().Transport, c.policy.make(c), opts...)
		if c.fault.hops {
			rt = throughClient{&http.Client{Transport: rt}}
		}
		got = sendVia(t, rt, req)
		synctest.Wait()
		log := c.origin.Log()
		c.checkEffect(got)
		c.checkEnd(got)
		c.checkWrites()
		if !c.fault.hops && !c.fault.key && !c.fault.replay {
			c.checkExchanges(got, log)
		}
		c.checkTidy(t, log)
	})
	// Not in the bubble: a failure there ends the whole test.
	for _, e := range c.errors {
		t.Errorf("%s: %s\n\t%s, %v, applied %v, state %s", c, e, got.summary(), got.err, c.appliedWrites(), stateOf(c.origin))
	}
	return got
}

// throughClient makes an http.Client a RoundTripper, to follow redirects.
type throughClient struct{ client *http.Client }

func (c throughClient) RoundTrip(req *http.Request) (*http.Response, error) { return c.client.Do(req) }

func (c *effectCell) appliedWrites() (n int) {
	for _, r := range c.writes() {
		if r.Applied {
			n++
		}
	}
	return n
}

// resends reports whether the policy sends the same again over a state that the
// caller hasn't seen.
func (c *effectCell) resends() bool {
	return strings.HasPrefix(c.policy.name, "Resend") || strings.HasPrefix(c.policy.name, "own")
}

// checkEffect compares the claim with the truth.
func (c *effectCell) checkEffect(got result) {
	applied := c.appliedWrites()
	switch got.outcome.Effect {
	case EffectApplied:
		if applied > 0 {
			break
		}
		// Rule 11: the state is as wanted, whoever made it so.
		wanted := cellMine
		if c.method == http.MethodDelete {
			wanted = "(gone)"
		}
		if (!c.resends() && !c.policy.unique) || got.outcome.Cause != CauseOwnEarlierWrite || stateOf(c.origin) != wanted {
			c.errorf("claimed applied, and it wasn't")
		}
		if !c.policy.unique && (c.guard.missing || c.guard.name == "exists") && c.method == http.MethodPut {
			c.errorf("create-only: equality counts only WithUniqueBody")
		}
	case EffectNotApplied:
		if applied > 0 && !c.fault.replay { // rule 10: only a marker could tell
			c.errorf("claimed not applied, and it was")
		}
	case EffectUnknown:
		n, _ := c.ambiguousAttempt()
		if n < 0 && !c.fault.key && !strings.Contains(c.fault.String(), "see other") {
			c.errorf("claimed unknown, and every answer was clear")
		}
	}
}

// checkEnd looks at what the caller gets.
func (c *effectCell) checkEnd(got result) {
	n, lost := c.ambiguousAttempt()
	if got.err == nil {
		status := got.resp.StatusCode
		if status == http.StatusPreconditionFailed && n >= 0 && !c.fault.key { // rule 9
			c.errorf("a bare 412 of an ambiguous call")
		}
		if got.bodyErr != nil {
			c.errorf("body: %v", got.bodyErr)
		}
		if status < 300 && got.resp.Request.Method == c.method && got.outcome.Effect != EffectApplied {
			c.errorf("a success that isn't applied")
		}
		if status >= 500 && status != 524 && got.body == "" {
			c.errorf("an ambiguous answer without its body")
		}
		if got.outcome.Cause == CauseOwnEarlierWrite {
			_, etag, _ := c.origin.State("/doc")
			if status != http.StatusNoContent || got.resp.Header.Get("ETag") != etag && !strings.Contains(c.fault.second, "stale") {
				c.errorf("own earlier write: ETag %q, want %q", got.resp.Header.Get("ETag"), etag)
			}
		}
		return
	}
	if !lost && n >= 0 && c.writes()[n].StatusCode >= 500 {
		// The first ambiguous answer was a response; a later one was lost.
		lost = slices.ContainsFunc(c.writes(), func(r ifmatchtest.Request) bool { return r.Lost })
	}
	if !lost {
		c.errorf("an error although no answer was lost")
	}
	repeated := got.outcome.Attempts > 1 || c.guard.guarded && (c.method == http.MethodPut || c.method == http.MethodDelete)
	if repeated && !errors.Is(got.err, ErrOutcomeUnknown) {
		c.errorf("the error doesn't match ErrOutcomeUnknown")
	}
	for _, e := range got.outcome.Exchanges {
		if e.Err != nil && e.Method == c.method {
			if !errors.Is(got.err, e.Err) {
				c.errorf("the error doesn't match the first connection error")
			}
			break
		}
	}
}

// checkWrites looks for second applications and for what must not be repeated.
func (c *effectCell) checkWrites() {
	if c.fault.replay || c.fault.key {
		return // by a proxy or net/http
	}
	writes := c.writes()
	applied := c.appliedWrites()
	mayRepeat := c.guard.guarded && !c.fault.content || !c.wide
	switch {
	case c.method == http.MethodPost:
		if n, _ := c.ambiguousAttempt(); n >= 0 && n < len(writes)-1 {
			c.errorf("POST was sent again after an ambiguous attempt")
		}
		fallthrough
	case c.method == http.MethodPatch:
		if applied > 1 {
			c.errorf("%s was applied %d times", c.method, applied)
		}
	case c.resends() && c.method == http.MethodPut, c.policy.name == "Unconditional", c.policy.name == "Unconditional+unique":
		// Sending it over another's state is what was asked for.
	case mayRepeat && !c.fault.content && applied > 1:
		c.errorf("%s was applied %d times", c.method, applied)
	}
}

// checkExchanges compares Outcome.Exchanges with what arrived.
func (c *effectCell) checkExchanges(got result, log []ifmatchtest.Request) {
	var arrived []string
	for _, r := range log {
		if r.Lost {
			arrived = append(arrived, r.Method+" failed")
		} else {
			arrived = append(arrived, fmt.Sprintf("%s %d", r.Method, r.StatusCode))
		}
	}
	if want := strings.Join(arrived, ", "); got.exchanges() != want {
		c.errorf("exchanges %s, and %s arrived", got.exchanges(), want)
	}
	writes := 0
	for _, r := range log {
		if r.Method == c.method {
			writes++
		}
	}
	if got.outcome.Attempts != writes {
		c.errorf("%d attempts, and %d writes arrived", got.outcome.Attempts, writes)
	}
}

// checkTidy looks for connections and bodies left open.
func (c *effectCell) checkTidy(t *testing.T, log []ifmatchtest.Request) {
	for i, b := range c.bodies {
		if n := b.closed.Load(); n != 1 && !(n > 1 && c.fault.hops) { // http.Client closes it again
			c.errorf("body %d of %d was closed %d times", i, len(c.bodies), n)
		}
	}
	cut := 0
	for _, r := range log {
		if r.Lost && !c.fault.replay {
			cut++
		}
	}
	c.read(t)
	if n := c.origin.Connections(); n > 1+cut {
		c.errorf("%d connections, and %d were cut", n, cut)
	}
}

// TestEffects compares each claim with what the origin really did.
func TestEffects(t *testing.T) {
	table := parseUnknowns(t)
	for _, policy := range effectPolicies() {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			skip := sampling()
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodPost} {
				unknown := make(map[string]int)
				for _, fault := range faultCases(method) {
					if fault.twin && policy.unique {
						continue // the caller vouched that there is none
					}
					for _, guard := range guardCases {
						for _, wide := range []bool{false, true} {
							if wide && (method == http.MethodPost || method == http.MethodPatch) {
								continue // it widens to idempotent methods
							}
							c := effectCell{policy: policy, method: method, guard: guard, fault: fault, wide: wide}
							if skip() {
								continue
							}
							if c.run(t).outcome.Effect == EffectUnknown {
								unknown[fault.name]++
							}
						}
					}
				}
				table.compare(t, policy.name+" "+method, unknown)
			}
		})
	}
}

// sampling returns a function that says which cells are left out: none, unless the
// race detector makes them slow or the tests shall be short.
func sampling() func() bool {
	n, every := 0, 1
	if raceEnabled || testing.Short() {
		every = 11
	}
	return func() bool { n++; return n%every != 0 }
}

// mostUnknowns counts, for each policy and method, the calls that end unknown
// after each first fault, over all preconditions and second faults: at most so
// many. With rows that aren't here, nothing is unknown.
const mostUnknowns = `
policy                method  request-lost  answer-lost  502-before  502-after  504-after  500-after  524-after  refused  key  see-other
Stop                  PUT              172          224         172        224        224        225        225        0   52         16
Stop+unique           PUT              135          146         135        146        146        160        160        0   38         16
Resend                PUT              123          143         123        143        143        167        167       12   42         16
Resend+unique         PUT              105          115         105        115        115        141        141       12   38         16
Rebuild               PUT              172          224         172        224        224        225        225       26   52         16
Rebuild+unique        PUT              135          146         135        146        146        160        160       12   38         16
Unconditional         PUT              172          224         172        224        224        225        225       20   52         16
Unconditional+unique  PUT              135          146         135        146        146        160        160       20   38         16
own                   PUT              123          144         123        144        144        168        168       22   42         16
own+unique            PUT              105          115         105        115        115        141        141       12   38         16
Stop                  DELETE           191          233         191        233        233        234        234        0   60         16
Stop+unique           DELETE           133          133         133        133        133        152        152        0   44         16
Resend                DELETE           147          147         147        147        147        171        171       12   44         16
Resend+unique         DELETE           133          133         133        133        133        152        152       12   44         16
Rebuild               DELETE           191          233         191        233        233        234        234       26   60         16
Rebuild+unique        DELETE           133          133         133        133        133        152        152       12   44         16
Unconditional         DELETE           191          233         191        233        233        234        234       30   60         16
Unconditional+unique  DELETE           133          133         133        133        133        152        152       20   44         16
own                   DELETE           191          228         191        228        228        230        230       26   60         16
own+unique            DELETE           133          133         133        133        133        152        152       12   44         16
Stop                  PATCH            120          120         120        120        120        120        120        0   29          8
Stop+unique           PATCH            104          104         104        104        104        104        104        0   29          8
Resend                PATCH            120          120         120        120        120        120        120       16   29          8
Resend+unique         PATCH            104          104         104        104        104        104        104       16   29          8
Rebuild               PATCH            120          120         120        120        120        120        120       16   29          8
Rebuild+unique        PATCH            104          104         104        104        104        104        104       16   29          8
Unconditional         PATCH            120          120         120        120        120        120        120       20   29          8
Unconditional+unique  PATCH            104          104         104        104        104        104        104       20   29          8
own                   PATCH            120          120         120        120        120        120        120       16   29          8
own+unique            PATCH            104          104         104        104        104        104        104       16   29          8
Stop                  POST             120          120         120        120        120        120        120        0   27          8
Stop+unique           POST             104          104         104        104        104        104        104        0   27          8
Resend                POST             120          120         120        120        120        120        120       20   27          8
Resend+unique         POST             104          104         104        104        104        104        104       20   27          8
Rebuild               POST             120          120         120        120        120        120        120       20   27          8
Rebuild+unique        POST             104          104         104        104        104        104        104       20   27          8
Unconditional         POST             120          120         120        120        120        120        120       20   27          8
Unconditional+unique  POST             104          104         104        104        104        104        104       20   27          8
own                   POST             120          120         120        120        120        120        120       20   27          8
own+unique            POST             104          104         104        104        104        104        104       20   27          8
`

type unknownTable map[string]map[string]int

func parseUnknowns(t *testing.T) unknownTable {
	table := make(unknownTable)
	var names []string
	for line := range strings.Lines(mostUnknowns) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case names == nil:
			for _, name := range fields[2:] {
				names = append(names, strings.ReplaceAll(name, "-", " "))
			}
		default:
			row := make(map[string]int)
			for i, field := range fields[2:] {
				n, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				row[names[i]] = n
			}
			table[fields[0]+" "+fields[1]] = row
		}
	}
	return table
}

func (table unknownTable) compare(t *testing.T, row string, unknown map[string]int) {
	for name, n := range unknown {
		if most := table[row][name]; n > most {
			t.Errorf("%s, %s: %d calls end unknown, at most %d should", row, name, n, most)
		} else if n < most && !raceEnabled && !testing.Short() {
			t.Logf("%s, %s: only %d calls end unknown, the table allows %d", row, name, n, most)
		}
	}
}

// TestEffectsStreamed: a body without GetBody makes no difference.
func TestEffectsStreamed(t *testing.T) {
	for _, policy := range effectPolicies() {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			skip := sampling()
			for _, fault := range faultCases(http.MethodPut) {
				if fault.key || fault.hops {
					continue // net/http and http.Client send no body again without it
				}
				for _, guard := range guardCases {
					if skip() {
						continue
					}
					c := effectCell{policy: policy, method: http.MethodPut, guard: guard, fault: fault}
					want := c.run(t)
					c = effectCell{policy: policy, method: http.MethodPut, guard: guard, fault: fault, stream: true}
					if got := c.run(t); got.summary() != want.summary() {
						t.Errorf("%s: %s, want %s", &c, got.summary(), want.summary())
					}
				}
			}
		})
	}
}

const fresh = `If-Match: "v2"`

// resendingPolicy is a policy of the caller's own.
var resendingPolicy = PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) { return c.Resend(), nil })

// TestLostAnswer is what a call says after an answer was lost, in words that can
// be read.
func TestLostAnswer(t *testing.T) {
	type faults = []ifmatchtest.Fault
	lost := ifmatchtest.LostAnswer(1)
	mine := func([]byte) []byte { return []byte("mine") }
	other := func([]byte) []byte { return []byte("other") }
	const signed = "Authorization: AWS4-HMAC-SHA256 Credential=x"
	tests := []struct {
		name   string
		method string // PUT unless given
		fields []string
		policy Policy
		faults faults
		opts   []Option
		empty  bool // there is no state
		want   string
		state  string // afterwards; "mine" unless given
	}{
		// The content is what was sent.
		{name: "stop", policy: Stop, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "resend", policy: Resend, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "rebuild", policy: rebuilding, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "unconditional", policy: Unconditional, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "own policy", policy: resendingPolicy, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "own policy stops", policy: PolicyFunc(nil), want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "own policy replaces", policy: PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Current(ctx)
			return c.Replace([]byte("merged")), nil
		}), want: "PUT failed, PUT 412, GET 200 | error | unknown, unattributed"},
		{name: "unique, stop", policy: Stop, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "unique, rebuild", policy: rebuilding, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "502 after, resend", policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 502)}, want: "PUT 502, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "504 after, stop", policy: Stop, faults: faults{ifmatchtest.FailAfter(1, 504)}, want: "PUT 504, PUT 412 | 504 | unknown, unattributed"},
		{name: "500 after", policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 500)}, want: "PUT 500 | 500 | unknown, none"},
		{name: "524 after", policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 524)}, want: "PUT 524 | 524 | unknown, none"},
		{name: "501", policy: Resend, faults: faults{ifmatchtest.FailBefore(1, 501)}, want: "PUT 501 | 501 | not applied, none", state: "theirs"},
		{name: "503 and 429 before, no ambiguity in a 429", policy: Resend, faults: faults{ifmatchtest.FailBefore(1, 429), ifmatchtest.CompetingWriter(1, other).After(1)}, want: "PUT 429, PUT 412, HEAD 200, PUT 204 | 204 | applied, changed, overwrote"},

		// Somebody else's content.
		{name: "request lost", policy: Stop, faults: faults{ifmatchtest.LostRequest(1)}, want: "PUT failed, PUT 204 | 204 | applied, none"},
		{name: "rival behind, stop", policy: Stop, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "PUT failed, PUT 412 | error | unknown, unattributed", state: "other"},
		{name: "rival behind, unique", policy: Stop, opts: []Option{WithUniqueBody()}, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "PUT failed, PUT 412, GET 200 | error | unknown, unattributed", state: "other"},
		{name: "rival behind, resend", policy: Resend, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "PUT failed, PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote"},
		{name: "rivals for ever, resend", policy: Resend, faults: faults{lost, ifmatchtest.CompetingWriter(0, nil).After(1), ifmatchtest.CompetingAfter(1, other)}, opts: []Option{WithMaxAttempts(2)},
			want: "PUT failed, PUT 412, GET 200, PUT 412, GET 200 | error | unknown, unattributed", state: "other\n\n"},
		{name: "two adders write the same", policy: Stop, faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(1, mine).After(1)}, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "two adders, resend", policy: Resend, faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(1, mine).After(1)}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "own policy forges what it read", faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.CompetingWriter(1, other).After(1)}, policy: PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			current, err := c.Current(ctx)
			current.Body = []byte("mine")
			return c.Resend(), err
		}), want: "PUT failed, PUT 412, GET 200, PUT 204 | 204 | applied, changed, overwrote"},

		// A stale read proves nothing.
		{name: "stale reads", policy: Resend, faults: faults{lost, ifmatchtest.StaleReads(0)}, want: "PUT failed, PUT 412, GET 200, GET 200, PUT 412, GET 200, GET 200 | error | unknown, unattributed"},
		{name: "stale read", policy: Resend, faults: faults{lost, ifmatchtest.StaleReads(1)}, want: "PUT failed, PUT 412, GET 200, GET 200 | 204 | applied, own earlier write"},
		{name: "refresh denied", policy: Resend, faults: faults{lost, ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }).On("GET", "HEAD")}, want: "PUT failed, PUT 412, GET 403 | error | unknown, unattributed"},

		// Create-only: two creators may write the same.
		{name: "create", empty: true, fields: []string{"If-None-Match: *"}, policy: Stop, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "create, resend", empty: true, fields: []string{"If-None-Match: *"}, policy: Resend, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "create, own policy", empty: true, fields: []string{"If-None-Match: *"}, policy: resendingPolicy, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "create, unique", empty: true, fields: []string{"If-None-Match: *"}, policy: Stop, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write"},
		{name: "create, 502", empty: true, fields: []string{"If-None-Match: *"}, policy: Resend, faults: faults{ifmatchtest.FailAfter(1, 502)}, want: "PUT 502, PUT 412 | 502 | unknown, unattributed"},

		// DELETE: nothing is there.
		{name: "delete, stop", method: "DELETE", policy: Stop, want: "DELETE failed, DELETE 404 | error | unknown, unattributed", state: "(gone)"},
		{name: "delete, resend", method: "DELETE", policy: Resend, want: "DELETE failed, DELETE 404 | 204 | applied, own earlier write", state: "(gone)"},
		{name: "delete, unique", method: "DELETE", policy: Stop, opts: []Option{WithUniqueBody()}, want: "DELETE failed, DELETE 404 | 204 | applied, own earlier write", state: "(gone)"},
		{name: "delete, 412", method: "DELETE", policy: Resend, faults: faults{lost, ifmatchtest.Refuse(1)}, want: "DELETE failed, DELETE 412, HEAD 404, GET 404 | 204 | applied, own earlier write", state: "(gone)"},
		{name: "delete, created anew", method: "DELETE", policy: Resend, faults: faults{lost, ifmatchtest.CompetingAfter(1, other)}, want: "DELETE failed, DELETE 412, HEAD 200 | error | unknown, unattributed", state: "other"},
		{name: "delete of nothing", method: "DELETE", empty: true, policy: Resend, faults: faults{}, want: "DELETE 404 | 404 | not applied, none", state: "(gone)"},

		// Never sent twice.
		{name: "post", method: "POST", policy: Resend, want: "POST failed | error | unknown, none", state: "theirsmine"},
		{name: "post, once refused", method: "POST", fields: []string{stale}, policy: Resend, faults: faults{ifmatchtest.LostAnswer(1).After(1)}, want: "POST 412, HEAD 200, POST failed | error | unknown, changed", state: "theirsmine"},
		{name: "post, 503", method: "POST", policy: Resend, opts: []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)}, faults: faults{ifmatchtest.FailAfter(1, 503)}, want: "POST 503 | 503 | unknown, none", state: "theirsmine"},

		// Signed above: nothing of ours is sent.
		{name: "signed", policy: Resend, fields: []string{fresh, signed}, want: "PUT failed, PUT 412 | error | unknown, unattributed"},
		{name: "signed, unique", policy: Stop, fields: []string{fresh, signed}, opts: []Option{WithUniqueBody()}, want: "PUT failed, PUT 412 | error | unknown, unattributed"},

		// Another answer than a refusal isn't the end of doubt.
		{name: "403", policy: Stop, faults: faults{lost, ifmatchtest.FailBefore(1, 403)}, want: "PUT failed, PUT 403 | 403 | unknown, none"},
		{name: "412 of a range", policy: Stop, fields: []string{fresh, "Content-Range: bytes 0-3/4"}, opts: []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)},
			faults: faults{ifmatchtest.FailBefore(1, 503), ifmatchtest.Refuse(1)}, want: "PUT 503, PUT 412 | 503 | unknown, none", state: "theirs"},
		{name: "moved on", policy: Resend, fields: []string{`If-None-Match: "v1"`}, opts: []Option{WithTransientRetry(retryablehttp.DefaultRetryPolicy)},
			faults: faults{ifmatchtest.LostRequest(1), ifmatchtest.Refuse(1)}, want: "PUT failed, PUT 412, GET 200 | error | unknown, unattributed", state: "theirs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				if test.empty {
					origin.Delete("/doc")
				}
				if test.faults == nil {
					test.faults = faults{lost}
				}
				origin.Inject(test.faults...)
				method, fields, state := test.method, test.fields, test.state
				if method == "" {
					method = http.MethodPut
				}
				if fields == nil {
					fields = []string{fresh}
				}
				if state == "" {
					state = "mine"
				}
				got := send(t, origin, test.policy, method, fields, test.opts...)
				if got.summary() != test.want || stateOf(origin) != state {
					t.Errorf("got  %s, state %q\nwant %s, state %q\nerr %v, %v", got.summary(), stateOf(origin), test.want, state, got.err, got.outcome.Err)
				}
				if unknown := got.outcome.Effect == EffectUnknown; unknown && len(got.outcome.Exchanges) > 1 && !errors.Is(got.outcome.Err, ErrOutcomeUnknown) {
					t.Errorf("Outcome.Err %v", got.outcome.Err)
				}
				if got.outcome.Effect == EffectApplied && got.outcome.Err != nil {
					t.Errorf("applied, and Outcome.Err %v", got.outcome.Err)
				}
			})
		})
	}
}

// TestStaleReadOfTheSame: the state that was written over held these bytes
// already, so a stale read looks like the write.
func TestStaleReadOfTheSame(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithUniqueBody()}} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Put("/doc", "text/plain", []byte("mine"))
			origin.Inject(ifmatchtest.LostRequest(1), ifmatchtest.StaleReads(0),
				ifmatchtest.CompetingWriter(1, func([]byte) []byte { return []byte("other") }).After(1))
			got := send(t, origin, Resend, http.MethodPut, []string{`If-Match: "v3"`}, opts...)
			if got.outcome.Effect != EffectUnknown || stateOf(origin) != "other" {
				t.Errorf("%s, state %q", got.summary(), stateOf(origin))
			}
		})
	}
}

// TestFoundApplied: the answer to a write that was found applied is 204 with the
// current validators.
func TestFoundApplied(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		got := send(t, origin, Resend, http.MethodPut, []string{fresh})
		if got.err != nil {
			t.Fatal(got.err)
		}
		_, etag, _ := origin.State("/doc")
		h := got.resp.Header
		if got.resp.Status != "204 No Content" || h.Get("ETag") != etag || etag != `"v3"` || h.Get("Last-Modified") == "" || got.body != "" || got.resp.Request.Method != http.MethodPut {
			t.Errorf("%s %v %q", got.resp.Status, h, got.body)
		}
		if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectApplied || o.Cause != CauseOwnEarlierWrite || o.Err != nil || len(o.Exchanges) != 3 || o.Attempts != 2 || o.Overwrote {
			t.Errorf("%+v, %v", o, ok)
		}
	})
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		for _, policy := range []Policy{Resend, resendingPolicy} {
			if method == http.MethodDelete && !traitsOf(policy).lastWriterWins {
				continue // a function isn't asked about a DELETE that finds nothing
			}
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(ifmatchtest.LostAnswer(1))
				got := send(t, origin, policy, method, []string{fresh})
				if got.err != nil || got.resp.StatusCode != http.StatusNoContent || got.body != "" || got.outcome.Effect != EffectApplied || got.outcome.Cause != CauseOwnEarlierWrite {
					t.Errorf("%s: %s %q, %v", method, got.summary(), got.body, got.err)
				}
				if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectApplied {
					t.Errorf("%s: %+v, %v", method, o, ok)
				}
			})
		}
	}
}

// TestErrorOfLostAnswer: errors.Is finds the first connection error and
// ErrOutcomeUnknown, through http.Client too.
func TestErrorOfLostAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var outcome Outcome
		origin.Inject(ifmatchtest.LostAnswer(1))
		client := &http.Client{Transport: NewTransport(origin.Client().Transport, Stop)}
		_, err := client.Do(newWrite(t, WithOutcome(context.Background(), &outcome), origin, http.MethodPut, []string{fresh}))
		if !errors.Is(err, io.EOF) || !errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrConflict) || !errors.Is(outcome.Err, ErrOutcomeUnknown) {
			t.Errorf("%v; %v", err, outcome.Err)
		}
		if !strings.Contains(err.Error(), "outcome unknown") || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("%v", err)
		}
	})
	// Later errors don't hide the first one, nor it them.
	first, last := errors.New("first"), errors.New("last")
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := &script{base: origin.Client().Transport, errs: []error{first, last}}
		got := sendVia(t, NewTransport(base, Stop, WithMaxAttempts(2)), newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
		if !errors.Is(got.err, first) || !errors.Is(got.err, last) || !errors.Is(got.err, ErrOutcomeUnknown) {
			t.Errorf("%v", got.err)
		}
	})
	// A write that is not repeated has the base's own error.
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		base := &script{base: origin.Client().Transport, errs: []error{first}}
		got := sendVia(t, NewTransport(base, Resend), newWrite(t, context.Background(), origin, http.MethodPost, nil))
		if got.err != first || got.outcome.Effect != EffectUnknown {
			t.Errorf("%v, %v", got.err, got.outcome.Effect)
		}
	})
}

// script is a base whose first requests fail.
type script struct {
	base http.RoundTripper
	errs []error
	sent int
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.sent++
	if len(s.errs) == 0 {
		return s.base.RoundTrip(req)
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	if req.Body != nil {
		req.Body.Close()
	}
	return nil, err
}

// TestAmbiguousAnswer is returned as if nothing had been repeated.
func TestAmbiguousAnswer(t *testing.T) {
	for name, policy := range map[string]Policy{"Stop": Stop, "Rebuild": rebuilding, "Unconditional": Unconditional, "own": PolicyFunc(nil)} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(ifmatchtest.FailAfter(1, 502).WithHeader("Via", "1.1 proxy"))
			got := send(t, origin, policy, http.MethodPut, []string{fresh})
			if got.err != nil || got.resp.StatusCode != 502 || got.body != "Bad Gateway\n" || got.bodyErr != nil || got.resp.Header.Get("Via") != "1.1 proxy" {
				t.Errorf("%s: %s, %q, %v, %v", name, got.summary(), got.body, got.bodyErr, got.err)
			}
			if o, ok := OutcomeOf(got.resp); !ok || o.Effect != EffectUnknown || !errors.Is(o.Err, ErrOutcomeUnknown) || !strings.Contains(o.Err.Error(), "502 Bad Gateway") {
				t.Errorf("%s: %+v, %v", name, o, ok)
			}
		})
	}
}

// TestPolicySeesAmbiguity, and one that is asked in vain never builds.
func TestPolicySeesAmbiguity(t *testing.T) {
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		var seen []bool
		policy := PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) {
			seen = append(seen, c.Ambiguous)
			return c.Resend(), nil
		})
		// It lasts for the whole call.
		origin.Inject(ifmatchtest.LostAnswer(1).After(1), ifmatchtest.CompetingWriter(2, nil).After(2))
		got := send(t, origin, policy, http.MethodPut, []string{stale}, WithMaxAttempts(9))
		if fmt.Sprint(seen) != "[false true true]" || got.outcome.Effect != EffectApplied {
			t.Errorf("%v, %s", seen, got.summary())
		}
	})
	inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
		built := 0
		policy := Rebuild(func(_ context.Context, current *Representation) ([]byte, error) {
			built++
			return append(current.Body, "+mine"...), nil
		})
		origin.Inject(ifmatchtest.LostAnswer(1).After(1))
		got := send(t, origin, policy, http.MethodPut, []string{stale})
		if built != 1 || stateOf(origin) != "theirs+mine" || got.summary() != "PUT 412, GET 200, PUT failed, PUT 412 | error | unknown, unattributed" {
			t.Errorf("built %d times, state %q: %s", built, stateOf(origin), got.summary())
		}
		// net/http may have sent a write with a key twice.
		built = 0
		got = send(t, origin, policy, http.MethodPut, []string{stale, "Idempotency-Key: k"})
		if built != 0 || got.summary() != "PUT 412 | 412 | unknown, not replayable" {
			t.Errorf("built %d times: %s", built, got.summary())
		}
	})
}

// TestAmbiguousBelow: a Transport above another doesn't repeat what that one has
// repeated, and believes what it says.
func TestAmbiguousBelow(t *testing.T) {
	refusedDial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, test := range []struct {
		name   string
		lower  Policy
		base   func(http.RoundTripper) http.RoundTripper
		faults []ifmatchtest.Fault
		want   string
		sent   int
	}{
		{"stop below", Stop, nil, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, "PUT failed, PUT 412 | error | unknown, unattributed", 2},
		{"resend below", Resend, nil, []ifmatchtest.Fault{ifmatchtest.LostAnswer(1)}, "PUT failed, PUT 412, GET 200 | 204 | applied, own earlier write", 3},
		{"502", Stop, nil, []ifmatchtest.Fault{ifmatchtest.FailAfter(1, 502)}, "PUT 502, PUT 412 | 502 | unknown, unattributed", 2},
		{"502 for ever", Stop, nil, []ifmatchtest.Fault{ifmatchtest.FailBefore(0, 502)}, "PUT 502, PUT 502, PUT 502, PUT 502 | 502 | unknown, none", 4},
		{"lost for ever", Stop, nil, []ifmatchtest.Fault{ifmatchtest.LostRequest(0)}, "PUT failed, PUT failed, PUT failed, PUT failed | error | unknown, none", 4},
		{"lost, then not reached", Stop, func(base http.RoundTripper) http.RoundTripper {
			return &script{base, []error{io.EOF, refusedDial, refusedDial, refusedDial}, 0}
		}, nil, "PUT failed, PUT failed, PUT failed, PUT failed | error | unknown, none", 0},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			base := origin.Client().Transport
			if test.base != nil {
				base = test.base(base)
			}
			origin.Inject(test.faults...)
			got := sendVia(t, NewTransport(NewTransport(base, test.lower), Resend), newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
			if got.summary() != test.want || len(origin.Log()) != test.sent {
				t.Errorf("%s: got  %s with %d requests\nwant %s with %d", test.name, got.summary(), len(origin.Log()), test.want, test.sent)
			}
			if got.err != nil && !errors.Is(got.err, ErrOutcomeUnknown) {
				t.Errorf("%s: %v", test.name, got.err)
			}
		})
	}
	// What is known below isn't forgotten above, whoever looks.
	for _, below := range []error{
		&ConflictError{StatusCode: 412, Outcome: Outcome{Effect: EffectNotApplied}, Err: io.ErrClosedPipe},
		&interruptedError{context.Canceled, &StatusError{StatusCode: 429}},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			var seen Outcome
			upper := NewTransport(&script{errs: []error{below}}, Resend, WithTransientRetry(nil), WithTrace(&Trace{Done: func(o Outcome) { seen = o }}))
			got := sendVia(t, upper, newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh}))
			if got.err != below || got.outcome.Effect != EffectNotApplied {
				t.Errorf("%v, %s, %+v", got.err, got.summary(), seen)
			}
		})
	}
}

// TestAmbiguityOutlastsRedirects of http.Client, which makes one RoundTrip of each.
func TestAmbiguityOutlastsRedirects(t *testing.T) {
	for _, test := range []struct {
		status int
		hops   int
		policy Policy
		want   string
	}{
		{307, 1, Stop, "PUT 412 | error | unknown, unattributed"},
		{307, 1, rebuilding, "PUT 412 | error | unknown, unattributed"},
		{307, 1, Resend, "PUT 412, GET 200 | 204 | applied, own earlier write"},
		{308, 3, Stop, "PUT 412 | error | unknown, unattributed"},
		{303, 1, Stop, "GET 412 | error | unknown, none"}, // with the If-Match of the PUT
	} {
		for _, observed := range []bool{true, false} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(ifmatchtest.LostAnswer(1))
				for range test.hops {
					origin.Inject(redirect(test.status))
				}
				client := &http.Client{Transport: NewTransport(origin.Client().Transport, test.policy)}
				req := newWrite(t, context.Background(), origin, http.MethodPut, []string{fresh})
				if observed {
					if got := sendVia(t, throughClient{client}, req); got.summary() != test.want || got.err != nil && !errors.Is(got.err, ErrOutcomeUnknown) || got.err != nil && !errors.Is(got.err, io.EOF) {
						t.Errorf("%d: got  %s, %v\nwant %s", test.status, got.summary(), got.err, test.want)
					}
					return
				}
				resp, err := client.Do(req)
				if strings.Contains(test.want, "error") != errors.Is(err, ErrOutcomeUnknown) || err == nil && resp.StatusCode != http.StatusNoContent {
					t.Errorf("%d, nobody looking: %v, %v", test.status, resp, err)
				}
			})
		}
	}
	// Post, redirect, get: the write was performed.
	for status, want := range map[int]string{302: "GET 200 | 200 | unknown, none", 303: "GET 200 | 200 | unknown, none", 301: "GET 200 | 200 | not applied, none"} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(redirect(status))
			client := &http.Client{Transport: NewTransport(origin.Client().Transport, Resend)}
			if got := sendVia(t, throughClient{client}, newWrite(t, context.Background(), origin, http.MethodPost, nil)); got.summary() != want {
				t.Errorf("%d: got  %s\nwant %s", status, got.summary(), want)
			}
		})
	}
}

// TestKey: net/http replays what has an Idempotency-Key, also where the field has
// no value and isn't sent.
func TestKey(t *testing.T) {
	refusedDial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, values := range [][]string{{"k"}, {}, nil} {
		for _, test := range []struct {
			method string
			policy Policy
			fault  ifmatchtest.Fault
			want   string
		}{
			{http.MethodPut, Stop, ifmatchtest.LostAnswer(1), "PUT 412 | 412 | unknown, changed"},
			{http.MethodPut, Resend, ifmatchtest.LostAnswer(1), "PUT 412 | 412 | unknown, not replayable"},
			{http.MethodPut, rebuilding, ifmatchtest.LostAnswer(1), "PUT 412 | 412 | unknown, not replayable"},
			{http.MethodDelete, Stop, ifmatchtest.LostAnswer(1), "DELETE 404 | 404 | unknown, none"},
			{http.MethodPut, Stop, ifmatchtest.FailBefore(1, 403), "PUT 403 | 403 | unknown, none"},
		} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				resp, err := origin.Client().Get(origin.URL + "/doc") // a connection that was used
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				origin.Inject(test.fault)
				req := newWrite(t, context.Background(), origin, test.method, []string{fresh})
				req.Header["Idempotency-Key"] = values
				if got := sendVia(t, NewTransport(origin.Client().Transport, test.policy), req); got.summary() != test.want {
					t.Errorf("%q: got  %s\nwant %s", values, got.summary(), test.want)
				}
			})
		}
		// The first connection may have been cut after the write was applied.
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			req := newWrite(t, context.Background(), origin, http.MethodPost, nil)
			req.Header["Idempotency-Key"] = values
			if got := sendVia(t, NewTransport(&script{errs: []error{refusedDial}}, Stop), req); got.outcome.Effect != EffectUnknown {
				t.Errorf("%q: %s", values, got.summary())
			}
		})
		// A policy that drops the key doesn't undo what was sent with it.
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			asked := 0
			policy := PolicyFunc(func(_ context.Context, c *Conflict) (Decision, error) {
				if asked++; asked > 1 || !c.Ambiguous {
					return Decision{}, nil
				}
				if delete(c.Header(), "Idempotency-Key"); len(values) > 0 {
					c.Header().Set("Idempotency-Key", "second") // rule 17
				}
				return c.Resend(), nil
			})
			origin.Inject(ifmatchtest.Refuse(1).After(1))
			req := newWrite(t, context.Background(), origin, http.MethodPut, []string{stale})
			req.Header["Idempotency-Key"] = values
			got := sendVia(t, NewTransport(origin.Client().Transport, policy), req)
			if got.outcome.Effect != EffectUnknown || asked != 2 || got.resp.StatusCode != http.StatusPreconditionFailed {
				t.Errorf("%q: %s, asked %d times", values, got.summary(), asked)
			}
		})
	}
}

// TestCancelledProof: a call that is cancelled while it looks for its own write
// says both.
func TestCancelledProof(t *testing.T) {
	for _, status := range []int{0, 502} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			fault := ifmatchtest.LostAnswer(1)
			if status != 0 {
				fault = ifmatchtest.FailAfter(1, status)
			}
			origin.Inject(fault, ifmatchtest.Slow(0, time.Minute).On("GET"))
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(15*time.Second, cancel)
			rt := NewTransport(origin.Client().Transport, Stop, WithUniqueBody())
			got := sendVia(t, rt, newWrite(t, ctx, origin, http.MethodPut, []string{fresh}))
			if !errors.Is(got.err, context.Canceled) || !errors.Is(got.err, ErrOutcomeUnknown) || got.outcome.Effect != EffectUnknown || status == 0 && !errors.Is(got.err, io.EOF) {
				t.Errorf("%d: %s, %v", status, got.summary(), got.err)
			}
		})
	}
}
