// Package s3 is the dialect of Amazon S3 and of stores that speak its API.
//
//	t := ifmatch.NewTransport(signing, ifmatch.Resend, ifmatch.WithDialect(s3.Dialect()))
//
// The signer is the base of the Transport: a signature covers the header fields
// and the method, so each write and each refresh needs one of its own.
//
// S3 User Guide, "How to prevent object overwrites with conditional writes".
//
// Not covered: DeleteObjects, which has its tags in its body and passes; a copy or a CompleteMultipartUpload
// that goes on dripping for more than a second, whose effect is unknown.
//
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
package s3

import (
	"bytes"
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
//   - A tag without quotes goes out in quotes, and a list, which S3 compares as one
//     text, becomes the one current tag after the refusal.
//   - 412 with a code other than PreconditionFailed stops with
//     CauseUnattributed; without a code it is as in RFC 9110.
//   - 409 with the code ConditionalRequestConflict or OperationAborted, an operation
//     that ran at the same time: a PUT or DELETE is sent again as it was.
//     CompleteMultipartUpload needs a new upload, so its 409 is handed on. So is any
//     other 409.
//   - 404 with the code NoSuchKey for a write under If-Match stops with
//     CauseGone.
//   - 200 to CompleteMultipartUpload or a copy may have an error in its body. It is a
//     refusal where its code says so; otherwise the effect is unknown.
//   - 304 to If-None-Match: *, as some stores answer, stops with CauseExists.
//   - 403 to a write without a condition stops where the bucket's policy denies it: such a
//     policy may demand one.
//   - The refresh asks for the object: only versionId stays in its query.
//
// Other stores that speak S3 look at fewer conditions. BareTags and MinIO are for two kinds.
// Try yours: a PUT and a DELETE under a wrong tag have to be refused.
//
// A write with a condition on the source of a copy, or on size or time
// (x-amz-if-match-...), is left alone.
func Dialect() dialect.Dialect { return spelled("S3", dialect.Quoted) }

// BareTags returns the dialect of stores that compare tags without their quotes, such as
// DigitalOcean Spaces. It is that of S3 in all else.
func BareTags() dialect.Dialect { return spelled("S3 with bare tags", dialect.Bare) }

// MinIO returns the dialect of MinIO. It is that of S3, but for a DELETE with a condition:
// MinIO looks at none there and deletes, so the DELETE isn't sent.
func MinIO() dialect.Dialect {
	d := spelled("MinIO", dialect.Quoted)
	d.Ignores = func(req *http.Request) string {
		for _, name := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since", "X-Amz-If-Match-Size", "X-Amz-If-Match-Last-Modified-Time"} {
			if req.Method == http.MethodDelete && req.Header.Get(name) != "" {
				return name + " on a DELETE; one without it deletes whatever is there"
			}
		}
		return ""
	}
	return d
}

func spelled(name string, write func(string) string) dialect.Dialect {
	return dialect.Dialect{
		Name:   name,
		Tokens: []dialect.Token{{Sent: dialect.InHeader("If-Match"), Current: dialect.InHeader("ETag"), Tag: true, Write: write}},
		Statuses: []int{
			http.StatusOK, http.StatusNotModified,
			http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed,
		},
		Judge:          judge,
		RefreshRequest: toObject,
		VersionOnly:    replacesOther,
		WriteIDField:   WriteIDField,
		WriteIDs:       setsMetadata,
	}
}

func judge(a *dialect.Answer) dialect.Verdict {
	switch a.StatusCode {
	case http.StatusOK:
		return judgeSuccess(a)
	case http.StatusNotModified:
		if a.Request.Header.Get("If-None-Match") == "*" {
			return a.Exists("304 to If-None-Match: *")
		}
	case http.StatusForbidden:
		return judgeDenied(a)
	case http.StatusNotFound:
		h := a.Request.Header
		if errorOf(a).Code == "NoSuchKey" && h.Get("If-Match") != "" && h.Get("X-Amz-Copy-Source") == "" { // it may be the source that is missing
			return a.Gone("NoSuchKey: there is no object")
		}
	case http.StatusConflict:
		if collided(errorOf(a).Code) {
			return a.Again()
		}
	case http.StatusPreconditionFailed:
		if code := errorOf(a).Code; code != "" && code != "PreconditionFailed" {
			return a.Stops(fmt.Sprintf("unknown code %.64q", code))
		}
		return a.AsRFC9110()
	}
	return a.Passes()
}

// collided reports whether a code says that another operation was under way.
func collided(code string) bool {
	return code == "ConditionalRequestConflict" || code == "OperationAborted"
}

// judgeDenied tells a denial that a condition may cure from others (S3 User Guide, "Access
// denied error message examples").
func judgeDenied(a *dialect.Answer) dialect.Verdict {
	h, e := a.Request.Header, errorOf(a)
	if h.Get("If-Match") == "" && h.Get("If-None-Match") == "" && e.Code == "AccessDenied" && strings.Contains(e.Message, "explicit deny in a resource-based policy") {
		return a.Stops("AccessDenied by the bucket's policy, which may demand If-None-Match: * or If-Match")
	}
	return a.Passes()
}

// judgeSuccess looks into the body of a 200 to an operation that begins to answer before it
// has ended (S3 API Reference, "CompleteMultipartUpload" and "CopyObject").
func judgeSuccess(a *dialect.Answer) dialect.Verdict {
	completes := a.Request.Method == http.MethodPost && a.Request.URL.Query().Has("uploadId")
	if !completes && a.Request.Header.Get("X-Amz-Copy-Source") == "" {
		return a.Passes()
	}
	switch rootOf(a.Body()) {
	case "CompleteMultipartUploadResult", "CopyObjectResult", "CopyPartResult":
		return a.Done()
	case "Error":
	default:
		return a.Passes() // nothing yet, or another store's answer
	}
	code := errorOf(a).Code
	if collided(code) {
		return a.Again()
	}
	switch code {
	case "PreconditionFailed":
		return a.Conflict()
	case "AccessDenied", "EntityTooSmall", "InvalidPart", "InvalidPartOrder", "NoSuchKey", "NoSuchUpload":
		return a.Stops("200 with the error " + code)
	}
	return a.Pending(fmt.Sprintf("200 with the error %.64q", code))
}

// failure is the error in a body (S3 API Reference, "REST error responses").
type failure struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

// errorOf returns the error in the body, zero where there is none.
func errorOf(a *dialect.Answer) failure {
	var e failure
	if xml.Unmarshal(a.Body(), &e) != nil {
		return failure{}
	}
	return e
}

// rootOf is the name of the first element in a body, empty where there is none yet.
func rootOf(body []byte) string {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if element, ok := token.(xml.StartElement); ok {
			return element.Name.Local
		}
	}
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
