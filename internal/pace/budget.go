package pace

import "sync/atomic"

// What a [Budget] has by default.
const (
	DefaultTokens = 500
	DefaultCost   = 5
)

// Budget bounds the repeats after failures of many calls: each repeat takes Cost
// of the Tokens, each success gives one token back. Where Tokens or Cost is zero or
// negative, the default counts; so the zero value is ready to use. Take and Refund
// may be called concurrently.
type Budget struct {
	Tokens, Cost int64

	spent atomic.Int64
}

// Take spends the cost of one repeat, and reports whether there was as much.
func (b *Budget) Take() bool {
	tokens, cost := b.Tokens, b.Cost
	if tokens <= 0 {
		tokens = DefaultTokens
	}
	if cost <= 0 {
		cost = DefaultCost
	}
	for {
		spent := b.spent.Load()
		// spent is never more than tokens. The sum spent+cost could be more than an
		// int64 holds.
		if cost > tokens-spent {
			return false
		}
		if b.spent.CompareAndSwap(spent, spent+cost) {
			return true
		}
	}
}

// Refund gives one token back. Where nothing is spent, as on the happy path, it
// only looks.
func (b *Budget) Refund() {
	for {
		spent := b.spent.Load()
		if spent == 0 || b.spent.CompareAndSwap(spent, spent-1) {
			return
		}
	}
}
