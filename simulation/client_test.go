package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cenkalti/backoff/v4"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/internal/pace"
)

// shown says what the state that comes with an operation's success is.
type shown int

const (
	nothing shown = iota // there is none
	after                // the state right after the operation
	later                // a state that the operation is in, read within its time
)

// result is what a caller was told.
type result struct {
	ifmatch.Outcome
	status int // of the answer; 0: none
	state  state
	shown  shown
	tag    string // that came with the answer or the Snapshot
	body   []byte // that the caller sent, or has as the Snapshot's text
	err    error
	sent   bool // the caller's write went out; else nothing was tried
}

// writer does operations of one kind on the document.
type writer interface {
	do(ctx context.Context, in input) result
	get(ctx context.Context) (state, error)
}

// process is a client until it dies.
type process struct {
	w      *world
	spec   client
	at     int // its place in the plan
	gen    int // how often it has died
	link   *link
	http   *http.Client
	writer writer
	end    context.Context
	kill   context.CancelFunc
}

func newProcess(w *world, at, gen int) *process {
	spec := w.plan.Clients[at]
	l := &link{w: w, silent: spec.Silent, direct: spec.Direct}
	l.own = w.newActor(fmt.Sprintf("R%d.%d", at, gen), 100+(at*40+gen)%200)
	var base http.RoundTripper = l
	if spec.Direct {
		t := &http.Transport{}
		t.RegisterProtocol("http", l)
		base = t
	}
	p := &process{w: w, spec: spec, at: at, gen: gen, link: l}
	p.end, p.kill = context.WithCancel(context.Background())
	dice := func() backoff.BackOff {
		l.own.mu.Lock()
		defer l.own.mu.Unlock()
		l.own.dices++
		return &pace.Dice{Float64: w.dice(fmt.Sprint(l.own.name, "dice", l.own.dices)).Float64}
	}
	opts := []ifmatch.Option{ifmatch.WithBackoff(dice), ifmatch.WithTransientBackoff(dice)}
	if spec.Attempts > 0 {
		opts = append(opts, ifmatch.WithMaxAttempts(spec.Attempts))
	}
	p.http = &http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop, opts...)}
	p.writer = p.newWriter()
	return p
}

func (p *process) newWriter() writer {
	o := p.w.plan.Object
	switch p.spec.API {
	case "boastful", "modest", "restless":
		return lying{&cycle{p: p, object: o, api: "stop"}, p.spec.API}
	case "update", "resource", "forgetful":
		if p.spec.Marks {
			return newUpdater[marked, *marked](p, o)
		}
		return newUpdater[doc, *doc](p, o)
	}
	return &cycle{p: p, object: o, api: p.spec.API}
}

// doc is a document without Marks, marked one with them.
type doc struct{ content }

type marked struct {
	content
	ifmatch.Marks
}

func (d *doc) data() *content    { return &d.content }
func (d *marked) data() *content { return &d.content }

type document[T any] interface {
	*T
	data() *content
}

// updater is Update, or a Resource where there is one.
type updater[T any, P document[T]] struct {
	object   object
	client   *http.Client
	resource *ifmatch.Resource[T]
	opts     []ifmatch.UpdateOption
}

func newUpdater[T any, P document[T]](p *process, o object) *updater[T, P] {
	u := &updater[T, P]{object: o, client: p.http, opts: []ifmatch.UpdateOption{ifmatch.MergeKey("sku")}}
	if p.w.plan.Server.Absent {
		u.opts = append(u.opts, ifmatch.CreateIfAbsent())
	}
	if p.spec.API == "forgetful" {
		u.opts = append(u.opts, ifmatch.WithCodec(plainCodec{}))
	}
	if p.spec.API == "resource" {
		u.resource = ifmatch.NewResource[T](p.http, documentURL, u.opts...)
	}
	return u
}

func (u *updater[T, P]) get(ctx context.Context) (state, error) {
	s, err := ifmatch.Get[T](ctx, u.client, documentURL, u.opts...)
	return stateOf(P(&s.Value).data()), err
}

