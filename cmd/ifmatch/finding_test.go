package main

import (
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/explain"
)

func pemOf(raw []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}) }

func TestConclude(t *testing.T) {
	if _, verdict := conclude(facts{answered: true, state: 200, sent: true}); !strings.Contains(verdict, "nobody knows") {
		t.Errorf("a write without an answer: %q", verdict)
	}
	good := facts{answered: true, state: 200, enforces: true, passed: true}
	for _, test := range []struct {
		name string
		f    func(*facts)
		want int
	}{
		{"enforced and passed", func(*facts) {}, statusDone},
		{"a finding leads", func(f *facts) { f.first, f.sent, f.wrote = "IFM012", true, 204 }, 22},
		{"no answer", func(f *facts) { *f = facts{} }, statusNoAnswer},
		{"no state", func(f *facts) { f.state = 404 }, statusNoState},
		{"no state, and it creates", func(f *facts) { f.state, f.creates = 404, true }, statusDone},
		{"an ailing server, and it creates", func(f *facts) { f.state, f.creates = 503, true }, statusNoState},
		{"not enforced", func(f *facts) { f.enforces = false }, statusOpen},
		{"not passed", func(f *facts) { f.passed = false }, statusOpen},
		{"written", func(f *facts) { f.enforces, f.sent, f.wrote = false, true, 204 }, statusDone},
		{"a write without an answer", func(f *facts) { f.sent = true }, statusOpen},
		{"a write that isn't allowed", func(f *facts) { f.sent, f.wrote = true, 405 }, statusOpen},
		{"a redirected write", func(f *facts) { f.sent, f.wrote = true, 307 }, statusOpen},
	} {
		f := good
		test.f(&f)
		status, verdict := conclude(f)
		if status != test.want || (verdict == "") != (f.first != "") {
			t.Errorf("%s: %d, %q; want %d", test.name, status, verdict, test.want)
		}
	}
}

// What --write would refuse isn't proposed.
func TestDiagnoseProposesAWriteThatShowsMore(t *testing.T) {
	lax := newOrigin(t, func(o *origin, w http.ResponseWriter, r *http.Request) { answer(o, w, r, `"v2"`, "") })
	ask(lax.URL).want(t, statusOpen, "--write finds out by writing", "")
	ask("-X", "DELETE", lax.URL).want(t, statusOpen, "--write can't show it either: it writes by PUT", "")
	bare := newOrigin(t, func(o *origin, w http.ResponseWriter, r *http.Request) { answer(o, w, r, "", "") })
	ask(bare.URL).want(t, statusOpen, "--write can't show it either: the server gives no ETag", "")
}

func TestStatusOfCode(t *testing.T) {
	of := map[int]string{}
	for _, e := range explain.Entries() {
		status := statusOfCode(e.Code)
		if status < 11 || status > 99 || of[status] != "" {
			t.Errorf("%s has status %d, as %q", e.Code, status, of[status])
		}
		of[status] = e.Code
	}
	if statusOfCode("IFM001") != 11 || statusOfCode("IFM101") != 41 {
		t.Error("the ranges have moved")
	}
}
