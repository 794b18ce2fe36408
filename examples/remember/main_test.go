package main

import (
	"strings"
	"testing"
)

const want = `nobody else writes: applied, cause: none
    PUT 204 If-Match "v1"
    state "draft\nours\n"
somebody else writes: not applied, cause: changed
    PUT 412 If-Match "v1"
    GET 200
    state "theirs\n"
the tag changes, the content doesn't: applied, cause: false conflict
    PUT 412 If-Match "v1"
    GET 200
    PUT 204 If-Match "v2"
    state "draft\nours\n"
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
