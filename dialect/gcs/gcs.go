// Package gcs has the two dialects of Google Cloud Storage.
//
//	t := ifmatch.NewTransport(oauth, ifmatch.Resend, ifmatch.WithDialect(gcs.JSON()))
//
// Its versions are numbers: the generation of an object changes with its
// content, the metageneration with its metadata. ETags are for reads only. Cloud
// Storage documentation, "Request preconditions".
//
// Not covered: batch requests; the sources of a compose, whose conditions are in its body; uploads
// whose name is only in their body.
//
// See https://cloud.google.com/storage/docs/request-preconditions.
package gcs

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// WriteIDField is where WithWriteID puts the id of a write through the XML API:
// object metadata, which HEAD returns. The JSON API has metadata in the body, so
// JSON has none.
const WriteIDField = "X-Goog-Meta-Ifmatch-Write"

// writeInterval: an object, or the metadata of one, takes one write a second (Cloud Storage
// documentation, "Quotas and limits").
const writeInterval = time.Second

// JSON returns the dialect of the JSON API, with the versions in the query:
// ifGenerationMatch, where 0 stands for a write that only creates, and
// ifMetagenerationMatch. Each that a refused write has is rewritten.
//
//   - Only a 412 with the reason conditionNotMet is a refusal; any other stops
//     with CauseUnattributed.
//   - So does one of a write with a ...NotMatch condition, or with a condition on
//     the source of a copy: it doesn't say which one failed.
//   - The condition of a resumable upload is set when the upload begins, so a 412
//     to a part of it stops with CauseChanged, or passes where the part has a
//     Content-Range.
//   - The refresh asks for the metadata of the object that is written: of the
//     name in an upload's query, of the destination of a copy. An upload without
//     a name in the query stops with CauseRefreshFailed.
//
// Where a policy wants the state, the refresh of an upload asks for the content
// (alt=media), which has the versions in its header. It is the body of a media
// upload; a multipart one has more in it. Update changes the metadata of an
// object, under both versions, since a new generation begins to count anew.
//
// A bucket has a metageneration only. A policy of access, at a path that ends in iam, has the
// member etag.
func JSON() dialect.Dialect {
	return dialect.Dialect{
		Name: "GCS JSON",
		Tokens: []dialect.Token{
			{
				Sent: dialect.InQuery("ifGenerationMatch"), Number: true, Create: "0", For: isObject,
				Current: dialect.InHeader("X-Goog-Generation").Or(dialect.InBody("/generation")),
			},
			{
				Sent: dialect.InQuery("ifMetagenerationMatch"), Number: true, Also: true, Partial: true, For: isObject,
				Current: dialect.InHeader("X-Goog-Metageneration").Or(dialect.InBody("/metageneration")),
			},
			{Sent: dialect.InQuery("ifMetagenerationMatch"), Current: dialect.InBody("/metageneration"), Number: true, For: isBucket},
			{Sent: dialect.InBody("/etag"), Current: dialect.InBody("/etag"), For: isPolicy},
		},
		Statuses:       []int{http.StatusPreconditionFailed},
		Judge:          judgeJSON,
		RefreshRequest: toMetadata,
		MergePatch:     "application/json", // what Objects: patch documents
		WriteInterval:  writeInterval,
	}
}

// segmentsOf are those of a path in the JSON API after "b": the bucket, "o", a name, and what
// is done; nil where it is no such path.
func segmentsOf(req *http.Request) []string {
	_, path, found := strings.Cut(req.URL.EscapedPath(), "/storage/v1/b/")
	if !found {
		return nil
	}
	return strings.Split(path, "/")
}

func isBucket(req *http.Request) bool { return len(segmentsOf(req)) == 1 }

// isPolicy reports whether a path is that of the policy of a bucket, an object or a folder.
func isPolicy(req *http.Request) bool {
	segments := segmentsOf(req)
	return len(segments)%2 == 0 && len(segments) > 0 && segments[len(segments)-1] == "iam"
}

func isObject(req *http.Request) bool { return !isBucket(req) && !isPolicy(req) }

