package explain

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// writers are all of them.
var writers = map[string]func(Report, io.Writer, Writing) error{
	"text": Report.WriteText, "json": Report.WriteJSON, "markdown": Report.WriteMarkdown, "html": Report.WriteHTML, "har": Report.WriteHAR, "curl": Report.WriteCurl,
}

// written is what a writer makes of a report.
func written(t *testing.T, name string, r Report, how Writing) string {
	t.Helper()
	var b strings.Builder
	if err := writers[name](r, &b, how); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.String()
}

// refusedReport is a report with all sorts of things in it.
func refusedReport() Report {
	const at = "@ 2026-11-22T10:00:00.5Z"
	return Explain([]Exchange{
		x("GET /doc?page=1&key=s3cr3t-key", 200, "< ETag: \"v1-gzip\"", "< Content-Encoding: gzip", "< X-Request-Id: id-1", "<< <b>|`x`</b>", at),
		x("PUT /doc", 412, "> If-Match: \"v1-gzip\"", "> Authorization: Bearer s3cr3t-t0k3n", "> Content-Type: text/plain", ">> it's", "< X-Request-Id: id-2", "<< <script>alert(1)</script>", "@ 2026-11-22T10:00:01.5Z"),
	})
}

// TestWriters: each output has the verdict or the requests, and no secret; bodies only where
// they are asked for.
func TestWriters(t *testing.T) {
	report := refusedReport()
	for name := range writers {
		got := written(t, name, report, Writing{})
		for _, secret := range []string{"s3cr3t", "it's", "alert(1)"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s has %q:\n%s", name, secret, got)
			}
		}
		if !strings.Contains(got, "v1-gzip") || name != "curl" && name != "har" && !strings.Contains(got, "IFM009") {
			t.Errorf("%s:\n%s", name, got)
		}
		if got != written(t, name, report, Writing{}) {
			t.Errorf("%s differs from time to time", name)
		}
	}
	if got := written(t, "text", report, Writing{Color: true}); !strings.Contains(got, "\x1b[31m-gzip\x1b[0m") {
		t.Errorf("no colour:\n%q", got)
	}
	if got := written(t, "text", report, Writing{}); strings.Contains(got, "\x1b") || !strings.Contains(got, "»-gzip«") {
		t.Errorf("colours:\n%q", got)
	}
	if got := fmt.Sprintf("%v %+v", report, report); strings.Contains(got, "s3cr3t") || !strings.Contains(got, "IFM009") {
		t.Error(got)
	}
	if got := written(t, "html", report, Writing{Bodies: true}); strings.Contains(got, "<script") || strings.Contains(got, "http-equiv") || !strings.Contains(got, "<svg") {
		t.Errorf("the page:\n%s", got)
	}
	if got := written(t, "curl", report, Writing{Bodies: true}); !strings.Contains(got, `--data-raw 'it'\''s'`) {
		t.Error(got)
	}
	for _, name := range []string{"markdown", "html"} {
		got := written(t, name, report, Writing{})
		for _, want := range []string{"id-1", "id-2", "10:00:01.5", "which ETag did the server compare with", "curl "} {
			if !strings.Contains(got, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
	}
}

// TestWriteNothing: an empty report is one, too.
func TestWriteNothing(t *testing.T) {
	for name := range writers {
		for _, r := range []Report{{}, Explain(nil), Explain([]Exchange{{}, {StatusCode: 412}, {Method: "PUT", URL: "::"}})} {
			got := written(t, name, r, Writing{Bodies: true, Color: true})
			if r.Verdict != "" && name == "text" && !strings.Contains(got, r.Verdict) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	if r := Explain(nil); !strings.Contains(r.Verdict, "nothing to see here") {
		t.Error(r.Verdict)
	}
}

// TestPageIsWellFormed: the page is XML, but for its doctype and what HTML lets stand open.
func TestPageIsWellFormed(t *testing.T) {
	dec := xml.NewDecoder(strings.NewReader(written(t, "html", refusedReport(), Writing{Bodies: true})))
	dec.Strict, dec.AutoClose, dec.Entity = true, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		_, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil && !strings.Contains(err.Error(), "closed by </head>") {
			t.Fatal(err)
		}
		if err != nil {
			break // <meta> and <link> have no end
		}
	}
}

// TestHARSchema: all members that HTTP Archive 1.2 requires are there, in their types.
func TestHARSchema(t *testing.T) {
	text := written(t, "har", refusedReport(), Writing{Bodies: true})
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	pair := map[string]any{"name": "", "value": ""}
	entry := map[string]any{
		"startedDateTime": "", "time": 0.0, "cache": map[string]any{}, "timings": map[string]any{"send": 0.0, "wait": 0.0, "receive": 0.0},
		"request":  map[string]any{"method": "", "url": "", "httpVersion": "", "cookies": []any{pair}, "headers": []any{pair}, "queryString": []any{pair}, "headersSize": 0.0, "bodySize": 0.0},
		"response": map[string]any{"status": 0.0, "statusText": "", "httpVersion": "", "cookies": []any{pair}, "headers": []any{pair}, "content": map[string]any{"size": 0.0, "mimeType": ""}, "redirectURL": "", "headersSize": 0.0, "bodySize": 0.0},
	}
	schema := map[string]any{"log": map[string]any{"version": "", "creator": map[string]any{"name": "", "version": ""}, "entries": []any{entry}}}
	conforms(t, "", doc, schema)
	for _, e := range doc["log"].(map[string]any)["entries"].([]any) {
		e := e.(map[string]any)
		if _, err := time.Parse(time.RFC3339Nano, e["startedDateTime"].(string)); err != nil || e["time"].(float64) < 0 {
			t.Error(err, e["time"])
		}
		if post, ok := e["request"].(map[string]any)["postData"]; ok {
			conforms(t, "postData", post, map[string]any{"mimeType": "", "text": ""})
		}
	}
}

// conforms reports what of a schema, which is an example, a value doesn't have.
func conforms(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %T", at, got)
		}
		for name, w := range want {
			if _, there := object[name]; !there {
				t.Errorf("%s/%s is missing", at, name)
			}
			conforms(t, at+"/"+name, object[name], w)
		}
	case []any:
		array, ok := got.([]any)
		if !ok {
			t.Errorf("%s: %T", at, got)
		}
		for _, g := range array {
			conforms(t, at+"[]", g, want[0])
		}
	default:
		if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
			t.Errorf("%s: %T, want %T", at, got, want)
		}
	}
}

