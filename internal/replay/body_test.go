package replay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/bodytest"
)

// atOnce is a wait that mustn't take time.
func atOnce(t *testing.T) Await {
	return func(done <-chan struct{}) error {
		select {
		case <-done:
		default:
			t.Error("the reader before isn't through")
		}
		return nil
	}
}

// never is a wait of a call that has ended.
func never(err error) Await { return func(<-chan struct{}) error { return err } }

// upload is a request whose body has no GetBody.
func upload(ctx context.Context, body io.ReadCloser, length int64) *http.Request {
	req := &http.Request{Body: body, ContentLength: length}
	return req.WithContext(ctx)
}

func opens(body io.ReadCloser, err error) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return body, err }
}

// TestBodyForms: what each form of a body says of itself, and how it is opened.
func TestBodyForms(t *testing.T) {
	text := func() io.ReadCloser { return io.NopCloser(strings.NewReader("text")) }
	for name, test := range map[string]struct {
		body   Body
		empty  bool
		length int64
		want   string
		is     error // of Reason and Open; nil: it can be sent again
		says   string
	}{
		"nil":               {body: Of(&http.Request{}), empty: true},
		"NoBody":            {body: Of(&http.Request{Body: http.NoBody, ContentLength: -1}), empty: true},
		"GetBody":           {body: Of(&http.Request{Body: text(), GetBody: opens(text(), nil), ContentLength: 4}), length: 4, want: "text"},
		"GetBody, unknown":  {body: Of(&http.Request{Body: text(), GetBody: opens(text(), nil), ContentLength: -1}), length: -1, want: "text"},
		"bytes":             {body: From([]byte("text")), length: 4, want: "text"},
		"no bytes":          {body: From(nil), empty: true},
		"no GetBody":        {body: Of(&http.Request{Body: text(), ContentLength: 4}), length: 4, is: ErrNotReplayable, says: "its body has no GetBody"},
		"zero":              {is: ErrNotReplayable, says: "its body has no GetBody"},
		"GetBody fails":     {body: Of(&http.Request{Body: text(), GetBody: opens(nil, io.ErrClosedPipe), ContentLength: 4}), length: 4, is: io.ErrClosedPipe, says: "io: read/write on closed pipe"},
		"GetBody gives nil": {body: Of(&http.Request{Body: text(), GetBody: opens(nil, nil), ContentLength: 4}), length: 4, is: ErrNotReplayable, says: "GetBody returned nil"},
	} {
		b := test.body
		if b.Empty() != test.empty || b.Length() != test.length || b.Copied() || !b.SentWhole() || b.Failed() {
			t.Errorf("%s: empty %v, length %d, copied %v, sent whole %v, failed %v", name, b.Empty(), b.Length(), b.Copied(), b.SentWhole(), b.Failed())
		}
		known := test.says == "its body has no GetBody" // before anything is tried
		if err := b.Reason(); known != (err != nil) || known == b.Replayable() || known && (!errors.Is(err, ErrNotReplayable) || !strings.HasSuffix(err.Error(), ": "+test.says)) {
			t.Errorf("%s: reason %v", name, err)
		}
		opened, err := b.Open(nil)
		if test.is != nil {
			if opened != nil || !errors.Is(err, ErrNotReplayable) || !errors.Is(err, test.is) || !strings.HasSuffix(err.Error(), ": "+test.says) {
				t.Errorf("%s: opened %v, %v", name, opened, err)
			}
		} else if got, _ := io.ReadAll(opened); err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		b.Abandon() // no effect without a copy
		b.Release()
		if err := b.Reason(); known != (err != nil) {
			t.Errorf("%s: after its end: %v", name, err)
		}
	}
}

func TestPut(t *testing.T) {
	stale := func() *http.Request {
		return &http.Request{Body: http.NoBody, GetBody: opens(nil, nil), ContentLength: 99}
	}
	req, b := stale(), From([]byte("text"))
	if err := b.Put(req, nil); err != nil || req.ContentLength != 4 || req.GetBody == nil {
		t.Fatalf("%v, length %d", err, req.ContentLength)
	}
	for range 2 {
		if got, err := io.ReadAll(req.Body); err != nil || string(got) != "text" {
			t.Errorf("%q, %v", got, err)
		}
		req.Body, _ = req.GetBody() // as net/http does on a cut connection
	}
	req, b = stale(), From(nil)
	if err := b.Put(req, nil); err != nil || req.Body != nil || req.GetBody != nil || req.ContentLength != 0 {
		t.Errorf("empty: %v, %+v", err, req)
	}
	req, b = stale(), Of(&http.Request{Body: io.NopCloser(nil), GetBody: opens(nil, io.ErrClosedPipe), ContentLength: 4})
	if err := b.Put(req, nil); !errors.Is(err, ErrNotReplayable) || !errors.Is(err, io.ErrClosedPipe) || req.Body != nil {
		t.Errorf("GetBody fails: %v, %+v", err, req)
	}
}