func (u *updater[T, P]) do(ctx context.Context, in input) result {
	edit := func(d *T) error { return u.object.edit(P(d).data(), in) }
	var s ifmatch.Snapshot[T]
	var err error
	if u.resource != nil {
		s, err = u.resource.Update(ctx, edit)
	} else {
		s, err = ifmatch.Update(ctx, u.client, documentURL, edit, u.opts...)
	}
	r := result{Outcome: s.Outcome, err: err, sent: true, tag: s.ETag}
	switch {
	case errors.Is(err, ifmatch.ErrOutcomeUnknown):
		r.Effect = ifmatch.EffectUnknown
	case err != nil:
		r.Effect = ifmatch.EffectNotApplied
	default:
		r.Effect, r.state, r.shown = ifmatch.EffectApplied, stateOf(P(&s.Value).data()), after
		if u.resource != nil || s.Outcome.Cause == ifmatch.CauseOwnEarlierWrite || s.Outcome.Attempts == 0 {
			r.shown = later
		}
	}
	return r
}

// cycle reads, edits and writes by itself, and leaves refusals to a policy.
type cycle struct {
	p      *process
	object object
	api    string
}

// flow is what one actor keeps from one operation to the next.
type flow struct {
	remember context.Context
	last     []byte // read or written last; nil: nothing was read
}

func newFlow() *flow { return &flow{remember: ifmatch.Remember(context.Background())} }

type flowKey struct{}

func (c *cycle) get(ctx context.Context) (state, error) {
	_, body, err := c.fetch(ctx)
	if err != nil {
		return state{}, err
	}
	if c.object == register {
		return state{items: string(body)}, nil
	}
	var d content
	err = json.Unmarshal(body, &d)
	return stateOf(&d), err
}

func (c *cycle) fetch(ctx context.Context) (tag string, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, documentURL, nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := c.p.http.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET: %d", resp.StatusCode)
	}
	return resp.Header.Get("ETag"), body, err
}

// change makes a new body of a state, and keeps all that it doesn't know.
func (c *cycle) change(body []byte, in input) ([]byte, state, error) {
	if c.object == register {
		return []byte(in.item), state{items: in.item}, nil
	}
	if c.api == "merge" && !c.p.w.plan.Server.Prunes {
		text := strings.TrimRight(strings.TrimSpace(string(body)), "}")
		return []byte(text + `, "x_` + in.item + `": true}`), state{}, nil
	}
	all := map[string]json.RawMessage{}
	var d content
	if err := errors.Join(json.Unmarshal(body, &all), json.Unmarshal(body, &d)); err != nil {
		return nil, state{}, err
	}
	if err := c.object.edit(&d, in); err != nil {
		return nil, state{}, err
	}
	all["n"], _ = json.Marshal(d.N)
	all["items"], _ = json.Marshal(d.Items)
	made, err := json.Marshal(all)
	return made, stateOf(&d), err
}

func (c *cycle) do(ctx context.Context, in input) result {
	if c.api == "remember" {
		return c.remembered(ctx, in)
	}
	var last state
	build := func(_ context.Context, current *ifmatch.Representation) (made []byte, err error) {
		made, last, err = c.change(current.Body, in)
		return made, err
	}
	tag, base, err := c.fetch(ctx)
	if err == nil && tag == "" {
		err = errors.New("GET: no ETag")
	}
	if err != nil {
		return result{Outcome: ifmatch.Outcome{Effect: ifmatch.EffectNotApplied}, err: err}
	}
	body, err := build(ctx, &ifmatch.Representation{Body: base})
	if err != nil {
		return result{Outcome: ifmatch.Outcome{Effect: ifmatch.EffectNotApplied}, err: err}
	}
	if c.api == "bare" {
		tag = ""
	}
	method := http.MethodPut
	if in.verb == "delete" {
		method, body = http.MethodDelete, nil
	}
	r := c.send(ifmatch.WithOptions(ctx, c.options(base, build)...), method, tag, body)
	if r.Effect == ifmatch.EffectApplied && r.Cause != ifmatch.CauseOwnEarlierWrite && c.object != register && c.api != "merge" {
		r.state, r.shown = last, after
	}
	return r
}

