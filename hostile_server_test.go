package ifmatch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// hostileServer answers requests with whatever bytes a test wants, over net.Pipe.
type hostileServer struct {
	answer  func(w *hostileWire) // to one request whose header was read
	early   bool                 // the body of a request isn't read before the answer
	greet   string               // sent before anything is read
	demands bool                 // 428 for a write without a precondition

	wg       sync.WaitGroup
	mu       sync.Mutex // guards all below
	requests []*http.Request
	problems []string
	sent     []byte // the first of it, to know what tags there were
	size     int
	tag      string // of an honest server
	state    string
	applied  int
	budget   int // bytes until the connection is cut; negative: no end
	cutAll   bool
	made     time.Time
}

func (s *hostileServer) dial(_ context.Context, network, addr string) (net.Conn, error) {
	if addr != "memory.test:80" {
		s.problem("dialed %s", addr)
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no such host")}
	}
	client, server := net.Pipe()
	s.wg.Go(func() { s.serve(server) })
	return client, nil
}

func (s *hostileServer) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.problems) < 5 {
		s.problems = append(s.problems, fmt.Sprintf(format, args...))
	}
}

func (s *hostileServer) serve(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	budget := s.budget
	w := &hostileWire{s: s, conn: conn, budget: &s.budget}
	if s.cutAll {
		w.budget = &budget
	}
	w.put(s.greet)
	for !w.over {
		req, err := http.ReadRequest(br)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
			return
		default:
			s.problem("malformed request: %v", err)
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, req)
		w.n = len(s.requests)
		s.mu.Unlock()
		w.req = req
		if !s.early && !w.readBody() {
			return
		}
		s.answer(w)
	}
}

func newHostileServer(answer func(w *hostileWire)) *hostileServer {
	return &hostileServer{answer: answer, tag: `"v2"`, state: "theirs", budget: -1, made: time.Now()}
}

// hostileWire is the server's side of one connection, with the request to be answered.
type hostileWire struct {
	s      *hostileServer
	conn   net.Conn
	req    *http.Request
	n      int    // this is the nth request
	status string // that the answer should have
	over   bool   // no more on this connection
	budget *int   // guarded by s.mu
}

// readBody reads the body of the request and reports whether all of it came.
func (w *hostileWire) readBody() bool {
	_, err := io.Copy(io.Discard, w.req.Body)
	return err == nil
}

func (w *hostileWire) isWrite() bool { return !semantics.Safe(w.req.Method) }

// put sends s and reports whether it could.
func (w *hostileWire) put(s string) bool {
	if s == "" || w.over {
		return !w.over
	}
	w.s.mu.Lock()
	if *w.budget >= 0 {
		if len(s) >= *w.budget {
			s, w.over = s[:*w.budget], true
			*w.budget = -1
			if w.s.cutAll {
				*w.budget = 0
			}
		} else {
			*w.budget -= len(s)
		}
	}
	w.s.size += len(s)
	if len(w.s.sent)+len(s) < 256<<10 {
		w.s.sent = append(w.s.sent, s...)
	}
	flood := w.s.size > hostileFlood
	w.s.mu.Unlock()
	if flood {
		w.s.problem("%d bytes were read", w.s.size)
		w.over = true
	}
	if _, err := io.WriteString(w.conn, s); err != nil {
		w.over = true
	}
	if w.over {
		w.conn.Close()
	}
	return !w.over
}

// drip sends s a byte at a time.
func (w *hostileWire) drip(s string, every time.Duration) bool {
	for i := range len(s) {
		if !w.put(s[i : i+1]) {
			return false
		}
		time.Sleep(every)
	}
	return true
}

// forever sends s again and again.
func (w *hostileWire) forever(s string, every time.Duration) {
	for w.put(s) {
		if every > 0 {
			time.Sleep(every)
		}
	}
}

// hang says no more and waits for the peer to close.
func (w *hostileWire) hang() {
	w.over = true
	io.Copy(io.Discard, w.conn)
}

func (w *hostileWire) cut() { w.over = true }

// bare is a header with these fields, and nothing that guards a write.
func (w *hostileWire) bare(fields ...string) string {
	return "HTTP/1.1 " + w.status + "\r\n" + strings.Join(append(fields, "", ""), "\r\n")
}

