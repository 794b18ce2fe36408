package ifmatch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// mayRefuse reports whether resp may refuse a write, and nobody below has dealt
// with that yet. Safe methods and requests with Content-Range pass through: their
// 412 is no lost update.
func mayRefuse(req *http.Request, resp *http.Response, d *preparedDialect) bool {
	if resp == nil || !d.refusesWith(resp.StatusCode) {
		return false
	}
	if req.URL == nil || semantics.Safe(req.Method) || field.Lines(req.Header, "Content-Range") != nil {
		return false
	}
	// A final refusal of a Transport of ours below stays one, so that the
	// retries of two don't multiply.
	r := recordOf(resp)
	return r == nil || !r.final
}

// isRefused reports whether resp refuses the write, and notes what the dialect says of
// it.
func (c *call) isRefused(resp *http.Response) bool {
	c.refused.noteVerdict(dialect.Verdict{})
	if !mayRefuse(c.sent.write, resp, c.dialect) {
		return false
	}
	if c.dialect.Judge == nil { // as in RFC 9110, where the status says all
		return true
	}
	verdict := c.verdictOn(resp)
	c.refused.noteVerdict(verdict)
	return verdict.Kind() != dialect.KindPasses && verdict.Kind() != dialect.KindAgain
}

// judge reads from the exchange alone why the write was refused. An error says
// that there is nothing for a policy to handle.
func judge(write *http.Request, g guard, status int) (Cause, error) {
	if status == http.StatusPreconditionRequired {
		if g.kind == guardNone {
			return CausePreconditionRequired, nil
		}
		return CausePreconditionRequired, errors.New("ifmatch: the server demands another precondition than the one that was sent")
	}
	switch g.kind {
	case guardTags, guardDate:
		return CauseChanged, nil
	case guardCreate:
		return CauseExists, errors.New("ifmatch: create only: the resource exists")
	case guardExists:
		// RFC 9110 §13.1.1: If-Match: * is false without a current representation.
		return CauseGone, errors.New("ifmatch: If-Match: * was refused: there is no current representation")
	case guardConflicting:
		return CauseConflictingPreconditions, errors.New("ifmatch: several preconditions: can't tell which one failed; send one")
	case guardForeign:
		return foreignCause(write.Header, g.field), fmt.Errorf("ifmatch: the condition in %s is not understood, so it is left alone", g.field)
	}
	return CauseUnattributed, errors.New("ifmatch: refused without a precondition")
}

// foreignCause is the cause of a refusal that carried a condition in this field.
func foreignCause(h http.Header, in string) Cause {
	if field.Lines(h, "If-Match") != nil {
		return CauseUnattributed // either can have failed
	}
	switch in {
	case "Overwrite":
		return CauseExists
	case "If", "Lock-Token", "X-Ms-Lease-Id":
		return CauseLocked
	}
	return CauseUnattributed
}

// signedSchemes are Authorization schemes whose credentials cover the method,
// the URL or the header fields of one request.
var signedSchemes = [...]string{
	"AWS4-", "AWS ", "GOOG4-", "GOOG1 ", "SharedKey", "Signature ", "HMAC-", "HMAC ", "DPoP ", "Digest ", "Hawk ", "OSS4-", "OSS ",
}

// signedQueries are query parameters of presigned URLs that cover the method or
// header fields. A shared access signature of Azure ("sig") covers neither.
var signedQueries = [...]string{"X-Amz-Signature", "X-Goog-Signature", "Signature", "X-Oss-Signature"}

// signedAbove returns what shows that the request was signed before it came
// here, empty if nothing does.
func signedAbove(req *http.Request) string {
	for _, name := range [...]string{"Signature-Input", "Signature", "Dpop"} {
		if field.Lines(req.Header, name) != nil {
			return "the " + name + " field"
		}
	}
	for _, credentials := range field.Lines(req.Header, "Authorization") {
		for _, scheme := range signedSchemes {
			if len(credentials) >= len(scheme) && strings.EqualFold(credentials[:len(scheme)], scheme) {
				name, _, _ := strings.Cut(credentials, " ")
				return "the Authorization scheme " + name
			}
		}
		if strings.Contains(credentials, "oauth_signature=") {
			return "the Authorization scheme OAuth 1.0"
		}
	}
	if req.URL.RawQuery == "" {
		return ""
	}
	query, _ := url.ParseQuery(req.URL.RawQuery)
	for name := range query {
		for _, signed := range signedQueries {
			if strings.EqualFold(name, signed) {
				return "the query parameter " + signed
			}
		}
	}
	return ""
}

// fixedKey reports whether the next write has no Idempotency-Key of its own where the
// refused one had one: the server may replay the stored refusal.
func fixedKey(refused, next http.Header) bool {
	for _, name := range semantics.IdempotencyKeys {
		old := field.Lines(refused, name)
		fresh := field.Lines(next, name)
		if old != nil && (fresh == nil || slices.Equal(old, fresh)) {
			return true
		}
	}
	return false
}
