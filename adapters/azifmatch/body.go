package azifmatch

import (
	"errors"
	"io"
	"sync"
)

var errClosed = errors.New("azifmatch: read of a body after the call")

// source is the body of the SDK's request, which several readers may be reading:
// net/http can go on with one after an early refusal.
type source struct {
	mu     sync.Mutex
	body   io.ReadSeeker
	size   int64
	closed bool
}

// open returns a reader with a place of its own, from the beginning.
func (s *source) open() (io.ReadCloser, error) { return &section{source: s}, nil }

// close keeps the readers away from the body, which belongs to the caller again.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

type section struct {
	source *source
	at     int64
}

func (r *section) Read(p []byte) (int, error) {
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	if _, err := s.body.Seek(r.at, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := s.body.Read(p)
	r.at += int64(n)
	return n, err
}

func (r *section) Close() error { return nil }

// rewinder is a body as the SDK wants it: its policies go back to the beginning
// before they send the request again, as after a challenge.
type rewinder struct {
	mu     sync.Mutex
	reader io.ReadCloser
	open   func() (io.ReadCloser, error) // nil: it can be read once
	size   int64
	begun  bool
}

func (r *rewinder) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
	return r.reader.Read(p)
}

// Seek knows the two places that the SDK asks for: the beginning and the end, for
// the size.
func (r *rewinder) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case offset == 0 && whence == io.SeekEnd:
		return r.size, nil
	case offset != 0 || whence != io.SeekStart:
		return 0, errors.New("azifmatch: seek to another place than the beginning or the end")
	case !r.begun:
		return 0, nil
	case r.open == nil:
		return 0, errors.New("azifmatch: the body can be read once")
	}
	reader, err := r.open()
	if err != nil {
		return 0, err
	}
	r.reader.Close()
	r.reader, r.begun = reader, false
	return 0, nil
}

func (r *rewinder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reader.Close()
}
