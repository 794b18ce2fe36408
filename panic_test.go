package ifmatch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/bodytest"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// fuse panics when it is asked for the nth time.
type fuse struct{ left int }

var errFuse = errors.New("a function of the dialect panicked")

func (f *fuse) burn() {
	if f.left--; f.left == 0 {
		panic(errFuse)
	}
}

// fusedDialects have one function each that burns the fuse. All carry the version in the
// field X-If-Version, and give it as X-Version.
var fusedDialects = map[string]func(d *dialect.Dialect, f *fuse){
	"Judge": func(d *dialect.Dialect, f *fuse) {
		d.Judge = func(a *dialect.Answer) dialect.Verdict { f.burn(); return a.Conflict() }
	},
	"For": func(d *dialect.Dialect, f *fuse) {
		d.Tokens[0].For = func(*http.Request) bool { f.burn(); return true }
	},
	"Valid":       func(d *dialect.Dialect, f *fuse) { d.Tokens[0].Valid = func(string) bool { f.burn(); return true } },
	"VersionOnly": func(d *dialect.Dialect, f *fuse) { d.VersionOnly = func(*http.Request) bool { f.burn(); return false } },
	"WriteIDs":    func(d *dialect.Dialect, f *fuse) { d.WriteIDs = func(*http.Request) bool { f.burn(); return true } },
	"RefreshRequest": func(d *dialect.Dialect, f *fuse) {
		d.RefreshRequest = func(r *http.Request) (*http.Request, error) { f.burn(); return r, nil }
	},
}

// answers gives each request the next of its statuses; a zero is a lost answer. It counts
// the bodies that nobody has closed.
type answers struct {
	statuses []int
	bodies   []*closeCount
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
	}
	status := http.StatusOK
	if !semantics.Safe(req.Method) {
		status, a.statuses = a.statuses[0], a.statuses[min(1, len(a.statuses)-1):]
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	body := &closeCount{Reader: strings.NewReader("theirs")}
	a.bodies = append(a.bodies, body)
	return &http.Response{StatusCode: status, Header: http.Header{"X-Version": {"7"}}, Body: body, ContentLength: -1, Request: req}, nil
}

// panics makes one call and reports whether it panicked. Nothing may be left of it then.
// On the happy path the Transport hands the request on as it is, and has nothing to copy.
func (a *answers) panics(t *testing.T, name string, policy Policy, d dialect.Dialect, happy bool) (panicked bool) {
	left := bodytest.Temporaries(t)
	reqBody := &closeCount{Reader: strings.NewReader("mine")}
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodPut, "http://example.test/doc", reqBody)
	req.Header.Set("X-If-Version", "6")
	opts := Options{WithDialect(d), quick, WithUniqueBody()}
	if happy {
		req.GetBody, req.ContentLength = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("mine")), nil }, 4
	} else {
		opts = append(opts, WithWriteID(), WithMaxBuffer(1))
	}
	tr := NewTransport(a, policy, opts)
	defer func() {
		if value := recover(); value == nil {
			return
		} else if value != errFuse {
			t.Errorf("%s: panicked with %v", name, value)
		}
		panicked = true
		if tr.lanes.Len() != 0 || reqBody.closed != 1 || len(left()) > 0 {
			t.Errorf("%s: %d lanes, the request's body closed %d times, files %v", name, tr.lanes.Len(), reqBody.closed, left())
		}
		for i, body := range a.bodies {
			if body.closed != 1 {
				t.Errorf("%s: answer %d of %d was closed %d times", name, i+1, len(a.bodies), body.closed)
			}
		}
	}()
	if resp, err := tr.RoundTrip(req); err == nil {
		resp.Body.Close()
	}
	return false
}

// TestDialectPanics: wherever a function of a dialect panics, the panic goes on, and what
// the call holds is let go of: both bodies are closed, the lane is left, and the file
// with the copy is gone.
func TestDialectPanics(t *testing.T) {
	scripts := [][]int{{204}, {412, 204}, {412, 412, 204}, {503, 204}, {0, 204}, {0, 412, 204}, {503, 412, 412, 204}, {404}, {500}}
	for name, fused := range fusedDialects {
		places := 0
		for _, policy := range []Policy{Resend, rebuilding, Stop} {
			for i := range 2 * len(scripts) {
				places += panicsAnywhere(t, name, policy, fused, scripts[i/2], i%2 == 0)
			}
		}
		if places == 0 {
			t.Errorf("%s is never asked", name)
		}
		t.Logf("%s panicked %d times", name, places)
	}
}

// panicsAnywhere makes a call again and again, in which the function panics the first time
// that it is asked, the second and so on. It returns how often that was.
func panicsAnywhere(t *testing.T, name string, policy Policy, fused func(*dialect.Dialect, *fuse), statuses []int, happy bool) int {
	for n := 1; ; n++ {
		again := false
		synctest.Test(t, func(t *testing.T) {
			d := dialect.Dialect{
				Name: "fused", Statuses: []int{412}, WriteIDField: "X-Write-Id",
				Tokens: []dialect.Token{{Sent: dialect.InHeader("X-If-Version"), Current: dialect.InHeader("X-Version")}},
			}
			fused(&d, &fuse{left: n})
			again = (&answers{statuses: statuses}).panics(t, name, policy, d, happy)
		})
		if !again {
			return n - 1
		}
	}
}