// TestCopyGoesOn: the second attempt sends what was copied of the first, and then
// what wasn't read yet.
func TestCopyGoesOn(t *testing.T) {
	src := &bodytest.Source{R: strings.NewReader("some text")}
	req := upload(t.Context(), src, 9)
	b := Of(req)
	first := b.CopyAsSent(req, 100)
	if !b.Copied() || !b.Replayable() || b.Reason() != nil || b.SentWhole() {
		t.Errorf("copied %v, replayable %v, reason %v, sent whole %v", b.Copied(), b.Replayable(), b.Reason(), b.SentWhole())
	}
	io.ReadFull(first, make([]byte, 4))
	waited := false
	if err := b.Put(req, func(done <-chan struct{}) error {
		select {
		case <-done:
			t.Error("through although the first attempt has it open")
		default:
		}
		first.Close()
		<-done
		waited = true
		return nil
	}); err != nil || !waited || req.GetBody != nil || req.ContentLength != 9 {
		t.Fatalf("%v, waited %v, length %d", err, waited, req.ContentLength)
	}
	if got, err := io.ReadAll(req.Body); err != nil || string(got) != "some text" {
		t.Errorf("%q, %v", got, err)
	}
	if !b.SentWhole() || b.Failed() {
		t.Errorf("sent whole %v, failed %v", b.SentWhole(), b.Failed())
	}
	b.Release()
	req.Body.Close()
	src.Check(t)
	if err := b.Reason(); !errors.Is(err, ErrNotReplayable) || b.Replayable() {
		t.Errorf("after its end: %v, replayable %v", err, b.Replayable())
	}
}

// TestWaitForReaderFails: the source is closed, so that whoever still reads it
// ends, and the error is the wait's.
func TestWaitForReaderFails(t *testing.T) {
	src := bodytest.NewStuck(4)
	req := upload(t.Context(), src, 9)
	b := Of(req)
	first := b.CopyAsSent(req, 100)
	ended := make(chan error)
	go func() {
		_, err := io.ReadAll(first)
		ended <- err
	}()
	<-src.Inside()
	first.Close()
	if body, err := b.Open(never(context.Canceled)); body != nil || !errors.Is(err, context.Canceled) || !errors.Is(err, ErrNotReplayable) {
		t.Errorf("%v, %v", body, err)
	}
	if err := <-ended; err != context.Canceled {
		t.Errorf("the read ended with %v", err)
	}
	if body, err := b.Open(atOnce(t)); body != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("opened although it isn't whole: %v, %v", body, err)
	}
	b.Release()
	if src.Closes() != 1 {
		t.Errorf("closed %d times", src.Closes())
	}
}

// TestCopyUnderEndedContext: the first attempt gets a body all the same, which
// says what ended.
func TestCopyUnderEndedContext(t *testing.T) {
	for range 100 { // the source is closed by another goroutine
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			src := &bodytest.Source{R: strings.NewReader("some text"), Lenient: true}
			req := upload(ctx, src, 9)
			b := Of(req)
			first := b.CopyAsSent(req, 100)
			if first == nil {
				t.Fatal("no body for the first attempt")
			}
			if _, err := io.ReadAll(first); err != nil && err != context.Canceled {
				t.Errorf("the read ended with %v", err)
			}
			first.Close()
			b.Release()
			synctest.Wait()
			src.Check(t)
		})
	}
}

// TestBecome: a copy is let go of once another body takes its place, and not
// before.
func TestBecome(t *testing.T) {
	src := &bodytest.Source{R: strings.NewReader("some text")}
	req := upload(t.Context(), src, 9)
	b := Of(req)
	first := b.CopyAsSent(req, 100)
	same := b
	b.Become(same)
	if src.Closes() != 0 || b.Reason() != nil {
		t.Fatalf("closed %d times, %v", src.Closes(), b.Reason())
	}
	b.Become(From([]byte("other")))
	if src.Closes() != 1 || b.Length() != 5 || b.Copied() {
		t.Errorf("closed %d times, length %d, copied %v", src.Closes(), b.Length(), b.Copied())
	}
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("the first attempt reads on")
	}
	first.Close()
	src.Check(t)
	b.Become(From(nil))
	if !b.Empty() {
		t.Error("it isn't empty")
	}
}

// answerOver is an answer on HTTP/2: Close waits until the request's body is read
// no more.
type answerOver struct {
	reads  <-chan struct{}
	closed bool
}

func (a *answerOver) Close() error {
	<-a.reads
	a.closed = true
	return nil
}

func TestCloseAnswer(t *testing.T) {
	late := errors.New("late")
	for name, test := range map[string]struct {
		deaf  bool // the source hangs although it was closed
		took  time.Duration
		await Await
	}{
		"in time":    {took: 0, await: func(done <-chan struct{}) error { return nil }},
		"late":       {took: 0, await: never(late)},
		"late, deaf": {deaf: true, took: grace, await: never(late)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := bodytest.NewStuck(4)
				src.Deaf = test.deaf
				req := upload(t.Context(), src, 9)
				b := Of(req)
				first := b.CopyAsSent(req, 100)
				reads := make(chan struct{})
				go func() {
					io.ReadAll(first)
					close(reads)
				}()
				<-src.Inside()
				a := &answerOver{reads: reads}
				start := time.Now()
				b.CloseAnswer(a, test.await)
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v", took)
				}
				if want := name == "late"; a.closed != want {
					t.Errorf("the answer is closed: %v, want %v", a.closed, want)
				}
				if want := name != "in time"; (src.Closes() == 1) != want {
					t.Errorf("the source was closed %d times", src.Closes())
				}
				first.Close()
				b.Release()
				if test.deaf {
					src.Unblock()
				}
			})
		})
	}
	b, a := From([]byte("text")), &bodytest.Source{}
	b.CloseAnswer(a, never(late)) // nothing to wait for
	a.Check(t)
}
