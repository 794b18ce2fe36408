package memory

import (
	"crypto/sha256"
	"hash"
	"io"
)

// digestedBody is the body of a read. Its digest counts once the caller has seen
// the end.
type digestedBody struct {
	io.ReadCloser
	visit         Visit
	tag           string
	sum           hash.Hash // nil: ended, or too long
	read          int64
	limit, length int64
}

func (b *digestedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.sum == nil {
		return n, err
	}
	if b.read += int64(n); b.read > b.limit {
		b.sum = nil
		return n, err
	}
	b.sum.Write(p[:n])
	switch {
	case err == io.EOF:
		b.end()
	case err != nil:
		b.sum = nil
	}
	return n, err
}

// end notes the digest of a body that was as long as announced.
func (b *digestedBody) end() {
	if b.length < 0 || b.read == b.length {
		b.visit.flow.noteBody(b.visit, b.tag, [sha256.Size]byte(b.sum.Sum(nil)))
	}
	b.sum = nil
}
