package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// summary is an exchange in a line, without what is empty.
func (e *Exchange) summary() string {
	parts := []string{e.Format, strings.TrimSpace(e.Method + " " + e.URL), fields(e.RequestHeader), string(e.RequestBody), fmt.Sprint(e.StatusCode), e.Reason, fields(e.ResponseHeader), string(e.ResponseBody), e.Err, e.Stored, e.Told}
	if !e.Sent.IsZero() && !e.Answered.IsZero() {
		parts = append(parts, e.Answered.Sub(e.Sent).String())
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "|")
}

func fields(h http.Header) string {
	var all []string
	for name, values := range h {
		all = append(all, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

const verbose = `$ curl -v -X PUT -H 'If-Match: "v1"' -d '{"a":1}' https://api.test/doc
*   Trying 192.0.2.1:443...
* Connected to api.test (192.0.2.1) port 443 (#0)
* ALPN: offers h2,http/1.1
* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384
> PUT /doc HTTP/2
> Host: api.test
> If-Match: "v1"
> content-length: 7
> 
} [7 bytes data]
* We are completely uploaded and fine
< HTTP/2 100 
< 
< HTTP/2 412 
< etag: "v2"
< content-type: application/json
< 
{ [11 bytes data]
{"error":1}* Connection #0 to host api.test left intact
`

// piped is what curl -v writes into a pipe: a meter among its lines, and the body after them.
const piped = "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed\n" +
	"\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0*   Trying 192.0.2.1:80...\n* Connected to api.test (192.0.2.1) port 80 (#0)\n" +
	"> PUT /doc HTTP/1.1\r\n> Host: api.test\r\n> If-Match: \"v1\"\r\n> \r\n} [7 bytes data]\n< HTTP/1.1 412 Precondition Failed\r\n< Content-Length: 22\r\n< \r\n{ [22 bytes data]\n" +
	"\r100    35  100    28  100     7   2269    567  0:00:01 --:--:-- --:--:--  2916\n* Connection #0 to host api.test left intact\n{\"error\":\"lease\",\n\"x\":1}" +
	"* Re-using existing connection #0 with host api.test\n> GET /doc HTTP/1.1\r\n> Host: api.test\r\n> \r\n< HTTP/1.1 304 Not Modified\r\n< ETag: \"v2\"\r\n< \r\n* Connection #0 to host api.test left intact\nlater\n"

// TestRead: each format, as it is written and as it is pasted.
func TestRead(t *testing.T) {
	const put = `PUT https://api.test/doc|Content-Length: 7; Host: api.test; If-Match: "v1"|{"a":1}|412|Content-Type: application/json; Etag: "v2"|{"error":1}`
	for name, test := range map[string]struct {
		in   string
		want []string
	}{
		"curl -v":          {verbose, []string{"curl|" + put}},
		"CRLF":             {strings.ReplaceAll(verbose, "\n", "\r\n"), []string{"curl|" + put}},
		"indented":         {"    " + strings.ReplaceAll(verbose, "\n", "\n    "), []string{"curl|" + put}},
		"in colours":       {strings.ReplaceAll(verbose, "< etag:", "< \x1b[1metag\x1b[0m:"), []string{"curl|" + put}},
		"two in a row":     {verbose + verbose, []string{"curl|" + put, "curl|" + put}},
		"curl -i":          {"HTTP/1.1 412 Precondition failed\r\nETag: \"v2\"\r\n\r\ngone\n", []string{`http|412|Precondition failed|Etag: "v2"|gone`}},
		"curl -i, -X":      {"me@host:~$ curl -siX PUT \\\n  -H 'If-Match: \"v1\"' \\\n  api.test/doc\nHTTP/1.1 412\nA: b\n\nx\n", []string{`curl|PUT http://api.test/doc|Accept: */*; If-Match: "v1"; User-Agent: curl|412|A: b|x`}},
		"curl -I":          {"$ curl -I https://api.test/doc\nHTTP/1.1 200 OK\nETag: \"v1\"\n", []string{`curl|HEAD https://api.test/doc|Accept: */*; User-Agent: curl|200|OK|Etag: "v1"`}},
		"curl -v, piped":   {piped, []string{`curl|PUT http://api.test/doc|Host: api.test; If-Match: "v1"|412|Precondition Failed|Content-Length: 22|{"error":"lease",` + "\n" + `"x":1}`, "curl|GET http://api.test/doc|Host: api.test|304|Not Modified|Etag: \"v2\""}},
		"prompts":          {"$ curl -i http://h/a\nHTTP/1.1 200 OK\n\nx\nme@host:~/dir$ curl -i http://h/b\nHTTP/1.1 200 OK\n\ny\nme@mac dir % curl -iX PUT http://h/c\nHTTP/1.1 412 x\n\nsay: curl http://h/d\n", []string{"curl|GET http://h/a|Accept: */*; User-Agent: curl|200|OK|x", "curl|GET http://h/b|Accept: */*; User-Agent: curl|200|OK|y", "curl|PUT http://h/c|Accept: */*; User-Agent: curl|412|x|say: curl http://h/d"}},
		"other commands":   {"me@host:~$ curl -v -o x http://h/a\n> GET /a HTTP/1.1\n> Host: h\n> \n< HTTP/1.1 200 OK\n< \n{ [99 bytes data]\n* Connection #0 to host h left intact\nme@host:~$ cat x\n{}\nme@host:~$ curl -i http://h/b\nHTTP/1.1 412 x\n\ny\nme@host:~$\nz\n", []string{"curl|GET http://h/a|Host: h|200|OK", "curl|GET http://h/b|Accept: */*; User-Agent: curl|412|x|y"}},
		"no answer":        {"* Connected to api.test (::1) port 80\n> PUT /doc HTTP/1.1\n> Host: api.test\n>\n* Recv failure: Connection reset by peer\ncurl: (56) Recv failure: Connection reset by peer\n", []string{"curl|PUT http://api.test/doc|Host: api.test|0|curl: (56) Recv failure: Connection reset by peer"}},
		"raw":              {"PUT /doc HTTP/1.1\r\nHost: api.test\r\nIf-Match: \"v1\"\r\n\r\n{\"a\":1}\r\nHTTP/1.1 412 Precondition Failed\r\n\r\nno\r\n\r\nGET /doc HTTP/1.1\r\nHost: api.test\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", []string{`http|PUT http://api.test/doc|Host: api.test; If-Match: "v1"|{"a":1}|412|Precondition Failed|no`, "http|GET http://api.test/doc|Host: api.test|200|OK"}},
		"a list in a body": {"HTTP/1.1 200 OK\n\n* one\n> two\n< three\n", []string{"http|200|OK|* one\n> two\n< three"}},
		"a redirect":       {"> PUT /a HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 301 Moved\n< Location: /b\n<\n* Ignoring the response-body\n* Issue another request to this URL: 'http://h/b'\n> GET /b HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 200 OK\n<\n", []string{"curl|PUT http://h/a|Host: h|301|Moved|Location: /b", "curl|GET http://h/b|Host: h|200|OK"}},
		"--trace-ascii":    {trace, []string{`trace|PUT http://api.test/doc|Content-Length: 7; Host: api.test; If-Match: "` + strings.Repeat("x", 70) + `"|{"a":1}|412|Precondition Failed|Etag: "v2"|gone`}},
		"--trace-time":     {timed(trace), []string{`trace|PUT http://api.test/doc|Content-Length: 7; Host: api.test; If-Match: "` + strings.Repeat("x", 70) + `"|{"a":1}|412|Precondition Failed|Etag: "v2"|gone`}},
		"HAR":              {har, []string{`har|PUT https://api.test/doc|If-Match: "v1"|{}|412|Etag: "v2"|no|25ms`, "har|GET https://api.test/doc|0|net::ERR_FAILED", `har|GET https://api.test/doc|200|OK|Etag: "v1"|hello|the browser's disk cache`}},
		"HAR that ends":    {har[:strings.Index(har, `"net::ERR`)], []string{`har|PUT https://api.test/doc|If-Match: "v1"|{}|412|Etag: "v2"|no|25ms`}},
		"log":              {log, []string{`log|PUT https://h.test/doc|If-Match: "v1"|412`, `log|PUT https://h.test/doc|If-Match: "v2"; If-None-Match: *|412|ifmatch: conflict not resolved, cause: changed [IFM002]: ifmatch: attempts are used up`, `log|HEAD https://h.test/doc|200|Etag: "v3"`}},
		"log, end only":    {log[strings.LastIndex(log, `{"time"`):], []string{`log|PUT https://h.test/doc|If-Match: "v2"; If-None-Match: *|412|ifmatch: conflict not resolved, cause: changed [IFM002]: ifmatch: attempts are used up`, `log|HEAD https://h.test/doc|200|Etag: "v3"`}},
	} {
		all, err := Read(strings.NewReader(test.in))
		if name == "HAR that ends" && errors.Is(err, ErrCut) {
			err = nil
		}
		var got []string
		for _, e := range all {
			got = append(got, e.summary())
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
		}
	}
}

const trace = `== Info:   Trying 127.0.0.1:80...
== Info: Connected to api.test (127.0.0.1) port 80 (#0)
=> Send header, 100 bytes (0x64)
0000: PUT /doc HTTP/1.1
0013: Host: api.test
0023: If-Match: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
0063: xxxxxxxxxxxxxxxxx"
0077: Content-Length: 7
008a: 
=> Send data, 7 bytes (0x7)
0000: {"a":1}
<= Recv header, 34 bytes (0x22)
0000: HTTP/1.1 412 Precondition Failed
<= Recv header, 12 bytes (0xc)
0000: ETag: "v2"
<= Recv header, 2 bytes (0x2)
0000: 
<= Recv data, 4 bytes (0x4)
0000: gone
== Info: Connection #0 to host api.test left intact
`

// timed is a trace with --trace-time.
func timed(trace string) string {
	for _, kind := range []string{"== Info", "=> Send", "<= Recv"} {
		trace = strings.ReplaceAll(trace, kind, "09:12:13.123456 "+kind)
	}
	return trace
}

const har = `{"log":{"version":"1.2","creator":{"name":"x","log":{"entries":[1]}},"pages":[],"entries":[
{"startedDateTime":"2026-11-22T10:00:00.000Z","time":30,"request":{"method":"PUT","url":"https://api.test/doc","headers":[{"name":":method","value":"PUT"},{"name":"if-match","value":"\"v1\""}],"postData":{"mimeType":"x","text":"{}"}},"response":{"status":412,"statusText":"","headers":[{"name":"etag","value":"\"v2\""}],"content":{"size":2,"text":"no"}},"timings":{"blocked":5,"dns":-1,"send":5,"wait":20}},
{"startedDateTime":"","request":{"method":"GET","url":"https://api.test/doc","headers":[]},"response":{"status":0,"headers":[],"content":{},"_error":"net::ERR_FAILED"}},
{"request":{"method":"GET","url":"https://api.test/doc","headers":[]},"response":{"status":200,"statusText":"OK","headers":[{"name":"ETag","value":"\"v1\""}],"content":{"encoding":"base64","text":"aGVsbG8="}},"_fromCache":"disk"}
],"more":1}}`

const log = `starting
{"time":"2026-11-22T10:00:00Z","level":"DEBUG","msg":"other"}
{"time":"2026-11-22T10:00:00Z","level":"DEBUG","msg":"ifmatch: write refused","method":"PUT","url":"https://h.test/doc","attempt":1,"status":412,"sent":"If-Match: \"v1\""}
{"time":"2026-11-22T10:00:00Z","level":"DEBUG","msg":"ifmatch: refreshing","method":"PUT","url":"https://h.test/doc","attempt":1,"with":"HEAD"}
{"time":"2026-11-22T10:00:01Z","level":"WARN","msg":"ifmatch: conflict not resolved","method":"PUT","url":"https://h.test/doc","attempt":2,"effect":"not applied","cause":"changed","sent":"If-Match: \"v2\", If-None-Match: *","policy":"Resend","current":"\"v3\"","code":"IFM002","err":"ifmatch: attempts are used up"}
`

// TestReadNothing: what has no exchange is an error, and so is a reader that fails.
func TestReadNothing(t *testing.T) {
	for _, in := range []string{"", "hello\nworld", "{}", `{"log":{}}`, `{"log":{"entries":[]}}`, "\x00\x01", "GET / HTTP/1.1 x", strings.Repeat("x", 1<<20)} {
		if all, err := Read(strings.NewReader(in)); err == nil || len(all) > 0 {
			t.Errorf("%.20q: %v, %v", in, all, err)
		}
	}
	if _, err := Read(io.MultiReader(strings.NewReader("x"), failing{})); err == nil {
		t.Error("no error of the reader")
	}
}

// TestReadCut: of an archive that is cut off, what is before the cut is there, and an error.
func TestReadCut(t *testing.T) {
	const one = `{"request":{"method":"GET","url":"https://h/a"},"response":{"status":200}}`
	const whole = `{"log":{"entries":[` + one + "," + one + `]}}`
	for at := len(whole); at > len(`{"log":{"entries":[`)+len(one); at-- {
		all, err := Read(strings.NewReader(whole[:at]))
		isCut := at <= len(whole)-len("]}}")
		if want := 1 + at/(len(whole)-len("]}}")); len(all) != want || (err != nil) != isCut || isCut && !errors.Is(err, ErrCut) {
			t.Errorf("%q: %d exchanges, want %d, %v", whole[:at], len(all), want, err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestReadLong: texts, bodies and the number of exchanges are bounded, and what explains the
// most stays.
func TestReadLong(t *testing.T) {
	long := strings.Repeat("é", 1<<20) + strings.Repeat(`\u00e9`, 1<<10)
	one := `{"request":{"method":"PUT","url":"https://h/w","headers":[{"name":"If-Match","value":"1"}]},"response":{"status":412,"headers":[],"content":{"text":"` + long + `"}}}`
	other := `{"request":{"method":"GET","url":"https://h/static","headers":[]},"response":{"status":200,"headers":[]}}`
	in := `{"log":{"x":"` + long + `","entries":[` + one + strings.Repeat(","+other, 3*mostExchanges) + `]}}`
	all, err := Read(strings.NewReader(in))
	if err != nil || len(all) == 0 || len(all) > 2*mostExchanges || all[0].Method != "PUT" || !all[0].Cut || len(all[0].ResponseBody) > mostBody || len(all[0].ResponseBody) < mostBody/2 {
		t.Fatalf("%d, %v", len(all), err)
	}
	if strings.Trim(string(all[0].ResponseBody[:1000]), "é") != "" {
		t.Error("a text was changed")
	}
	text := "HTTP/1.1 412 x\n\n" + strings.Repeat("y", 1<<20)
	if all, err = Read(strings.NewReader(text)); err != nil || len(all[0].ResponseBody) > mostBody {
		t.Errorf("%d, %v", len(all), err)
	}
	huge := `{"log":{"entries":[{"request":{"method":"PUT","url":"x","headers":[` + strings.Repeat(`{"name":"a","value":"b"},`, mostEntry/20)
	if _, err = Read(strings.NewReader(huge)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("an endless entry: %v", err)
	}
}

// TestReadHuge: an archive of half a GiB, with IFMATCH_LONG, is read in little memory.
func TestReadHuge(t *testing.T) {
	size := 32 << 20
	if os.Getenv("IFMATCH_LONG") != "" && !testing.Short() {
		size = 500 << 20
	}
	entry := `{"request":{"method":"GET","url":"https://h/static","headers":[{"name":"Cookie","value":"a"}]},"response":{"status":200,"headers":[],"content":{"text":"` + strings.Repeat("y", 1<<20) + `"}}},`
	parts := []io.Reader{strings.NewReader(`{"log":{"entries":[`)}
	for range size >> 20 {
		parts = append(parts, strings.NewReader(entry))
	}
	parts = append(parts, strings.NewReader(`{"request":{"method":"PUT","url":"https://h/w"},"response":{"status":412}}]}}`))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	all, err := Read(io.MultiReader(parts...))
	runtime.ReadMemStats(&after)
	if err != nil || len(all) != size>>20+1 || all[len(all)-1].Method != "PUT" {
		t.Errorf("%d exchanges, %v", len(all), err)
	}
	if more := int64(after.Sys) - int64(before.Sys); more > 128<<20 {
		t.Errorf("%d MiB more than before", more>>20)
	}
}

// FuzzRead: no input makes it crash, and none makes it keep much.
func FuzzRead(f *testing.F) {
	cut := `{"log":{"entries":[{"request":{"method":"GET","url":"/"},"response":{"status":412}},`
	for _, seed := range []string{verbose, trace, timed(trace), har, cut, log, "HTTP/1.1 412\n\nx", "$ curl -siX PUT -d @- 'a\\"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		all, err := Read(bytes.NewReader(in))
		if found := len(all) > 0; !found && err == nil || found && err != nil && !errors.Is(err, ErrCut) {
			t.Errorf("%d exchanges, %v", len(all), err)
		}
		for _, head := range []string{"== Info: x\n", `{"log":{"entries":[`, `{"msg":1}`, "> GET / HTTP/1.1\n"} { // each of the readers
			Read(io.MultiReader(strings.NewReader(head), bytes.NewReader(in)))
		}
		for _, e := range all {
			if len(e.RequestBody) > mostBody || len(e.ResponseBody) > mostBody {
				t.Error("a body isn't bounded")
			}
			for name := range e.RequestHeader {
				if name != http.CanonicalHeaderKey(name) {
					t.Errorf("field %q", name)
				}
			}
		}
	})
}
