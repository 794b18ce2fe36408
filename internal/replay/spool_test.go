package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

func FuzzSpool(f *testing.F) {
	left := bodytest.Temporaries(f)
	f.Add(uint16(100), uint8(10), uint8(7), byte(0), []byte{1, 2, 0xff, 30, 0xff, 200, 200})
	f.Add(uint16(0), uint8(0), uint8(1), byte(1), []byte{0xff, 1, 0xfe})
	f.Add(uint16(300), uint8(255), uint8(255), byte(2), []byte{50, 50, 0xfe, 50, 0xff, 255, 0xfd})
	f.Add(uint16(65), uint8(64), uint8(3), byte(7), []byte{0xff, 0xff, 64, 1, 0xfc, 1, 1})
	errSource := errors.New("the source broke")
	f.Fuzz(func(t *testing.T, size uint16, limit, chunk uint8, flags byte, ops []byte) {
		data := bodytest.Pattern(int(size % 2048))
		end := io.EOF
		if flags&1 != 0 {
			end = errSource
		}
		src := &bodytest.Source{R: &bodytest.Chunks{Data: data, N: int(chunk) + 1, Err: end, Empty: flags&2 != 0, Glued: flags&4 != 0}}
		s := newSpool(context.Background(), src, int64(limit))
		body := s.first()
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
					if src.Closes() != 1 {
						t.Fatal("the source is open although nobody is left")
					}
					if _, err := s.open(); err != errReleased {
						t.Fatalf("opened after the end: %v", err)
					}
					return
				}
				var err error
				if body, err = s.open(); err != nil {
					t.Fatal(err)
				}
				offset = 0
			}
			if int64(len(s.memory)) > int64(limit) {
				t.Fatalf("%d bytes in memory, at most %d may be", len(s.memory), limit)
			}
			if s.size != src.Given() {
				t.Fatalf("%d bytes copied, %d read", s.size, src.Given())
			}
		}
		if src.Closes() != 0 {
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
		src.Check(t)
		if s.file != nil || s.memory != nil || len(left()) > 0 {
			t.Fatalf("left: file %v, %d bytes, %v", s.file, len(s.memory), left())
		}
	})
}

// TestSpoolFile: nobody else can see what exceeds the memory, nor is it there
// afterwards.
func TestSpoolFile(t *testing.T) {
	left := bodytest.Temporaries(t)
	data := bodytest.Pattern(3000)
	src := &bodytest.Source{R: bytes.NewReader(data)}
	s := newSpool(t.Context(), src, 1024)
	body := s.first()
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
	if src.Closes() != 0 {
		t.Error("closed under its reader")
	}
	body.Close()
	src.Check(t)
	if _, err := file.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
}

// TestSpoolWithoutDisk: a copy that can't be made ends the copy, not the body.
func TestSpoolWithoutDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent/ifmatch")
	data := bodytest.Pattern(3000)
	src := &bodytest.Source{R: bytes.NewReader(data)}
	s := newSpool(t.Context(), src, 100)
	body := s.first()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	body.Close()
	if err := (&Body{copied: s}).Reason(); !errors.Is(err, ErrNotReplayable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reason: %v", err)
	}
	if _, err := s.open(); err == nil {
		t.Error("opened without a copy")
	}
	if s.memory != nil {
		t.Error("the useless part of the copy is kept")
	}
	s.release()
	src.Check(t)
}

// TestSpoolFullDisk: the file is there, but can't be written any more.
func TestSpoolFullDisk(t *testing.T) {
	bodytest.Temporaries(t)
	data := bodytest.Pattern(3000)
	src := &bodytest.Source{R: &bodytest.Chunks{Data: data, N: 500, Err: io.EOF}}
	s := newSpool(t.Context(), src, 100)
	body := s.first()
	io.CopyN(io.Discard, body, 1000)
	s.file.Close() // what is written from now on fails
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data[1000:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	body.Close()
	if err := (&Body{copied: s}).Reason(); !errors.Is(err, ErrNotReplayable) {
		t.Errorf("reason: %v", err)
	}
	s.release()
	src.Check(t)
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
			src := bodytest.NewStuck(10)
			src.EOF = name == "abandoned" || name == "cancelled"
			s := newSpool(ctx, src, 1<<20)
			body := s.first()
			ended := make(chan error)
			go func() {
				_, err := io.ReadAll(body)
				ended <- err
			}()
			<-src.Inside()
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
			if n := src.Closes(); n != 1 {
				t.Errorf("closed %d times", n)
			}
		})
	}
	t.Run("not the last", func(t *testing.T) {
		src := bodytest.NewStuck(10)
		s := newSpool(t.Context(), src, 1<<20)
		body := s.first()
		go io.ReadAll(body)
		<-src.Inside()
		body.Close()
		if src.Closes() != 0 {
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

// TestSpoolAtFault tells a body that is at fault from a connection that is.
func TestSpoolAtFault(t *testing.T) {
	for _, test := range []struct {
		size      int
		announced int64
		end       error
		toEnd     bool
		atFault   bool
		whole     bool
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
		s := newSpool(t.Context(), &bodytest.Source{R: &bodytest.Chunks{Data: bodytest.Pattern(test.size), N: 100, Err: test.end}}, 100)
		body := s.first()
		io.CopyN(io.Discard, body, int64(test.size))
		if test.toEnd {
			io.ReadAll(body)
		}
		if got := s.atFault(test.announced); got != test.atFault {
			t.Errorf("%+v: at fault %v", test, got)
		}
		if got := s.whole(test.announced); got != test.whole {
			t.Errorf("%+v: whole %v", test, got)
		}
		body.Close()
		s.release()
	}
}
