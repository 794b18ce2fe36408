// Package ifmatch handles refused writes for HTTP clients: it answers
// 412 Precondition Failed as the caller has said, a bounded number of times, and
// tells what became of the write.
//
// # The problem
//
// A client that changes a document reads it with its entity-tag, edits it, and
// writes it back under If-Match (RFC 9110 §13.1.1). A server answers 412 when
// somebody else has written in between. The write wasn't performed; without
// If-Match it would have replaced the other's change unseen, a lost update. What
// to do now depends on what the write means, which only the caller knows.
//
// This package does the rest: it learns the fresh validator, puts it in place of
// the stale one on a copy of the request, sends that, waits where others are
// faster, and stops in time. There is no request type of its own. Callers keep
// their [*http.Client] and [*http.Request].
//
// # The simplest call
//
//	client := ifmatch.NewClient(ifmatch.Resend)
//	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
//	if err != nil {
//		return err
//	}
//	req.Header.Set("If-Match", etag)
//	resp, err := client.Do(req)
//	if err != nil {
//		return err
//	}
//	defer resp.Body.Close()
//	if resp.StatusCode/100 != 2 {
//		return errors.New(resp.Status)
//	}
//
// [Resend] sends the same body again under the fresh tag. Its price: the last
// writer wins, and what somebody else wrote in between is replaced unseen. Where
// that isn't fine, use [Rebuild], which loses no update:
//
//	client := ifmatch.NewClient(ifmatch.Rebuild(func(ctx context.Context, current *ifmatch.Representation) ([]byte, error) {
//		return addItem(current.Body, item)
//	}))
//
// The response answers the last write that was sent. When the client gives up, the
// response is the 412 itself with its body readable, and the error is nil: so look at
// the status. With [WithRefusalError] it is a [*ConflictError] in place of a response.
//
// Read the tag with Accept-Encoding: identity. net/http asks for gzip on a GET
// where nothing is set, and the tag of a compressed representation matches no
// write on many servers.
//
// [NewTransport] makes the [http.RoundTripper] alone, above any other one. A
// RoundTripper that signs requests belongs below, as its base.
//
// # One call
//
// A policy and the limits can be set for one call, over those of the client:
//
//	ctx = ifmatch.WithOptions(ctx, ifmatch.OnConflict(ifmatch.Resend), ifmatch.WithMaxAttempts(8))
//
// So a client that many packages share, such as [http.DefaultClient], can stop at
// each refusal, and the one write that may replace what it hasn't seen says so.
// No context overrides what [Pinned] pins.
//
// # Policies
//
//	Stop           nothing is sent; the caller gets the refusal, untouched
//	Resend         the same body under the fresh validator; the last writer wins
//	Rebuild        a body made from the current state, under that state's validator
//	MergeJSON      the caller's change of a JSON document, put into the current one
//	Unconditional  the same body without a precondition; for diagnosis
//	PolicyFunc     whatever a function decides from the Conflict
//
// A [PolicyFunc] may look at the refused request and the refusal, ask for the
// fresh validators ([Conflict.Validators]) or the current state
// ([Conflict.Current]), set header fields of the next write ([Conflict.Header])
// and decide by [Conflict.Resend] or [Conflict.Replace]. The zero [Decision]
// stops. It may also hand on to another policy:
//
//	ifmatch.PolicyFunc(func(ctx context.Context, c *ifmatch.Conflict) (ifmatch.Decision, error) {
//		if c.Request.URL.Host == "settings.example" {
//			return ifmatch.Resend.Resolve(ctx, c)
//		}
//		return ifmatch.Decision{}, nil
//	})
//
// A policy is asked after 412 to a write with tags in If-Match or with
// If-Unmodified-Since, and after 428 to a write without a precondition. It isn't
// asked where no fresh validator can help: a create-only write (If-None-Match: *),
// If-None-Match with tags, If-Match: *, several preconditions at once, a WebDAV
// If, a lease or another vendor's condition, a 412 to a write without a
// precondition.
// The caller gets those refusals with their [Cause]. Safe methods and requests
// with Content-Range pass through.
//
// # Read, change, write
//
// [Update] reads a JSON document, runs a function on what it decoded, and writes
// the result under If-Match; a refusal reads again and runs the function again:
//
//	snapshot, err := ifmatch.Update(ctx, client, url, func(s *Stock) error {
//		s.Count--
//		return nil
//	})
//
// The function may run more than once. Members that the type doesn't declare
// survive byte for byte, or Update returns an error that names them. It brings
// its own policy, so [OnConflict] isn't for it; the limits of the client and of
// WithOptions hold, with 16 attempts in place of 4.
//
// Embed [Marks] in the type where the server keeps members that it doesn't know,
// so that a lost answer is recognised as one's own write. Without it, or [WithMarker], a lost answer ends with
// [ErrOutcomeUnknown], after a 5xx too, rather than with an edit applied twice.
//
// [NewResource] shares writes between the goroutines of a process. [MergeJSON]
// merges a body that was made already; changes that overlap end with a
// [*MergeError]. [Remember] guards the writes of a flow with what the flow has
// read whole, and sends no write to a URL that it has met without a guard.
//
// # Other dialects
//
// RFC 9110 is the default. [WithDialect] and [WithDialects] set another
// [dialect.Dialect], for an API that carries its version in the query or in a JSON
// member, refuses with 409, or answers 412 for other reasons. Packages below
// package dialect have the dialects of well-known APIs.
//
// # What became of it
//
// [OutcomeOf] tells what was done, where the response isn't the first answer as it came.
// [WithOutcome] tells of every call, also of a call that ends with an error:
//
//	outcome, ok := ifmatch.OutcomeOf(resp)
//	fmt.Println(outcome.Exchanges)                   // [PUT 412 HEAD 200 PUT 204]
//	fmt.Println(outcome.Effect, outcome.Cause)       // applied changed
//	fmt.Println(outcome.Overwrote, outcome.Err)      // true <nil>
//
// [Outcome.Effect] is applied, not applied or unknown. [Outcome.Err] is why
// retrying ended; errors.Is finds [ErrAttempts], [ErrElapsed],
// [ErrNotReplayable], [ErrNoValidator] and [ErrTooLarge] in it.
//
// RoundTrip returns an error where the base did, where a policy failed, and where
// the context ended while waiting. The last two match [ErrConflict] once there
// was a refusal; a [*ConflictError] carries it.
//
// [WithTrace] and [WithLogger] observe. Nothing is logged by default, and URLs
// are told without user information and query values.
//
// # Lost answers
//
// A write whose answer was lost may have been applied. The repeat of a guarded
// write is then refused on account of the client's own change. A call that had
// such an attempt never returns a bare 412: it ends with a connection error that
// matches [ErrOutcomeUnknown], or with the 5xx response, unless a write is
// accepted or the state shows what happened. Rebuild's function isn't called in
// such a call, since that could apply the change twice; a PUT under Resend goes
// on. [WithUniqueBody] lets equal content count as proof.
//
// Without [WithTransientRetry] only guarded writes are repeated after 429, 502,
// 503, 504 and connection errors: PUT or DELETE under exactly one strong tag in
// If-Match, under a version that a dialect has elsewhere, the body included, or under
// If-None-Match: *. So are refreshes. POST never is.
// [WithoutRepeats] turns repeats off.
//
// # Limits
//
//	WithMaxAttempts        4        writes that may end in a refusal, the first included,
//	                                and beside them 3 repeats after failures at most;
//	                                for Update and Resource 16, and 15 repeats
//	WithMaxElapsed         30 s     from the first refusal or failure to the last attempt's start
//	WithRetryBudget        500, 5   repeats after failures, over all calls of a Transport
//	WithMaxBuffer          1 MiB    of a body without GetBody in memory; then a temporary file
//	WithMaxRepresentation  10 MiB   of a current state that is read
//	WithEditLimit          5 s      that one edit may hold up the others of a Resource
//
// Fixed are: 4 refresh requests for each refusal, 64 KiB and one second of a
// refusal's body, 4 KiB of an entity-tag. A wait that can't end before the
// deadline isn't begun. The limits never interrupt a write under way. The first
// retry after a conflict is immediate; [WithBackoff] shows the waits after that.
// Retry-After is honoured up to the time left, and so are the fields of Azure and AWS that
// say it in milliseconds.
//
// # What is guaranteed
//
// No write is sent under a weaker guard than the caller's. Only Unconditional drops a
// precondition. No precondition is turned into "*" or into a date, no "W/" is added or
// removed, and no strong tag is replaced by a weak one, unless the dialect says that
// the API compares weak tags. The caller's body is sent over a state that the caller
// hasn't seen only under Resend, under Unconditional, or where a policy of the caller's
// own decides so; then Outcome.Overwrote is true.
//
// The contract of [http.RoundTripper] is kept: the request isn't modified, its
// body is closed once, the error is nil whenever there is a response. Credentials
// go to the origin of the request only. An answer that is neither a refusal nor a
// failure to be repeated comes back as it is; such a call starts no goroutine, and
// where its body has GetBody it allocates nothing. A write under a
// precondition is watched by net/http/httptrace, to see whether it was sent, and
// whether more than once: six allocations.
//
// Not guaranteed is what a client can't see: a server that ignores preconditions
// replaces what is there, and something on the way that repeats requests on its
// own may have a change applied twice.
package ifmatch
