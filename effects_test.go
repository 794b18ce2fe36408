package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	before  []ifmatchtest.Fault // at work before the state is made
	faults  []ifmatchtest.Fault
	content bool // ContentTags: a tag comes back with its content
	key     bool // net/http replays by itself
	hops    bool // a redirect: through http.Client
	twin    bool // another writer sends our bytes
	old     bool // reads may show an old state
	replica bool // and one that is older than the state that was refused
	wasMine bool // our bytes were there before
	reads   int  // before the write, beside the one that opens the connection
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
		{name: "stale read", old: true, faults: faults{ifmatchtest.StaleReads(1)}},
		{name: "stale reads", old: true, faults: faults{ifmatchtest.StaleReads(0)}},
		{name: "refused", faults: faults{ifmatchtest.Refuse(1)}},
		{name: "429", faults: faults{ifmatchtest.FailBefore(1, 429)}},
		{name: "403", faults: faults{ifmatchtest.FailBefore(1, 403)}},
		{name: "replay", faults: faults{ifmatchtest.Replay(1)}},
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
		{second: "tag back", content: true, before: faults{ifmatchtest.ContentTags()}, faults: faults{ifmatchtest.CompetingAfter(1, revert)}},
		{second: "stale read", old: true, faults: faults{ifmatchtest.StaleReads(1)}},
		{second: "stale reads", old: true, faults: faults{ifmatchtest.StaleReads(0)}},
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
	return append(all, publicCases(method)...)
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

	unknowable bool // the claim is wrong, and nobody could know
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

// answered are the writes whose answers were the client's, or got lost on the way to it.
func (c *effectCell) answered() []ifmatchtest.Request {
	return slices.DeleteFunc(c.writes(), func(r ifmatchtest.Request) bool { return r.Resent })
}

