package memory

import (
	"net/http"
	"testing"
)

const docURL = "http://example.test/doc"

func newRequest(t *testing.T, method, url string, fields ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Method, req.Header = method, header(fields...) // http.NewRequest sets an empty method
	return req
}

// header makes a header of names and values in turn.
func header(fields ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

// TestTarget: one URL has one spelling, and two have two.
func TestTarget(t *testing.T) {
	at := func(url, host string) target {
		req := newRequest(t, http.MethodGet, url)
		req.Host = host
		return ofRequest(req)
	}
	for _, urls := range [][2]string{
		{"http://example.test/", "http://example.test"}, {"http://example.test/", "http://EXAMPLE.test:80/"},
		{"https://example.test/a#b", "https://example.test:443/a"}, {"http://u:p@example.test/", "http://example.test/"},
		{"http://example.test./", "http://example.test/"}, {"http://example.test.:8080/", "http://example.test:8080/"},
		{"http://[::1]/", "http://[::1]:80/"}, {"http://example.test/?", "http://example.test/"},
		{"http://example.test/%7Eme", "http://example.test/~me"}, {"http://example.test/%7eme", "http://example.test/~me"},
		{"http://example.test/a%2fb", "http://example.test/a%2Fb"}, {"http://example.test/%C3%A4", "http://example.test/ä"},
		{"http://example.test/%61b!", "http://example.test/ab%21"}, {"http://example.test/?q=%7E%41", "http://example.test/?q=~A"},
		{"http://example.test/d/../x", "http://example.test/x"}, {"http://example.test/d/%2E%2e/x", "http://example.test/x"},
		{"http://example.test/./x/.", "http://example.test/x/"}, {"http://example.test/x/y/..", "http://example.test/x/"},
		{"http://example.test/../../x", "http://example.test/x"}, {"http://example.test/%zz", "http://example.test/%zz"},
		{"http://example.test/?q=ä", "http://example.test/?q=%c3%A4"}, {"http://example.test/?q={a|b}[1]", "http://example.test/?q=%7Ba%7Cb%7D%5B1%5D"},
		{"http://[0:0::0001]:0080/", "http://[::1]/"}, {"http://[2001:DB8::]/", "http://[2001:db8:0:0:0:0:0:0]/"},
		{"http://example.test:08080/", "http://example.test:8080/"}, {"http://example.test/a[1]", "http://example.test/a%5B1%5D"},
	} {
		if _, err := http.NewRequest("GET", urls[0], nil); err != nil {
			continue // it can't be sent
		}
		if at(urls[0], "") != at(urls[1], "") {
			t.Errorf("%q are different: %q, %q", urls, at(urls[0], ""), at(urls[1], ""))
		}
	}
	for _, urls := range [][2]string{
		{"http://example.test/", "https://example.test/"}, {"http://example.test/a", "http://example.test/A"},
		{"http://example.test/a%2Fb", "http://example.test/a/b"}, {"http://example.test/?a", "http://example.test/"},
		{"http://example.test:8080/", "http://example.test/"}, {"http://a.test/", "http://b.test/"},
		{"http://example.test/a/", "http://example.test/a"}, {"http://example.test/a//b", "http://example.test/a/b"},
		{"http://example.test/?a=b%26c", "http://example.test/?a=b&c"}, {"http://example.test/?a=%2B", "http://example.test/?a=+"},
		{"http://example.test/a%3Fb", "http://example.test/a?b"}, {"http://example.test/%252F", "http://example.test/%2F"},
	} {
		if at(urls[0], "") == at(urls[1], "") {
			t.Errorf("%q are the same", urls)
		}
	}
	for _, names := range [][2]string{{"Example.test", ""}, {"example.test.", ""}, {"example.test:80", ""}, {"B.test", "b.test:80"}} {
		if at("http://example.test/", names[0]) != at("http://example.test/", names[1]) {
			t.Errorf("%q are different hosts", names)
		}
	}
	if at("http://example.test/", "b.test") == at("http://example.test/", "c.test") {
		t.Error("two sites of one server are the same")
	}
}

// TestOpaque: what is sent in place of the path is the path.
func TestOpaque(t *testing.T) {
	for opaque, same := range map[string]string{
		"/a%2Fb": "/a%2fb", "//example.test/doc": "/doc", "//example.test": "/", "/d/../x": "/x",
	} {
		req := newRequest(t, http.MethodGet, "http://example.test")
		req.URL.Opaque = opaque
		if got, want := ofRequest(req), ofRequest(newRequest(t, http.MethodGet, "http://example.test"+same)); got != want {
			t.Errorf("%s: %q, want %q", opaque, got, want)
		}
	}
	req := newRequest(t, http.MethodGet, "http://proxy.test")
	req.URL.Opaque = "//example.test/doc"
	if got := ofRequest(req); got == ofRequest(newRequest(t, http.MethodGet, "http://proxy.test/doc")) {
		t.Errorf("the host in the target is lost: %q", got)
	}
}

// TestInternationalHosts: a URL that may be one that the flow has met in another spelling of
// its host is closed.
func TestInternationalHosts(t *testing.T) {
	const puny = "http://xn--bcher-kva.test/a?b"
	for name, row := range map[string]struct {
		met, written string
		want         Known
	}{
		"as it was read":       {"http://b\u00fccher.test/a?b", "http://B\u00dccher.test:80/a?b", Known{Tag: `"v1"`}},
		"xn-- as it was read":  {puny, "http://XN--bcher-kva.test/a?b", Known{Tag: `"v1"`}},
		"xn-- of what is read": {"http://b\u00fccher.test/a?b", puny, Known{Closed: respelled}},
		"what xn-- was read":   {puny, "http://b\u00fccher.test/a?b", Known{Closed: respelled}},
		"two characters":       {"http://b\u00fccher.test/a?b", "http://bu\u0308cher.test/a?b", Known{Closed: respelled}},
		"another dot":          {"http://b\u00fccher\u3002test/a?b", "http://b\u00fccher.test/a?b", Known{Closed: respelled}},
		"two of xn--":          {puny, "http://xn--other-kva.test/a?b", Known{}},
		"another path":         {puny, "http://b\u00fccher.test/b?b", Known{}},
		"another query":        {puny, "http://b\u00fccher.test/a", Known{}},
		"another port":         {puny, "http://b\u00fccher.test:81/a?b", Known{}},
		"another scheme":       {puny, "https://b\u00fccher.test:80/a?b", Known{}},
		"plain, and of a read": {puny, "http://bucher.test/a?b", Known{}},
		"plain was read":       {"http://bucher.test/a?b", "http://b\u00fccher.test/a?b", Known{}},
	} {
		f := new(Flow)
		ask(t, f, newRequest(t, http.MethodGet, row.met), answer(200, "Etag", `"v1"`))
		if got := f.at(t, row.written); got != row.want {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
		// By Request.Host it is the same.
		f = new(Flow)
		read, write := newRequest(t, http.MethodGet, row.met), newRequest(t, http.MethodPut, row.written)
		read.URL.Host, write.URL.Host = "127.0.0.1", "127.0.0.1"
		ask(t, f, read, answer(200, "Etag", `"v1"`))
		if got := f.Visit(write, false).Known(); got != row.want {
			t.Errorf("%s, by Host: %+v, want %+v", name, got, row.want)
		}
	}
	f := new(Flow)
	ask(t, f, newRequest(t, http.MethodGet, puny), answer(200, "Etag", `"v1"`))
	f.Forget(newRequest(t, http.MethodGet, puny).URL)
	if got := f.at(t, "http://b\u00fccher.test/a?b"); got != (Known{}) {
		t.Errorf("forgotten: %+v", got)
	}
}
