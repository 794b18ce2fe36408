package origin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// losing is a base that loses an answer, or a request, while it is told to.
type losing struct {
	base      http.RoundTripper
	lose      int    // so many writes
	performed bool   // they are all the same
	between   func() // runs after each
}

func (l *losing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead || l.lose == 0 {
		return l.base.RoundTrip(req)
	}
	l.lose--
	if l.performed {
		resp, err := l.base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		if resp.StatusCode >= 300 {
			return resp, nil
		}
	} else {
		req.Body.Close()
	}
	if l.between != nil {
		l.between()
	}
	return nil, errors.New("connection reset by peer")
}

// Marks updates the document at a URL of an API whose dialect says where marks may stand: an
// answer is lost, and then a request is, while another writer comes first. Each edit has to
// take effect once. T embeds ifmatch.Marks, edit adds 1, and state returns what the API has
// stored, and what edits have added to it.
func Marks[T any](t *testing.T, base http.RoundTripper, url string, d dialect.Dialect, edit func(*T) error, state func() (text []byte, added int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &losing{base: base}
		c := &http.Client{Transport: ifmatch.NewTransport(l, ifmatch.Stop)}
		update := func(c *http.Client, want ifmatch.Cause) {
			got, err := ifmatch.Update(context.Background(), c, url, edit, ifmatch.WithDialect(d))
			if err != nil || got.Outcome.Effect != ifmatch.EffectApplied || got.Outcome.Cause != want {
				t.Errorf("%v, %v, %v", err, got.Outcome.Effect, got.Outcome.Cause)
			}
		}
		update(c, ifmatch.CauseNone)
		*l = losing{base: base, lose: 1, performed: true}
		update(c, ifmatch.CauseOwnEarlierWrite)
		// The own id was read back by now, so that one which is missing shows something.
		*l = losing{base: base, lose: 1, between: func() {
			update(&http.Client{Transport: ifmatch.NewTransport(base, ifmatch.Stop)}, ifmatch.CauseNone)
		}}
		got, err := ifmatch.Update(context.Background(), c, url, edit, ifmatch.WithDialect(d))
		if err != nil || got.Outcome.Effect != ifmatch.EffectApplied {
			t.Errorf("after a lost request: %v, %v", err, got.Outcome.Effect)
		}
		text, added := state()
		marks, err := jsonedit.Find(text, d.MarksAt)
		ids := strings.Fields(marks.Text())
		slices.Sort(ids)
		if err != nil || added != 4 || len(slices.Compact(ids)) != 4 {
			t.Errorf("%d edits took effect, %v: %s", added, err, text)
		}
	})
}