// XML returns the dialect of the XML API, with the versions in header fields:
// x-goog-if-generation-match, where 0 stands for a write that only creates, and
// x-goog-if-metageneration-match. Each that a refused write has is rewritten.
//
// Only a 412 with the code PreconditionFailed is a refusal; any other stops with
// CauseUnattributed. The refresh asks for the object: only generation and
// userProject stay in its query. A write with any other condition
// (x-goog-if-..., x-goog-copy-source-if-...) is left alone. A PUT with If-None-Match: *, which
// the API ignores, isn't sent: x-goog-if-generation-match: 0 only creates.
func XML() dialect.Dialect {
	return dialect.Dialect{
		Name: "GCS XML",
		Tokens: []dialect.Token{
			{Sent: dialect.InHeader("X-Goog-If-Generation-Match"), Current: dialect.InHeader("X-Goog-Generation"), Number: true, Create: "0"},
			{Sent: dialect.InHeader("X-Goog-If-Metageneration-Match"), Current: dialect.InHeader("X-Goog-Metageneration"), Number: true, Partial: true},
		},
		Statuses: []int{http.StatusPreconditionFailed},
		Judge:    judgeXML,
		RefreshRequest: func(req *http.Request) (*http.Request, error) {
			req.URL.RawQuery = keep(req.URL.RawQuery, "generation", "userProject")
			return req, nil
		},
		VersionOnly: func(req *http.Request) bool {
			for name := range req.URL.Query() {
				switch name {
				case "generation", "userProject", "GoogleAccessId", "Signature", "Expires":
				default:
					if !strings.HasPrefix(strings.ToLower(name), "x-goog-") && !strings.HasPrefix(name, "response-") {
						return true // a subresource, or a part
					}
				}
			}
			return req.Header.Get("X-Goog-Copy-Source") != ""
		},
		Ignores: func(req *http.Request) string {
			if req.Method != http.MethodPut || strings.Trim(strings.Join(req.Header["If-None-Match"], ""), " \t,") != "*" {
				return ""
			}
			return "If-None-Match: *; send x-goog-if-generation-match: 0"
		},
		WriteInterval: writeInterval,
		WriteIDField:  WriteIDField,
		WriteIDs: func(req *http.Request) bool {
			return req.URL.RawQuery == "" && req.Header.Get("X-Goog-Copy-Source") == ""
		},
	}
}

func judgeJSON(a *dialect.Answer) dialect.Verdict {
	query := a.Request.URL.Query()
	if query.Has("upload_id") {
		return a.Changed("the condition was set when the resumable upload began: begin another one")
	}
	for name := range query {
		if strings.HasPrefix(name, "ifSource") || strings.HasPrefix(name, "if") && strings.HasSuffix(name, "NotMatch") {
			return a.Stops(fmt.Sprintf("there is no telling whether %.64s failed", name))
		}
	}
	var body struct {
		Error struct{ Errors []struct{ Reason string } }
	}
	if err := json.Unmarshal(a.Body(), &body); err != nil || len(body.Error.Errors) == 0 {
		return a.Stops("no reason is given")
	}
	for _, e := range body.Error.Errors {
		if e.Reason != "conditionNotMet" {
			return a.Stops(fmt.Sprintf("unknown reason %.64q", e.Reason))
		}
	}
	return a.AsRFC9110()
}

func judgeXML(a *dialect.Answer) dialect.Verdict {
	var body struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if err := xml.Unmarshal(a.Body(), &body); err != nil || body.Code != "PreconditionFailed" {
		return a.Stops(fmt.Sprintf("unknown code %.64q", body.Code))
	}
	return a.AsRFC9110()
}

// toMetadata makes a refresh ask for the metadata of what is written:
//
//	.../upload/storage/v1/b/B/o?name=N           .../storage/v1/b/B/o/N
//	.../storage/v1/b/B/o/N/compose               .../storage/v1/b/B/o/N
//	.../storage/v1/b/S/o/M/rewriteTo/b/B/o/N     .../storage/v1/b/B/o/N
//	.../storage/v1/b/B/o/M/moveTo/o/N            .../storage/v1/b/B/o/N
//
// Anything else is asked for at its own path. A name is one segment, escaped. GET
// says that the state is wanted: for an upload that is the content.
func toMetadata(req *http.Request) (*http.Request, error) {
	before, path, found := strings.Cut(req.URL.EscapedPath(), "/storage/v1/b/")
	if !found {
		return req, nil
	}
	kept, media := []string{"alt", "userProject", "key", "quotaUser", "access_token", "optionsRequestedPolicyVersion"}, false
	segments := strings.Split(path, "/") // the bucket, "o", the name, and what is done
	switch action := at(segments, 3); {
	case strings.HasSuffix(before, "/upload"):
		name := req.URL.Query().Get("name")
		if name == "" {
			return nil, errors.New("the upload has no name in its query")
		}
		before = strings.TrimSuffix(strings.TrimSuffix(before, "/upload"), "/resumable")
		segments = []string{segments[0], "o", url.PathEscape(name)}
		kept, media = kept[1:], req.Method == http.MethodGet
	case action == "rewriteTo" || action == "copyTo":
		segments = segments[min(5, len(segments)):]
	case action == "moveTo":
		segments = []string{segments[0], "o", at(segments, 5)}
	case action == "compose" || action == "restore":
		segments = segments[:3]
	default:
		kept = append(kept, "generation")
	}
	query := keep(req.URL.RawQuery, kept...)
	if media {
		query = strings.TrimSuffix("alt=media&"+query, "&")
	}
	return toPath(req, before+"/storage/v1/b/"+strings.Join(segments, "/"), query)
}

// at returns a segment of a path, empty where there are fewer.
func at(segments []string, i int) string {
	if i < len(segments) {
		return segments[i]
	}
	return ""
}

// toPath makes a refresh a GET of an escaped path with a query.
func toPath(req *http.Request, escaped, query string) (*http.Request, error) {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	req.Method, req.URL.Path, req.URL.RawPath, req.URL.RawQuery = http.MethodGet, plain, escaped, query
	return req, nil
}

// keep returns a query with these parameters only, as they are.
func keep(query string, names ...string) string {
	pairs := strings.Split(query, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return !slices.Contains(names, name)
	})
	return strings.Join(pairs, "&")
}
