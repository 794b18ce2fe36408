package main

import (
	"strings"
	"testing"
)

const want = `AddStock 5:  error <nil>
AddStock 20: error <nil>
Rename:      error somebody else has changed the item: read it again
now:         bolt, stock 35
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
