package main

import (
	"strings"
	"testing"
)

const want = `added 200 times, the counter is at 200
fewer writes than additions: true
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
