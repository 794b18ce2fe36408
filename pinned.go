package ifmatch

import "context"

// Pinned makes options of a Transport that no context overrides: for a client of one API
// that knows which policy is right for it, and whose users give it their contexts. With
//
//	ifmatch.NewClient(ifmatch.Stop, ifmatch.Pinned(ifmatch.OnConflict(ifmatch.Stop)))
//
// an OnConflict(Resend) in a context from far above makes no lost update of the client's
// saves. What isn't pinned a context may set as ever, and traces add up. A pinned option
// counts over one that isn't, in any order; of two that pin the same thing the later one
// counts.
//
// A pinned policy binds the requests that callers make. Update and Resource bring their
// own, which holds; what else is pinned, such as WithMaxAttempts, binds them too, whatever
// their options say. Pinned binds one Transport, and none above or below. An option of a
// context that a pinned one has overridden is named in Outcome.Err, where the call ends
// with a refusal.
//
// It counts only in NewClient and NewTransport, as WithRetryBudget does, which can be pinned too.
func Pinned(opts ...Option) Option {
	var pins settings
	Options(opts).apply(&pins)
	if pins.pinned != nil {
		pins = pins.pinned.over(pins) // which has no pins of its own
	}
	return optionFunc(func(s *settings) {
		all := pins
		if s.pinned != nil {
			all = pins.over(*s.pinned)
		}
		s.pinned = &all
	})
}

// pinnable are the options that a pinned one overrides in a context, by name. Traces add
// up, and what can't be taken back needs no pin.
var pinnable = [...]struct {
	name  string
	isSet func(s *settings) bool
	unset func(s *settings)
}{
	// Update's own policy edits the state that it writes over.
	{"OnConflict", func(s *settings) bool { return s.policy != nil && !traitsOf(s.policy).update }, func(s *settings) { s.policy = nil }},
	{"WithMaxAttempts", func(s *settings) bool { return s.maxAttempts != 0 }, func(s *settings) { s.maxAttempts = 0 }},
	{"WithMaxElapsed", func(s *settings) bool { return s.maxElapsed != 0 }, func(s *settings) { s.maxElapsed = 0 }},
	{"WithBackoff", func(s *settings) bool { return s.newBackOff != nil }, func(s *settings) { s.newBackOff = nil }},
	{"WithRefreshRequest", func(s *settings) bool { return s.refreshRequest != nil }, func(s *settings) { s.refreshRequest = nil }},
	{"WithMaxRepresentation", func(s *settings) bool { return s.maxRepresentation != 0 }, func(s *settings) { s.maxRepresentation = 0 }},
	{"WithMaxBuffer", func(s *settings) bool { return s.maxBuffer != 0 }, func(s *settings) { s.maxBuffer = 0 }},
	{"WithTransientRetry or WithoutRepeats", func(s *settings) bool { return s.repeats != nil }, func(s *settings) { s.repeats = nil }},
	{"WithTransientBackoff", func(s *settings) bool { return s.newTransientBackOff != nil }, func(s *settings) { s.newTransientBackOff = nil }},
	{"WithExpectContinue", func(s *settings) bool { return s.expectContinue != nil }, func(s *settings) { s.expectContinue = nil }},
	{"WithRefreshCredentials", func(s *settings) bool { return s.credentialOrigins != nil }, func(s *settings) { s.credentialOrigins = nil }},
	{"WithDialect or WithDialects", func(s *settings) bool { return len(s.dialects) > 0 }, func(s *settings) { s.dialects = nil }},
	{"WithLogger", func(s *settings) bool { return s.logger != nil }, func(s *settings) { s.logger = nil }},
}

// without returns s without what is pinned, and the names of what was left out.
func (s settings) without(pins *settings) settings {
	for _, option := range pinnable {
		if option.isSet(pins) && option.isSet(&s) {
			option.unset(&s)
			s.discarded = append(s.discarded, option.name) // no context has any, so nobody shares it
		}
	}
	return s
}

// scopeOf returns what a context says about the calls of this Transport, nil where it says
// nothing: what is pinned here isn't in it. It is for reading only.
func (t *Transport) scopeOf(ctx context.Context) *scope {
	s := scopeOf(ctx)
	if s == nil || t.settings == nil || t.settings.pinned == nil {
		return s
	}
	bound := *s
	bound.settings = s.settings.without(t.settings.pinned)
	return &bound
}
