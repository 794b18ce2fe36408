package ifmatch

import (
	"context"

	"github.com/ifmatch-go/ifmatch/internal/memory"
)

// scopeKey is the context key of a call's scope.
type scopeKey struct{}

// scope is what a context says about the calls made with it. It is never
// changed once it is in a context.
type scope struct {
	settings settings
	outcome  *Outcome
	flow     *memory.Flow // of Remember; nil: none
}

func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

func (s *scope) copy() *scope {
	if s == nil {
		return new(scope)
	}
	c := *s
	c.settings.traces = c.settings.traces[:len(c.settings.traces):len(c.settings.traces)]
	return &c
}

// WithOptions returns a context whose calls use these options over those of the
// Transport and over those that ctx already has.
func WithOptions(ctx context.Context, opts ...Option) context.Context {
	s := scopeOf(ctx).copy()
	Options(opts).apply(&s.settings)
	return context.WithValue(ctx, scopeKey{}, s)
}
