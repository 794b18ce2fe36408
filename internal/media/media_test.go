package media

import (
	"net/http"
	"strings"
	"testing"
)

// TestIsJSON (RFC 8259 §11, RFC 6839 §3.1).
func TestIsJSON(t *testing.T) {
	for kind, want := range map[string]bool{
		"application/json":                        true,
		"Application/JSON ; Charset=UTF-8":        true,
		"text/json":                               true,
		"application/vnd.shop.v2+json":            true,
		"application/vnd.api+json; ext=\"a;b\"":   true,
		"application/fhir+json; fhirVersion=4.0":  true,
		"application/merge-patch+JSON":            true,
		"model/gltf+json":                         true,
		"application/+json":                       false,
		"application/json-seq":                    false,
		"application/x-ndjson":                    false,
		"application/vnd.shop+json+xml":           false,
		"application/xml; type=application/json":  false,
		"text/html":                               false,
		"json":                                    false,
		"+json":                                   false,
		"":                                        false,
		"application/json, application/json":      false,
		"application/json; charset=a; charset=b":  false,
		"application/json; charset=\"not closed!": false,
	} {
		if got := IsJSON(kind); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
}

// TestCheck: what isn't one media type is an error that says why.
func TestCheck(t *testing.T) {
	for kind, want := range map[string]string{
		"application/json":                         "",
		"application/vnd.shop.v2+json":             "",
		"application/vnd.api+json; ext=\"a;b\"":    "",
		"text/calendar;charset=utf-8;component=VE": "",
		"":                                       "no media type",
		"json":                                   "no subtype",
		"application/":                           "no media type",
		"/json":                                  "no media type",
		"*/*":                                    "range",
		"application/*":                          "range",
		"application/json, text/json":            "no media type",
		"application/json;q=0.5":                 "weight",
		"application/json; charset=a; charset=b": "no media type",
		"application/json\r\nIf-Match: *":        "no media type",
		"application/json; a=\"\r\nIf-Match: *\"": "no media type",
		"application/json\r\n":                    "control character",
		"application / json":                      "no media type",
		strings.Repeat("a", 1000):                 "no subtype",
	} {
		err := Check(kind)
		if (want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || len(err.Error()) > 200) {
			t.Errorf("%q: %v, want %q", kind, err, want)
		}
	}
}

// TestBack: the type that was read is written back, without what says nothing of the
// document.
func TestBack(t *testing.T) {
	for read, want := range map[string]string{
		"application/json":                                         "application/json",
		"application/json; charset=utf-8":                          "application/json",
		"application/json;odata=nometadata;streaming=true":         "application/json",
		"text/json; charset=utf-8":                                 "text/json",
		"application/vnd.shop.v2+json":                             "application/vnd.shop.v2+json",
		"application/vnd.Shop.V2+json":                             "application/vnd.Shop.V2+json",
		"application/vnd.api+json; charset=utf-8":                  "application/vnd.api+json",
		"application/vnd.api+json;Charset=\"utf-8\";ext=\"a;b\"":   "application/vnd.api+json; ext=\"a;b\"",
		"application/fhir+json ; fhirVersion=4.0 ;charset=UTF-8;":  "application/fhir+json; fhirVersion=4.0",
		"application/a+json; p=\"x\\\";charset=y\"; charset=utf-8": "application/a+json; p=\"x\\\";charset=y\"",
		"application/x+json; charset=iso-8859-1":                   "application/x+json",
		"text/html; charset=utf-8":                                 "",
		"text/plain; charset=utf-8":                                "",
		"":                                                         "",
	} {
		if got := Back(http.Header{"Content-Type": {read}}); got != want {
			t.Errorf("%q: %q, want %q", read, got, want)
		}
	}
	for _, h := range []http.Header{nil, {}, {"Content-Type": nil}, {"Content-Type": {"application/json", "application/a+json"}}, {"Content-Type": {"application/json"}, "content-type": {"application/json"}}} {
		if got := Back(h); got != "" {
			t.Errorf("%v: %q", h, got)
		}
	}
	if got := Back(http.Header{"content-type": {"application/a+json"}}); got != "application/a+json" {
		t.Errorf("in another spelling: %q", got)
	}
}