// header is bare with good validators.
func (w *hostileWire) header(fields ...string) string {
	return w.bare(append([]string{dateField(), `ETag: "v2"`, longAgoField}, fields...)...)
}

// honest answers as RFC 9110 says.
func (w *hostileWire) honest() {
	s := w.s
	if !w.readBody() {
		w.cut()
		return
	}
	s.mu.Lock()
	tag, state := s.tag, s.state
	match, since := w.req.Header.Get("If-Match"), w.req.Header.Get("If-Unmodified-Since")
	accept := match == tag || match == "" && "Last-Modified: "+since == longAgoField
	unguarded := match == "" && since == ""
	if w.isWrite() && (accept || unguarded && w.n > 1) {
		s.applied++
		s.tag, s.state = fmt.Sprintf(`"v%d"`, 2+s.applied), "mine"
		tag, accept = s.tag, true
	}
	s.mu.Unlock()
	fields := []string{dateField(), "ETag: " + tag, longAgoField}
	switch {
	case accept:
		w.status = "204 No Content"
		w.put(w.bare(fields...))
	case w.isWrite():
		w.refuse()
	default:
		w.status = "200 OK"
		text := w.bare(append(fields, "Content-Length: "+strconv.Itoa(len(state)))...)
		if w.req.Method == http.MethodGet {
			text += state
		}
		w.put(text)
	}
}

func (w *hostileWire) refuse() {
	if !w.readBody() {
		w.cut()
		return
	}
	w.status = w.refusal()
	w.put(w.bare(dateField(), "Content-Length: 7") + "refused")
}

// refusal is the status that refuses the request.
func (w *hostileWire) refusal() string {
	if w.s.demands && w.req.Header.Get("If-Match") == "" && w.req.Header.Get("If-Unmodified-Since") == "" {
		return "428 Precondition Required"
	}
	return "412 Precondition Failed"
}

const longAgoField = "Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT"

func dateField() string { return "Date: " + time.Now().UTC().Format(http.TimeFormat) }

// hostile is one way to answer a request. Unless it says otherwise, the
// connection is kept open for the next.
type hostile struct {
	name   string
	answer func(w *hostileWire)
	only   string // the positions that make a difference, empty: all
	header int64  // MaxResponseHeaderBytes
	heavy  bool   // takes long: fewer positions, policies and bodies
	early  bool
	greet  string
	quoted bool // net/http's error has all of it
}

func (h hostile) at(position string) bool {
	if h.heavy && position != "refused" && position != "head" && position != "get" {
		return false
	}
	return h.only == "" || slices.Contains(strings.Fields(h.only), position)
}

// serve returns what a server does that is hostile in one position.
func (h hostile) serve(position string) func(w *hostileWire) {
	return func(w *hostileWire) {
		w.status = "200 OK"
		mean := position == "all"
		switch write := w.isWrite(); position {
		case "refused", "all":
			if write {
				w.status = w.refusal()
				mean = true
			}
		case "failed":
			w.status = "503 Service Unavailable"
			mean = write
		case "accepted":
			mean = write
		case "again":
			if write && w.n == 1 {
				w.refuse()
				return
			}
			w.status = w.refusal()
			mean = write
		case "head":
			mean = w.req.Method == http.MethodHead
		case "get":
			if w.req.Method == http.MethodHead {
				w.status = "405 Method Not Allowed"
				w.put(w.bare("Content-Length: 0"))
				return
			}
			mean = !write
		case "unsure":
			if write && w.n == 1 {
				w.cut()
				return
			}
			if write {
				w.refuse()
				return
			}
			mean = true
		}
		if mean {
			h.answer(w)
		} else {
			w.honest()
		}
	}
}

// hostilePositions are where in a dialogue the hostile answer is.
var hostilePositions = []string{
	"refused",  // the refusal of every write
	"failed",   // every write fails
	"accepted", // the write's answer is no refusal
	"again",    // the second write's refusal, and those that follow
	"head",     // the refresh by HEAD
	"get",      // the refresh by GET
	"unsure",   // the refresh after a write without an answer
	"all",      // every answer
}

const onlyHeads = "refused again head get unsure"

// hostileText is a kind that sends this text after the header.
func hostileText(name string, fields []string, body string) hostile {
	return hostile{name: name, answer: func(w *hostileWire) { w.put(w.header(fields...) + body) }}
}

