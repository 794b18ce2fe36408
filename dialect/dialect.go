// Package dialect holds the words in which an HTTP API is described that carries
// versions in its own way: where a write has the version that it was made from,
// where an answer has the current one, and which answers refuse a write because of
// it. A Dialect is given to ifmatch.WithDialect or ifmatch.WithDialects. The
// packages below this one have the dialects of well-known APIs.
//
// The package only describes. It sends nothing, and doesn't know what is done about
// a refusal.
package dialect

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Dialect says how one API carries the version of a state, and which of its
// answers refuse a write. A field that is unset is as in RFC 9110, so the zero
// Dialect is RFC9110. A Dialect is a value; its functions may be called
// concurrently and must not change what they are given.
type Dialect struct {
	// Name is used in texts.
	Name string

	// Tokens are the places where a write may carry a version. Those that a
	// refused write has are all rewritten. The first one that fits is used
	// where there is none yet: by Update, and after 428.
	Tokens []Token

	// Statuses are the answers to a write that may refuse it, 200 to 499. Where a
	// success or a redirect is among them, Judge has to tell which of those refuse: 200
	// with the body "false", say. The answer to a read is never asked about.
	Statuses []int

	// Judge says what an answer with one of Statuses means. Nil: as in RFC 9110, where
	// the status says all.
	Judge func(*Answer) Verdict

	// RefreshRequest changes the refresh, a HEAD or GET without body and
	// condition for the URL that was written, where the state is elsewhere, or is read
	// by another method, such as a POST with a body. It may change it in place and
	// return it. WriteOf has the write that it is for. A nil request, an error or an
	// origin that isn't among RefreshOrigins ends the call with CauseRefreshFailed. The
	// function of WithRefreshRequest comes after it.
	RefreshRequest func(*http.Request) (*http.Request, error)

	// RefreshOrigins are origins beside the one of the write that a refresh may go to, such
	// as "https://api.example.com". There it carries nothing of the write but Accept and
	// other fields that authorize nothing, unless ifmatch.WithRefreshCredentials names the
	// origin: no field of a name that the write has, no pair of its query, no user. What
	// RefreshRequest sets under other names stays. A RoundTripper below that signs or
	// authorizes what it gets does so there, too. That nothing is found there says nothing of
	// the document.
	RefreshOrigins []string

	// ReadState and WriteState are where the state is, if it isn't all of a JSON text:
	// RFC 6901 pointers into the body of an answer to a read, and into the body of a write.
	// Vault has "/data/data" in the one and "/data" in the other, Elasticsearch "/_source"
	// and all of it. What is at these places is what Get, Update and a policy see as the
	// document, what they make, and what is compared. The rest of a write that was refused
	// stays byte for byte; a write of Update has nothing else but its versions. An answer
	// to a read without ReadState is an error, and nothing is written. Empty: the whole text,
	// so that what is read is what is written.
	ReadState, WriteState string

	// RefusalState returns the state in the answer that refuses a write, where the API sends
	// it along with the version that Token.Refusal returns: Firebase's 412 has the
	// current value as its body. It returns what a read would give, ReadState applied, as
	// bytes of the Body or of its own; nil where there is no state, or where the body may be
	// something else, such as the error of a proxy: then the state is read. It isn't asked
	// about a body that isn't whole. Nil: a refusal has no state.
	RefusalState func(*Answer) []byte

	// WriteRequest changes the write of Update where the API doesn't write by PUT, or by
	// PATCH with WithPatch, to the URL that was read: Google's policies are set by POST to
	// a URL that ends in ":setIamPolicy". It gets a copy without body and version, may change
	// it in place and return it: method, URL and fields. The body comes from Update, and so
	// does the version. A nil request, an error, a body, a safe method or another origin is
	// an error of the Update, and nothing is sent. For and VersionOnly are asked about what
	// it returns. Nil: the write goes out as it is.
	WriteRequest func(*http.Request) (*http.Request, error)

	// WriteInterval is the time in which the API takes one write of a document, and no more.
	// Where a write that it answers with 429 is sent again at all, that is so much later at the
	// earliest, on top of the pace of failures. Zero: there is no such limit.
	WriteInterval time.Duration

	// VersionOnly reports whether the refresh of such a write has its version,
	// but not the state that it replaces: the refresh of an attachment asks its
	// document, the refresh of a lease asks its blob. No policy gets that state:
	// a call that wants it ends with CauseRefreshFailed, and Get and Update are
	// an error. Nor does its content show that an earlier attempt was applied.
	// Nil: of none.
	VersionOnly func(*http.Request) bool

	// ReturnsState reports whether the API says that the body of a 200 or 201 to such
	// a write is the state that the write has made, as a GET has it. The Snapshot of
	// Update has that state then, and its version. Other answers say so themselves, by
	// Content-Location or Preference-Applied. Nil: of none.
	ReturnsState func(*http.Request) bool

	// WeakTags says that the API gives out weak entity-tags and compares them
	// in If-Match, which RFC 9110 §13.1.1 forbids. They go back byte for byte,
	// also where a strong one was refused.
	WeakTags bool

	// Conditions are header fields that look like conditions of their own,
	// such as X-Ms-Lease-Id, and that Judge tells apart by the answer. A write
	// with any other such field is left alone.
	Conditions []string

	// Ignores says which condition of such a write, PUT, PATCH, POST or DELETE, the API
	// ignores, and what it looks at instead. The write isn't sent then, since it would go
	// out without its guard, and the error has the text. It gets a copy without the body.
	// Empty: none. Nil: of none.
	Ignores func(*http.Request) string

	// SignedAbove says what shows that such a write has a signature of the API's own which
	// covers the method or the fields, and which no field and no scheme shows that all APIs
	// use. Nothing in it can be rewritten then, and no read can carry it: a refusal ends
	// with CauseSignedAbove. It gets a copy without the body. Empty: nothing does. Nil: of
	// none.
	SignedAbove func(*http.Request) string

	// MergePatch is the media type of WithPatch.
	MergePatch string

	// WriteIDField is a header field that the API stores with an object, as its
	// metadata, and returns in the answer to a HEAD. WithWriteID puts the id of a
	// write there. Empty: the API has no such field.
	WriteIDField string

	// WriteIDs reports whether a write may carry the field. A write that sets the
	// metadata of the object may. A copy that takes over the metadata of its
	// source may not, since the field would replace them. Nil: every PUT under a
	// precondition may.
	WriteIDs func(*http.Request) bool

	// NoCreate says that the API ignores If-None-Match: *, and has no other
	// write to a URL that only creates: CreateIfAbsent is an error then, and a write with the
	// field isn't sent, unless it is a POST or a DELETE. A write without a version isn't taken
	// for one either, where the version is in the body.
	NoCreate bool

	// NoMarks says why a document can't have the member _ifmatch, the array of
	// strings that ifmatch.Marks adds to it: an Update of a type with Marks is an error
	// then, before anything is sent. WithMarker puts ids elsewhere. Empty: it can, or
	// MarksAt has a place for them.
	NoMarks string

	// MarksAt is where an Update of a type with ifmatch.Marks keeps the ids of the last
	// writes, in place of the member _ifmatch: an RFC 6901 pointer, in the state, to a member
	// that the API keeps as a text, such as "/metadata/annotations/example.com~1marks". The
	// ids are in one text, the newest last, with a space between two of them. The type need
	// not have the member, and objects on the way to it are made. It is for marks alone: an
	// Update is an error, before it writes, where something else is there. Not together
	// with NoMarks. Empty: the member _ifmatch.
	MarksAt string
}

