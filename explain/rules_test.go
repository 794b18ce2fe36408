package explain

import (
	"strings"
	"testing"
)

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

// TestRulesNeedEachReading has recordings that only one condition of a rule tells from those of
// another cause.
func TestRulesNeedEachReading(t *testing.T) {
	get := func(tag string, more ...string) Exchange {
		return x("GET /doc", 200, append(more, "< ETag: "+tag)...)
	}
	put := func(status int, more ...string) Exchange { return x("PUT /doc", status, more...) }
	const (
		v1    = `> If-Match: "v1"`
		zip   = `> If-Match: "v1-gzip"`
		star  = "> If-Match: *"
		none  = "> If-None-Match: *"
		lock  = "> If: (<urn:uuid:1>)"
		given = "< Lock-Token: <urn:uuid:1>"
		ten   = "@ 2026-11-22T10:00:00Z"
		five  = "@ 2026-11-22T10:05:00Z"
		day   = "< Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"
		later = "< Last-Modified: Sun, 06 Nov 1994 09:00:00 GMT"
		now   = "< Date: Sun, 06 Nov 1994 10:00:00 GMT"
		since = "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT"
		sig   = "> Authorization: AWS4-HMAC-SHA256 Signature=1"
		bad   = "<< <Error><Code>SignatureDoesNotMatch</Code></Error>"
		sig2  = "> Authorization: AWS4-HMAC-SHA256 Signature=2"
		html  = "< Content-Type: text/html"
		couch = "< Server: CouchDB/3.3"
		fhir  = "> Content-Type: application/fhir+json"
	)
	const gcs = `<< {"error":{"errors":[{"reason":"conditionNotMet"}]}}`
	date := x("GET /doc", 200, day, now)
	for name, test := range map[string]struct {
		exchanges []Exchange
		want      string // certainty and code of each finding
	}{
		"told a code of a later version":       {all(told(put(412, v1), "ifmatch: x [IFM999]")), "possible IFM001"},
		"a lease that was lost":                {all(x("PUT https://a.blob.core.windows.net/c/b", 412, "> X-Ms-Lease-Id: 1", "< X-Ms-Error-Code: LeaseLost")), "certain IFM016"},
		"a create that the API refuses":        {all(x("PUT /db/doc", 409, couch, ">> {}", `<< {"error":"conflict","reason":"Document update conflict."}`)), "certain IFM005"},
		"409 to a version without quotes":      {all(x("PUT /Patient/1", 409, fhir, "> If-Match: 1")), "likely IFM022"},
		"conditions of a read, on a read":      {all(x("GET /doc", 412, v1, "> If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT")), "possible IFM001"},
		"a page, and the repeat passes":        {all(put(412, html, "<< <p>412</p>"), put(200)), "certain IFM022"},
		"428 to a date":                        {all(x("GET /doc", 200, later, now), put(428, since)), "certain IFM013"},
		"its own date, which a read confirms":  {all(put(412, since), date, put(412, since)), "certain IFM007"},
		"the server's clock is ahead":          {all(put(412, since, "< Date: Sun, 06 Nov 1994 08:00:20 GMT", "@ 1994-11-06T08:00:10Z")), "likely IFM105, likely IFM104"},
		"a lock, and a read since":             {all(x("LOCK /doc", 200, given), get(`"v1"`), put(412, lock)), "likely IFM016, possible IFM015"},
		"a lock of old, and another is named":  {all(x("LOCK /doc", 200, given, "< Timeout: Second-60", ten), put(412, "> If: (<urn:uuid:2>)", five)), "certain IFM015"},
		"a lock of old, and none is named":     {all(x("LOCK /doc", 200, given, "< Timeout: Second-60", ten), put(423, five)), "certain IFM015"},
		"a lock without a name, none is named": {all(x("LOCK /doc", 200, "< Timeout: Second-60", ten), put(423, five)), "certain IFM015"},
		"the newest tag that was read":         {all(get(`"v0"`), get(`"v1"`), put(412, v1)), "possible IFM001"},
		"a replica after a write, no read":     {all(put(200, v1, `< ETag: "v2"`), get(`"v1"`), put(412, v1)), "likely IFM103, possible IFM004"},
		"a suffix, from a cache":               {all(get(`"v1-gzip"`, "< Content-Encoding: gzip", "< X-Cache: HIT"), put(412, zip)), "certain IFM009"},
		"a read older than the refusal":        {all(put(412, v1, "< Date: Sun, 06 Nov 1994 10:00:40 GMT"), get(`"v1"`, now)), "possible IFM010"},
		"a proxy on all reads":                 {all(get(`"v1"`, "< Via: 1.1 x"), put(412, v1), get(`"v1"`, "< Via: 1.1 x"), get(`"v1"`, "< Via: 1.1 x")), "possible IFM010"},
		"a version that ends like a coding":    {all(x("PUT /db/doc?rev=1-br", 409, couch, ">> {}", `<< {"error":"conflict"}`)), "likely IFM002"},
		"the version of another object":        {all(x("GET /storage/v1/b/b/o/m", 200, `<< {"generation":"5"}`), x("POST /upload/storage/v1/b/b/o?name=n&ifGenerationMatch=5", 412, gcs)), "possible IFM001"},
		"a tag that two URLs have":             {all(get(`"v1"`), x("GET /docs", 200, `< ETag: "v1"`), put(412, v1)), "possible IFM001"},
		"a read that passed before":            {all(x("GET /doc", 200, v1, `< ETag: "v1"`), x("GET /doc", 412, v1), get(`"v2"`)), "certain IFM002"},
		"a star that passed before":            {all(put(204, star), put(412, star)), "possible IFM001"},
		"created twice":                        {all(put(201, none), put(412, none)), "certain IFM004, possible IFM005"},
		"a read with the write's signature":    {all(put(412, v1, sig), x("GET /doc", 403, sig)), "certain IFM017"},
		"a read with its own signature":        {all(put(412, v1, sig), x("GET /doc", 403, sig2)), "certain IFM018"},
		"a star, and nothing is there":         {all(put(412, star), x("GET /doc", 404)), "certain IFM006"},
		"a star, and no reading":               {all(put(412, star), x("GET /doc", 401)), "certain IFM018"},
		"no precondition, and nothing there":   {all(put(412, "<< {}"), x("GET /doc", 404)), "certain IFM022"},
		"no precondition, no reading":          {all(put(412, "<< {}"), x("GET /doc", 401)), "certain IFM022"},
		"428, and nothing there":               {all(put(428), x("HEAD /doc", 404)), "certain IFM013"},
		"created, deleted, created again":      {all(put(201, none), x("DELETE /doc", 204), put(412, none)), "certain IFM005"},
		"created, and DELETE refused":          {all(put(201, none), x("DELETE /doc", 428), put(412, none)), "certain IFM004, certain IFM013, possible IFM005"},
		"accepted, and read as it was before":  {all(get(`"v1"`), put(204, v1), get(`"v1"`), put(412, v1)), "likely IFM004"},
		"accepted, and read with its date":     {all(date, put(204, since), date, put(412, since)), "likely IFM004, likely IFM007"},
		"a weak tag, sent as a strong one":     {all(get(`W/"v1"`), put(412, v1)), "likely IFM008"},
		"a tag that later reads have as weak":  {all(get(`"v1"`), get(`W/"v1"`), put(412, v1)), "possible IFM001"},
		"weak and strong, of an older state":   {all(get(`"v1"`), get(`"v2"`), get(`W/"v1"`), put(412, v1)), "certain IFM002"},
		"an empty If-Match":                    {all(put(412, "> If-Match: ")), "certain IFM101"},
		"a read without the write's token":     {all(put(412, v1, "> Authorization: Bearer x"), x("GET /doc", 401)), "certain IFM019"},
		"a read with the write's token":        {all(put(412, v1, "> Authorization: Bearer x"), x("GET /doc", 403, "> Authorization: Bearer x")), "certain IFM018"},
		"a foreign condition, and no reading":  {all(put(412, "> Isolation: snapshot"), x("GET /doc", 401)), "likely IFM022"},
		"a bad signature of a create":          {all(put(403, none, sig, bad)), "likely IFM017"},
		"a bad signature, and another state":   {all(get(`"v1"`), put(403, v1, sig, bad), get(`"v2"`)), "likely IFM017"},
		"a bad signature with 401, its tag":    {all(get(`"v1"`), put(401, v1, sig, bad), get(`"v1"`)), "likely IFM017"},
		"423 to a create":                      {all(put(423, none)), "certain IFM015"},
		"423 after a write with its tag":       {all(put(204, v1), put(423, v1)), "certain IFM015"},
		"428 to a tag, and another state":      {all(put(428, v1), get(`"v2"`)), "certain IFM013"},
		"a lease, and the tag is current":      {all(x("PUT https://a.blob.core.windows.net/c/b", 412, v1, "< X-Ms-Error-Code: LeaseIdMissing"), x("GET https://a.blob.core.windows.net/c/b", 200, `< ETag: "v1"`)), "certain IFM015"},
		"the same tag, and weak while young":   {all(put(412, v1), get(`W/"v1"`, day, "< Date: Sun, 06 Nov 1994 08:00:00 GMT")), "likely IFM008"},
	} {
		if got := Explain(test.exchanges).codes(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestRulesSay: the sentence and the lines of a finding are those of what was recorded.
func TestRulesSay(t *testing.T) {
	const (
		v1    = `> If-Match: "v1"`
		weak  = `> If-Match: W/"v1"`
		read  = `< ETag: W/"v1"`
		sig   = "> Authorization: AWS4-HMAC-SHA256 Signature=1"
		since = "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT"
		day   = "< Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"
		date  = "< Date: Sun, 06 Nov 1994 08:00:01 GMT"
		form  = "<< <Error><Condition>Bucket POST must be of the enclosure-type multipart/form-data"
	)
	get := func(tag string, more ...string) Exchange {
		return x("GET /doc", 200, append(more, "< ETag: "+tag)...)
	}
	put := func(more ...string) Exchange { return x("PUT /doc", 412, more...) }
	locked := x("LOCK /doc", 200, "< Timeout: Second-60", "@ 2026-11-22T10:00:00Z")
	for name, test := range map[string]struct {
		exchanges []Exchange
		code      string
		want, not string // in the finding of the code
	}{
		"428":                      {all(x("PUT /doc", 428)), "IFM013", "the request has none", "another precondition"},
		"a lock whose time was up": {all(locked, put("> If: (<urn:uuid:1>)", "@ 2026-11-22T10:05:00Z")), "IFM016", "a time that had passed", "doesn't know it"},
		"a form":                   {all(put(form + "</Condition></Error>")), "IFM022", "Condition: Bucket POST", "of the server's own."},
		"a form, cut":              {all(put(form)), "IFM022", "of the server's own.", "Condition: Bucket POST"},
		"a clock behind":           {all(put(since, date, "@ 1994-11-06T08:00:10Z")), "IFM105", "is behind the one", "ahead"},
		"a clock ahead":            {all(put(since, "< Date: Sun, 06 Nov 1994 08:00:20 GMT", "@ 1994-11-06T08:00:10Z")), "IFM105", "is ahead of the one", "behind"},
		"weak while young":         {all(x("GET /doc", 200, read, day, date), put(weak)), "IFM008", "later it is strong", "compressed"},
		"weak when compressed":     {all(x("GET /doc", 200, read, "< Content-Encoding: gzip"), put(weak)), "IFM008", "compressed", "later it is strong"},
		"a lag, and then a cache":  {all(get(`"v1"`), get(`"v2"`), get(`"v1"`), put(v1), get(`"v1"`, "< Age: 9"), get(`"v1"`, "< Age: 9")), "IFM010", "Age: 9", "another state"},
		"a signature on a read":    {all(put(v1, sig), x("GET /doc", 403, sig)), "IFM017", "is on a read, too", "no longer fits"},
		"a create, and a read":     {all(put("> If-None-Match: *"), get(`"v1"`)), "IFM005", `ETag: "v1"`, "404"},
		"the request isn't there":  {all(Exchange{URL: "https://api.test/doc", StatusCode: 412}), "IFM001", "doesn't have the request", "A precondition"},
		"nobody looked at a star":  {all(put("> If-Match: *")), "IFM001", "may be nothing at the URL", "A precondition was refused"},
		"a star, and a redirect":   {all(put("> If-Match: *"), x("GET /doc", 302)), "IFM001", "no read shows the state", "nobody"},
		"the tag was read before":  {all(get(`"v1"`), put(v1)), "IFM001", "GET https://api.test/doc", "another state"},
	} {
		var said []string
		for _, f := range Explain(test.exchanges).Findings {
			if f.Code != test.code {
				continue
			}
			said = append(said, f.What)
			for _, e := range f.Evidence {
				said = append(said, e.Line)
			}
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, test.want) || strings.Contains(text, test.not) {
			t.Errorf("%s: want %q, and not %q, in\n%s", name, test.want, test.not, text)
		}
	}
}
