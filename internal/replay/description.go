package replay

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// DropDescription removes from req what described the body that another one has
// replaced: transfer codings, trailers, and the fields that describe a body, as
// far as they are as they were in the old header. What differs from there was
// set for the new body, and stays.
func DropDescription(req *http.Request, old http.Header) {
	req.TransferEncoding, req.Trailer = nil, nil
	for name, values := range req.Header {
		if describes(textproto.CanonicalMIMEHeaderKey(name)) && slices.Equal(values, old[name]) {
			delete(req.Header, name)
		}
	}
}

// describes reports whether the field of this name is about the bytes of a body.
// Content-Type isn't: another body of the same kind has the same.
func describes(key string) bool {
	switch key {
	case "Content-Encoding", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "X-Goog-Hash",
		"X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Trailer",
		"X-Ms-Blob-Content-Md5", "X-Ms-Content-Crc64":
		return true
	}
	return strings.HasPrefix(key, "X-Amz-Checksum-")
}
