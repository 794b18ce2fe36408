package ifmatchtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
)

// maxLogBody is the size of the largest body that the log keeps.
const maxLogBody = 1 << 20

// A Request is what the log keeps of one request.
type Request struct {
	Method string
	Path   string
	Query  string      // raw, without the question mark
	Header http.Header // as net/http hands it to a handler: without Host

	// Body is what was read of the body. It is nil when that was more than
	// 1 MiB, or nothing.
	Body []byte

	// BodySize is the number of bytes that were read of the body.
	BodySize int64

	// StatusCode is the answer's, also of an answer that was lost. Zero means
	// that there was none, or not yet.
	StatusCode int

	// Applied reports whether the request changed the state.
	Applied bool

	// Lost reports that the answer never left.
	Lost bool

	// Resent reports that Replay or ResendOn sent the request again, which is
	// the next entry of the same request. The answer was lost on that way.
	Resent bool
}

// Log returns what arrived, in order of arrival. It is a deep copy. A request
// that is answered is complete in it; one still under way has what is known.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := make([]Request, len(s.log))
	for i, e := range s.log {
		log[i] = *e
		log[i].Header = e.Header.Clone()
		log[i].Body = bytes.Clone(e.Body)
	}
	return log
}

// ResetLog empties the log. Requests under way do not come back to it.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// A recorder keeps of a request's body, as it is read, what the log wants, and
// what DiscardBodies wants.
type recorder struct {
	io.ReadCloser
	n    int64
	buf  bytes.Buffer // at most maxLogBody
	head []byte       // the first 64 bytes
	sum  hash.Hash
}

func newRecorder(body io.ReadCloser) *recorder {
	return &recorder{ReadCloser: body, sum: sha256.New()}
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n += int64(n)
	r.sum.Write(p[:n])
	r.head = append(r.head, p[:min(n, 64-len(r.head))]...)
	if r.n > maxLogBody {
		r.buf = bytes.Buffer{}
		return n, err
	}
	r.buf.Write(p[:n])
	return n, err
}

// body returns what the log keeps.
func (r *recorder) body() []byte {
	if r.n == 0 || r.n > maxLogBody {
		return nil
	}
	return r.buf.Bytes()
}

// digest returns what DiscardBodies stores.
func (r *recorder) digest() []byte {
	return fmt.Appendf(bytes.Clone(r.head), "\nsha256:%x length:%d\n", r.sum.Sum(nil), r.n)
}
