package main

import (
	"strings"
	"testing"
)

const want = `Both edits are in:
{
  "title": "Pancakes",
  "serves": 4,
  "steps": [
    {"id": "mix", "minutes": 5},
    {"id": "fry", "minutes": 15},
    {"id": "rest", "minutes": 30}
  ]
}

Ben is asked about: [/title]
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
