package explain

import (
	"slices"

	"github.com/ifmatch-go/ifmatch/internal/cause"
)

// Entry is what is known of a code, whatever was recorded.
type Entry struct {
	Code  string // such as "IFM012"
	Name  string
	Seen  string // what has to be seen for it
	Why   string // why a refusal follows
	RFC   string // the section that says so; empty: none does
	Fixes []Fix  // the easiest first
}

// Lookup returns the entry of a code such as "IFM012". It reports false for a code that
// nothing has.
func Lookup(code string) (Entry, bool) {
	for _, e := range entries {
		if e.Code == code {
			return e.clone(), true
		}
	}
	return Entry{}, false
}

// Entries returns the entries of all codes, in their order.
func Entries() []Entry {
	all := make([]Entry, len(entries))
	for i, e := range entries {
		all[i] = e.clone()
	}
	return all
}

func (e Entry) clone() Entry {
	e.Fixes = slices.Clone(e.Fixes)
	return e
}

// of is the entry of a cause that a Transport knows too: its code, its name and what was
// seen are the Transport's.
func of(c cause.Cause, why, rfc string, fixes ...Fix) Entry {
	about := c.About()
	return Entry{about.Code, about.Name, about.Seen, why, rfc, fixes}
}

func asIs(text string) Fix     { return Fix{text, AsIs} }
func decision(text string) Fix { return Fix{text, Decision} }
func provider(text string) Fix { return Fix{text, Provider} }

// tagForDate is a fix where the answers have an ETag.
const tagForDate = "send If-Match with the ETag in place of If-Unmodified-Since"

const (
	readAgain    = "GET the resource with Accept-Encoding: identity, and compare its ETag with the one that was sent"
	makeAgain    = "GET the current state, make the change on it, and send that under its ETag"
	pageRead     = "GET after a refusal, and take that answer's ETag"
	urlRead      = "GET the very URL that is written, and send that answer's ETag"
	mediaRead    = "GET with Accept naming the media type of the write, and send that answer's ETag"
	tagRead      = "GET the resource, and send its ETag in If-Match"
	identityRead = "GET with Accept-Encoding: identity, and send the ETag of that answer in If-Match"
	waitRead     = "wait a second after the last write, then " + identityRead
)

// The codes of what only a recording shows. IFM001 to IFM022 are the Transport's.
const (
	codeQuotes      = "IFM101"
	codeErrorPage   = "IFM102"
	codeLag         = "IFM103"
	codeClockDate   = "IFM104"
	codeSkew        = "IFM105"
	codeForReads    = "IFM106"
	codeFirewall    = "IFM107"
	codeHidden      = "IFM108"
	codeElsewhere   = "IFM109"
	codeOtherMedia  = "IFM110"
	codeNotInMemory = "IFM111"
	codeUnknown     = "IFM112"
	codeStopped     = "IFM113"
)

// code is the code of a cause that a Transport knows too.
func code(c cause.Cause) string { return c.About().Code }

// entries are all of them, in the order of their codes.
var entries = slices.Concat(shared[:], own[:])

