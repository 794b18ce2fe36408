package main

import (
	"strings"
	"testing"
)

const want = `settings.example  204  first ours
journal.example   204  first theirs ours
ledger.example    412  first theirs
`

func TestRun(t *testing.T) {
	var got strings.Builder
	if err := run(&got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("output:\n%s\nwant:\n%s", got.String(), want)
	}
}
