package ifmatch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// source is a body that watches over its use: one reader at a time (the race
// detector sees two in the plain fields), no read after Close, one Close.
type source struct {
	r       io.Reader
	pause   func() // in the midst of each Read
	read    int64  // bytes given; of the reader alone
	reading atomic.Int32
	closed  atomic.Int32
	wrong   atomic.Pointer[string]
	lenient bool // a read after Close is fine
}

func (s *source) Read(p []byte) (int, error) {
	if s.reading.Add(1) != 1 {
		s.blame("two readers")
	}
	defer s.reading.Add(-1)
	if s.closed.Load() > 0 {
		s.blame(readAfterClose)
	}
	if s.pause != nil {
		s.pause()
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	return n, err
}

const readAfterClose = "read after Close"

func (s *source) Close() error {
	if s.closed.Add(1) > 1 {
		s.blame("closed twice")
	}
	return nil
}

func (s *source) blame(what string) { s.wrong.CompareAndSwap(nil, &what) }

// check says what was wrong with the use of a source that is over.
func (s *source) check(t testing.TB) {
	t.Helper()
	if what := s.wrong.Load(); what != nil && !(s.lenient && *what == readAfterClose) {
		t.Errorf("the source: %s", *what)
	}
	if n := s.closed.Load(); n != 1 {
		t.Errorf("the source was closed %d times", n)
	}
}

// pattern is a text in which each place differs from its neighbours. It is
// shared, so not to be changed.
func pattern(n int) []byte { return wholePattern()[:n:n] }

var wholePattern = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
})

