// Package azureblob is the dialect of Azure Blob Storage.
//
//	t := ifmatch.NewTransport(nil, ifmatch.Resend, ifmatch.WithDialects(map[string]dialect.Dialect{
//		"*.blob.core.windows.net": azureblob.Dialect(),
//	}))
//
// A shared access signature or a bearer token goes with the request. Shared Key
// covers the conditions, so its signer is the base of the Transport.
//
// The dfs endpoint of Data Lake Storage Gen2 has the same conditions and codes: creating,
// flushing and deleting a path, and setting its properties.
//
// Azure Storage REST API, "Specifying conditional headers for Blob service
// operations", "Blob service error codes", "Delete Blob", "Copy Blob", and for dfs
// "Path - Update"
// (https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update).
//
// Not covered: conditions on the source of a copy or on the tags of a blob, which are left alone;
// renames through dfs that have one.
//
// See https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations.
package azureblob

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// WriteIDField is where WithWriteID puts the id of a write: blob metadata, which
// HEAD returns. The names of metadata are identifiers of C#, without a hyphen.
const WriteIDField = "X-Ms-Meta-Ifmatchwrite"

// Dialect returns the dialect of Azure Blob Storage. The code in x-ms-error-code
// says what a 412 means:
//
//   - ConditionNotMet is as in RFC 9110. An Append Block stops with CauseChanged,
//     also without a code: sent again under a fresh tag it might be appended twice.
//   - A code of a lease stops with CauseLocked, also in a 409.
//   - Any other code, as of an append position, a size, a sequence number or the
//     source of a copy, stops with CauseUnattributed.
//   - No code is as in RFC 9110, unless the write has such a condition.
//
// 409 BlobAlreadyExists or PathAlreadyExists under If-None-Match: * stops with CauseExists.
// 202 to a DELETE says that it is done, and to a copy that it is done or pending. Other
// statuses, and any other 409, are handed on. The refresh asks for the blob:
// what names an operation leaves its query, a shared access signature stays.
//
// A write with x-ms-if-tags, or with a condition on an append or on the source of
// a copy, is left alone.
func Dialect() dialect.Dialect {
	return dialect.Dialect{
		Name:           "Azure Blob",
		Statuses:       []int{http.StatusAccepted, http.StatusConflict, http.StatusPreconditionFailed},
		Judge:          judge,
		RefreshRequest: toBlob,
		VersionOnly:    replacesOther,
		Conditions:     conditions[:],
		WriteIDField:   WriteIDField,
		WriteIDs:       setsMetadata,
	}
}

// conditions have codes of their own where they fail.
var conditions = [...]string{
	"X-Ms-Lease-Id", "X-Ms-If-Sequence-Number-Eq", "X-Ms-If-Sequence-Number-Le", "X-Ms-If-Sequence-Number-Lt",
}

func judge(a *dialect.Answer) dialect.Verdict {
	code := a.Header.Get("X-Ms-Error-Code")
	switch {
	case a.StatusCode == http.StatusAccepted:
		return accepted(a)
	case strings.HasPrefix(code, "Lease"):
		return a.Locked(fmt.Sprintf("%.64q", code))
	case (code == "BlobAlreadyExists" || code == "PathAlreadyExists") && a.StatusCode == http.StatusConflict && a.Request.Header.Get("If-None-Match") == "*":
		return a.Exists("create only: " + code)
	case a.StatusCode == http.StatusConflict:
		return a.Passes()
	case (code == "ConditionNotMet" || code == "") && strings.EqualFold(a.Request.URL.Query().Get("comp"), "appendblock"):
		return a.Changed("an Append Block isn't sent again under another tag: it might be appended twice")
	case code == "ConditionNotMet":
		return a.AsRFC9110()
	case code != "":
		return a.Stops(fmt.Sprintf("%.64q isn't about an ETag or a date", code))
	}
	for _, name := range conditions {
		if a.Request.Header.Get(name) != "" {
			return a.Stops("without a code there is no telling whether " + name + " failed")
		}
	}
	return a.AsRFC9110()
}

// accepted is what 202 means: a DELETE is done by then, and a copy says so.
func accepted(a *dialect.Answer) dialect.Verdict {
	switch status := a.Header.Get("X-Ms-Copy-Status"); {
	case status == "pending":
		return a.Pending(fmt.Sprintf("the copy with the id %.64q goes on", a.Header.Get("X-Ms-Copy-Id")))
	case status == "success", a.Request.Method == http.MethodDelete:
		return a.Done()
	}
	return a.Passes()
}

// replacesOther reports whether a write has something else in its body than the
// content of a blob: a lease, metadata, a list of blocks, nothing for a copy.
func replacesOther(req *http.Request) bool {
	query, h := req.URL.Query(), req.Header
	return query.Has("comp") || query.Has("restype") || query.Has("action") || query.Has("resource") ||
		h.Get("X-Ms-Copy-Source") != "" || h.Get("X-Ms-Rename-Source") != ""
}

// setsMetadata reports whether a PUT writes a blob with the metadata in its
// header. A copy takes over its source's only where its own header has none.
func setsMetadata(req *http.Request) bool {
	query := req.URL.Query()
	if query.Has("restype") || query.Has("action") || query.Has("resource") || req.Header.Get("X-Ms-Copy-Source") != "" {
		return false
	}
	switch strings.ToLower(query.Get("comp")) {
	case "", "blocklist", "metadata":
		return true
	}
	return false
}

// toBlob makes a refresh ask for the blob, not for a block or its metadata. What
// stays in the query stays as it is: a signature is in it, and snapshot or
// versionid name another state.
func toBlob(req *http.Request) (*http.Request, error) {
	pairs := strings.Split(req.URL.RawQuery, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		switch strings.ToLower(name) {
		case "comp", "blockid", "copyid", "deletetype":
			return true
		case "action", "resource", "position", "flush", "close", "retainuncommitteddata", "mode", "recursive", "continuation": // dfs
			return true
		}
		return false
	})
	req.URL.RawQuery = strings.Join(pairs, "&")
	req.Header.Del("X-Ms-Range") // of Put Page: a GET would be answered with a part
	return req, nil
}
