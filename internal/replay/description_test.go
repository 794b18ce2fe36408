package replay

import (
	"net/http"
	"slices"
	"testing"
)

// TestDropDescription: what described the old body goes, whatever its spelling;
// what was set for the new one stays, and so does what is about neither.
func TestDropDescription(t *testing.T) {
	old := http.Header{
		"Content-Encoding": {"gzip"}, "content-md5": {"x"}, "Digest": {"x"}, "Content-Digest": {"x"}, "Repr-Digest": {"x"},
		"X-Goog-Hash": {"x"}, "X-Amz-Content-Sha256": {"x"}, "X-Amz-Decoded-Content-Length": {"1"}, "X-Amz-Sdk-Checksum-Algorithm": {"x"},
		"X-Amz-Trailer": {"x"}, "X-Amz-Checksum-Crc32": {"x"}, "X-Ms-Blob-Content-Md5": {"x"}, "X-Ms-Content-Crc64": {"x"},
		"Content-Type": {"text/plain"}, "X-Amz-Meta-A": {"x"}, "Authorization": {"x"},
	}
	req := &http.Request{Header: old.Clone(), TransferEncoding: []string{"chunked"}, Trailer: http.Header{"X-Sum": {"x"}}}
	req.Header["Digest"] = []string{"of the new body"}
	req.Header["X-Amz-Checksum-Sha256"] = []string{"of the new body"}
	DropDescription(req, old)
	if req.TransferEncoding != nil || req.Trailer != nil {
		t.Errorf("transfer coding %v, trailer %v", req.TransferEncoding, req.Trailer)
	}
	var left []string
	for name := range req.Header {
		left = append(left, name)
	}
	slices.Sort(left)
	if want := []string{"Authorization", "Content-Type", "Digest", "X-Amz-Checksum-Sha256", "X-Amz-Meta-A"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
	if len(old) != 16 {
		t.Error("the old header was changed")
	}
}
