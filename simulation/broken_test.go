package simulation

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// broken is a client that is wrong, and how that shows.
type broken struct {
	client
	object object
	rates  rates
	shows  []string // kinds of violations; one is enough
}

var brokens = []broken{
	// A Resend of what was made of another state.
	{client{API: "blind"}, counter, rates{slow: .3}, []string{"order"}},
	{client{API: "blind"}, mixed, rates{slow: .3}, []string{"lost"}},
	// Equal content taken for proof, although all add the same.
	{client{API: "equality"}, counter, rates{lostRequest: .3, slow: .3}, []string{"not stored", "order"}},
	// A proxy that sends twice, and nothing that tells whose write it was.
	{client{API: "update"}, list, rates{resentLast: .2}, []string{"doubled"}},
	{client{API: "update"}, counter, rates{after412: .2}, []string{"doubled", "order"}},
	// A write without a guard.
	{client{API: "bare"}, mixed, rates{slow: .3}, []string{"unguarded"}},
	{client{API: "bare"}, list, rates{slow: .3}, []string{"lost"}},
	// A codec that knows no other members.
	{client{API: "forgetful"}, mixed, nil, []string{"member"}},
	// A caller that is told of success whatever happened, and one that is told of none.
	{client{API: "boastful"}, list, rates{lostRequest: .3}, []string{"not stored"}},
	{client{API: "modest"}, list, rates{lostAnswer: .3}, []string{"stored"}},
	// Somebody who can't stop.
	{client{API: "restless"}, mixed, rates{slow: .3}, []string{"bounds", "attempts"}},
}

// TestBroken checks the checks: clients that are wrong are caught.
func TestBroken(t *testing.T) {
	for _, b := range brokens {
		t.Run(b.API+"/"+string(b.object), func(t *testing.T) {
			end := time.Now().Add(*flagTime)
			for seed := uint64(1); time.Now().Before(end); seed++ {
				h := run(t, b.plan(seed))
				for _, v := range h.wrong {
					if slices.Contains(b.shows, v.kind) {
						t.Logf("caught by seed %d: %v", seed, v.kind)
						return
					}
				}
			}
			t.Errorf("not caught in %v", *flagTime)
		})
	}
}

// plan is one of four such clients.
func (b broken) plan(seed uint64) *plan {
	p := &plan{Seed: seed, Object: b.object, Rates: b.rates, Broken: true, Clients: slices.Repeat([]client{b.client}, 4), Actors: []int{0, 1, 2, 3}}
	rng := rand.New(rand.NewPCG(seed, 3))
	for i := range 16 {
		p.Ops = append(p.Ops, op{Actor: i % 4, ID: i, Verb: "add", Pause: rng.IntN(6)})
	}
	return p
}

// plainCodec is JSON without what T doesn't know. It doesn't say that it is JSON: then the
// rest would be kept.
type plainCodec struct{}

func (plainCodec) Decode(b []byte, v any) error { return json.Unmarshal(b, v) }
func (plainCodec) Encode(v any) ([]byte, error) { return json.Marshal(v) }
func (plainCodec) ContentType() string          { return "text/plain" }

// lying tells its caller something else than it was told.
type lying struct {
	writer
	api string
}

func (l lying) do(ctx context.Context, in input) result {
	r := l.writer.do(ctx, in)
	switch {
	case l.api == "restless" && in.item != "":
		for range 8 {
			l.writer.do(ctx, in)
		}
	case l.api == "boastful":
		r.Effect, r.shown, r.err, r.Err = ifmatch.EffectApplied, nothing, nil, nil
	case r.Effect == ifmatch.EffectUnknown:
		r.Effect = ifmatch.EffectNotApplied
	}
	return r
}
