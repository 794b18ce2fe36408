// Package bodytest has bodies that watch how they are used, and such as
// misbehave. It is for tests only, and knows nothing of HTTP.
package bodytest

import (
	"bytes"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// Source is a body that watches over its use: one reader at a time (the race
// detector sees two in the plain fields), no read after Close, one Close. R and
// Pause are set before the first Read.
type Source struct {
	R       io.Reader // what it gives
	Pause   func()    // called in the midst of each Read; nil: not called
	Lenient bool      // Check takes a read after Close as fine

	given   int64
	reading atomic.Int32
	closed  atomic.Int32
	wrong   atomic.Pointer[string]
}

// Read reads from R.
func (s *Source) Read(p []byte) (int, error) {
	if s.reading.Add(1) != 1 {
		s.blame("two readers")
	}
	defer s.reading.Add(-1)
	if s.closed.Load() > 0 {
		s.blame(readAfterClose)
	}
	if s.Pause != nil {
		s.Pause()
	}
	n, err := s.R.Read(p)
	s.given += int64(n)
	return n, err
}

const readAfterClose = "read after Close"

// Close counts.
func (s *Source) Close() error {
	if s.closed.Add(1) > 1 {
		s.blame("closed twice")
	}
	return nil
}

func (s *Source) blame(what string) { s.wrong.CompareAndSwap(nil, &what) }

// Given is how many bytes were read. It must not be asked beside a Read, but
// within Pause.
func (s *Source) Given() int64 { return s.given }

// Reading reports whether a Read is under way.
func (s *Source) Reading() bool { return s.reading.Load() > 0 }

// Closes is how many times it was closed.
func (s *Source) Closes() int { return int(s.closed.Load()) }

// Check fails the test when the use of a source that is over was wrong, or when
// it wasn't closed once.
func (s *Source) Check(t testing.TB) {
	t.Helper()
	if what := s.wrong.Load(); what != nil && !(s.Lenient && *what == readAfterClose) {
		t.Errorf("the source: %s", *what)
	}
	if n := s.Closes(); n != 1 {
		t.Errorf("the source was closed %d times", n)
	}
}

// Stuck is a body whose Read hangs until Close, as the Read of a pipe does. Its
// exported fields are set before the first Read.
type Stuck struct {
	Deaf bool // Close doesn't end a Read
	EOF  bool // the Read that Close ends gives io.EOF rather than an error

	first   io.Reader // what it gives before it hangs
	inside  chan struct{}
	unblock chan struct{}
	closed  atomic.Int32
	hung    atomic.Bool
}

// NewStuck returns a body that hangs after this many bytes of Pattern.
func NewStuck(first int) *Stuck {
	return &Stuck{first: bytes.NewReader(Pattern(first)), inside: make(chan struct{}), unblock: make(chan struct{})}
}

// Read gives the first bytes and then hangs.
func (s *Stuck) Read(p []byte) (int, error) {
	if n, _ := s.first.Read(p); n > 0 {
		return n, nil
	}
	if !s.hung.Swap(true) {
		close(s.inside)
	}
	<-s.unblock
	if s.EOF {
		return 0, io.EOF
	}
	return 0, io.ErrClosedPipe
}

// Close ends a Read unless the body is deaf.
func (s *Stuck) Close() error {
	if s.closed.Add(1) == 1 && !s.Deaf {
		close(s.unblock)
	}
	return nil
}

// Inside is closed when a Read hangs for the first time.
func (s *Stuck) Inside() <-chan struct{} { return s.inside }

// Hung reports whether a Read has hung.
func (s *Stuck) Hung() bool { return s.hung.Load() }

// Unblock ends the Read of a deaf body. It must be called once at most.
func (s *Stuck) Unblock() { close(s.unblock) }

// Closes is how many times it was closed.
func (s *Stuck) Closes() int { return int(s.closed.Load()) }

// Chunks is a reader that gives few bytes at a time, and ends with Err.
type Chunks struct {
	Data  []byte
	N     int   // bytes at a time, at most
	Err   error // the end
	Empty bool  // give 0, nil next; then every other time
	Glued bool  // the error comes with the last bytes
}

// Read gives nothing every other time.
func (c *Chunks) Read(p []byte) (int, error) {
	c.Empty = !c.Empty
	if c.Empty {
		return 0, nil
	}
	n := copy(p[:min(len(p), c.N)], c.Data)
	c.Data = c.Data[n:]
	if len(c.Data) == 0 && (n == 0 || c.Glued) {
		return n, c.Err
	}
	return n, nil
}

// Pattern is a text of n bytes, at most 1 MiB, in which each place differs from
// its neighbours. It is shared, so not to be changed.
func Pattern(n int) []byte { return wholePattern()[:n:n] }

var wholePattern = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
})

// Temporaries sets a directory of the test's own for temporary files, and
// returns a function that tells the names in it.
func Temporaries(t testing.TB) func() []string {
	t.Helper()
	dir := t.TempDir()
	if shared, err := os.MkdirTemp("/dev/shm", "ifmatch-test-*"); err == nil { // without a disk to wait for
		dir = shared
		t.Cleanup(func() { os.RemoveAll(shared) })
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
}
