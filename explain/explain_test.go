package explain

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// x is an exchange at https://api.test: a method and a path, a status, and lines that begin
// with "> " (a field of the request), "< " (of the answer), ">> " and "<< " (the bodies), and
// "@ " (when it was sent; it took 40 ms).
func x(request string, status int, lines ...string) Exchange {
	method, path, _ := strings.Cut(request, " ")
	e := Exchange{Method: method, URL: "https://api.test" + path, StatusCode: status, RequestHeader: http.Header{}, ResponseHeader: http.Header{}, Whole: true}
	if strings.HasPrefix(path, "http") {
		e.URL = path
	}
	if method == http.MethodPut {
		e.RequestHeader = http.Header{"Accept": {"*/*"}, "User-Agent": {"test"}}
	}
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, ": ")
		switch kind {
		case ">":
			e.RequestHeader.Add(name, value)
		case "<":
			e.ResponseHeader.Add(name, value)
		case ">>":
			e.RequestBody = []byte(rest)
		case "<<":
			e.ResponseBody = []byte(rest)
		case "@":
			e.Sent, _ = time.Parse(time.RFC3339Nano, rest)
			e.Answered = e.Sent.Add(40 * time.Millisecond)
		}
	}
	return e
}

// first is the first finding of a report, as "certain IFM002"; "nothing" where there is none.
func (r Report) first() string {
	if len(r.Findings) == 0 {
		return "nothing"
	}
	return r.Findings[0].Certainty.String() + " " + r.Findings[0].Code
}