// shared are the codes of the Transport. docs/why-412.md tells of each in Go and without.
var shared = [...]Entry{
	of(cause.Unexamined, "A precondition was false, and nothing that was recorded shows the state that it was compared with.", "RFC 9110 §13.1.1",
		asIs(readAgain), decision(makeAgain)),
	of(cause.Changed, "The precondition names a state that isn't the current one any more: somebody else has written. Preconditions are for this.", "RFC 9110 §13.1.1",
		decision(makeAgain), decision("where the last writer may win, send the same body under the new ETag")),
	of(cause.FalseConflict, "The bytes are the same under another tag, so nobody's change is in danger.", "RFC 9110 §8.8.1",
		asIs("send the write again under the current ETag")),
	of(cause.OwnEarlierWrite, "The server had performed the write already, which moved the ETag on; its repeat names the tag from before.", "RFC 9110 §13.1.1",
		asIs("GET and compare: where the state is what was sent, nothing is to be done"), asIs("take the ETag of the answer to each write, or read again after it")),
	of(cause.Exists, "If-None-Match: * asks that nothing be there, and something is.", "RFC 9110 §13.1.2",
		asIs("GET it and use it"), decision("to change it, send If-Match with its ETag in place of If-None-Match: *")),
	of(cause.Gone, "If-Match needs a current representation, and there is none.", "RFC 9110 §13.1.1",
		decision("create it again with If-None-Match: *, if it is to be there")),
	of(cause.StaleDate, "The server compares the date with a time that no HTTP date can name, such as one with fractions of a second, or with the time of the request.", "RFC 9110 §8.8.2",
		asIs(tagForDate), provider("round the time of the comparison down to the second")),
	of(cause.WeakValidator, "If-Match compares strongly, and a weak tag is never strongly equal to anything, not even to itself.", "RFC 9110 §13.1.1, §8.8.3.2",
		asIs(waitRead), provider("give a strong ETag; a proxy that compresses must not weaken it")),
	of(cause.CodedValidator, "The tag is of the compressed representation, and the write is compared with the plain one.", "RFC 9110 §8.8.3.3",
		asIs(identityRead), provider("compare without the suffix of the content coding (Apache httpd: DeflateAlterETag)")),
	of(cause.StaleCache, "A cache answers reads with an old state. A refused write is an error, so it makes no cache drop what it has.", "RFC 9111 §4.4",
		asIs("read with a query parameter that is new each time, or at the origin itself"), provider("let no-cache of a request pass the cache, or don't cache what is written under If-Match")),
	of(cause.SelfContradiction, "The write names what a read shows to be current, so its precondition is true; something else refuses it.", "RFC 9110 §13.1.1",
		asIs("read the body of the refusal: it may name a lease or another rule"), provider("look for a cache that shows nothing, for nodes that differ, or for a rule beside the ETag")),
	of(cause.UnstableValidator, "One state has several tags, so that a write is refused by chance, whatever the client does.", "RFC 9110 §8.8.3",
		asIs("meanwhile use one node for the read and the write: curl --resolve HOST:443:ADDRESS"), provider("derive the ETag from the content or a version, the same on all nodes (Apache httpd: FileETag MTime Size)")),
	of(cause.PreconditionRequired, "The server takes no such write without a precondition, or wants another one.", "RFC 6585 §3",
		asIs(tagRead)),
	of(cause.ConflictingPreconditions, "Each of the conditions can refuse the write, and the status doesn't say which one did.", "RFC 9110 §13.2.2",
		asIs("send one precondition: If-Match with the ETag")),
	of(cause.Locked, "A lock or a lease refuses the write; an ETag doesn't help.", "RFC 4918 §10.4",
		decision("unlock it, wait until the lock ends, or send the token of the lock")),
	of(cause.TokenExpired, "The server doesn't know the version or the lock that was named any more, so it can't compare.", "",
		asIs("read again, or lock again, and send what that gives")),
	of(cause.SignedAbove, "The signature covers the precondition or the method, so a request with another precondition needs a signature of its own.", "",
		asIs("sign each attempt after its precondition is set")),
	of(cause.RefreshDenied, "The precondition was false: the state was another one by then. The credentials may write and not read, so the current ETag can't be learnt.", "RFC 9110 §15.5.4",
		decision("let the credentials read too, or read with other ones")),
	of(cause.RefreshFailed, "The read after the refusal gave no usable answer.", "",
		asIs("see why the read fails, or ask another URL of the same state")),
	of(cause.NoValidator, "The answer to the read has nothing that a write can name.", "RFC 9110 §8.8",
		asIs("look for the version in the body"), provider("send a strong ETag")),
	of(cause.NotReplayable, "The body or an Idempotency-Key can't be sent a second time.", "",
		asIs("send it again under the new ETag, with a new key")),
	of(cause.Unattributed, "No precondition explains the refusal, so it is a rule of the server's own.", "RFC 9110 §15.5.13",
		asIs("read what the server says in the body of its answer"), provider("say in the answer which rule refused it; a broken business rule is a 409 or a 422")),
}

