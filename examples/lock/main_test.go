package main

import (
	"strings"
	"testing"
)

const want = `12:00:00 anna: true
12:00:01 ben: false
12:00:02 ben: true
   PUT 201 lost: true
   PUT 412 lost: false
   GET 200 lost: false
13:00:00 anna: true
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