// codes are all findings of a report, as "certain IFM002, possible IFM010".
func (r Report) codes() string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Certainty.String()+" "+f.Code)
	}
	if all == nil {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

func all(exchanges ...Exchange) []Exchange { return exchanges }

func told(e Exchange, text string) Exchange { e.Told = text; return e }

func probe(e Exchange) Exchange { e.Source = SourceProbe; return e }

// TestRules has a row for each branch of the rules.
func TestRules(t *testing.T) {
	get := func(tag string, more ...string) Exchange {
		if tag != "" {
			more = append(more, "< ETag: "+tag)
		}
		return x("GET /doc", 200, more...)
	}
	put := func(status int, more ...string) Exchange { return x("PUT /doc", status, more...) }
	const v1 = `> If-Match: "v1"`
	const (
		day   = "< Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"
		later = "< Last-Modified: Sun, 06 Nov 1994 09:00:00 GMT"
		now   = "< Date: Sun, 06 Nov 1994 10:00:00 GMT"
		since = "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT"
		sig   = "> Authorization: AWS4-HMAC-SHA256 Signature=1"
		bad   = "<< <Error><Code>SignatureDoesNotMatch</Code></Error>"
		cors  = "< Access-Control-Allow-Origin: *"
		page  = "> Origin: https://app.test"
		html  = "< Content-Type: text/html"
	)
	gone := x("GET /doc", 404)
	for name, test := range map[string]struct {
		exchanges []Exchange
		want      string // certainty and code of each finding
	}{
		// What the request and its answer show.
		"428":                            {all(put(428)), "certain IFM013"},
		"428 in spite of a tag":          {all(put(428, v1)), "certain IFM013"},
		"400 that asks for a tag":        {all(put(400, "<< the If-Match header is required")), "likely IFM013"},
		"400 that asks for nothing":      {all(put(400, "<< the name is required")), "nothing"},
		"a bucket's policy":              {all(put(403, "<< <Error><Code>AccessDenied</Code><Message>not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy</Message></Error>")), "possible IFM013"},
		"412 that asks for a tag":        {all(put(412, "<< you must send an ETag")), "likely IFM013"},
		"no quotes":                      {all(get(`"v1"`), put(412, "> If-Match: v1")), "certain IFM101"},
		"quotes too many":                {all(put(412, `> If-Match: ""v1""`)), "certain IFM101"},
		"a star in quotes":               {all(put(412, `> If-Match: "*"`)), "certain IFM101"},
		"undefined":                      {all(put(412, "> If-Match: undefined")), "certain IFM101"},
		"another spelling":               {all(get(`"ab-C"`), put(412, `> If-Match: "AB-c"`)), "certain IFM101"},
		"If-Modified-Since":              {all(put(412, "> If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT")), "certain IFM106"},
		"If-Modified-Since beside":       {all(put(412, v1, "> If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT")), "possible IFM106"},
		"If-None-Match with a tag":       {all(put(412, `> If-None-Match: "v1"`)), "certain IFM106"},
		"two conditions":                 {all(put(412, v1, "> If-None-Match: *")), "certain IFM014"},
		"a lock token":                   {all(put(412, "> If: (<urn:uuid:1>)")), "certain IFM015"},
		"423":                            {all(put(423)), "certain IFM015"},
		"a lock that has expired":        {all(put(423, "<< The lock has expired.")), "certain IFM016"},
		"a lock whose time was up":       {all(x("LOCK /doc", 200, "< Timeout: Second-60", "@ 2026-11-22T10:00:00Z"), put(412, "> If: (<urn:uuid:1>)", "@ 2026-11-22T10:05:00Z")), "likely IFM016, possible IFM015"},
		"the same, by the lock's body":   {all(x("LOCK /doc", 200, "<< <D:timeout>Second-60</D:timeout>", "@ 2026-11-22T10:00:00Z"), put(412, "> If: (<urn:uuid:1>)", "@ 2026-11-22T10:05:00Z")), "likely IFM016, possible IFM015"},
		"a lock that was given":          {all(x("LOCK /doc", 200, "< Lock-Token: <urn:uuid:1>"), put(412, "> If: (<urn:uuid:1>)")), "likely IFM016, possible IFM015"},
		"the same, beside a tag":         {all(x("LOCK /doc", 200, "< Lock-Token: <urn:uuid:1>"), put(412, `> If: (<urn:uuid:1> ["v1"])`)), "certain IFM014"},
		"another lock than was given":    {all(x("LOCK /doc", 200, "< Lock-Token: <urn:uuid:1>"), put(412, "> If: (<urn:uuid:2>)")), "certain IFM015"},
		"423 to the token of a lock":     {all(x("LOCK /doc", 200, "< Lock-Token: <urn:uuid:1>"), put(423, "> If: (<urn:uuid:1>)")), "certain IFM015"},
		"a lease that a read names":      {all(x("GET /doc", 412, "> X-Ms-Lease-Id: 1", "< X-Ms-Error-Code: LeaseIdMismatchWithBlobOperation")), "certain IFM015"},
		"a read refused for something":   {all(x("GET /doc", 412, "> X-Ms-Lease-Id: 1", "< X-Ms-Error-Code: Other")), "certain IFM022"},
		"a state at another URL":         {all(x("POST /upload/storage/v1/b/b/o?name=n&ifGenerationMatch=5", 412, "<< {\"error\":{\"errors\":[{\"reason\":\"conditionNotMet\"}]}}"), x("GET /storage/v1/b/b/o/n", 200, "<< {\"generation\":\"6\"}")), "certain IFM002"},
		"a state at no such URL":         {all(x("POST /upload/storage/v1/b/b/o?name=n&ifGenerationMatch=5", 412, "<< {\"error\":{\"errors\":[{\"reason\":\"conditionNotMet\"}]}}"), x("GET /storage/v1/b/b/o/m", 200, "<< {\"generation\":\"6\"}")), "possible IFM001"},
		"200 and false":                  {all(x("PUT /v1/kv/a?cas=5", 200, "<< false")), "likely IFM002"},
		"the same, and a read":           {all(x("PUT /v1/kv/a?cas=5", 200, "<< false"), x("GET /v1/kv/a?raw", 200, "< X-Consul-Index: 6")), "likely IFM002"},
		"200 and true":                   {all(x("PUT /v1/kv/a?cas=5", 200, "<< true")), "nothing"},
		"200 and false to a lock":        {all(x("PUT /v1/kv/a?acquire=s", 200, "<< false")), "certain IFM015"},
		"the own write, after 200 false": {all(x("PUT /v1/kv/a?cas=5", 200, "<< false"), x("PUT /v1/kv/a?cas=5", 200, "<< false")), "likely IFM002"},
		"304 to a create":                {all(x("PUT https://b.s3.amazonaws.com/k", 304, "> If-None-Match: *")), "likely IFM005"},
		"304 to a read":                  {all(x("GET https://b.s3.amazonaws.com/k", 304, "> If-None-Match: *")), "nothing"},
		"200 with an error":              {all(x("PUT https://b.s3.amazonaws.com/k", 200, v1, "> X-Amz-Copy-Source: /b/o", "<< <Error><Code>PreconditionFailed</Code></Error>")), "likely IFM002"},
		"200 and no error":               {all(x("PUT https://b.s3.amazonaws.com/k", 200, v1, "> X-Amz-Copy-Source: /b/o", "<< <CopyObjectResult></CopyObjectResult>")), "nothing"},
		"200 that may be an error":       {all(x("PUT https://b.s3.amazonaws.com/k", 200, v1, "> X-Amz-Copy-Source: /b/o", "<< <Error><Code>InternalError</Code></Error>")), "nothing"},
		"the same write passes later":    {all(get(`"v1"`), put(412, v1), get(`"v1"`), put(204, v1)), "certain IFM003"},
		"another write passes later":     {all(get(`"v1"`), put(412, v1), get(`"v1"`), put(204, `> If-Match: "v2"`)), "likely IFM011"},
		"it passes without a condition":  {all(get(`"v1"`), put(412, v1), get(`"v1"`), put(204)), "likely IFM011"},
		"a lock whose time wasn't up":    {all(x("LOCK /doc", 200, "< Timeout: Second-600", "@ 2026-11-22T10:00:00Z"), put(412, "> If: (<urn:uuid:1>)", "@ 2026-11-22T10:05:00Z")), "certain IFM015"},
		"exists":                         {all(put(412, "> If-None-Match: *")), "certain IFM005"},
		"exists, and a read finds it":    {all(put(412, "> If-None-Match: *"), get(`"v1"`)), "certain IFM005"},
		"exists, and nothing is there":   {all(put(412, "> If-None-Match: *"), gone), "certain IFM011"},
		"a condition of its own":         {all(put(412, "> Isolation: snapshot")), "likely IFM022"},
		"no precondition":                {all(put(412, "< Content-Type: application/json", `<< {"error":"closed"}`)), "certain IFM022"},
		"no precondition, no body":       {all(put(412)), "likely IFM022"},
		"a firewall that says so":        {all(put(412, html, "<< <p>blocked by mod_security</p>")), "certain IFM107"},
		"a firewall without Accept":      {all(x("POST /doc", 412, html, "<< <p>412</p>")), "likely IFM107"},
		"and it passes with Accept":      {all(x("POST /doc", 412, html, "<< <p>412</p>"), x("POST /doc", 200, "> Accept: */*")), "certain IFM107"},
		"a page, and Accept":             {all(put(412, html, "<< <p>412</p>")), "certain IFM022"},
		"signed, as before":              {all(put(412, v1, sig), put(403, `> If-Match: "v2"`, sig, bad)), "certain IFM017, possible IFM001"},
		"signed":                         {all(put(403, v1, sig, bad)), "likely IFM017"},
		"403 of another sort":            {all(put(403, v1, sig, "<< <Error><Code>AccessDenied</Code></Error>")), "nothing"},
		"hidden from scripts":            {all(get(`"v1"`, page, cors), put(428, page, cors)), "certain IFM108, certain IFM013"},
		"hidden, no read":                {all(put(428, page, cors)), "certain IFM013, possible IFM108"},
		"exposed":                        {all(get(`"v1"`, page, cors, "< Access-Control-Expose-Headers: x, etag"), put(428, page, cors, "< Access-Control-Expose-Headers: *")), "certain IFM013"},
		"a star, with credentials":       {all(get(`"v1"`, page, cors, "< Access-Control-Expose-Headers: *", "< Access-Control-Allow-Credentials: true"), put(428, page)), "certain IFM108, certain IFM013"},
		"a script of the same origin":    {all(get(`"v1"`, "> Origin: https://api.test", cors), put(428, "> Origin: https://api.test", cors)), "certain IFM013"},
		"weak":                           {all(get(`W/"v1"`), put(412, `> If-Match: W/"v1"`)), "certain IFM008"},
		"weak, and taken before":         {all(put(204, `> If-Match: W/"v0"`), put(412, `> If-Match: W/"v1"`)), "possible IFM001"},
		"a suffix":                       {all(put(412, `> If-Match: "v1-gzip"`)), "likely IFM009"},
		"a suffix of a coded answer":     {all(get(`"v1-gzip"`, "< Content-Encoding: gzip"), put(412, `> If-Match: "v1-gzip"`)), "certain IFM009"},
		"a suffix, and another state":    {all(get(`"v1-gzip"`, "< Content-Encoding: gzip"), put(412, `> If-Match: "v1-gzip"`), get(`"v2"`)), "likely IFM009, possible IFM002"},
		"a suffix, and the plain tag":    {all(put(412, `> If-Match: "v1-gzip"`), get(`"v1"`)), "certain IFM009"},
		"nobody looked":                  {all(put(412, v1)), "possible IFM001"},
		"nobody looked at a star":        {all(put(412, "> If-Match: *")), "possible IFM001"},
		"a star, and something is there": {all(put(412, "> If-Match: *"), get(`"v1"`)), "certain IFM011"},
		"told":                           {all(told(put(412, v1), "ifmatch: x [IFM012]")), "certain IFM012"},
		"told, and found":                {all(told(put(412, `> If-Match: "v1-gzip"`), "ifmatch: x [IFM009]")), "certain IFM009"},
		"told that nobody looked":        {all(told(put(412, v1), "ifmatch: x [IFM001]")), "possible IFM001"},

		// What was sent before and after.
		"another writer, read after":      {all(get(`"v1"`), put(412, v1), get(`"v2"`)), "certain IFM002"},
		"another writer, read before":     {all(get(`"v1"`), get(`"v2"`), put(412, v1)), "certain IFM002"},
		"another tag was read":            {all(get(`"v2"`), put(412, v1)), "likely IFM002"},
		"the refusal has another tag":     {all(put(412, v1, `< ETag: "v2"`)), "possible IFM002"},
		"the tag of an error page":        {all(put(412, v1, `< ETag: "page"`), put(412, `> If-Match: "page"`)), "likely IFM102, possible IFM002"},
		"a trap for the next write":       {all(put(412, v1, `< ETag: "page"`), get(`"v2"`)), "certain IFM002, possible IFM102"},
		"same bytes":                      {all(get(`"v1"`, "<< x"), put(412, v1), get(`"v2"`, "<< x", day, now)), "likely IFM003"},
		"sent twice":                      {all(get(`"v1"`), put(204, v1, `< ETag: "v2"`), put(412, v1)), "certain IFM004"},
		"lost, and nobody looked":         {all(put(502, v1), put(412, v1)), "possible IFM004"},
		"lost, and stored":                {all(get(`"v1"`, "<< a"), put(0, v1, ">> b"), put(412, v1, ">> b"), get(`"v2"`, "<< b")), "likely IFM004"},
		"performed although refused":      {all(get(`"v1"`, "<< a"), put(412, v1, ">> b"), get(`"v2"`, "<< b")), "likely IFM004"},
		"it had those bytes before":       {all(get(`"v1"`, "<< b"), put(412, v1, ">> b"), get(`"v2"`, "<< b")), "likely IFM003"},
		"gone":                            {all(get(`"v1"`), put(412, v1), gone), "certain IFM006"},
		"gone, says HEAD":                 {all(put(412, v1), x("HEAD /doc", 404)), "likely IFM006"},
		"refused its own tag":             {all(get(`"v1"`), put(412, v1), get(`"v1"`), get(`"v1"`)), "certain IFM011"},
		"refused its own tag, once":       {all(get(`"v1"`), put(412, v1), get(`"v1"`)), "likely IFM011"},
		"a cache":                         {all(get(`"v1"`), put(412, v1), get(`"v1"`, "< Age: 9"), get(`"v1"`, "< Age: 10")), "certain IFM010"},
		"a hit before":                    {all(get(`"v1"`, "< X-Cache: HIT"), put(412, v1)), "likely IFM010"},
		"a proxy before":                  {all(get(`"v1"`, "< Via: 1.1 x"), put(412, v1)), "possible IFM010"},
		"a hit, and a newer one":          {all(get(`"v1"`, "< Age: 9", "< Date: Sun, 06 Nov 1994 10:00:00 GMT"), put(412, v1), get(`"v2"`, later, "< Date: Sun, 06 Nov 1994 10:00:40 GMT")), "certain IFM010, possible IFM002"},
		"a hit, and one since":            {all(get(`"v1"`, "< Age: 9", "< Date: Sun, 06 Nov 1994 08:30:00 GMT"), put(412, v1), get(`"v2"`, later, "< Date: Sun, 06 Nov 1994 10:00:40 GMT")), "likely IFM010, possible IFM002"},
		"a replica after a write":         {all(get(`"v1"`), put(200, v1, `< ETag: "v2"`), get(`"v1"`), put(412, v1)), "likely IFM103, possible IFM004"},
		"a replica after a read":          {all(get(`"v1"`), get(`"v2"`), get(`"v1"`), put(412, v1)), "likely IFM103"},
		"two nodes":                       {all(get(`"v1"`, "<< x", day, now, "< X-Node: a"), get(`"v3"`, "<< x", day, now, "< X-Node: b"), put(412, v1)), "certain IFM012"},
		"two nodes, no date":              {all(get(`"v1"`, "<< x", "< X-Node: a"), get(`"v3"`, "<< x", "< X-Node: b"), put(412, v1)), "likely IFM012"},
		"two tags":                        {all(get(`"v1"`, "<< x"), get(`"v3"`, "<< x"), put(412, v1)), "likely IFM012"},
		"two nodes, and no replica":       {all(get(`"v1"`, "<< x"), put(412, v1), get(`"v3"`, "<< x", day, "< X-Node: b"), get(`"v1"`, "<< x", day, "< X-Node: a"), put(412, v1)), "certain IFM012"},
		"a replica, with other bytes":     {all(get(`"v1"`, "<< x"), get(`"v2"`, "<< y"), get(`"v1"`, "<< x"), put(412, v1)), "likely IFM103"},
		"applied, and then another wrote": {all(get(`"v1"`, "<< a"), put(204, v1, ">> b"), put(412, v1, ">> b"), get(`"v3"`, "<< c")), "certain IFM004, possible IFM002"},
		"three tags":                      {all(get(`"v1"`, "<< x"), get(`"v3"`, "<< x"), get(`"v4"`, "<< x"), put(412, `> If-Match: "v4"`)), "certain IFM012"},
		"two tags, other bytes":           {all(get(`"v1"`, "<< x"), get(`"v3"`, "<< y"), put(412, v1)), "certain IFM002"},
		"of another URL":                  {all(x("GET /docs", 200, `< ETag: "l"`), put(412, `> If-Match: "l"`)), "likely IFM109"},
		"of another URL, and it has one":  {all(x("GET /docs", 200, `< ETag: "l"`), put(412, `> If-Match: "l"`), get(`"v1"`)), "certain IFM109, possible IFM002"},
		"of another media type":           {all(get(`"v1"`, "< Content-Type: a/b", "< Vary: Accept"), put(412, v1, "> Content-Type: c/d")), "likely IFM110"},
		"of a type that isn't negotiated": {all(get(`"v1"`, "< Content-Type: a/b", "< Vary: Accept-Encoding"), put(412, v1, "> Content-Type: c/d")), "possible IFM001"},
		"no reading":                      {all(put(412, v1), x("GET /doc", 401)), "certain IFM018"},
		"no tag":                          {all(put(412, v1), x("GET /doc", 200)), "certain IFM020"},
		"a read that fails":               {all(put(412, v1), x("GET /doc", 302)), "certain IFM019"},
		"only a weak tag":                 {all(put(412, v1), get(`W/"v9"`)), "certain IFM008"},
		"a tag and a date":                {all(put(412, v1, since), get(`"v1"`, later, now), get(`"v1"`, later, now)), "certain IFM014"},

		// Dates.
		"its own date":               {all(get("", day, now), put(412, since)), "likely IFM007"},
		"its own date, read again":   {all(get("", day, now), put(412, since), get("", day, now)), "certain IFM007"},
		"its own date, and a change": {all(get("", day, now), put(412, since), get("", later, now)), "certain IFM002"},
		"a date from before":         {all(get("", later, now), put(412, since)), "certain IFM104"},
		"a date from after":          {all(get("", day, now), put(412, "> If-Unmodified-Since: Sun, 06 Nov 1994 08:00:01 GMT")), "likely IFM104"},
		"no date":                    {all(put(412, "> If-Unmodified-Since: 1994-11-06T08:00:00Z")), "likely IFM104"},
		"the time of the request":    {all(put(412, since, "< Date: Sun, 06 Nov 1994 08:00:01 GMT")), "likely IFM104"},
		"skewed":                     {all(put(412, since, "< Date: Sun, 06 Nov 1994 08:00:01 GMT", "@ 1994-11-06T08:00:10Z")), "likely IFM105, likely IFM104"},
		"a second isn't skewed":      {all(put(412, since, "< Date: Sun, 06 Nov 1994 08:00:01 GMT", "@ 1994-11-06T08:00:01.9Z")), "likely IFM104"},

		// Nothing.
		"accepted":      {all(get(`"v1"`), put(204, v1)), "nothing"},
		"a bogus probe": {all(get(`"v1"`), probe(x("GET /doc", 412, `> If-Match: "bogus"`))), "nothing"},
		"its own probe": {all(get(`W/"v1"`), probe(x("GET /doc", 412, `> If-Match: W/"v1"`))), "certain IFM008"},
	} {
		report := Explain(test.exchanges)
		if got := report.codes(); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, test.want, report)
		}
		for _, f := range report.Findings {
			if len(f.Evidence) == 0 || f.What == "" || f.Why == "" || len(f.Fixes) == 0 {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// TestLongRecording: a report of a long one has what shows something, under its new numbers,
// and the last exchanges around the refusal.
func TestLongRecording(t *testing.T) {
	exchanges := []Exchange{x("GET /doc", 200, `< ETag: "v1-gzip"`, "< Content-Encoding: gzip")}
	for range 2 * mostShown {
		exchanges = append(exchanges, x("GET /static", 200), x("HEAD /doc", 304))
	}
	exchanges = append(exchanges, x("PUT /doc", 412, `> If-Match: "v1-gzip"`))
	report := Explain(exchanges)
	last := len(report.Exchanges) - 1
	if report.first() != "certain IFM009" || len(report.Exchanges) != mostShown || len(report.Refused) != 1 || report.Refused[0] != last {
		t.Fatalf("%d exchanges, refused %v, %s", len(report.Exchanges), report.Refused, report.first())
	}
	for _, e := range report.Findings[0].Evidence {
		if e.Exchange != 0 && e.Exchange != last {
			t.Errorf("%+v", e)
		}
	}
	for _, e := range report.Exchanges {
		if strings.Contains(e.URL, "static") {
			t.Error("an exchange at another resource is shown")
		}
	}
	many := make([]Exchange, 0, 3*mostRefusals)
	for range 3 * mostRefusals {
		many = append(many, x("PUT /doc", 412, `> If-Match: W/"1"`))
	}
	if report = Explain(many); report.first() != "certain IFM008" || len(report.Refused) != mostRefusals {
		t.Errorf("%d refusals, %s", len(report.Refused), report.first())
	}
}

// TestNoFindingWithoutEvidence: lines that aren't in the recording are no evidence.
func TestNoFindingWithoutEvidence(t *testing.T) {
	r := &refusal{step: newStep(x("PUT /doc", 412))}
	r.add("IFM002", Certain, "x", r.requestLine("If-Match", ""), r.responseLine("ETag", ""))
	if r.add("IFM999", Certain, "no code", r.answered()); len(r.findings) != 0 {
		t.Errorf("%+v", r.findings)
	}
	if r.add("IFM002", Certain, "x", r.answered()); len(r.findings) != 1 {
		t.Error("no finding with evidence")
	}
}

// TestSkewInATrace: curl --trace-time tells a time of day alone, and that is enough to see a
// clock that is minutes behind.
func TestSkewInATrace(t *testing.T) {
	lines := func(at, date, since string) string {
		return at + " => Send header, 99 bytes (0x63)\n0000: PUT /doc HTTP/1.1\n0013: Host: h.test\n0021: If-Unmodified-Since: " + since + "\n" +
			at + " <= Recv header, 34 bytes (0x22)\n0000: HTTP/1.1 412 Precondition Failed\n" + at + " <= Recv header, 37 bytes (0x25)\n0000: Date: " + date + "\n"
	}
	const since, date = "Sun, 22 Nov 2026 09:59:05 GMT", "Sun, 22 Nov 2026 10:03:05 GMT"
	for at, want := range map[string]string{"10:59:05.100000": "IFM105", "11:03:05.100000": "IFM104", "09:59:05.100000": "IFM105"} {
		exchanges, err := Read(strings.NewReader(lines(at, date, since)))
		if got := Explain(exchanges).codes(); err != nil || !strings.Contains(got, want) || strings.Contains(got, "IFM105") != (want == "IFM105") {
			t.Errorf("%s: %s, %v, want %s", at, got, err, want)
		}
	}
}

// TestFixesOfALease: what helps against a lease is in Azure's words, where it is one of Azure's.
func TestFixesOfALease(t *testing.T) {
	lease := Explain([]Exchange{x("PUT /doc", 412, `> If-Match: "v1"`, "< X-Ms-Error-Code: LeaseIdMissing")})
	lock := Explain([]Exchange{x("PUT /doc", 423)})
	for report, want := range map[*Report]string{&lease: "x-ms-lease-id", &lock: "token of the lock"} {
		if got := written(t, "text", *report, Writing{}); report.first() != "certain IFM015" || strings.Contains(got, "x-ms-lease-id") != (report == &lease) || !strings.Contains(got, want) {
			t.Error(got)
		}
	}
}
