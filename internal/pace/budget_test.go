package pace

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
)

// TestBudget: repeats until the tokens are spent, one more token for each success,
// and never more than all of them.
func TestBudget(t *testing.T) {
	for name, test := range map[string]struct {
		tokens, cost int64
		repeats      int
		enough       bool // one success pays for a repeat
	}{
		"zero":            {0, 0, 100, false},
		"negative":        {-1, -1, 100, false},
		"tokens and cost": {50, 10, 5, false},
		"a rest":          {7, 2, 3, true},
		"too few":         {1, 5, 0, false},
		"cost":            {0, 1, 500, true},
		"tokens":          {20, 0, 4, false},
		"no bound":        {math.MaxInt64, math.MaxInt64/3 + 1, 2, false},
		"all at once":     {math.MaxInt64, math.MaxInt64, 1, false},
		"never":           {math.MaxInt64 - 1, math.MaxInt64, 0, false},
	} {
		b := Budget{Tokens: test.tokens, Cost: test.cost}
		taken := 0
		for taken < 1000 && b.Take() {
			taken++
		}
		if b.Refund(); taken != test.repeats {
			t.Errorf("%s: took %d times, want %d", name, taken, test.repeats)
		}
		if got := b.Take(); got != test.enough {
			t.Errorf("%s: took after one success: %v, want %v", name, got, test.enough)
		}
		for range 1000 {
			b.Refund()
		}
		if spent := b.spent.Load(); spent != 0 && test.tokens <= 1000 {
			t.Errorf("%s: %d spent after refunds", name, spent)
		}
	}
}

// TestBudgetOfMany: no token is spent twice.
func TestBudgetOfMany(t *testing.T) {
	var b Budget
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 100 {
				if b.Take() {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := taken.Load(); n != DefaultTokens/DefaultCost {
		t.Errorf("took %d times, want %d", n, DefaultTokens/DefaultCost)
	}
}
