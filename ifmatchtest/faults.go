package ifmatchtest

import (
	"bytes"
	"net/http"
	"reflect"
	"slices"
	"time"
)

func onWrites(f Fault) Fault {
	return f.On(http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete)
}

func onReads(f Fault) Fault { return f.On(http.MethodGet, http.MethodHead) }

// LostRequest is a write fault: the request is read, then the connection (with
// HTTP/2, the stream) is cut, and nothing is done.
//
// net/http by itself repeats GET, HEAD, OPTIONS and what has an
// Idempotency-Key when a connection that was used before is cut.
func LostRequest(n int) Fault { return onWrites(Fault{kind: lostRequest, n: n}) }

// LostAnswer is a write fault: the request is performed, then the connection
// (with HTTP/2, the stream) is cut in place of an answer.
func LostAnswer(n int) Fault { return onWrites(Fault{kind: lostAnswer, n: n}) }

// FailBefore is a write fault: the request is read and answered with the
// status, and nothing is done.
func FailBefore(n, status int) Fault { return onWrites(Fault{kind: failBefore, n: n, status: status}) }

// FailAfter is a write fault: the request is performed, and then answered with
// the status, without validators.
//
// FailAfter(n, 412) is a server that refuses a write which it has applied. Spring Data
// REST does so: it ignores If-Unmodified-Since, and the framework around it compares the
// date once the write is done
// (https://github.com/spring-projects/spring-data-rest/issues/1593).
func FailAfter(n, status int) Fault { return onWrites(Fault{kind: failAfter, n: n, status: status}) }

// Refuse is a write fault: the answer is 412 whatever the preconditions.
func Refuse(n int) Fault { return onWrites(Fault{kind: refuse, n: n}) }

// EarlyRefusal is a write fault: the preconditions are evaluated before the
// body is read, and when they fail the answer is 412 with the body unread.
// Whether the connection lasts is up to net/http. When they hold, the request
// goes on as ever, and they are evaluated again.
func EarlyRefusal(n int) Fault { return onWrites(Fault{kind: earlyRefusal, n: n}) }

// Reply answers with f instead. f gets the body unread and is called without
// any lock held, so it may use the Server; it may panic with
// [http.ErrAbortHandler] to cut the connection.
func Reply(n int, f func(w http.ResponseWriter, r *http.Request)) Fault {
	return Fault{kind: reply, n: n, reply: f}
}

// StaleReads is a read fault: the state before the last write is shown, as by
// a cache or a replica that lags.
func StaleReads(n int) Fault { return onReads(Fault{kind: staleReads, n: n, back: 1}) }

// LaggingReads is like [StaleReads], but the state before the last k writes is shown,
// those of other writers and deletions included. If k <= 0, it is the current state; if k
// is more than 4, or there were fewer writes, it is the oldest one that is known.
func LaggingReads(n, k int) Fault { return onReads(Fault{kind: staleReads, n: n, back: max(0, k)}) }

// NoHead makes every HEAD fail with the status, such as 405 or 501.
func NoHead(status int) Fault { return Fault{kind: noHead, status: status}.On(http.MethodHead) }

// HeadWithoutETag leaves the ETag out of answers to HEAD, as RFC 9110 §9.3.2
// allows.
func HeadWithoutETag() Fault { return Fault{kind: headWithoutETag}.On(http.MethodHead) }

// WeakTags makes all entity-tags weak, and has If-Match compare them weakly,
// as OData and FHIR do.
func WeakTags() Fault { return Fault{kind: weakTags} }

// WeakTagsStrict makes all entity-tags weak, and has If-Match compare them
// strongly, as RFC 9110 demands: no list ever matches.
func WeakTagsStrict() Fault { return Fault{kind: weakTagsStrict} }

// WeakFor makes the entity-tag weak for d after each write. Meanwhile neither
// its weak nor its strong form satisfies If-Match, only an asterisk does:
// Apache's first second.
func WeakFor(d time.Duration) Fault { return Fault{kind: weakFor, wait: d} }

// GzipTags compresses answers to a GET or HEAD whose Accept-Encoding contains
// gzip, and appends -gzip to the opaque part of their entity-tag. As with
// Apache's mod_deflate, preconditions are compared with the tag that has no
// suffix, so the other one never satisfies If-Match.
func GzipTags() Fault { return Fault{kind: gzipTags} }

// ContentTags makes the entity-tag a hash of the content. It returns to an
// old value when the content does.
func ContentTags() Fault { return Fault{kind: contentTags} }

// NodeTags has nodes answer in turn, each with tags of its own: "v1-n1" is "v1-n2" on the
// next one. A node knows its own tags only, so a write under a tag of another one is
// refused. If nodes <= 0, each request meets a new node, and the tag differs with every
// read.
//
// IIS 6 is so behind a load balancer where the nodes don't have the same ETag change
// number, and Apache before 2.4, whose tag has the inode of the file. A tag that is a hash
// of a serialized object differs with every read where the order of its members does.
func NodeTags(nodes int) Fault { return Fault{kind: nodeTags, nodes: max(0, nodes)} }

// NoETag removes all entity-tags. Last-Modified remains, and If-Match is
// satisfied by an asterisk only.
func NoETag() Fault { return Fault{kind: noETag} }

