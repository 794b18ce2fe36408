// Package s3 is the dialect of Amazon S3 and of stores that speak its API.
//
//	t := ifmatch.NewTransport(signing, ifmatch.Resend, ifmatch.WithDialect(s3.Dialect()))
//
// The signer is the base of the Transport: a signature covers the header fields
// and the method, so each write and each refresh needs one of its own.
//
// S3 User Guide, "How to prevent object overwrites with conditional writes".
package s3

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// WriteIDField is where WithWriteID puts the id of a write: object metadata,
// which HEAD returns.
const WriteIDField = "X-Amz-Meta-Ifmatch-Write"

// Dialect returns the dialect of S3. It differs from RFC 9110 in this:
//
//   - 412 with a code other than PreconditionFailed stops with
//     CauseUnattributed; without a code it is as in RFC 9110.
//   - 409 with the code ConditionalRequestConflict, an operation that ran at the
//     same time: a PUT or DELETE is sent again as it was. CompleteMultipartUpload
//     needs a new upload, so its 409 is handed on. So is any other 409.
//   - 404 with the code NoSuchKey for a write under If-Match stops with
//     CauseGone.
//   - The refresh asks for the object: only versionId stays in its query.
//
// A write with a condition on the source of a copy, or on size or time
// (x-amz-if-match-...), is left alone.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name:           "S3",
		Statuses:       []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
		Judge:          judge,
		RefreshRequest: toObject,
		VersionOnly:    replacesOther,
		WriteIDField:   WriteIDField,
		WriteIDs:       setsMetadata,
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	code := codeOf(a)
	switch a.StatusCode {
	case http.StatusConflict:
		if code == "ConditionalRequestConflict" {
			return a.Again()
		}
	case http.StatusNotFound:
		h := a.Request.Header
		if code == "NoSuchKey" && h.Get("If-Match") != "" && h.Get("X-Amz-Copy-Source") == "" { // it may be the source that is missing
			return a.Gone("NoSuchKey: there is no object")
		}
	case http.StatusPreconditionFailed:
		if code != "" && code != "PreconditionFailed" {
			return a.Stops(fmt.Sprintf("unknown code %.64q", code))
		}
		return a.AsRFC9110()
	}
	return a.Passes()
}

// codeOf returns the error code in the body, empty where there is none (S3 API
// Reference, "REST error responses").
func codeOf(a *dialect.Answer) string {
	var body struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal(a.Body(), &body) != nil {
		return ""
	}
	return body.Code
}

// replacesOther reports whether a write has something else in its body than the
// content of an object: a part, tags, nothing for a copy.
func replacesOther(req *http.Request) bool {
	for name := range req.URL.Query() {
		switch name {
		case "x-id", "versionId", "AWSAccessKeyId", "Signature", "Expires":
		default:
			if !strings.HasPrefix(strings.ToLower(name), "x-amz-") && !strings.HasPrefix(name, "response-") {
				return true
			}
		}
	}
	return req.Header.Get("X-Amz-Copy-Source") != ""
}

// setsMetadata reports whether a PUT writes an object with the metadata in its
// header: not a part of one, not a copy.
func setsMetadata(req *http.Request) bool {
	query := req.URL.Query()
	query.Del("x-id")
	return len(query) == 0 && req.Header.Get("X-Amz-Copy-Source") == ""
}

// toObject makes a refresh ask for the object, not for an upload or a
// subresource of it.
func toObject(req *http.Request) (*http.Request, error) {
	var kept string
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		if strings.HasPrefix(pair, "versionId=") {
			kept = pair
		}
	}
	req.URL.RawQuery = kept
	for name := range req.Header {
		// S3 answers 400 to a read that names a way of encryption. A read needs
		// the customer's own key, though.
		key := http.CanonicalHeaderKey(name)
		if strings.HasPrefix(key, "X-Amz-Server-Side-Encryption") && !strings.HasPrefix(key, "X-Amz-Server-Side-Encryption-Customer-") {
			delete(req.Header, name)
		}
	}
	return req, nil
}
