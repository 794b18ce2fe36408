package replay

import (
	"cmp"
	"errors"
)

// spoolReader is the body of one attempt.
type spoolReader struct {
	spool  *spool
	offset int64
	closed bool          // guarded by spool.mu
	done   chan struct{} // closed when the reader is, and reads no more
	isDone bool          // guarded by spool.mu
}

// Read gives the copy first, and then goes on with the source, copying it.
func (r *spoolReader) Read(p []byte) (int, error) {
	s := r.spool
	s.mu.Lock()
	n, goOn, err := r.readCopied(p)
	if !goOn {
		s.mu.Unlock()
		return n, err
	}
	s.reading = true
	s.mu.Unlock()

	n, err = s.source.Read(p)

	s.mu.Lock()
	if err != nil && s.abandoned != nil {
		// Rather than what Close made of the read. It may be io.EOF, and must
		// not end a body of unknown length that isn't whole.
		err = s.abandoned
	}
	s.reading = false
	s.end = err
	s.append(p[:max(n, 0)])
	r.offset += int64(n)
	finish := r.takeDone()
	s.mu.Unlock()
	finish()
	return n, err
}

// readCopied reads as far as the copy goes. It returns true where nothing more of
// the copy is left, and the source may have more. spool.mu is held.
func (r *spoolReader) readCopied(p []byte) (int, bool, error) {
	s := r.spool
	switch {
	case r.closed:
		return 0, false, errReadAfterClose
	case r.offset < s.size:
		n, err := s.readCopy(p, r.offset)
		r.offset += int64(n)
		return n, false, err
	case s.end != nil:
		return 0, false, s.end
	case s.closed:
		return 0, false, cmp.Or(s.abandoned, errReleased)
	}
	return 0, len(p) > 0, nil
}

var errReadAfterClose = errors.New("ifmatch: the request body was read after Close")

// Close ends this attempt's use of the body. The source stays open as long as
// another attempt may follow.
func (r *spoolReader) Close() error {
	r.spool.mu.Lock()
	r.closed = true
	finish := r.takeDone()
	r.spool.mu.Unlock()
	finish()
	return nil
}

// takeDone tells whoever waits for the reader's end, and returns what is to be
// done after the lock. spool.mu is held.
func (r *spoolReader) takeDone() func() {
	if r.closed && !r.spool.reading && !r.isDone {
		r.isDone = true
		close(r.done)
	}
	return r.spool.takeFinish()
}
