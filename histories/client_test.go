package histories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch"
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
	effect ifmatch.Effect
	state  state
	shown  shown
	writes int // how many writes went out, each of which may have been applied
	cause  ifmatch.Cause
	err    error
}

// writer does operations of one kind on one document.
type writer interface {
	do(ctx context.Context, in input) result
	get(ctx context.Context) (state, error)
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
	url      string
	resource *ifmatch.Resource[T]
	own      *caller // of the requests that a Resource makes
}

func (u *updater[T, P]) link(c *caller) { u.own = c }

func (u *updater[T, P]) failed() int64 { return u.own.readsFailed.Load() }

func (u *updater[T, P]) lates() int64 { return u.own.lates.Load() }

func (u *updater[T, P]) replays() int64 { return u.own.replays.Load() }

func (u *updater[T, P]) get(ctx context.Context) (state, error) {
	s, err := ifmatch.Get[T](ctx, u.client, u.url)
	return stateOf(P(&s.Value).data()), err
}

func (u *updater[T, P]) do(ctx context.Context, in input) result {
	edit := func(d *T) error { return u.object.edit(P(d).data(), in) }
	var s ifmatch.Snapshot[T]
	var err error
	if u.resource != nil {
		s, err = u.resource.Update(ctx, edit)
	} else {
		s, err = ifmatch.Update(ctx, u.client, u.url, edit)
	}
	r := result{err: err, cause: s.Outcome.Cause}
	switch {
	case errors.Is(err, ifmatch.ErrOutcomeUnknown):
	case err != nil:
		r.effect = ifmatch.EffectNotApplied
	default:
		r.effect, r.state, r.shown = ifmatch.EffectApplied, stateOf(P(&s.Value).data()), after
		if u.resource != nil || r.cause == ifmatch.CauseOwnEarlierWrite || s.Outcome.Attempts == 0 {
			r.shown = later
		}
	}
	return r
}

// cycle reads, edits and writes by itself, and leaves refusals to a policy.
type cycle struct {
	object  object
	client  *http.Client
	url     string
	options func(build func(context.Context, *ifmatch.Representation) ([]byte, error)) []ifmatch.Option
}

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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET: %d", resp.StatusCode)
	}
	return resp.Header.Get("ETag"), body, err
}

func (c *cycle) do(ctx context.Context, in input) result {
	var last state
	build := func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		if c.object == register {
			last = state{items: in.item}
			return []byte(in.item), nil
		}
		var d content
		if err := json.Unmarshal(current.Body, &d); err != nil {
			return nil, err
		}
		if err := c.object.edit(&d, in); err != nil {
			return nil, err
		}
		last = stateOf(&d)
		return json.Marshal(d)
	}
	tag, body, err := c.fetch(ctx)
	if err != nil {
		return result{effect: ifmatch.EffectNotApplied, err: err}
	}
	if body, err = build(ctx, &ifmatch.Representation{Body: body}); err != nil {
		return result{effect: ifmatch.EffectNotApplied, err: err}
	}
	var o ifmatch.Outcome
	ctx = ifmatch.WithOutcome(ifmatch.WithOptions(ctx, c.options(build)...), &o)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.url, strings.NewReader(string(body)))
	if err != nil {
		return result{effect: ifmatch.EffectNotApplied, err: err}
	}
	req.Header.Set("If-Match", tag)
	resp, err := c.client.Do(req)
	r := result{effect: o.Effect, err: err, cause: o.Cause, writes: o.Attempts}
	if err != nil {
		return r
	}
	resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		r.effect = ifmatch.EffectApplied
		if r.cause != ifmatch.CauseOwnEarlierWrite && c.object != register {
			r.state, r.shown = last, after
		}
		return r
	}
	r.err = fmt.Errorf("PUT: %d, %v", resp.StatusCode, o.Err)
	return r
}
