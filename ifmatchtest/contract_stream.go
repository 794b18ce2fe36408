package ifmatchtest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// contractResponseStreamed proves that the caller can read the beginning of a
// response body while the origin still produces the rest, and the rest after
// that.
func contractResponseStreamed(t *testing.T, wrap contractWrap) {
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		t.Run(strings.ToLower(method), func(t *testing.T) {
			read := make(chan struct{})
			origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, "first ")
				w.(http.Flusher).Flush()
				select {
				case <-read:
					io.WriteString(w, "second")
				case <-r.Context().Done():
				case <-time.After(contractStall):
				}
			}))
			req := contractGetOrPut(t.Context(), method, origin.URL)
			resp := contractMust(t, wrap(newContractTransport(t)), req)
			head := make([]byte, len("first "))
			contractWithin(t, "reading the first chunk", func() { io.ReadFull(resp.Body, head) })
			close(read)
			if got := string(head) + contractFinish(t, resp); got != "first second" {
				t.Errorf("read %q, want \"first second\"", got)
			}
		})
	}
}

// contractTrailers proves that trailers arrive, in both directions: those that
// the caller sets while its body is read too, and also with a repeat.
func contractTrailers(t *testing.T, wrap contractWrap) {
	t.Run("sent", func(t *testing.T) {
		if n := contractTrailersSent(t, wrap, contractFirstTag); n == 0 {
			t.Error("the write wasn't accepted")
		}
	})
	t.Run("sent-again", func(t *testing.T) { contractTrailersSent(t, wrap, contractStaleTag) })
	t.Run("received", func(t *testing.T) { contractTrailersReceived(t, wrap) })
}

// contractTrailersSent sends a write under tag, whose trailer is set while its body
// is read. It checks the trailer of each write that the origin accepted, and
// returns how many there were.
func contractTrailersSent(t *testing.T, wrap contractWrap, tag string) int {
	document := &contractDocument{}
	origin := newContractOrigin(t, document)
	upload := &contractUpload{data: "the new state"}
	req := upload.request(t.Context(), http.MethodPut, origin.URL, true)
	req.Header.Set("If-Match", tag)
	req.ContentLength = -1
	req.Trailer = http.Header{"X-Checksum": nil}
	req.Body = &contractTrailerBody{ReadCloser: req.Body, trailer: req.Trailer}
	contractFinish(t, contractMust(t, wrap(newContractTransport(t)), req))
	_, trailers := document.seen()
	for _, trailer := range trailers {
		if got := trailer.Get("X-Checksum"); got != "abc" {
			t.Errorf("the origin got the trailer %q, want \"abc\"", got)
		}
	}
	return len(trailers)
}

// contractTrailersReceived reads an answer with a trailer, which is announced first.
func contractTrailersReceived(t *testing.T, wrap contractWrap) {
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Checksum")
		io.WriteString(w, "the state")
		w.Header().Set("X-Checksum", "abc")
	}))
	resp := contractMust(t, wrap(newContractTransport(t)), contractRequest(t.Context(), http.MethodGet, origin.URL))
	if _, ok := resp.Trailer["X-Checksum"]; !ok {
		t.Error("the trailer isn't announced in Response.Trailer")
	}
	contractFinish(t, resp)
	if got := resp.Trailer.Get("X-Checksum"); got != "abc" {
		t.Errorf("trailer %q, want \"abc\"", got)
	}
}

// contractTrailerBody sets a trailer when it has been read, as net/http allows.
type contractTrailerBody struct {
	io.ReadCloser
	trailer http.Header
}

func (b *contractTrailerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.trailer.Set("X-Checksum", "abc")
	}
	return n, err
}

// contractSwitchingProtocols proves that the body of a 101 response is an
// io.ReadWriteCloser that works both ways.
func contractSwitchingProtocols(t *testing.T, wrap contractWrap) {
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(contractStall))
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		rw.Flush()
		line, _ := rw.ReadString('\n')
		rw.WriteString("echo of " + line)
		rw.Flush()
	}))
	req := contractRequest(t.Context(), http.MethodGet, origin.URL)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp := contractMust(t, wrap(newContractTransport(t)), req)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d, want 101", resp.StatusCode)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T, which can't be written to", resp.Body)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatalf("writing: %v", err)
	}
	var line string
	contractWithin(t, "reading the echo", func() { line, _ = bufio.NewReader(conn).ReadString('\n') })
	if line != "echo of hello\n" {
		t.Errorf("read %q, want \"echo of hello\\n\"", line)
	}
}

// contractInformational proves that 1xx responses reach the hooks of
// net/http/httptrace that the caller put into the context.
func contractInformational(t *testing.T, wrap contractWrap) {
	origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "the state")
	}))
	var mu sync.Mutex
	var got []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(code, " ", header.Get("Link")))
			return nil
		},
	})
	contractFinish(t, contractMust(t, wrap(newContractTransport(t)), contractRequest(ctx, http.MethodGet, origin.URL)))
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || got[0] != "103 </style.css>; rel=preload" {
		t.Errorf("Got1xxResponse saw %q, want one 103 with its Link", got)
	}
}

// contractExpectContinue proves that a body sent with Expect: 100-continue
// goes out if the origin asks for it, and isn't even read if it doesn't.
func contractExpectContinue(t *testing.T, wrap contractWrap) {
	for _, form := range contractForms {
		t.Run("asked-for/"+form.name, func(t *testing.T) {
			document := &contractDocument{}
			upload := &contractUpload{data: "the new state"}
			req := upload.request(t.Context(), http.MethodPut, newContractOrigin(t, document).URL, form.getBody)
			req.Header.Set("If-Match", contractFirstTag)
			req.Header.Set("Expect", "100-continue")
			contractFinish(t, contractMust(t, wrap(newContractTransport(t)), req))
			if bodies, _ := document.seen(); len(bodies) != 1 || bodies[0] != upload.data {
				t.Errorf("the origin accepted %q, want %q once", bodies, upload.data)
			}
		})
		t.Run("declined/"+form.name, func(t *testing.T) {
			origin := newContractOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
			}))
			upload := &contractUpload{data: "the new state"}
			req := upload.request(t.Context(), http.MethodPut, origin.URL, form.getBody)
			req.Header.Set("Expect", "100-continue")
			resp := contractMust(t, wrap(newContractTransport(t)), req)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("status %d, want 403", resp.StatusCode)
			}
			contractFinish(t, resp)
			for _, body := range upload.all() {
				if n := body.state().reads; n > 0 {
					t.Errorf("the body was read %d times, although the origin declined it", n)
				}
			}
		})
	}
}