// own are the codes of what only a recording shows. docs/explain.md tells of each.
var own = [...]Entry{
	{codeQuotes, "misquoted tag", "If-Match has a value that is no entity-tag, or the current tag in other quotes",
		"An entity-tag is compared with its quotes, once, as the server gave them. A star stands without quotes.", "RFC 9110 §8.8.3",
		[]Fix{asIs("send the ETag byte for byte as the server gave it, with its double quotes"), asIs(`in a shell, put the field between single quotes, or the shell takes those of the tag: -H 'If-Match: "v1"'`)}},
	{codeErrorPage, "tag of the error page", "the tag is in the answer of a refusal, and reads give another one",
		"Frameworks give each answer a tag, error pages too. It names the page, and not the resource.", "RFC 9110 §8.8.3",
		[]Fix{asIs(pageRead), provider("send no ETag of the error page")}},
	{codeLag, "replica lag", "a read after an accepted write gave the tag from before it, and no answer shows a cache",
		"A node that is behind answered the read, and a node that isn't compared the write.", "",
		[]Fix{asIs("take the ETag of the answer to the write in place of a read"), asIs("wait, and read again until the tag of the last write comes"), provider("let reads after a write go to the node that took it")}},
	{codeClockDate, "date of another clock", "If-Unmodified-Since names a date that no answer gave as Last-Modified",
		"Only a date that the server gave can be compared with the server's: another clock is ahead or behind.", "RFC 9110 §13.1.4",
		[]Fix{decision("look first at what has changed since the state that the write was made from; then send the Last-Modified of that read, byte for byte")}},
	{codeSkew, "clock skew", "the Date of an answer doesn't fit between the times when the request was sent and answered",
		"Dates of this machine and of the server mean different moments.", "RFC 9110 §6.6.1",
		[]Fix{asIs("set the clock of the machine that is off (NTP)"), asIs("compare ETags, which need no clock")}},
	{codeForReads, "condition of a read", "the write has If-Modified-Since, or If-None-Match with a tag",
		"These ask that the state has changed, as a cache does. On a write If-None-Match with the current tag is false, and If-Modified-Since means nothing.", "RFC 9110 §13.1.2, §13.1.3",
		[]Fix{asIs("send If-Match with the ETag")}},
	{codeFirewall, "firewall", "412 without a precondition, with the page of a firewall or of a web server as its body",
		"ModSecurity and others answer 412 to requests that look odd to them: without Accept, without User-Agent, with a word of a rule in the body. The application has never seen the request.", "",
		[]Fix{asIs("send Accept: */* and a User-Agent"), provider("name the rule that refused the request, by the time and the request id")}},
	{codeHidden, "ETag hidden from scripts", "a browser's script asked another origin, whose answer doesn't list ETag in Access-Control-Expose-Headers",
		"A script of another origin reads only the fields that the server lists; ETag isn't one that is always readable. So the script had no tag to send.", "Fetch §3.3.3",
		[]Fix{asIs("take the version from the body, where it is there"), provider("send Access-Control-Expose-Headers: ETag")}},
	{codeElsewhere, "tag of another resource", "the tag was given for another URL than the one that was written",
		"A tag belongs to the representation of one URL, and says nothing of another one.", "RFC 9110 §8.8.3",
		[]Fix{asIs(urlRead)}},
	{codeOtherMedia, "tag of another media type", "the tag was given for another media type than the one that is written",
		"Each representation that is negotiated has its own tag.", "RFC 9110 §8.8.3.3",
		[]Fix{asIs(mediaRead)}},
	{codeNotInMemory, "not remembered", "a flow of Remember had seen the URL, and had nothing that guards the write",
		"Remember sends no unguarded write to a URL that the flow has met, so nothing was sent.", "",
		[]Fix{asIs("read the resource to its end before the write"), decision("Forget the URL, where the write needs no guard")}},
	{codeUnknown, "outcome unknown", "the answer to a write was lost, and no read shows whether it was performed",
		"A connection that breaks says nothing of what the server has done.", "RFC 9110 §9.2.2",
		[]Fix{asIs("GET and compare with what was sent, before anything is sent again"), asIs("use Marks or WithWriteID, so that an own write is recognized")}},
	{codeStopped, "update stopped", "an Update or a call ended for a reason of its own",
		"The call has a limit, and it was reached.", "", []Fix{decision("change the limit that the error names")}},
}