// hostileFields is a kind whose answers have these fields in place of good validators.
func hostileFields(name string, fields ...string) hostile {
	return hostile{name: name, only: onlyHeads, answer: func(w *hostileWire) {
		w.put(w.bare(append([]string{dateField(), "Content-Length: 0"}, fields...)...))
	}}
}

var hostiles = sync.OnceValue(func() []hostile {
	const second = time.Second
	fixed := func(name string, f func(w *hostileWire)) hostile {
		return hostile{name: name, answer: f, only: onlyHeads + " all"}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 4<<20))
	z.Close()
	filler := strings.Repeat("x", 1<<20)
	mebibyte := func(w *hostileWire) {
		w.put(strings.TrimSuffix(w.header("Content-Length: 0"), "\r\n") + "X-Filler: ")
		w.put(filler)
		w.put("\r\n\r\n")
	}
	huge := func(field string) hostile {
		return hostile{name: "1 MiB in " + field, heavy: true, header: 2 << 20, answer: func(w *hostileWire) {
			w.put(strings.TrimSuffix(w.bare("Content-Length: 0"), "\r\n") + field)
			w.put(filler)
			w.put("\r\n\r\n")
		}}
	}
	lines := func(n int) string { return strings.Repeat("X-Filler: 0123456789\r\n", n) }
	all := []hostile{
		// Nothing, or not enough.
		fixed("no answer", (*hostileWire).hang),
		fixed("close", (*hostileWire).cut),
		{name: "the header drips", answer: func(w *hostileWire) { w.drip(w.header("Content-Length: 0"), second) }},
		{name: "the header drips, but comes", answer: func(w *hostileWire) { w.drip(w.header("Content-Length: 0"), 5*time.Millisecond) }},
		{name: "the header breaks off", answer: func(w *hostileWire) { w.put("HTTP/1.1 " + w.status + "\r\nETag: \"v2\"\r\nX"); w.cut() }},
		{name: "the status line and nothing more", answer: func(w *hostileWire) { w.put("HTTP/1.1 " + w.status + "\r\n"); w.hang() }},

		// Headers without measure.
		{name: "endless header lines", heavy: true, answer: func(w *hostileWire) { w.put(strings.TrimSuffix(w.header(), "\r\n")); w.forever(lines(500), 0) }},
		{name: "a header line a second for ever", answer: func(w *hostileWire) { w.put(strings.TrimSuffix(w.header(), "\r\n")); w.forever(lines(1), second) }},
		{name: "an endless header line", heavy: true, answer: func(w *hostileWire) {
			w.put("HTTP/1.1 " + w.status + "\r\nETag: \"")
			w.forever(strings.Repeat("x", 8192), 0)
		}},
		{name: "an endless status line", heavy: true, answer: func(w *hostileWire) { w.put("HTTP/1.1 " + w.status); w.forever(strings.Repeat("x", 8192), 0) }},
		{name: "1 MiB in a field", heavy: true, answer: mebibyte},
		{name: "1 MiB in a field that is let through", heavy: true, header: 2 << 20, answer: mebibyte},
		{name: "100 KiB that is no status line", heavy: true, quoted: true, header: 2 << 20, answer: func(w *hostileWire) {
			w.put(strings.Repeat("\x01", 100<<10))
			w.put("\r\n\r\n")
			w.cut()
		}},
		{name: "1 MiB that is no field", heavy: true, quoted: true, header: 2 << 20, answer: func(w *hostileWire) {
			w.put("HTTP/1.1 " + w.status + "\r\nX: y\r\n")
			w.put(filler)
			w.put("\r\n\r\n")
			w.cut()
		}},
		{name: "10000 lines", heavy: true, header: 2 << 20, answer: func(w *hostileWire) { w.put(w.header(lines(10000) + "Content-Length: 0")) }},

		huge(`ETag: "`), huge("Last-Modified: Fri, "), huge("Date: Fri, "), huge("Vary: "), huge("Retry-After: 1"), huge("Location: "),

		// Malformed headers.
		fixed("garbage", func(w *hostileWire) { w.put("\x00\x01\x02garbage\r\n\r\n"); w.cut() }),
		fixed("garbage, kept open", func(w *hostileWire) { w.put("garbage\r\n\r\n"); w.hang() }),
		fixed("status abc", func(w *hostileWire) { w.put("HTTP/1.1 abc\r\n\r\n") }),
		fixed("status 99", func(w *hostileWire) { w.put("HTTP/1.1 99 x\r\nETag: \"v2\"\r\n\r\n") }),
		fixed("status 1000", func(w *hostileWire) { w.put("HTTP/1.1 1000 x\r\nETag: \"v2\"\r\n\r\n") }),
		fixed("status -12", func(w *hostileWire) { w.put("HTTP/1.1 -12 x\r\n\r\n") }),
		{name: "HTTP/9.9", answer: func(w *hostileWire) { w.put(strings.Replace(w.header("Content-Length: 0"), "/1.1", "/9.9", 1)) }},
		{name: "ICY", answer: func(w *hostileWire) { w.put(strings.Replace(w.header("Content-Length: 0"), "HTTP/1.1", "ICY", 1)) }},
		{name: "HTTP/1.0", answer: func(w *hostileWire) { w.put(strings.Replace(w.header(), "/1.1", "/1.0", 1) + "body"); w.cut() }},
		{name: "HTTP/1.0 keep-alive", answer: func(w *hostileWire) {
			w.put(strings.Replace(w.header("Connection: keep-alive", "Content-Length: 0"), "/1.1", "/1.0", 1))
		}},
		{name: "HTTP/0.9", answer: func(w *hostileWire) { w.put("refused"); w.cut() }},
		hostileText("a line without a colon", []string{"no colon", "Content-Length: 0"}, ""),
		hostileText("an empty field name", []string{": x", "Content-Length: 0"}, ""),
		hostileText("NUL in a field name", []string{"X\x00: x", "Content-Length: 0"}, ""),
		hostileText("NUL in a field", []string{"X: a\x00b", "Content-Length: 0"}, ""),
		{name: "a folded first line", answer: func(w *hostileWire) { w.put("HTTP/1.1 " + w.status + "\r\n ETag: \"v2\"\r\nContent-Length: 0\r\n\r\n") }},
		{name: "bare line feeds", answer: func(w *hostileWire) { w.put(strings.ReplaceAll(w.header("Content-Length: 0"), "\r", "")) }},

		// Lengths and codings that lie.
		hostileText("short body", []string{"Content-Length: 1000"}, "short"),
		{name: "short body, then close", answer: func(w *hostileWire) { w.put(w.header("Content-Length: 1000") + "short"); w.cut() }},
		{name: "a body that never comes", answer: func(w *hostileWire) { w.put(w.header("Content-Length: 6")); w.hang() }},
		{name: "a chunked body that never comes", answer: func(w *hostileWire) { w.put(w.header("Transfer-Encoding: chunked")); w.hang() }},
		{name: "the body drips", answer: func(w *hostileWire) { w.put(w.header("Content-Length: 100000")); w.forever("x", second) }},
		{name: "the chunked body drips", answer: func(w *hostileWire) { w.put(w.header("Transfer-Encoding: chunked")); w.forever("1\r\nx\r\n", second) }},
		{name: "a chunk size drips", answer: func(w *hostileWire) { w.put(w.header("Transfer-Encoding: chunked")); w.forever("0", second) }},
		{name: "endless body", answer: func(w *hostileWire) { w.put(w.header("Connection: close")); w.forever(strings.Repeat("x", 32<<10), 0) }},
		{name: "endless chunks", answer: func(w *hostileWire) {
			w.put(w.header("Transfer-Encoding: chunked"))
			w.forever("8000\r\n"+strings.Repeat("x", 32<<10)+"\r\n", 0)
		}},
		{name: "endless small chunks", heavy: true, answer: func(w *hostileWire) {
			w.put(w.header("Transfer-Encoding: chunked"))
			w.forever(strings.Repeat("1\r\nx\r\n", 1000), 0)
		}},
		{name: "an endless chunk extension", answer: func(w *hostileWire) {
			w.put(w.header("Transfer-Encoding: chunked") + "1;")
			w.forever(strings.Repeat("x", 8192), 0)
		}},
		{name: "endless trailers", answer: func(w *hostileWire) {
			w.put(w.header("Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n")
			w.forever(lines(500), 0)
		}},
		{name: "trailers drip", answer: func(w *hostileWire) {
			w.put(w.header("Transfer-Encoding: chunked", "Trailer: Etag") + "1\r\nx\r\n0\r\n")
			w.forever("X: y\r\n", second)
		}},
		hostileText("a tag in a trailer", []string{"Transfer-Encoding: chunked", "Trailer: ETag"}, "1\r\nx\r\n0\r\nETag: \"evil\"\r\n\r\n"),
		hostileText("malformed chunk", []string{"Transfer-Encoding: chunked"}, "zz\r\nx\r\n0\r\n\r\n"),
		hostileText("huge chunk", []string{"Transfer-Encoding: chunked"}, "fffffffffffffffff\r\nx\r\n0\r\n\r\n"),
		hostileText("chunk without an end", []string{"Transfer-Encoding: chunked"}, "1\r\nxxxxxx\r\n0\r\n\r\n"),
		hostileText("Content-Length 1<<62", []string{"Content-Length: " + strconv.FormatInt(1<<62, 10)}, "x"),
		hostileText("Content-Length 1<<63-1", []string{"Content-Length: " + strconv.FormatInt(math.MaxInt64, 10)}, "x"),
		hostileText("Content-Length 1<<64", []string{"Content-Length: 18446744073709551616"}, "x"),
		hostileText("Content-Length -1", []string{"Content-Length: -1"}, "x"),
		hostileText("Content-Length +1", []string{"Content-Length: +1"}, "x"),
		hostileText("two lengths", []string{"Content-Length: 1", "Content-Length: 2"}, "xx"),
		hostileText("length and chunks", []string{"Content-Length: 1", "Transfer-Encoding: chunked"}, "1\r\nx\r\n0\r\n\r\n"),
		hostileText("gzip, chunked", []string{"Transfer-Encoding: gzip, chunked"}, "1\r\nx\r\n0\r\n\r\n"),
		hostileText("unknown transfer coding", []string{"Transfer-Encoding: evil"}, "x"),
		hostileText("more than announced", []string{"Content-Length: 1"}, "xHTTP/1.1 204 No Content\r\nETag: \"evil\"\r\n\r\n"),
		hostileText("another answer at once", []string{"Content-Length: 0"}, "HTTP/1.1 204 No Content\r\nETag: \"evil\"\r\n\r\n"),
		hostileText("gzip bomb", []string{"Content-Encoding: gzip", "Content-Length: " + strconv.Itoa(bomb.Len())}, bomb.String()),
		hostileText("not gzip", []string{"Content-Encoding: gzip", "Content-Length: 7"}, "no gzip"),
		{name: "gzip of nothing for ever", answer: func(w *hostileWire) {
			w.put(w.header("Content-Encoding: gzip", "Connection: close") + "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
			w.forever("\x00\x00\x00\xff\xff", 100*time.Millisecond)
		}},
		hostileText("unknown coding", []string{"Content-Encoding: evil", "Content-Length: 1"}, "x"),
		{name: "reset after the header", answer: func(w *hostileWire) { w.put(w.header("Content-Length: 0")); w.cut() }},

		// Before its time.
		{name: "an answer before the request", greet: "HTTP/1.1 412 Precondition Failed\r\nETag: \"evil\"\r\nContent-Length: 0\r\n\r\n", answer: (*hostileWire).honest, only: "all"},
		{name: "garbage before the request", greet: "garbage", answer: (*hostileWire).honest, only: "all"},
		{name: "an early answer, and nothing read", early: true, answer: func(w *hostileWire) {
			w.put(w.header("Content-Length: 5") + "early")
			time.Sleep(hostileDeadline)
			w.cut()
		}},
		{name: "an early answer, and then closed", early: true, answer: func(w *hostileWire) { w.put(w.header("Content-Length: 5") + "early"); w.cut() }},
		{name: "an early answer that drips", early: true, answer: func(w *hostileWire) { w.put(w.header("Content-Length: 5000")); w.forever("x", second) }},
		{name: "an early answer, and a byte read a second", early: true, answer: func(w *hostileWire) {
			w.put(w.header("Content-Length: 0"))
			for one := make([]byte, 1); ; time.Sleep(second) {
				if _, err := w.conn.Read(one); err != nil {
					w.cut()
					return
				}
			}
		}},

		// Answers that are none yet.
		fixed("103 for ever", func(w *hostileWire) {
			w.forever(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 20), 0)
		}),
		fixed("a 100 each second for ever", func(w *hostileWire) { w.forever("HTTP/1.1 100 Continue\r\n\r\n", second) }),
		{name: "103 with a tag and garbage", answer: func(w *hostileWire) {
			w.put("HTTP/1.1 103 Early Hints\r\nETag: \"evil\"\r\nContent-Length: 100\r\n\r\n" + w.header("Content-Length: 0"))
		}},
		fixed("malformed 103", func(w *hostileWire) { w.put("HTTP/1.1 103 Early Hints\r\nno colon\r\n\r\n"); w.hang() }),
		fixed("101", func(w *hostileWire) {
			w.put("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: evil\r\nETag: \"v2\"\r\n\r\n")
			w.hang()
		}),

		// Validators.
		fixed("another tag each time", func(w *hostileWire) {
			w.put(w.bare(dateField(), fmt.Sprintf(`ETag: "x%d"`, w.n), longAgoField, "Content-Length: 0"))
		}),
		fixed("another weak tag of this second each time", func(w *hostileWire) {
			w.put(w.bare(dateField(), fmt.Sprintf(`ETag: W/"x%d"`, w.n), strings.Replace(dateField(), "Date", "Last-Modified", 1), "Content-Length: 0"))
		}),
		fixed("another date each time", func(w *hostileWire) {
			w.put(w.bare(dateField(), strings.Replace(dateField(), "Date", "Last-Modified", 1), "Content-Length: 0"))
		}),
		fixed("another coded tag each time", func(w *hostileWire) {
			w.put(w.bare(dateField(), fmt.Sprintf(`ETag: "x%d-gzip"`, w.n), longAgoField, "Content-Length: 0"))
		}),
		fixed("weak and strong in turn", func(w *hostileWire) {
			tag := fmt.Sprintf(`ETag: "x%d"`, w.n)
			if w.n%2 == 0 {
				tag = fmt.Sprintf(`ETag: W/"x%d"`, w.n)
			}
			w.put(w.bare(dateField(), tag, strings.Replace(dateField(), "Date", "Last-Modified", 1), "Content-Length: 0"))
		}),
		hostileFields("the refused tag", `ETag: "v1"`, longAgoField),
		hostileFields("the refused tag, weak", `ETag: W/"v1"`, longAgoField),
		hostileFields("tag, then CR", "ETag: \"evil\rIf-Match: *\"", longAgoField),
		hostileFields("tag, then LF", "ETag: \"v2\"\nX-Evil: 1", longAgoField),
		hostileFields("tag with LF within", "ETag: \"evil\nX-Evil: 1\"", longAgoField),
		hostileFields("folded tag", "ETag: \"evil\"\r\n If-Match: *", longAgoField),
		hostileFields("folded within", "ETag: \"evil\r\n X-Evil: 1\"", longAgoField),
		hostileFields("tag with NUL", "ETag: \"evil\x00\"", longAgoField),
		hostileFields("tag with DEL", "ETag: \"evil\x7f\"", longAgoField),
		hostileFields("tag with a tab", "ETag: \"evil\t2\"", longAgoField),
		hostileFields("tag with high bytes", "ETag: \"\x80\xff\u00e4\"", longAgoField),
		hostileFields("unquoted tag", "ETag: evil", longAgoField),
		hostileFields("half a tag", `ETag: "`, longAgoField),
		hostileFields("an empty opaque tag", `ETag: ""`, longAgoField),
		hostileFields("no tag", "ETag:", longAgoField),
		hostileFields("the wildcard", "ETag: *", longAgoField),
		hostileFields("the wildcard in quotes", `ETag: "*"`, longAgoField),
		hostileFields("lower-case w", `ETag: w/"evil"`, longAgoField),
		hostileFields("two tags", `ETag: "evil"`, `ETag: "evil"`, longAgoField),
		hostileFields("a list of tags", `ETag: "evil", "evil2"`, longAgoField),
		hostileFields("a tag of 4 KiB", `ETag: "`+strings.Repeat("x", hostileTag-2)+`"`, longAgoField),
		hostileFields("a tag of 4 KiB and one", `ETag: "`+strings.Repeat("x", hostileTag-1)+`"`, longAgoField),
		hostileFields("a tag of 50 KiB", `ETag: "`+strings.Repeat("x", 50<<10)+`"`, longAgoField),
		{name: "a tag of 100 KiB", header: 1 << 20, only: onlyHeads, answer: func(w *hostileWire) {
			w.put(w.bare(dateField(), "Content-Length: 0", longAgoField, `ETag: "`+strings.Repeat("x", 100<<10)+`"`))
		}},
		hostileFields("a date to come", "Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT"),
		hostileFields("a date to come without Date", "Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT", "Date: x"),
		hostileFields("the year 0", "Last-Modified: Sat, 01 Jan 0000 00:00:00 GMT"),
		hostileFields("a date that is none", "Last-Modified: yesterday\x01"),
		hostileFields("two dates", longAgoField, "Last-Modified: Thu, 30 Dec 1999 00:00:00 GMT"),
		hostileFields("an old form of a date", "Last-Modified: Friday, 31-Dec-99 00:00:00 XXX"),
		hostileFields("asctime", "Last-Modified: Fri Dec 31 00:00:00 1999"),
		hostile{name: "no Date", only: onlyHeads, answer: func(w *hostileWire) { w.put(w.bare(longAgoField, "Content-Length: 0")) }},
		hostile{name: "a Date to come", only: onlyHeads, answer: func(w *hostileWire) {
			w.put(w.bare("Date: Fri, 31 Dec 9999 23:59:59 GMT", longAgoField, `ETag: W/"x"`, "Content-Length: 0"))
		}},
		hostile{name: "a Date long gone", only: onlyHeads, answer: func(w *hostileWire) {
			w.put(w.bare("Date: Mon, 01 Jan 0001 00:00:00 GMT", longAgoField, `ETag: W/"x"`, "Content-Length: 0"))
		}},

		// Statuses and fields that make a client do things.
		{name: "412 and 428 in turn", only: "refused again", answer: func(w *hostileWire) {
			w.status = []string{"412 Precondition Failed", "428 Precondition Required"}[w.n%2]
			w.put(w.header("Content-Length: 0"))
		}},
		hostileText("Vary: *", []string{"Vary: *", "Content-Length: 0"}, ""),
		hostileText("Vary: all that there is", []string{"Vary: Prefer, Accept-Encoding, If-Match, Content-Type, Content-Length, Host", "Content-Length: 0"}, ""),
		hostileText("Vary: Prefer", []string{"Vary: prefer", "Vary: PREFER", "Content-Length: 0"}, ""),
		hostileText("Vary: garbage", []string{"Vary: ,,, \x80 ;;, " + strings.Repeat(",", 30<<10) + "x y z", "Content-Length: 0"}, ""),
		hostileText("a lot of Vary", []string{strings.TrimSuffix(strings.Repeat("Vary: a,b,c\r\n", 4000), "\r\n"), "Content-Length: 0"}, ""),
	}
	for _, after := range []string{"9223372036854775807", "99999999999999999999999999", "1e30", "-1", "soon\x01", "1", "3", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", " "} {
		all = append(all, hostileText("Retry-After: "+after, []string{"Retry-After: " + after, "Content-Length: 0"}, ""))
		all = append(all, hostile{name: "429 with Retry-After: " + after, only: "head get", answer: func(w *hostileWire) {
			w.status = "429 Too Many Requests"
			w.put(w.header("Retry-After: "+after, "Content-Length: 0"))
		}})
	}
	all = append(all, hostile{name: "Retry-After and a Date that is none", answer: func(w *hostileWire) {
		w.put(w.bare("Date: x", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Content-Length: 0"))
	}})
	for _, status := range []int{
		200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410,
		411, 412, 413, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 508, 511, 520, 599, 600, 999,
	} {
		all = append(all, hostile{name: fmt.Sprintf("%d for ever", status), only: "refused again head get", answer: func(w *hostileWire) {
			w.status = fmt.Sprintf("%d x", status)
			length := "Content-Length: 0"
			if status == 204 || status == 304 {
				length = "X: y"
			}
			w.put(w.header(length, "Location: http://evil.test/", "WWW-Authenticate: Basic", "Content-Location: http://evil.test/"))
		}})
	}
	all = append(all, hostile{name: "a redirect to itself for ever", only: "refused again head get", answer: func(w *hostileWire) {
		w.status = "307 Temporary Redirect"
		w.put(w.header("Content-Length: 0", "Location: /doc"))
	}})
	return all
})