// NoLastModified removes all modification dates; the preconditions that name
// one are then ignored.
func NoLastModified() Fault { return Fault{kind: noLastModified} }

// NoETagAfterWrite leaves ETag and Last-Modified out of answers to writes, as
// a server must that does not store what it was sent (RFC 9110 §9.3.4).
func NoETagAfterWrite() Fault { return onWrites(Fault{kind: noETagAfterWrite}) }

// TagOnRefusal sends tag as the ETag of every 412. It is sent as it is given.
func TagOnRefusal(tag string) Fault { return Fault{kind: tagOnRefusal, tag: tag} }

// CompetingWriter is a write fault: another writer stores edit(current) just
// before the preconditions of the request are evaluated.
//
// edit gets a copy of the current state, nil when there is none, and what it
// returns is stored, or deletes the state when nil. It runs under the Server's
// lock and must not call the Server. A nil edit appends a line feed.
func CompetingWriter(n int, edit func(current []byte) []byte) Fault {
	return onWrites(Fault{kind: competingWriter, n: n, edit: orLineFeed(edit)})
}

// CompetingAfter is like [CompetingWriter], but the other writer comes right
// after the request. It doesn't come when the request was not applied.
func CompetingAfter(n int, edit func(current []byte) []byte) Fault {
	return onWrites(Fault{kind: competingAfter, n: n, edit: orLineFeed(edit)})
}

func orLineFeed(edit func([]byte) []byte) func([]byte) []byte {
	if edit != nil {
		return edit
	}
	return func(current []byte) []byte { return append(bytes.Clone(current), '\n') }
}

// RequirePrecondition is a write fault that stays: to a state that exists, a
// write without If-Match, If-None-Match and If-Unmodified-Since is answered
// 428 (RFC 6585 §3).
func RequirePrecondition() Fault { return onWrites(Fault{kind: requirePrecondition}) }

// DeleteMarkers has a deletion leave a marker in place of the state: reads are answered
// 404, and yet a write under "If-None-Match: *" is refused, as if there were a state. A
// write without a precondition replaces the marker. WithHeader is for both answers.
//
// RustFS was so until 2026 in buckets with versions, which kept Terraform from locking its
// state (https://github.com/rustfs/rustfs/issues/1610). In Amazon S3 a marker counts as
// absent.
func DeleteMarkers() Fault { return Fault{kind: deleteMarkers} }

// DropUnknown is a fault of PUT and PATCH that stays: of a JSON document the server keeps
// what it knows. The document is decoded into a new value of the type of shape, and that
// value is encoded and stored. So members that the type doesn't declare are lost, as are
// the order of the members and the white space. If shape is nil, the server knows no
// member, and stores an empty object. What doesn't decode is answered 400. Whether a
// document is JSON is seen by its Content-Type.
//
// Handlers that decode with encoding/json do so, and those that use Jackson as Spring Boot
// sets it up. A mark in the document, such as those of ifmatch.Marks, doesn't survive
// there.
func DropUnknown(shape any) Fault {
	return Fault{kind: dropUnknown, shape: reflect.TypeOf(shape)}.On(http.MethodPut, http.MethodPatch)
}

// Slow waits d before the request is processed. If the request's context ends
// first, the request is not performed.
func Slow(n int, d time.Duration) Fault { return Fault{kind: slow, n: n, wait: d} }

// SlowAnswer waits d after the request is performed, or until the request's
// context ends, before it is answered.
func SlowAnswer(n int, d time.Duration) Fault { return Fault{kind: slowAnswer, n: n, wait: d} }

// Replay is a write fault: the request is performed twice, as when a proxy or
// net/http repeats it, and the second answer is given. The log has both.
func Replay(n int) Fault { return onWrites(Fault{kind: replay, n: n}) }

// ResendOn is a write fault: a proxy before the server sends the request once more where
// the answer has one of the statuses, or any 5xx if none are given, and gives the last
// answer. A cut connection counts as 502. Other faults meet both requests, one after the
// other: with Inject(ResendOn(1), FailAfter(1, 502)) a write is applied, answered with 502
// and sent again, and the client sees the second answer alone. Where two ResendOn hit a
// request, it is sent up to three times. The log has each of them.
//
// A request whose body wasn't read to its end isn't sent again, nor is one that
// [DiscardBodies] or [Reply] has dealt with.
//
// Traefik does so since 2026, where its middleware Retry has a list of statuses
// (https://github.com/traefik/traefik/pull/12667): for PUT and DELETE, and with
// retryNonIdempotentMethod for POST and PATCH. Envoy does so for all methods where
// retry_on has 5xx, and nginx where proxy_next_upstream has a status.
func ResendOn(n int, statuses ...int) Fault {
	return onWrites(Fault{kind: resendOn, n: n, on: slices.Clone(statuses)})
}

// DiscardBodies makes a PUT store only the first 64 bytes of its body, and a
// text with its SHA-256 and length, for uploads too large to keep. The text is
// what fmt.Sprintf("\nsha256:%x length:%d\n", sum, n) gives.
func DiscardBodies() Fault { return Fault{kind: discardBodies}.On(http.MethodPut) }
