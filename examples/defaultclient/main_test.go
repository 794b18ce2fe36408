package main

import (
	"strings"
	"testing"
)

const want = `as before:            412, not applied [PUT 412]
Resend for this call: 204, applied [PUT 412 HEAD 200 PUT 204]
as before:            412, not applied [PUT 412]
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
