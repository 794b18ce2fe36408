package ifmatch

import (
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// begin sends the first attempt of a call that isn't plain: the caller's own
// request, or a copy of it with a body that is copied as it is sent, or with an
// Expect field.
func (c *call) begin() (*http.Response, error) {
	if c.result != nil {
		*c.result = Outcome{}
	}
	if err := c.misplaced(); err != nil {
		closeBody(c.req)
		c.outcome.Effect, c.outcome.Err = EffectNotApplied, err
		c.report()
		return nil, err
	}
	first := c.req
	if c.copiesBody() {
		first = c.req.WithContext(c.req.Context())
		first.Body = c.payload.CopyAsSent(c.req, c.maxBuffer)
	}
	c.expects, c.writeID = c.addsExpect(), c.newWriteID()
	if c.expects || c.writeID != "" {
		first = first.WithContext(first.Context())
		first.Header = field.Clone(c.req.Header)
		if c.expects {
			first.Header["Expect"] = []string{"100-continue"}
		}
		if c.writeID != "" {
			field.Set(first.Header, c.dialect.WriteIDField, c.writeID)
		}
	}
	resp, err := c.send(first)
	if c.req.URL == nil || c.req.URL.Host == "" {
		c.release() // it was never sent
		c.outcome.Effect, c.outcome.Err = EffectNotApplied, err
		c.report()
		return resp, err
	}
	return c.run(resp, err)
}

// copiesBody reports whether sending the body again may be needed, and it can't
// be had again otherwise.
func (c *call) copiesBody() bool {
	if c.payload.Replayable() {
		return false
	}
	if c.seen.Whole() || guardedWrite(c.req, c.dialect, false) && !c.repeats.none || c.repeats.check != nil && semantics.Idempotent(c.req.Method) {
		return true
	}
	if semantics.Safe(c.req.Method) || c.traits.stops || signedAboveURL(c.req) {
		return false
	}
	if c.dialect.inBody(c.req) {
		return !semantics.HasIdempotencyKey(c.req.Header)
	}
	switch c.dialect.guardOf(c.req).kind {
	case guardTags, guardDate:
		return !semantics.HasIdempotencyKey(c.req.Header)
	}
	return false
}

// signedAboveURL is signedAbove for a request that may have no URL.
func signedAboveURL(req *http.Request) bool { return req.URL != nil && signedAbove(req) != "" }

// addsExpect reports whether the write goes out with Expect: 100-continue.
func (c *call) addsExpect() bool {
	n := *c.expectContinue
	if n <= 0 || c.payload.Empty() || semantics.Safe(c.req.Method) || field.Lines(c.req.Header, "Expect") != nil {
		return false
	}
	unknown := c.req.ContentLength <= 0
	return (unknown || c.req.ContentLength >= n) && c.dialect.guardOf(c.req).kind != guardNone
}

// expectationFailed reports whether the server doesn't know the Expect that we
// added (RFC 9110 §15.5.18).
func (c *call) expectationFailed(resp *http.Response, err error) bool {
	return err == nil && c.expects && resp.StatusCode == http.StatusExpectationFailed && c.payload.Replayable()
}

// withoutExpect returns the same request without the Expect field.
func (c *call) withoutExpect(resp *http.Response) (*http.Request, error) {
	c.expects = false
	c.startClock()
	c.setAside(resp, nil)
	next, err := c.againWithBody()
	if err != nil {
		return nil, err
	}
	next.Header = field.Clone(c.write.Header)
	field.Drop(next.Header, "Expect")
	c.transients++
	return next, nil
}
