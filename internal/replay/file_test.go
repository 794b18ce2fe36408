package replay

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

// TestDiscardLeavesOthersAlone: the name of a file that was unlinked while it was
// open may be of somebody else's file when it is closed.
func TestDiscardLeavesOthersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file keeps its name on Windows")
	}
	for name, end := range map[string]func(s *spool){
		"released": func(s *spool) { s.release() },
		"disk full": func(s *spool) {
			s.file.Close()
			s.append([]byte("more"))
		},
	} {
		left := bodytest.Temporaries(t)
		s := newSpool(t.Context(), &bodytest.Source{R: bytes.NewReader(bodytest.Pattern(3000))}, 100)
		body := s.first()
		io.Copy(io.Discard, body)
		body.Close()
		theirs := s.file.Name()
		if err := os.WriteFile(theirs, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		end(s)
		if s.file != nil {
			t.Errorf("%s: the file is kept", name)
		}
		if got, err := os.ReadFile(theirs); err != nil || string(got) != "theirs" {
			t.Errorf("%s: somebody else's file: %q, %v", name, got, err)
		}
		os.Remove(theirs)
		s.release()
		if names := left(); len(names) > 0 {
			t.Errorf("%s: left %v", name, names)
		}
	}
}

// TestDiscardRemovesTheName that a file has kept, as it does on Windows.
func TestDiscardRemovesTheName(t *testing.T) {
	left := bodytest.Temporaries(t)
	file, err := os.CreateTemp("", "ifmatch-*")
	if err != nil {
		t.Fatal(err)
	}
	kept := &tempFile{file, true}
	kept.discard()
	if names := left(); len(names) > 0 {
		t.Errorf("left %v", names)
	}
	if _, err := kept.Write(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
}
