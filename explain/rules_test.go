package explain

import "testing"

// TestRulesNeedEachCondition has recordings that lack one of the conditions of a rule, or meet the
// other one of two.
func TestRulesNeedEachCondition(t *testing.T) {
	put := func(status int, more ...string) Exchange { return x("PUT /doc", status, more...) }
	const (
		v1   = `> If-Match: "v1"`
		tag  = `< ETag: "v1"`
		vary = "< Vary: Accept"
		sig  = "> Authorization: AWS4-HMAC-SHA256 Signature=1"
		bad  = "<< <Error><Code>SignatureDoesNotMatch</Code></Error>"
		want = "<< the If-Match header is required"
		cors = "< Access-Control-Allow-Origin: *"
		page = "> Origin: https://app.test"
		html = "< Content-Type: text/html"
	)
	odd := x("POST /doc", 412, html, "<< <p>412</p>")
	for name, test := range map[string]struct {
		exchanges []Exchange
		want      string // certainty and code of each finding
	}{
		"400 that asks for a tag, to a write with one":      {all(put(400, v1, want)), "nothing"},
		"400 that asks for a tag, to a read":                {all(x("GET /doc", 400, want)), "nothing"},
		"a bad signature, and no precondition":              {all(put(403, sig, bad)), "nothing"},
		"a bad signature, and none was sent":                {all(put(403, v1, bad)), "nothing"},
		"a bad signature, and 400":                          {all(put(400, v1, sig, bad)), "nothing"},
		"a bad signature, and 401":                          {all(put(401, v1, sig, bad)), "likely IFM017"},
		"AuthorizationFailure":                              {all(put(403, v1, sig, "<< AuthorizationFailure")), "likely IFM017"},
		"AuthenticationFailed":                              {all(put(403, v1, sig, "<< AuthenticationFailed")), "likely IFM017"},
		"signed anew after the refusal":                     {all(put(412, v1, sig), put(403, `> If-Match: "v2"`, "> Authorization: AWS4-HMAC-SHA256 Signature=2", bad)), "likely IFM017, possible IFM001"},
		"signed as an accepted read":                        {all(x("GET /doc", 200, tag, sig), put(403, v1, sig, bad)), "likely IFM017"},
		"null":                                              {all(put(412, "> If-Match: null")), "certain IFM101"},
		"a script that may read another field":              {all(x("GET /doc", 200, tag, page, cors, "< Access-Control-Expose-Headers: X-Total"), put(428, page, cors)), "certain IFM108, certain IFM013"},
		"weak, and taken afterwards":                        {all(put(412, `> If-Match: W/"v1"`), put(204, `> If-Match: W/"v2"`)), "possible IFM001"},
		"another method passes with Accept":                 {all(odd, x("PUT /doc", 200)), "likely IFM107"},
		"no answer with Accept":                             {all(odd, x("POST /doc", 0, "> Accept: */*")), "likely IFM107"},
		"it passes without Accept, too":                     {all(odd, x("POST /doc", 200)), "likely IFM107"},
		"it passes with Accept and a tag":                   {all(odd, x("POST /doc", 200, "> Accept: */*", v1)), "likely IFM107"},
		"the media type that was read":                      {all(x("GET /doc", 200, tag, vary, "< Content-Type: text/turtle"), put(412, v1, "> Content-Type: text/turtle")), "possible IFM001"},
		"a patch of what was read":                          {all(x("GET /doc", 200, tag, vary, "< Content-Type: application/json"), put(412, v1, "> Content-Type: application/merge-patch+json")), "possible IFM001"},
		"another media type, where there is one for all":    {all(x("GET /doc", 200, tag, "< Content-Type: text/turtle"), put(412, v1, "> Content-Type: text/html")), "possible IFM001"},
		"another media type, and what was read has no name": {all(x("GET /doc", 200, tag, vary), put(412, v1, "> Content-Type: text/html")), "possible IFM001"},
	} {
		if got := Explain(test.exchanges).codes(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
