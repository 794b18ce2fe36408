package replay

import (
	"context"
	"errors"
	"io"
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
	file      *tempFile // once memory was too small
	size      int64     // of the copy
	end       error     // of the source; nil: there may be more
	broken    error     // why the copy isn't complete
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

// first returns the first reader. Where the context has ended already its Read
// says so.
func (s *spool) first() io.ReadCloser {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newReader()
}

// newReader returns a reader from the beginning. mu is held.
func (s *spool) newReader() io.ReadCloser {
	s.reader = &spoolReader{spool: s, done: make(chan struct{})}
	return s.reader
}

// open returns another reader from the beginning. The one before must be closed:
// see idle.
func (s *spool) open() (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	if s.abandoned != nil && s.end != io.EOF {
		return nil, s.abandoned
	}
	return s.newReader(), nil
}

// unusable is why the copy can't be sent, nil if it can.
func (s *spool) unusable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// idle returns a channel that is closed when whoever had the reader has closed
// it, and reads no more.
func (s *spool) idle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader.done
}

// atFault reports whether the source itself ended with an error, or gave another
// number of bytes than was announced.
func (s *spool) atFault(announced int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil && s.end != io.EOF {
		return true
	}
	return announced > 0 && (s.size > announced || s.end == io.EOF && s.size != announced)
}

// whole reports whether the source was read to its end, or as far as was
// announced.
func (s *spool) whole(announced int64) bool {
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
	s.broken = errReleased
	return func() {
		s.forget()
		if file != nil {
			file.discard()
		}
		if closeSource {
			s.source.Close()
		}
	}
}

var errReleased = errors.New("ifmatch: the copy of the body was released")

// append adds to the copy. What can't be copied makes it useless, and nothing
// else: the attempt under way goes on. mu is held.
func (s *spool) append(p []byte) {
	s.size += int64(len(p))
	if s.broken != nil || len(p) == 0 {
		return
	}
	if s.file == nil && int64(len(s.memory)+len(p)) <= s.limit {
		s.memory = append(s.memory, p...)
		return
	}
	if s.broken = s.appendToFile(p); s.broken == nil {
		return
	}
	s.memory = nil
	if s.file != nil {
		s.file.discard()
		s.file = nil
	}
}

// appendToFile adds to a temporary file, to which the first call moves what is in
// memory. mu is held.
func (s *spool) appendToFile(p []byte) error {
	if s.file == nil {
		file, err := newTempFile()
		if err != nil {
			return err
		}
		s.file = file
		if _, err := file.Write(s.memory); err != nil {
			return err
		}
		s.memory = nil
	}
	_, err := s.file.Write(p)
	return err
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