// temporaries sets a directory of the test's own for temporary files, and
// returns what is in it.
func temporaries(t testing.TB) func() []string {
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

// chunks reads at most n bytes at a time, then none for once, and ends with err.
type chunks struct {
	data  []byte
	n     int
	err   error
	empty bool // give 0, nil next
	glued bool // the error comes with the last bytes
}

func (c *chunks) Read(p []byte) (int, error) {
	c.empty = !c.empty
	if c.empty {
		return 0, nil
	}
	n := copy(p[:min(len(p), c.n)], c.data)
	c.data = c.data[n:]
	if len(c.data) == 0 && (n == 0 || c.glued) {
		return n, c.err
	}
	return n, nil
}

func FuzzSpool(f *testing.F) {
	left := temporaries(f)
	f.Add(uint16(100), uint8(10), uint8(7), byte(0), []byte{1, 2, 0xff, 30, 0xff, 200, 200})
	f.Add(uint16(0), uint8(0), uint8(1), byte(1), []byte{0xff, 1, 0xfe})
	f.Add(uint16(300), uint8(255), uint8(255), byte(2), []byte{50, 50, 0xfe, 50, 0xff, 255, 0xfd})
	f.Add(uint16(65), uint8(64), uint8(3), byte(7), []byte{0xff, 0xff, 64, 1, 0xfc, 1, 1})
	errSource := errors.New("the source broke")
	f.Fuzz(func(t *testing.T, size uint16, limit, chunk uint8, flags byte, ops []byte) {
		data := pattern(int(size % 2048))
		end := io.EOF
		if flags&1 != 0 {
			end = errSource
		}
		src := &source{r: &chunks{data: data, n: int(chunk) + 1, err: end, empty: flags&2 != 0, glued: flags&4 != 0}}
		s := newSpool(context.Background(), src, int64(limit))
		body, err := s.open()
		if err != nil {
			t.Fatal(err)
		}
		offset, released := 0, false
		for _, op := range ops {
			switch {
			case op < 0xfc:
				p := make([]byte, int(op))
				n, err := body.Read(p)
				if !bytes.Equal(p[:n], data[offset:offset+n]) {
					t.Fatalf("at %d: %x, want %x", offset, p[:n], data[offset:offset+n])
				}
				offset += n
				if err != nil && (err != end || offset != len(data)) {
					t.Fatalf("at %d of %d: %v", offset, len(data), err)
				}
			case op == 0xfc:
				if n, err := body.Read(nil); n != 0 || err != nil && err != end {
					t.Fatalf("empty read: %d, %v", n, err)
				}
			case op == 0xfd && !released:
				s.release()
				released = true
			default: // close, and open the next
				old := body
				old.Close()
				old.Close()
				if n, err := old.Read(make([]byte, 1)); n != 0 || err != errReadAfterClose {
					t.Fatalf("read after close: %d, %v", n, err)
				}
				<-s.idle()
				if released {
					if src.closed.Load() != 1 {
						t.Fatal("the source is open although nobody is left")
					}
					if _, err := s.open(); err != errSpoolReleased {
						t.Fatalf("opened after the end: %v", err)
					}
					return
				}
				if body, err = s.open(); err != nil {
					t.Fatal(err)
				}
				offset = 0
			}
			if int64(len(s.memory)) > int64(limit) {
				t.Fatalf("%d bytes in memory, at most %d may be", len(s.memory), limit)
			}
			if s.size != src.read {
				t.Fatalf("%d bytes copied, %d read", s.size, src.read)
			}
		}
		if src.closed.Load() != 0 {
			t.Fatal("the source was closed early")
		}
		if flags&8 != 0 { // the rest
			rest, err := io.ReadAll(body)
			if err == nil {
				err = io.EOF
			}
			if err != end || !bytes.Equal(rest, data[offset:]) {
				t.Fatalf("the rest: %d bytes of %d, %v", len(rest), len(data)-offset, err)
			}
		}
		if flags&16 != 0 {
			s.release()
			body.Close()
		} else {
			body.Close()
			s.release()
		}
		s.abandon(io.ErrNoProgress)
		src.check(t)
		if s.file != nil || s.memory != nil || len(left()) > 0 {
			t.Fatalf("left: file %v, %d bytes, %v", s.file, len(s.memory), left())
		}
	})
}

// TestSpoolFile: nobody else can see what exceeds the memory, nor is it there
// afterwards.
func TestSpoolFile(t *testing.T) {
	left := temporaries(t)
	data := pattern(3000)
	src := &source{r: bytes.NewReader(data)}
	s := newSpool(t.Context(), src, 1024)
	body, _ := s.open()
	io.CopyN(io.Discard, body, 1000)
	if s.file != nil {
		t.Error("a file below the limit")
	}
	io.CopyN(io.Discard, body, 1000)
	file := s.file
	if file == nil || s.memory != nil {
		t.Fatalf("no file, %d bytes in memory", len(s.memory))
	}
	info, err := file.Stat()
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names := left(); len(names) > 0 {
		t.Errorf("the file has a name: %v", names)
	}
	body.Close()
	body, _ = s.open()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	s.release()
	if src.closed.Load() != 0 {
		t.Error("closed under its reader")
	}
	body.Close()
	src.check(t)
	if _, err := file.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
}

// TestSpoolWithoutDisk: a copy that can't be made ends the copy, not the body.
func TestSpoolWithoutDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent/ifmatch")
	data := pattern(3000)
	src := &source{r: bytes.NewReader(data)}
	s := newSpool(t.Context(), src, 100)
	body, _ := s.open()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	body.Close()
	if err := s.unusable(); !errors.Is(err, ErrNotReplayable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unusable: %v", err)
	}
	if _, err := s.open(); err == nil {
		t.Error("opened without a copy")
	}
	if s.memory != nil {
		t.Error("the useless part of the copy is kept")
	}
	s.release()
	src.check(t)
}

