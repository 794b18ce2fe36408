package ifmatch

import "net/http"

// left is what a Transport above may still do about an answer: handle it as a refusal,
// unless it is handled, and repeat the request, unless the repeats are spent. The two are
// independent: a write that was repeated after a 429, and then refused, is unhandled.
type left struct {
	handled bool // no other policy is asked
	spent   bool // the request isn't sent again as it is
}

// leftFacts are what is known of an answer as the caller gets it.
type leftFacts struct {
	inDoubt   bool // an attempt may have been applied although the answer doesn't say so
	asked     bool // a policy other than Stop has had its turn
	incurable bool // by the dialect's verdict no fresh version cures the refusal
	again     bool // the call has sent the request more than once
	below     left // by a Transport below
}

// left is what the facts leave.
func (f *leftFacts) left() left { return left{f.handled(), f.spent()} }

// handled reports whether the answer is final as a refusal.
func (f *leftFacts) handled() bool {
	switch {
	case f.inDoubt:
		return true // it may speak of the call's own write, and only this call knows that
	case f.asked:
		return true // or the attempts of two policies would multiply
	case f.incurable:
		return true // a Transport above may not know the dialect
	case f.below.handled:
		return true // by one of these, further below
	}
	return false // Stop hands it on, whatever was repeated before
}

// spent reports whether the answer is final as a failure.
func (f *leftFacts) spent() bool {
	switch {
	case f.again:
		return true // or the repeats of two Transports would multiply
	case f.below.spent:
		return true // by that one
	}
	return f.handled() // after a policy's last word, or in doubt, nothing goes out again
}

// leaves is what the call leaves to a Transport above, which gets this response.
func (c *call) leaves(resp *http.Response) left {
	f := leftFacts{
		inDoubt: c.doubt.first != nil, asked: c.told.asked, incurable: stops(c.refused.verdict),
		again: c.told.outcome.Attempts > 1 || c.spent.repeats > 0,
	}
	if r := recordOf(resp); r != nil {
		f.below = r.left
	}
	return f.left()
}
