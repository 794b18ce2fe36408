package explain

import (
	"bytes"
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/cause"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
)

// rules look at a refusal one after another. Among findings of one certainty the first one
// leads, so what is special stands before what is general; a later rule may look at what was
// found before it. TestRules has a row for each branch.
var rules = [...]func(*refusal){
	(*refusal).signature,
	(*refusal).hidden,
	(*refusal).required,
	(*refusal).locked,
	(*refusal).ofErrorPage,
	(*refusal).verdictOf,
	(*refusal).misquoted,
	(*refusal).forReads,
	(*refusal).conflicting,
	(*refusal).weak,
	(*refusal).coded,
	compared((*refusal).lagging),
	compared((*refusal).written),
	compared((*refusal).exists),
	compared((*refusal).unstable),
	compared((*refusal).cached),
	compared((*refusal).elsewhere),
	compared((*refusal).otherMedia),
	(*refusal).dates,
	(*refusal).starred,
	compared((*refusal).afterwards),
	compared((*refusal).weakened),
	compared((*refusal).outdated),
	(*refusal).foreign,
	(*refusal).unguarded,
	(*refusal).told,
	(*refusal).unexamined,
}

// compared is a rule for refusals whose precondition was compared with a state: of a lock, a
// demand or a signature that doesn't fit no tag or date has a part in it.
func compared(rule func(*refusal)) func(*refusal) {
	return func(r *refusal) {
		if r.compares() {
			rule(r)
		}
	}
}

// compares reports whether the answer may say that the precondition was false.
func (r *refusal) compares() bool {
	switch r.verdict.Kind() {
	case dialect.KindLocked, dialect.KindRequired:
		return false
	case dialect.KindConflict, dialect.KindChanged, dialect.KindExists, dialect.KindGone:
		return true
	}
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusLocked, http.StatusPreconditionRequired:
		return false
	}
	return true
}

// demands are texts that ask for a precondition.
var demands = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(if-match|etag|precondition)[^.]{0,80}\b(required|missing|must|mandatory|need)|\b(required?|missing|must|provide|specify)\b[^.]{0,80}(if-match|etag|precondition header)`)
})

// deniedByPolicy is what S3 says where a policy of the bucket denies a request. It may ask for
// If-None-Match or If-Match.
const deniedByPolicy = "explicit deny in a resource-based policy"

// demandsCondition reports whether an answer asks for a precondition that the write doesn't
// have, without the status for it.
func demandsCondition(e *step) bool {
	switch e.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusConflict:
		return e.write() && e.sees() && e.guard.Kind == guard.None && (demands().Match(e.ResponseBody) || bytes.Contains(e.ResponseBody, []byte(deniedByPolicy)))
	}
	return false
}

// isBadSignature reports whether an answer says that the signature of the request doesn't
// fit it.
func (s *scene) isBadSignature(e *step) bool {
	return (e.StatusCode == http.StatusForbidden || e.StatusCode == http.StatusUnauthorized) && e.dialect.Signed(e.req) != "" &&
		e.guard.Kind != guard.None && (bytes.Contains(e.ResponseBody, []byte("SignatureDoesNotMatch")) ||
		bytes.Contains(e.ResponseBody, []byte("AuthorizationFailure")) || bytes.Contains(e.ResponseBody, []byte("AuthenticationFailed")))
}

var toldCode = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[(IFM[0-9]{3})\]`) })

// told: a Transport has told why. Where it looked, it saw more than was recorded, so that
// leads.
func (r *refusal) told() {
	m := toldCode().FindStringSubmatch(r.Told)
	if m == nil || m[1] == code(cause.Unexamined) {
		return
	}
	line := Evidence{Exchange: r.index, Part: PartOutcome, Line: r.Told, Mark: m[1]}
	at := slices.IndexFunc(r.findings, func(f Finding) bool { return f.Code == m[1] })
	if at < 0 {
		entry, ok := Lookup(m[1])
		if !ok {
			return // no code of ours
		}
		seen := strings.ReplaceAll(entry.Seen, "the refresh", "the read for the new tag")
		if m[1] == code(cause.RefreshDenied) {
			seen = "first the write's precondition was refused, so the state was another one by then; and then " + seen
		}
		r.add(m[1], Certain, "ifmatch made the call, and tells: "+seen+".", line, r.condition(), r.answered())
		at = len(r.findings) - 1
	} else {
		r.findings[at].Evidence = append(r.findings[at].Evidence, line)
	}
	first := r.findings[at]
	first.Certainty = Certain
	r.findings = slices.Insert(slices.Delete(r.findings, at, at+1), 0, first)
}

// signature: the precondition was changed after the request was signed.
func (r *refusal) signature() {
	signed := r.dialect.Signed(r.req)
	if signed == "" || r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusUnauthorized {
		return
	}
	certainty := Possible
	for _, e := range r.before {
		if e.StatusCode == http.StatusPreconditionFailed && slices.Equal(e.RequestHeader["Authorization"], r.RequestHeader["Authorization"]) {
			certainty = Certain
		}
	}
	r.add(code(cause.SignedAbove), max(certainty, Likely), signed+" no longer fits the request, which has another precondition than the one that was signed", r.answered(), r.condition(), r.said(""))
}