// ambiguousAttempt returns the number of the first write whose effect the client
// can't know, and whether its answer was lost; -1 for none.
func (c *effectCell) ambiguousAttempt() (n int, lost bool) {
	for i, r := range c.answered() {
		if r.Lost || r.StatusCode >= 500 {
			return i, r.Lost
		}
	}
	return -1, false
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
	c.origin.Inject(c.fault.before...)
	var validators [2]Validators
	states := []string{cellFirst, cellTheirs}
	if c.fault.wasMine {
		states[0] = cellMine
	}
	for i, state := range states {
		etag := c.origin.Put("/doc", "application/json", []byte(state))
		validators[i] = Validators{etag, time.Now().UTC().Format(http.TimeFormat)}
		time.Sleep(3 * time.Second) // so that dates are good guards
	}
	if c.guard.missing {
		c.origin.Delete("/doc")
	}
	// A connection that was used before: net/http replays on no other.
	for range 1 + c.fault.reads {
		c.read(t)
	}
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
		if !c.fault.hops && !c.fault.key {
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

// appliedWrites counts the writes that were applied, also those that nobody could know
// of.
func (c *effectCell) appliedWrites() (n int) {
	for _, r := range c.writes() {
		if r.Applied {
			n++
		}
	}
	return n
}

// knownWrites counts the writes that were applied and whose answers, as far as there was
// one, don't deny it: a proxy kept none of them to itself, and none was refused.
func (c *effectCell) knownWrites() (n int) {
	for _, r := range c.answered() {
		if r.Applied && r.StatusCode != http.StatusPreconditionFailed {
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
		c.unknowable = c.fault.replica && stateOf(c.origin) != wanted
		if (!c.resends() && !c.policy.unique) || got.outcome.Cause != CauseOwnEarlierWrite || stateOf(c.origin) != wanted && !c.unknowable {
			c.errorf("claimed applied, and it wasn't")
		}
		if !c.policy.unique && (c.guard.missing || c.guard.name == "exists") && c.method == http.MethodPut {
			c.errorf("create-only: equality counts only WithUniqueBody")
		}
	case EffectNotApplied:
		c.unknowable = applied > 0
		if c.knownWrites() > 0 { // of the others only a mark could tell
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
			tag := got.resp.Header.Get("ETag")
			if stored := got.outcome.Replaced; stored != nil && tag == "" { // of a body that the policy made
				tag = stored.ETag
			}
			if status != http.StatusNoContent || tag != etag && !c.fault.old {
				c.errorf("own earlier write: ETag %q, want %q", tag, etag)
			}
		}
		return
	}
	if !lost && n >= 0 && c.answered()[n].StatusCode >= 500 {
		// The first ambiguous answer was a response; a later one was lost.
		lost = slices.ContainsFunc(c.answered(), func(r ifmatchtest.Request) bool { return r.Lost })
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
	if c.fault.key {
		return // by net/http
	}
	writes := c.answered()
	applied := c.knownWrites()
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
		if r.Resent {
			continue
		}
		if r.Lost {
			arrived = append(arrived, r.Method+" failed")
		} else {
			arrived = append(arrived, fmt.Sprintf("%s %d", r.Method, r.StatusCode))
		}
	}
	if want := strings.Join(arrived, ", "); got.exchanges() != want {
		c.errorf("exchanges %s, and %s arrived", got.exchanges(), want)
	}
	if writes := len(c.answered()); got.outcome.Attempts != writes {
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
		if r.Lost && !r.Resent {
			cut++
		}
	}
	c.read(t)
	if n := c.origin.Connections(); n > 1+cut {
		c.errorf("%d connections, and %d were cut", n, cut)
	}
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

// throughClient makes an http.Client a RoundTripper, to follow redirects.
type throughClient struct{ client *http.Client }

func (c throughClient) RoundTrip(req *http.Request) (*http.Response, error) { return c.client.Do(req) }

// TestEffects compares each claim with what the origin really did.
func TestEffects(t *testing.T) {
	unknowns, unknowables := parseCounts(t, mostUnknowns, mostUnknownsInPublic), parseCounts(t, mostUnknowables)
	for _, policy := range effectPolicies() {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			skip := sampling()
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodPost} {
				unknown, unknowable := make(map[string]int), make(map[string]int)
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
							if c.unknowable {
								unknowable[fault.name]++
							}
						}
					}
				}
				unknowns.compare(t, policy.name+" "+method, "end unknown", unknown)
				unknowables.compare(t, policy.name+" "+method, "are told what nobody could know", unknowable)
			}
		})
	}
}

// everyCell is 1 where all cells are looked at, and n where each nth is: the race
// detector makes them slow.
func everyCell() int {
	if raceEnabled {
		return 11
	}
	return long(1, 19)
}

// sampling returns a function that says which cells are left out.
func sampling() func() bool {
	n, every := 0, everyCell()
	return func() bool { n++; return n%every != 0 }
}

// mostUnknowns counts, for each policy and method, the calls that end unknown
// after each first fault, over all preconditions and second faults: at most so
// many. With columns that aren't here, nothing is unknown.
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

// countTable says of how many calls something may be so, for each policy and method, and
// then for each first fault.
type countTable map[string]map[string]int

func (table countTable) compare(t *testing.T, row, what string, counted map[string]int) {
	for name, n := range counted {
		if most := table[row][name]; n > most {
			t.Errorf("%s, %s: %d calls %s, at most %d should", row, name, n, what, most)
		} else if n < most && everyCell() == 1 {
			t.Logf("%s, %s: only %d calls %s, the table allows %d", row, name, n, what, most)
		}
	}
}

// parseCounts reads texts as one table.
func parseCounts(t *testing.T, texts ...string) countTable {
	table := make(countTable)
	for _, text := range texts {
		var names []string
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			switch {
			case len(fields) == 0:
			case names == nil:
				names = fields[2:]
			default:
				table.addRow(t, fields, names)
			}
		}
	}
	return table
}

func (table countTable) addRow(t *testing.T, fields, names []string) {
	key := fields[0] + " " + fields[1]
	if table[key] == nil {
		table[key] = make(map[string]int)
	}
	for i, field := range fields[2:] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		table[key][strings.ReplaceAll(names[i], "-", " ")] = n
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
