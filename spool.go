package ifmatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// spool copies a body that can't be had again as it is first sent, so that it
// can be sent again: in memory up to a limit, then in a temporary file. One
// reader is open at a time; the source is read by nobody else and closed once,
// after the last of them.
type spool struct {
	source io.ReadCloser
	limit  int64

	// mu guards all below. It is never held over a read of the source: an
	// early answer would have to wait for that.
	mu        sync.Mutex
	memory    []byte
	file      *os.File // once memory was too small
	size      int64    // of the copy
	end       error    // of the source; nil: there may be more
	broken    error    // why the copy isn't complete
	reader    *spoolReader
	reading   bool        // the reader is inside a read of the source
	last      bool        // no other reader follows
	closed    bool        // the source is
	abandoned error       // why it was closed before its end
	forget    func() bool // ends the watch over the context
}

// newSpool makes a spool whose source is closed when ctx ends: on HTTP/1.1
// net/http waits for a read that hangs, whatever became of the context.
func newSpool(ctx context.Context, source io.ReadCloser, limit int64) *spool {
	s := &spool{source: source, limit: limit}
	s.forget = context.AfterFunc(ctx, func() { s.abandon(ctx.Err()) })
	return s
}

// open returns a reader from the beginning. The one before must be closed: see
// idle.
func (s *spool) open() (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	if s.abandoned != nil && s.end != io.EOF {
		return nil, s.abandoned
	}
	s.reader = &spoolReader{spool: s, done: make(chan struct{})}
	return s.reader, nil
}

// unusable is why the copy can't be sent, nil if it can.
func (s *spool) unusable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		return nil
	}
	return fmt.Errorf("%w: copy of the body: %w", ErrNotReplayable, s.broken)
}

// idle returns a channel that is closed when the base has done with the reader.
func (s *spool) idle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader.done
}

// failed reports whether the source itself ended with an error, or gave another
// number of bytes than was announced.
func (s *spool) failed(announced int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil && s.end != io.EOF {
		return true
	}
	return announced > 0 && (s.size > announced || s.end == io.EOF && s.size != announced)
}

// complete reports whether the source was read to its end, or as far as was
// announced.
func (s *spool) complete(announced int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end == io.EOF || announced > 0 && s.size >= announced
}

// release says that no other reader follows: the source is closed and the copy
// is dropped once the last one is. A read under way doesn't keep the source
// open: who closes a body while reading it, as net/http does on HTTP/2, wants
// the read to end.
func (s *spool) release() {
	s.mu.Lock()
	s.last = true
	finish := s.takeFinish()
	s.mu.Unlock()
	finish()
}

// abandon closes the source although it may be read, to end a read that hangs.
func (s *spool) abandon(why error) {
	s.mu.Lock()
	closeNow := !s.closed
	if closeNow {
		s.closed, s.abandoned = true, why
	}
	s.mu.Unlock()
	if closeNow {
		s.source.Close()
	}
}

// takeFinish returns what is to be done when the spool's end has come, and
// nothing before. mu is held.
func (s *spool) takeFinish() func() {
	if !s.last || s.reader != nil && !s.reader.closed {
		return func() {}
	}
	file, closeSource := s.file, !s.closed
	s.file, s.memory, s.closed = nil, nil, true
	s.broken = errSpoolReleased
	return func() {
		s.forget()
		if file != nil {
			file.Close()
			os.Remove(file.Name()) // where it couldn't be unlinked while open
		}
		if closeSource {
			s.source.Close()
		}
	}
}

var errSpoolReleased = errors.New("ifmatch: the copy of the body was released")

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
	if r.closed {
		s.mu.Unlock()
		return 0, errReadAfterClose
	}
	if r.offset < s.size {
		n, err := s.readCopy(p, r.offset)
		r.offset += int64(n)
		s.mu.Unlock()
		return n, err
	}
	if s.end != nil {
		defer s.mu.Unlock()
		return 0, s.end
	}
	if s.closed {
		defer s.mu.Unlock()
		return 0, cmp.Or(s.abandoned, errSpoolReleased)
	}
	if len(p) == 0 {
		s.mu.Unlock()
		return 0, nil
	}
	s.reading = true
	s.mu.Unlock()

	n, err := s.source.Read(p)

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

// takeDone tells who waits for the reader's end, and returns what is to be done
// after the lock. spool.mu is held.
func (r *spoolReader) takeDone() func() {
	if r.closed && !r.spool.reading && !r.isDone {
		r.isDone = true
		close(r.done)
	}
	return r.spool.takeFinish()
}

// append adds to the copy. What can't be copied makes it useless, and nothing
// else: the attempt under way goes on.
func (s *spool) append(p []byte) {
	s.size += int64(len(p))
	if s.broken != nil || len(p) == 0 {
		return
	}
	if s.file == nil && int64(len(s.memory)+len(p)) <= s.limit {
		s.memory = append(s.memory, p...)
		return
	}
	if s.file == nil {
		s.broken = s.toFile()
	}
	if s.broken == nil {
		_, s.broken = s.file.Write(p)
	}
	if s.broken != nil && s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
		s.file = nil
	}
	if s.broken != nil {
		s.memory = nil
	}
}

// toFile moves the copy to a temporary file that only this process can see.
func (s *spool) toFile() error {
	file, err := os.CreateTemp("", "ifmatch-*") // mode 0600
	if err != nil {
		return err
	}
	os.Remove(file.Name()) // on Windows it goes when it is closed
	if _, err := file.Write(s.memory); err != nil {
		file.Close()
		os.Remove(file.Name())
		return err
	}
	s.file, s.memory = file, nil
	return nil
}

// readCopy reads from the copy. mu is held.
func (s *spool) readCopy(p []byte, offset int64) (int, error) {
	switch {
	case s.broken != nil:
		return 0, s.broken
	case s.file != nil:
		n, err := s.file.ReadAt(p[:min(int64(len(p)), s.size-offset)], offset)
		if n > 0 {
			err = nil
		}
		return n, err
	}
	return copy(p, s.memory[offset:]), nil
}