// RFC9110 returns the default dialect.
func RFC9110() Dialect {
	return Dialect{
		Name: "RFC 9110",
		Tokens: []Token{
			{Sent: InHeader("If-Match"), Current: InHeader("ETag"), Tag: true},
			{Sent: InHeader("If-Unmodified-Since"), Current: InHeader("Last-Modified"), Tag: true},
		},
		Statuses:   []int{http.StatusPreconditionFailed, http.StatusPreconditionRequired},
		Judge:      (*Answer).AsRFC9110,
		MergePatch: "application/merge-patch+json",
	}
}

// Check returns why a Dialect can't work, nil if it can. The error names each wrong field,
// such as Tokens[1].Sent. Each call that an invalid Dialect is for ends with it, and
// nothing is sent.
func (d Dialect) Check() error {
	var all complaints
	for i, t := range d.Tokens {
		t.check(func(field, complaint string) { all.add(fmt.Sprintf("Tokens[%d].%s", i, field), complaint) })
	}
	for i, status := range d.Statuses {
		all.add(fmt.Sprintf("Statuses[%d]", i), d.complaintOfStatus(status))
	}
	for i, origin := range d.RefreshOrigins {
		all.add(fmt.Sprintf("RefreshOrigins[%d]", i), complaintOfOrigin(origin))
	}
	if d.RefusalState != nil && !slices.ContainsFunc(d.Tokens, func(t Token) bool { return t.Refusal != nil }) {
		all.add("RefusalState", "a state without a version guards no write: name a Token's Refusal")
	}
	all.add("ReadState", complaintOfPointer(d.ReadState))
	all.add("WriteState", complaintOfPointer(d.WriteState))
	for i, name := range d.Conditions {
		all.add(fmt.Sprintf("Conditions[%d]", i), complaintOfField(name))
	}
	if d.WriteIDField != "" {
		all.add("WriteIDField", complaintOfField(d.WriteIDField))
	}
	if d.WriteInterval < 0 {
		all.add("WriteInterval", fmt.Sprintf("%v is no time to wait", d.WriteInterval))
	}
	all.add("MergePatch", complaintOfMedia(d.MergePatch))
	all.add("MarksAt", d.complaintOfMarks())
	if all == nil {
		return nil
	}
	return fmt.Errorf("dialect %s: %s", d.Name, strings.Join(all, "; "))
}

func (d Dialect) complaintOfStatus(status int) string {
	switch {
	case status < 200 || status > 499:
		return fmt.Sprintf("status %d can't refuse a write: 200 to 499", status)
	case status < 400 && d.Judge == nil:
		return fmt.Sprintf("without a Judge status %d would refuse each write that succeeds", status)
	}
	return ""
}
