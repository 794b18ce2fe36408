package explain_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/explain"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// What a colleague has pasted from a terminal is explained.
func ExampleExplain() {
	const pasted = `
> PUT /doc HTTP/1.1
> Host: api.example.com
> If-Match: "bee-gzip"
> Accept: */*
> 
< HTTP/1.1 412 Precondition Failed
< Server: Apache
< 
`
	exchanges, err := explain.Read(strings.NewReader(pasted))
	if err != nil {
		fmt.Println(err)
		return
	}
	report := explain.Explain(exchanges)
	fmt.Println(report.Verdict)
	for _, fix := range report.Findings[0].Fixes {
		fmt.Printf("%s: %s\n", fix.Kind, fix.Text)
	}
	// Output:
	// coded validator: The tag in If-Match has the suffix of a content coding: it is of a compressed representation. (likely, IFM009)
	// as it is: GET with Accept-Encoding: identity, and send the ETag of that answer in If-Match
	// provider: compare without the suffix of the content coding (Apache httpd: DeflateAlterETag)
}

// A call of this process is explained by its Outcome, and by what a Recorder has kept.
func ExampleOutcome() {
	origin := ifmatchtest.NewServer()
	defer origin.Close()
	origin.Put("/doc", "text/plain", []byte("hello"))

	recorder := explain.NewRecorder(origin.Client().Transport, 0)
	client := &http.Client{Transport: ifmatch.NewTransport(recorder, ifmatch.Stop)}
	var outcome ifmatch.Outcome
	req, err := http.NewRequest(http.MethodPut, origin.URL+"/doc", strings.NewReader("mine"))
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("If-None-Match", "*")
	resp, err := client.Do(req.WithContext(ifmatch.WithOutcome(req.Context(), &outcome)))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()

	report := explain.Outcome(outcome, recorder.Exchanges()...)
	fmt.Println(report.Verdict)
	for _, e := range report.Findings[0].Evidence[:2] {
		fmt.Println(e.Part, e.Line)
	}
	// Output:
	// exists: The write only creates, and something is there. (certain, IFM005)
	// request If-None-Match: *
	// response 412 Precondition Failed
}

// The commands that send the requests again have no secret in them.
func ExampleReport_WriteCurl() {
	report := explain.Explain([]explain.Exchange{{
		Method: "PUT", URL: "https://api.example.com/doc?key=s3cr3t", StatusCode: 412,
		RequestHeader: http.Header{"If-Match": {`W/"1"`}, "Authorization": {"Bearer s3cr3t-token"}}, ResponseHeader: http.Header{},
	}})
	report.WriteCurl(os.Stdout, explain.Writing{})
	fmt.Println(report.Findings[0].Code)
	// Output:
	// # #1: the request as it was refused
	// curl -g -i -X PUT -H 'Authorization: Bearer …' -H 'If-Match: W/"1"' -H Accept: -H User-Agent: 'https://api.example.com/doc?key=…'
	// # the read that shows the ETag for it
	// curl -g -i -H 'Accept-Encoding: identity' -H 'Authorization: Bearer …' -H Accept: -H User-Agent: 'https://api.example.com/doc?key=…'
	// IFM008
}
