package main

import (
	"strings"
	"testing"
)

const want = `the client's own:       attempts: 1, not applied (unexamined, IFM001)
Resend:                 attempts: 4, not applied (changed, IFM002)
Resend, 8 attempts:     attempts: 6, applied
the bundle:             attempts: 6, applied
the bundle, 2 attempts: attempts: 2, not applied (changed, IFM002)
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
