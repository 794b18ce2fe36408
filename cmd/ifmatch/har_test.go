package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// archiveSchema is that of HTTP Archive 1.2, with its formats.
func archiveSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	files, err := filepath.Glob("testdata/har-schema/*.json")
	if err != nil || len(files) < 18 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(content(t, file)))
		if err == nil {
			err = compiler.AddResource("https://har.test/"+filepath.Base(file), doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("https://har.test/har.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// valid reports what of a text the schema of HTTP Archive 1.2 doesn't allow.
func valid(schema *jsonschema.Schema, text string) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return schema.Validate(doc)
}

func TestArchivesAreValid(t *testing.T) {
	schema := archiveSchema(t)
	files, err := filepath.Glob(recordings + "*")
	if err != nil || len(files) < 60 {
		t.Fatalf("%q, %v", files, err)
	}
	in := map[string]string{
		"an answer alone": "HTTP/1.1 412 Precondition Failed\n\n", "no answer": "> PUT /a HTTP/1.1\n> Host: h\n> \n* Empty reply from server\n",
		"odd URLs": "> PUT /a{b}|c^%zz HTTP/1.1\n> Host: h h\n> \n< HTTP/1.1 412 x\n< \n", "no host": "> OPTIONS * HTTP/1.1\n> \n< HTTP/1.1 412 x\n< \n",
	}
	for _, file := range files {
		in[file] = content(t, file)
	}
	for name, recording := range in {
		for _, flag := range []string{"--bodies", "--bodies=false"} {
			got := try(recording, "explain", "--format", "har", flag)
			if err := valid(schema, got.out); err != nil || got.status != statusDone {
				t.Errorf("%s: %v %s", name, err, got.err)
			}
		}
	}
}

// TestSchemaSeesFaults: the schema that TestArchivesAreValid uses refuses what it should.
func TestSchemaSeesFaults(t *testing.T) {
	schema := archiveSchema(t)
	good := try(content(t, recordings+"IFM010-cloudflare.har"), "explain", "--format", "har").out
	for _, replaced := range [][2]string{
		{`"startedDateTime": "2026`, `"startedDateTime": "yesterday 2026`}, {`"httpVersion"`, `"version"`}, {`"status": 412`, `"status": "412"`},
		{`"url": "https://`, `"url": "::`}, {`"wait": `, `"waits": `}, {`"entries"`, `"entry"`}, {`"name": "Age"`, `"name": 1`},
	} {
		bad := strings.Replace(good, replaced[0], replaced[1], 1)
		if err := valid(schema, bad); bad == good || err == nil {
			t.Errorf("%s is valid", replaced[1])
		}
	}
}
