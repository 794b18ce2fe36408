package main

import (
	"strings"
	"testing"
)

const want = `unsigned: 401
signer below: 204
  [PUT 412 HEAD 200 PUT 204], applied, changed
signer above: 412
  [PUT 412], not applied, signed above
  ifmatch: the Authorization scheme HMAC-SHA256 shows that the request was signed above the Transport, so nothing in it can be rewritten [IFM017]
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