// TestSpoolFullDisk: the file is there, but can't be written any more.
func TestSpoolFullDisk(t *testing.T) {
	temporaries(t)
	data := pattern(3000)
	src := &source{r: &chunks{data: data, n: 500, err: io.EOF}}
	s := newSpool(t.Context(), src, 100)
	body, _ := s.open()
	io.CopyN(io.Discard, body, 1000)
	s.file.Close() // what is written from now on fails
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data[1000:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	body.Close()
	if err := s.unusable(); !errors.Is(err, ErrNotReplayable) {
		t.Errorf("unusable: %v", err)
	}
	s.release()
	src.check(t)
}

// stuck is a body whose Read hangs until Close, as that of a pipe.
type stuck struct {
	first   io.Reader // before
	inside  chan struct{}
	unblock chan struct{}
	closes  atomic.Int32
	deaf    bool // Close doesn't end a Read
	eof     bool // and then the Read gives io.EOF
	hung    atomic.Bool
}

func newStuck(first int) *stuck {
	return &stuck{first: bytes.NewReader(pattern(first)), inside: make(chan struct{}), unblock: make(chan struct{})}
}

func (s *stuck) Read(p []byte) (int, error) {
	if n, _ := s.first.Read(p); n > 0 {
		return n, nil
	}
	if !s.hung.Swap(true) {
		close(s.inside)
	}
	<-s.unblock
	if s.eof {
		return 0, io.EOF
	}
	return 0, io.ErrClosedPipe
}

func (s *stuck) Close() error {
	if s.closes.Add(1) == 1 && !s.deaf {
		close(s.unblock)
	}
	return nil
}

// TestSpoolStuckSource: who closes a body wants its Read to end, but only the
// last Close reaches the source.
func TestSpoolStuckSource(t *testing.T) {
	for name, end := range map[string]func(s *spool, body io.Closer, cancel func()){
		"last reader closed":  func(s *spool, body io.Closer, _ func()) { s.release(); body.Close() },
		"released afterwards": func(s *spool, body io.Closer, _ func()) { body.Close(); s.release() },
		"abandoned":           func(s *spool, body io.Closer, _ func()) { s.abandon(io.ErrNoProgress); body.Close(); s.release() },
		"cancelled":           func(s *spool, body io.Closer, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			src := newStuck(10)
			src.eof = name == "abandoned" || name == "cancelled"
			s := newSpool(ctx, src, 1<<20)
			body, _ := s.open()
			ended := make(chan error)
			go func() {
				_, err := io.ReadAll(body)
				ended <- err
			}()
			<-src.inside
			if name != "cancelled" {
				select {
				case <-s.idle():
					t.Error("idle in the midst of a read")
				default:
				}
			}
			end(s, body, cancel)
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the read ended without an error")
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the read hangs")
			}
			body.Close()
			<-s.idle()
			if _, err := s.open(); err == nil {
				t.Error("what was never read can be sent")
			}
			s.release()
			if n := src.closes.Load(); n != 1 {
				t.Errorf("closed %d times", n)
			}
		})
	}
	t.Run("not the last", func(t *testing.T) {
		src := newStuck(10)
		s := newSpool(t.Context(), src, 1<<20)
		body, _ := s.open()
		go io.ReadAll(body)
		<-src.inside
		body.Close()
		if src.closes.Load() != 0 {
			t.Error("the source was closed although another reader may follow")
		}
		select {
		case <-s.idle():
			t.Error("idle in the midst of a read")
		default:
		}
		s.release()
	})
}

// TestSpoolFailed tells a body that is at fault from a connection that is.
func TestSpoolFailed(t *testing.T) {
	for _, test := range []struct {
		size      int
		announced int64
		end       error
		toEnd     bool
		failed    bool
		complete  bool
	}{
		{10, 10, io.EOF, true, false, true},
		{10, 10, io.EOF, false, false, true},
		{10, 12, io.EOF, true, true, true},
		{10, 8, io.EOF, true, true, true},
		{10, 12, io.EOF, false, false, false},
		{10, -1, io.EOF, true, false, true},
		{10, 0, io.EOF, true, false, true},
		{10, 0, io.EOF, false, false, false},
		{10, -1, io.ErrClosedPipe, true, true, false},
		{10, 20, io.ErrClosedPipe, true, true, false},
	} {
		s := newSpool(t.Context(), &source{r: &chunks{data: pattern(test.size), n: 100, err: test.end}}, 100)
		body, _ := s.open()
		io.CopyN(io.Discard, body, int64(test.size))
		if test.toEnd {
			io.ReadAll(body)
		}
		if got := s.failed(test.announced); got != test.failed {
			t.Errorf("%+v: failed %v", test, got)
		}
		if got := s.complete(test.announced); got != test.complete {
			t.Errorf("%+v: complete %v", test, got)
		}
		body.Close()
		s.release()
	}
}
