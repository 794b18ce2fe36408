package main

import (
	"strings"
	"testing"
)

const want = `both are in: map[anna:owner ben:guest]
201 to If-None-Match: *
204 to If-Match: "v1"
412 to If-None-Match: *
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