// required: the server demands a precondition, or another one.
func (r *refusal) required() {
	const want = "The server demands a precondition, and the request has none."
	none := r.guard.Kind == guard.None && r.sees()
	switch {
	case r.StatusCode == http.StatusPreconditionRequired && none:
		r.add(code(cause.PreconditionRequired), Certain, want, r.answered(), r.asked(), r.said(""))
	case r.StatusCode == http.StatusPreconditionRequired:
		r.add(code(cause.PreconditionRequired), Certain, "The server demands another precondition than the request has.", r.answered(), r.condition(), r.said(""))
	case none && bytes.Contains(r.ResponseBody, []byte(deniedByPolicy)):
		r.add(code(cause.PreconditionRequired), Possible, "A policy of the bucket denies the request, which has no precondition: it may demand one.", r.answered(), r.said(""), r.asked())
	case none && demands().Match(r.ResponseBody):
		r.add(code(cause.PreconditionRequired), Likely, want, r.answered(), r.said(""), r.asked())
	}
}

// verdictOf: what the dialect of the API says of the answer.
func (r *refusal) verdictOf() {
	kind := r.verdict.Kind()
	known := cause.OfVerdict(kind)
	if kind == dialect.KindLocked && r.found(Possible, code(cause.Locked), code(cause.TokenExpired)) {
		return
	}
	name, reason := r.dialect.Name, r.verdict.Reason()
	switch kind {
	case dialect.KindExists, dialect.KindGone, dialect.KindLocked, dialect.KindStops, dialect.KindChanged, dialect.KindExpired:
		what := name + " says so: " + reason
		if reason == "" {
			what = name + " says so by its status and code."
		}
		r.add(code(known), r.withBody(Certain), what, r.answered(), r.apiCode(), r.said(""), r.condition())
	case dialect.KindConflict:
		r.conflict()
	case dialect.KindRequired:
		r.add(code(known), Certain, name+" demands a version, and the request has none.", r.answered(), r.said(""), r.asked())
	}
}

// conflict: the dialect says that the version isn't the current one. A write that only creates
// has none, and met what is there.
func (r *refusal) conflict() {
	says := r.dialect.Name + " says with " + r.answered().Line + " that "
	why, _ := guard.Judge(&r.guard, http.StatusPreconditionFailed)
	switch {
	case why == guard.ReasonExists:
		r.add(code(cause.Exists), r.withBody(Certain), says+"something is there, and the write only creates.", r.answered(), r.said(""), r.condition())
	case r.guard.Kind == guard.None && r.sees() && r.Whole:
		r.add(code(cause.Unattributed), Likely, says+"the write conflicts, and the write names no version.", r.answered(), r.said(""), r.asked())
	default:
		r.add(code(cause.Changed), r.demoted(Likely, codeErrorPage), says+"the version isn't the current one.", r.answered(), r.said(""), r.condition())
	}
}

// withBody is a certainty that falls to Likely where neither the body of the answer nor a field
// of it has the API's own code.
func (r *refusal) withBody(certainty Certainty) Certainty {
	if len(r.ResponseBody) == 0 && r.apiCode().Line == "" {
		return min(certainty, Likely)
	}
	return certainty
}

// apiCode is the line with the error code of an API that has one in a field.
func (r *refusal) apiCode() Evidence { return r.responseLine("X-Ms-Error-Code", "") }

// noTags are what programs send that have no tag.
var noTags = []string{"", "undefined", "null"}

// misquoted: the precondition is no entity-tag, or a star in quotes.
func (r *refusal) misquoted() {
	lines := field.Lines(r.req.Header, "If-Match")
	sent := strings.Join(lines, ", ")
	switch g := &r.guard; {
	case lines == nil || r.StatusCode == http.StatusConflict:
	case slices.Contains(noTags, sent):
		r.add(codeQuotes, Certain, "A script sent If-Match: "+cmp.Or(sent, "(nothing)")+", since it had no ETag.", r.requestLine("If-Match", sent), r.answered())
	case g.Kind == guard.Exists && g.Quoted:
		r.add(codeQuotes, Certain, `"*" in quotes is a tag, and no star.`, r.requestLine("If-Match", `"*"`), r.answered()).correct("*", "send the star without quotes")
	case g.Kind == guard.Foreign && g.Field == "If-Match" && !strings.Contains(sent, `"`):
		r.add(codeQuotes, Certain, "If-Match has a tag without quotes. Often a shell has taken them away.", r.requestLine("If-Match", sent), r.answered(), r.likeTag(sent)).
			correct(r.tagFor(sent), "send the tag with its quotes, and put the field between single quotes, or a shell takes them away")
	case g.Kind == guard.Foreign && g.Field == "If-Match":
		r.add(codeQuotes, Certain, "If-Match has no list of entity-tags: quotes are missing, or some too many are there.", r.requestLine("If-Match", sent), r.answered(), r.likeTag(sent))
	case g.Kind == guard.Tags && g.Versions == nil && r.likeTag(sent).Line != "":
		r.add(codeQuotes, Certain, "If-Match has the tag that a read gave, in another spelling.", r.requestLine("If-Match", sent), r.likeTag(sent), r.answered())
	}
}

