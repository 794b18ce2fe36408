package main

import (
	"strings"
	"testing"
)

const want = `nobody else writes: applied, cause: none
    PUT 204 If-Match "v1"
    state "draft\nours\n"
somebody else writes: not applied, cause: unexamined
    PUT 412 If-Match "v1"
    state "theirs\n"
only looked at: not sent: true
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