// TestHARIsReadBack: the archive of a report is explained in the same way.
func TestHARIsReadBack(t *testing.T) {
	report := refusedReport()
	again, err := Read(strings.NewReader(written(t, "har", report, Writing{})))
	if err != nil {
		t.Fatal(err)
	}
	if got := Explain(again); got.first() != report.first() || len(got.Exchanges) != len(report.Exchanges) || !got.Exchanges[1].Sent.Equal(report.Exchanges[1].Sent) {
		t.Errorf("%s", got)
	}
	for _, u := range []string{"", "*", "/doc", "http://h h/%zz", "https://h.test/doc", "about:blank"} {
		again, err := Read(strings.NewReader(written(t, "har", Explain([]Exchange{{Method: "PUT", URL: u, StatusCode: 412}}), Writing{})))
		if err != nil || strings.TrimPrefix(u, "about:blank") != again[0].URL {
			t.Errorf("%q is read back as %q, %v", u, again[0].URL, err)
		}
	}
}

// TestCurlLines: the real curl sends what the line says.
func TestCurlLines(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if _, err2 := exec.LookPath("curl"); err != nil || err2 != nil {
		t.Skip("no curl")
	}
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var fields []string
		for name, values := range r.Header {
			fields = append(fields, name+": "+strings.Join(values, ", "))
		}
		slices.Sort(fields)
		got = append(got, r.Method+" "+r.URL.RequestURI()+" "+strings.Join(fields, "; ")+" "+string(body))
	}))
	defer server.Close()
	report := Explain([]Exchange{
		x("PUT "+server.URL+"/a'b?rev=1", 412, `> If-Match: "v1"`, "> X-Api-Key: s3cr3t", ">> {\"a\": \"it's $HOME `x` \\\\\"}"),
		x("GET "+server.URL+"/doc[1]", 200, "> Accept: a/b", "> Accept: c/d"),
		x("HEAD "+server.URL+"/doc", 200),
	})
	cmd := exec.CommandContext(t.Context(), shell, "-es")
	cmd.Stdin, cmd.Dir = strings.NewReader(written(t, "curl", report, Writing{Bodies: true})), t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{
		"PUT /a%27b?rev=1 Accept: */*; Content-Length: 26; If-Match: \"v1\"; User-Agent: test; X-Api-Key: … {\"a\": \"it's $HOME `x` \\\\\"}",
		"GET /doc%5B1%5D Accept: a/b, c/d ", "HEAD /doc  ",
	}
	for i := range want {
		if i >= len(got) || strings.ReplaceAll(strings.ReplaceAll(got[i], "'b", "%27b"), "[1]", "%5B1%5D") != want[i] {
			t.Errorf("\n got %q\nwant %q", got, want)
			break
		}
	}
}

