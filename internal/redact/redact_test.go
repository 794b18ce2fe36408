package redact

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestURL leaves nothing that may be secret.
func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://h.test/a":                       "http://h.test/a",
		"http://me:s3cret@h.test/a#s3cret":      "http://h.test/a",
		"http://h.test/a?sig=s3cret&s3cret&b=2": "http://h.test/a?sig=…&=…&b=…",
		"http://h.test/a%2Fb?x=%73":             "http://h.test/a%2Fb?x=…",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := URL(u); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"//h.test/a":                          "http://h.test/a",
		"//h.test/a?sig=s3cret&s3cret#s3cret": "http://h.test/a?sig=…&=…",
		"//me:s3cret@h.test/a@b?x=1":          "http://h.test/a@b?x=…",
		"//me:s3cret@h.test":                  "http://h.test",
		"/a?sig=s3cret":                       "http:/a?sig=…",
		"me:s3cret@h.test/a#s3cret":           "http:h.test/a",
	} {
		if got := URL(&url.URL{Scheme: "http", Host: "h.test", Opaque: text}); got != want {
			t.Errorf("Opaque %s: %s, want %s", text, got, want)
		}
		// As *url.Error has it, and what is quoted in one.
		if got := Error(&url.Error{Op: "Put", URL: "http:" + text, Err: errors.New("x")}).Error(); strings.Contains(got, "s3cret") {
			t.Error(got)
		}
	}
	if got := URL(&url.URL{Scheme: "http", Opaque: "//h.test/a?b=s3cret", RawQuery: "c=s3cret"}); strings.Contains(got, "s3cret") {
		t.Error(got)
	}
	if got := URL(nil); got != "" {
		t.Errorf("nil: %q", got)
	}
}

// TestErrorHidesALocation: net/http quotes a Location that it can't parse.
func TestErrorHidesALocation(t *testing.T) {
	err := Error(&url.Error{Op: "Put", URL: "http://h.test/?a=s3cret", Err: errors.New(`failed to parse Location header "http://me:s3cret@h/%zz": oh`)})
	if strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// TestBrief cuts a text that a server made long, and nothing else.
func TestBrief(t *testing.T) {
	short := errors.New("short")
	if Brief(nil) != nil || Brief(short) != short {
		t.Error("an error was changed for nothing")
	}
	if got := Brief(errors.New(strings.Repeat("x", 1<<20))).Error(); len(got) > 65<<10 {
		t.Errorf("%d bytes", len(got))
	}
}

// TestWithoutURLs: the errors of a client below, as they are or in others.
func TestWithoutURLs(t *testing.T) {
	below := &url.Error{Op: "Put", URL: "http://me:s3cret@h.test/doc?sig=s3cret", Err: os.ErrDeadlineExceeded}
	for _, err := range []error{below, fmt.Errorf("x: %w", below), errors.Join(errors.New("x"), below)} {
		got := WithoutURLs(err)
		if strings.Contains(got.Error(), "s3cret") || !errors.Is(got, below) || !errors.Is(got, os.ErrDeadlineExceeded) || strings.Contains(Brief(err).Error(), "s3cret") {
			t.Error(got)
		}
	}
	if short := errors.New("short"); WithoutURLs(nil) != nil || WithoutURLs(short) != short {
		t.Error("an error was changed for nothing")
	}
}

// TestErrorKeepsItsChain: an error without secrets answers all that it
// answered before, whether its text had to change or not.
func TestErrorKeepsItsChain(t *testing.T) {
	unknown := errors.New("outcome unknown")
	for _, at := range []string{"http://h.test/doc", "http://h.test/doc?sig=s3cret"} {
		below := &url.Error{Op: "Get", URL: at, Err: &url.Error{Op: "Get", URL: at, Err: os.ErrDeadlineExceeded}}
		err := Error(&url.Error{Op: "Put", URL: at, Err: fmt.Errorf("%w: below: %w", unknown, below)})
		var found *url.Error
		if !errors.Is(err, unknown) || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, below) || !errors.As(err, &found) {
			t.Errorf("%v has lost a part of its chain", err)
		}
		if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "outcome unknown: below: Get ") {
			t.Error(err)
		}
	}
	slow := &url.Error{Op: "Get", URL: "http://h.test/?sig=s3cret", Err: os.ErrDeadlineExceeded}
	if err := Error(&url.Error{Op: "Put", URL: "http://h.test/", Err: slow}); !err.(*url.Error).Timeout() {
		t.Errorf("%v is no timeout any more", err)
	}
}
