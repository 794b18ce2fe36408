package doubt

// Own says whether the current state is the one that the call wanted.
type Own int

// Unasked is before the state was read.
const (
	Unasked Own = iota
	IsOwn
	NotOwn
)

// Decision is what a policy decided about the refusal.
type Decision int

// NotAsked is before the policy was asked.
const (
	NotAsked Decision = iota
	Stops
	Resends
	Replaces
	FoundApplied // the policy found the write by its mark
	Other
)

// Refusal is what is known when a write is refused after an attempt in doubt: the
// refusal may speak of the call's own write. Own and Decision are filled in as the
// steps are taken.
type Refusal struct {
	UniqueBody     bool // nobody else ever sends these bytes
	LastWriterWins bool // by the policy
	CreateOnly     bool // If-None-Match: *
	Blocked        bool // something else keeps the call from going on
	Update         bool // the policy makes each body from the state that guards it
	TellsOwn       bool // the policy recognises its own write
	Fixed          bool // the policy is one of this package
	Put            bool // the method is PUT

	Own      Own
	Decision Decision
}

// Step is what to do after such a refusal.
type Step int

const (
	EndUnknown   Step = iota // nothing decides it
	EndApplied               // the write was applied by an earlier attempt
	CompareState             // read the state, and compare it with what was sent
	AskPolicy                // let the policy decide
	GoOn                     // send what the policy decided: it can't apply the write twice
)

// Next returns the step that follows from what is known.
func (r Refusal) Next() Step {
	counts := r.UniqueBody || r.LastWriterWins && !r.CreateOnly
	switch {
	case r.Own == IsOwn:
		return EndApplied // it was compared only where equality counts
	case counts && r.Own == Unasked:
		return CompareState
	case r.Blocked:
		return EndUnknown
	case r.Update:
		return r.nextOfUpdate()
	case r.Fixed && !r.LastWriterWins:
		return EndUnknown // a body made from the state could hold the change twice
	case r.Decision == NotAsked:
		return AskPolicy
	case r.Decision != Resends:
		return EndUnknown // another body could hold the change twice
	case !r.LastWriterWins && r.Own == Unasked:
		return CompareState // the decision is Resend: now equality counts
	case r.Put:
		return GoOn // the last writer wins anyway
	}
	return EndUnknown
}

// nextOfUpdate lets the mark decide: without one the edit could be applied twice.
func (r Refusal) nextOfUpdate() Step {
	switch {
	case !r.TellsOwn:
		return EndUnknown
	case r.Decision == NotAsked:
		return AskPolicy
	case r.Decision == Replaces, r.Decision == FoundApplied:
		return GoOn // the mark is absent, or there
	}
	return EndUnknown // the mark can't be looked for
}