// TestNothingSecretLeaves plants secrets in one recording and looks for them in each output.
func TestNothingSecretLeaves(t *testing.T) {
	checkSecrets(t, "Tr0ub4dor-and-3", "PUT", 412, "v1", true)
}

// FuzzSecrets plants a secret everywhere in two exchanges, and looks for it in each output.
func FuzzSecrets(f *testing.F) {
	f.Add("Tr0ub4dor-and-3", "PUT", 412, "v1", true)
	f.Add("aaaaaaaaaaaa", "DELETE", 403, "W/", false)
	f.Add(`p@ss"w\o r<d>&`, "PUT", 428, "", true)
	f.Fuzz(checkSecrets)
}

// checkSecrets looks in each output for a secret that stands wherever one may stand.
func checkSecrets(t *testing.T, secret, method string, status int, tag string, bodies bool) {
	// What is short, or no credential, or stands in the page anyway, can't be told from a word.
	secret = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`",;<>()[]\=&%#'`+"`", r) {
			return r
		}
		return -1
	}, secret)
	if len(secret) < 10 || len(secret) > 200 {
		return
	}
	secret = "s3c-" + secret + "-q7"
	for name := range writers {
		if strings.Contains(written(t, name, refusedReport(), Writing{Bodies: true}), secret) {
			return
		}
	}
	jwt := "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("Zx9", 8) + ".sig"
	one := Exchange{
		Method: method, URL: "https://me:" + urlSafe(secret) + "@h.test/doc?sig=" + urlSafe(secret) + "&X-Amz-Signature=" + urlSafe(secret) + "&rev=2#" + urlSafe(secret), StatusCode: status,
		RequestHeader: http.Header{
			"Authorization": {"Bearer " + secret}, "Cookie": {"a=b; session=" + secret}, "X-Api-Key": {secret}, "Proxy-Authorization": {"Basic " + secret},
			"X-Custom": {secret}, "If-Match": {`"` + tag + `"`}, "Referer": {"https://h.test/?token=" + urlSafe(secret)},
			"Lock-Token": {"<" + secret + ">"}, "X-Ms-Lease-Id": {secret}, "My-Field": {secret + "x"},
		},
		ResponseHeader: http.Header{
			"Set-Cookie": {"id=" + secret + "; HttpOnly"}, "Location": {"https://h.test/?code=" + urlSafe(secret)}, "X-Auth-Token": {secret}, "Etag": {`"` + tag + `2"`},
			"Server": {secret}, "Www-Authenticate": {"Bearer realm=" + secret}, "X-Debug": {"you sent " + secret + " and " + jwt},
		},
		RequestBody: []byte(`{"password":"` + secret + `"}`), ResponseBody: []byte(`{"error":"bad token ` + secret + " " + jwt + `"}`), Whole: true,
		Err: "dial " + secret, Note: "with " + secret, Told: "ifmatch: refused [IFM002]: Put https://h.test/?sig=" + urlSafe(secret), Reason: "no " + secret, Stored: secret,
	}
	other := Exchange{Method: "GET", URL: "https://h.test/doc?q=" + urlSafe(secret), StatusCode: 200, RequestHeader: http.Header{"X-Mine": {secret + "y"}}, ResponseHeader: http.Header{"Etag": {`"` + secret + `"`}}}
	report := Explain([]Exchange{one, other})
	for name := range writers {
		got := written(t, name, report, Writing{Bodies: bodies, Secrets: []string{"X-Mine"}})
		for _, s := range []string{secret, urlSafe(secret), jwt, strings.Repeat("Zx9", 8)} {
			if at := strings.Index(got, s); at >= 0 {
				t.Errorf("%s has a secret: %q", name, got[max(0, at-60):min(len(got), at+len(s)+20)])
			}
		}
	}
	if got := report.String() + fmt.Sprint(report); strings.Contains(got, secret) {
		t.Error("String has a secret")
	}
	if text, err := json.Marshal(report); err != nil || bytes.Contains(text, []byte(secret)) {
		t.Error("MarshalJSON has a secret", err)
	}
}

// urlSafe is a text as it stands in a URL.
func urlSafe(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