// likeTag is the line of a read whose tag has the same text as the one that was sent, but
// for its quotes and escapes; its Line is empty where there is none.
func (r *refusal) likeTag(sent string) Evidence {
	if e := r.likeRead(sent); e != nil {
		return e.validator()
	}
	return Evidence{}
}

// likeRead is that read; nil: there is none.
func (r *refusal) likeRead(sent string) *step {
	for _, e := range r.scene.steps {
		if tag := e.got.ETag; e.read() && tag != "" && tag != sent && !r.names(tag) && strings.EqualFold(bare(tag), bare(sent)) {
			return e
		}
	}
	return nil
}

// bare is the text of a tag without its quotes and escapes of any sort.
func bare(tag string) string {
	return strings.NewReplacer("&quot;", "", "&#34;", "", "%22", "", `\`, "", `"`, "", "'", "", "{", "", "}", "").Replace(tag)
}

// forReads: a condition that only makes sense on a read.
func (r *refusal) forReads() {
	if r.safe() {
		return
	}
	if since := r.requestLine("If-Modified-Since", ""); since.Line != "" {
		certainty := Possible
		if r.guard.Kind == guard.None {
			certainty = Certain
		}
		r.add(codeForReads, certainty, "The write has If-Modified-Since, which is for reads.", since, r.answered())
	}
	if r.guard.Kind == guard.Foreign && r.guard.Field == "If-None-Match" {
		r.add(codeForReads, Certain, "The write has If-None-Match with a tag: it is refused as long as that tag is current.", r.requestLine("If-None-Match", ""), r.answered())
	}
}

// conflicting: several conditions, each of which can have failed.
func (r *refusal) conflicting() {
	if reason, _ := guard.Judge(&r.guard, r.StatusCode); reason != guard.ReasonConflicting {
		return
	}
	r.add(code(cause.ConflictingPreconditions), Certain, "The write has several conditions, and the answer doesn't say which one was false.",
		r.requestLine("If-Match", ""), r.requestLine("If-None-Match", ""), r.requestLine("If-Unmodified-Since", ""), r.requestLine("If", ""), r.answered())
}

// expiry are texts about a lock, a lease or a version that has ended.
var expiry = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(lock|lease|token|version|revision|sync)\b[^.]{0,60}\b(expired|timed out|no longer|unknown|lost|too old|not present)\b|LeaseLost|LeaseNotPresent`)
})

// locked: a lock, a lease, or a token of one that has ended.
func (r *refusal) locked() {
	reason, _ := guard.Judge(&r.guard, r.StatusCode)
	isLock := reason == guard.ReasonLocked || r.verdict.Kind() == dialect.KindLocked || r.StatusCode == http.StatusLocked || r.namesLease()
	lines := []Evidence{r.answered(), r.requestLine("If", ""), r.requestLine("Lock-Token", ""), r.requestLine("X-Ms-Lease-Id", ""), r.apiCode(), r.said("")}
	if expiry().Match(append(bytes.Clone(r.ResponseBody), r.ResponseHeader.Get("X-Ms-Error-Code")...)) {
		r.add(code(cause.TokenExpired), Certain, "The server says that the lock or the version which was named has ended.", lines...)
		return
	}
	if !isLock {
		return
	}
	if old, over := r.endedLock(); old != nil {
		what := "The write names a lock that was given, and the server doesn't know it any more: it has ended."
		if over {
			what = "The lock was given for a time that had passed when the write was sent."
		}
		r.add(code(cause.TokenExpired), Likely, what, append(lines, old.asked(), old.responseLine("Lock-Token", ""), old.responseLine("Timeout", ""), old.times(), r.times())...)
	}
	f := r.add(code(cause.Locked), r.demoted(Certain, code(cause.TokenExpired)), "A lock or a lease refused the write.", lines...)
	if strings.HasPrefix(r.ResponseHeader.Get("X-Ms-Error-Code"), "Lease") {
		r.leased(f)
	}
}

// namesLease reports whether a refused read names a lease, and the answer speaks of it. No
// dialect judges a read.
func (r *refusal) namesLease() bool {
	return r.safe() && r.RequestHeader.Get("X-Ms-Lease-Id") != "" && strings.HasPrefix(r.ResponseHeader.Get("X-Ms-Error-Code"), "Lease")
}

// foreign: a condition that RFC 9110 doesn't have.
func (r *refusal) foreign() {
	if r.guard.Kind != guard.Foreign || len(r.findings) > 0 {
		return
	}
	f := r.add(code(cause.Unattributed), Likely, "The condition in "+spelled(r.guard.Field)+" refused the write; no ETag has a part in it.", r.requestLine(r.guard.Field, ""), r.answered(), r.said(""))
	f.Why = "The server evaluates a condition of its own, beside those of RFC 9110."
	f.Fixes = []Fix{asIs("read again what " + spelled(r.guard.Field) + " names, and send the current value"), decision("leave the condition out, where the write doesn't need it")}
}