// options are those of one write.
func (c *cycle) options(base []byte, build func(context.Context, *ifmatch.Representation) ([]byte, error)) []ifmatch.Option {
	switch c.api {
	case "rebuild":
		return []ifmatch.Option{ifmatch.OnConflict(ifmatch.Rebuild(build))}
	case "equality": // broken: others write the same
		return []ifmatch.Option{ifmatch.OnConflict(ifmatch.Rebuild(build)), ifmatch.WithUniqueBody()}
	case "merge":
		return []ifmatch.Option{ifmatch.OnConflict(ifmatch.MergeJSON(base))}
	case "stop":
		return nil
	case "unconditional":
		return []ifmatch.Option{ifmatch.OnConflict(ifmatch.Unconditional)}
	}
	return []ifmatch.Option{ifmatch.OnConflict(ifmatch.Resend)}
}

// send writes the body. An empty tag sends no precondition.
func (c *cycle) send(ctx context.Context, method, tag string, body []byte) result {
	r := result{sent: true, body: body}
	ctx = ifmatch.WithOutcome(ctx, &r.Outcome)
	req, err := http.NewRequestWithContext(ctx, method, documentURL, strings.NewReader(string(body)))
	if err != nil {
		return result{Outcome: ifmatch.Outcome{Effect: ifmatch.EffectNotApplied}, err: err}
	}
	if tag != "" {
		req.Header.Set("If-Match", tag)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.p.http.Do(req)
	if err != nil {
		r.err = err
		return r
	}
	resp.Body.Close()
	r.status, r.tag = resp.StatusCode, resp.Header.Get("ETag")
	if resp.StatusCode/100 != 2 {
		r.err = fmt.Errorf("PUT: %d, %v", resp.StatusCode, r.Outcome.Err)
	}
	return r
}

// remembered writes without a precondition what it made of what its flow read or wrote
// last.
func (c *cycle) remembered(ctx context.Context, in input) result {
	f := ctx.Value(flowKey{}).(*flow)
	rng := c.p.w.dice(in.item + " remembers")
	ctx = within{ctx, f.remember}
	if f.last == nil || rng.IntN(2) == 0 {
		_, body, err := c.fetch(ctx)
		if err != nil {
			return result{Outcome: ifmatch.Outcome{Effect: ifmatch.EffectNotApplied}, err: err}
		}
		f.last = body
	} else if rng.IntN(4) == 0 {
		c.glance(ctx, rng.IntN(4))
	}
	body, _, err := c.change(f.last, in)
	if err != nil {
		return result{Outcome: ifmatch.Outcome{Effect: ifmatch.EffectNotApplied}, err: err}
	}
	method := http.MethodPut
	if in.verb == "delete" {
		method, body = http.MethodDelete, nil
	}
	r := c.send(ctx, method, "", body)
	if errors.Is(r.err, ifmatch.ErrNotRemembered) {
		r.sent = false
	}
	if r.Effect == ifmatch.EffectApplied {
		f.last = body
	}
	return r
}

// glance looks at the document without reading its body, or only the beginning of it, or lets
// an Update see it that changes nothing.
func (c *cycle) glance(ctx context.Context, how int) {
	if how == 0 {
		ifmatch.Update(ctx, c.p.http, documentURL, func(*map[string]any) error { return nil })
		return
	}
	method := http.MethodGet
	if how == 1 {
		method = http.MethodHead
	}
	req, err := http.NewRequestWithContext(ctx, method, documentURL, nil)
	if err != nil {
		return
	}
	if resp, err := c.p.http.Do(req); err == nil {
		if how == 2 {
			io.ReadFull(resp.Body, make([]byte, 9))
		}
		resp.Body.Close()
	}
}

// within is a context with the values of another one, too.
type within struct {
	context.Context
	values context.Context
}

func (w within) Value(key any) any {
	if v := w.Context.Value(key); v != nil {
		return v
	}
	return w.values.Value(key)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
