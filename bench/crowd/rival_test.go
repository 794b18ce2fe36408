package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ifmatch-go/ifmatch"
)

// A large is a document of many members, each of which the edits know.
type large struct {
	N     int               `json:"n"`
	Words map[string]string `json:"words"`
}

// largeOf returns a document of about this many bytes.
func largeOf(size int) []byte {
	d := large{Words: make(map[string]string)}
	for i := range size / 64 {
		d.Words[fmt.Sprintf("word-%06d", i)] = strings.Repeat("w", 46)
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // a map of strings can be marshalled
	}
	return text
}

// oneDocument is a server of one document.
type oneDocument struct {
	mu      sync.Mutex
	text    []byte
	version int
}

func (s *oneDocument) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	tag := fmt.Sprintf(`"%d"`, s.version)
	switch {
	case r.Method == http.MethodPut && r.Header.Get("If-Match") != tag:
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		s.text, s.version = body, s.version+1
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, s.version))
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Type", "application/json")
		w.Write(s.text)
	}
}

// count is what the document counts.
func (s *oneDocument) count(t *testing.T) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d large
	if err := json.Unmarshal(s.text, &d); err != nil {
		t.Fatal(err)
	}
	return d.N
}

var errUnwilling = errors.New("the edit doesn't want to")

// TestRival lets a crowd add to one large document, each writer once, beside another process
// that writes now and then. All get through that want to. How long it takes is printed, beside
// the same crowd without the rival and one writer at a time; with IFMATCH_MEASURE the crowds are
// large, and the rival may cost twice the time at most.
func TestRival(t *testing.T) {
	rows := []rivalRow{{"small", 4 << 10, 32, 20 * time.Millisecond, false}}
	measured := os.Getenv("IFMATCH_MEASURE") != ""
	if measured {
		rows = []rivalRow{
			{"20 KiB", 20 << 10, 256, 400 * time.Millisecond, false},
			{"100 KiB", 100 << 10, 128, time.Second, false},
			{"100 KiB, many", 100 << 10, 256, 2 * time.Second, false},
			{"100 KiB, failing", 100 << 10, 256, 2 * time.Second, true},
		}
	}
	for _, row := range rows {
		alone := row.takes(t, 0, row.resource)
		beside := row.takes(t, row.every, row.resource)
		oneByOne := row.takes(t, row.every, row.oneAtATime)
		t.Logf("%s: %v beside the rival, %v without: %.2f times; one at a time, beside the rival: %v", row.name, beside, alone, float64(beside)/float64(alone), oneByOne)
		if measured && beside > 2*alone {
			t.Errorf("%s: %v beside the rival, %v without", row.name, beside, alone)
		}
	}
}

// A rivalRow is a crowd.
type rivalRow struct {
	name    string
	size    int // of the document, in bytes
	writers int
	every   time.Duration // the rival writes
	failing bool          // every second edit
}

// updating makes the add of one writer.
type updating func(ctx context.Context, edit func(*large) error) error

// resource adds by one Resource.
func (row rivalRow) resource(c *http.Client, url string) updating {
	r := ifmatch.NewResource[large](c, url)
	return func(ctx context.Context, edit func(*large) error) error {
		_, err := r.Update(ctx, edit)
		return err
	}
}

// oneAtATime adds by Updates that wait for each other.
func (row rivalRow) oneAtATime(c *http.Client, url string) updating {
	var turn sync.Mutex
	return func(ctx context.Context, edit func(*large) error) error {
		turn.Lock()
		defer turn.Unlock()
		_, err := ifmatch.Update(ctx, c, url, edit)
		return err
	}
}

// takes returns how long the crowd takes, and that all who want to get through do.
func (row rivalRow) takes(t *testing.T, every time.Duration, adding func(*http.Client, string) updating) time.Duration {
	t.Helper()
	s := &oneDocument{text: largeOf(row.size)}
	origin := httptest.NewServer(s)
	defer origin.Close()
	client := &http.Client{Transport: ifmatch.NewTransport(origin.Client().Transport, ifmatch.Stop)}
	ctx, cancel := context.WithCancel(t.Context())
	rival := make(chan int)
	go func() { rival <- rivalWrites(ctx, origin.Client(), origin.URL, every) }()
	add := adding(client, origin.URL)
	if err := add(ctx, func(d *large) error { d.N++; return nil }); err != nil { // the first one reads
		t.Fatal(err)
	}
	begun, wanted := time.Now(), 1
	var all sync.WaitGroup
	for i := range row.writers {
		fails := row.failing && i%2 == 1
		if !fails {
			wanted++
		}
		all.Go(func() {
			err := add(ctx, func(d *large) error {
				if fails {
					return errUnwilling
				}
				d.N++
				return nil
			})
			if fails != errors.Is(err, errUnwilling) || !fails && err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	cancel()
	wanted += <-rival
	if got := s.count(t); got != wanted {
		t.Errorf("%s: the document counts %d, and %d were to be added", row.name, got, wanted)
	}
	return took
}

// rivalWrites adds to the document every now and then until ctx ends, and returns how often it
// has; zero: never.
func rivalWrites(ctx context.Context, c *http.Client, url string, every time.Duration) (added int) {
	for every > 0 {
		select {
		case <-ctx.Done():
			return added
		case <-time.After(every):
		}
		for !rivalWrite(c, url) {
		}
		added++
	}
	<-ctx.Done()
	return added
}

// rivalWrite adds to the document by hand, and reports whether that went through.
func rivalWrite(c *http.Client, url string) bool {
	resp, err := c.Get(url)
	if err != nil {
		return false
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	var d large
	if err != nil || json.Unmarshal(text, &d) != nil {
		return false
	}
	d.N++
	if text, err = json.Marshal(d); err != nil {
		return false
	}
	req, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(text))
	if err != nil {
		return false
	}
	req.Header.Set("If-Match", resp.Header.Get("ETag"))
	if resp, err = c.Do(req); err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}
