package ifmatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/ifmatchtest"
	"github.com/ifmatch-go/ifmatch/internal/cause"
)

// TestWhy412: each entry of docs/why-412.md is a call that ends in it, and what the call
// tells ends with its code.
func TestWhy412(t *testing.T) {
	type faults = []ifmatchtest.Fault
	expired := WithDialect(dialect.Dialect{Name: "x", Judge: func(a *dialect.Answer) dialect.Verdict { return a.Expired() }})
	refused := faults{ifmatchtest.Refuse(0)}
	calls := map[Cause]struct {
		policy Policy
		fields []string
		faults faults
		opts   []Option
	}{
		CauseUnexamined:               {Stop, []string{stale}, nil, nil},
		CauseChanged:                  {Resend, []string{stale}, faults{ifmatchtest.CompetingWriter(0, nil)}, []Option{WithMaxAttempts(2)}},
		CauseFalseConflict:            {Resend, []string{`If-Match: "v2"`}, faults{ifmatchtest.Refuse(1)}, nil},
		CauseOwnEarlierWrite:          {Resend, []string{`If-Match: "v2"`}, faults{ifmatchtest.LostAnswer(1)}, nil},
		CauseExists:                   {Resend, []string{"If-None-Match: *"}, nil, nil},
		CauseGone:                     {Resend, []string{stale}, faults{ifmatchtest.NoHead(410)}, nil},
		CauseStaleDate:                {Resend, []string{longAgo}, refused, nil},
		CauseWeakValidator:            {Stop, []string{`If-Match: W/"v1"`}, nil, nil},
		CauseCodedValidator:           {Resend, []string{`If-Match: "x-gzip"`}, faults{replying("HEAD", 0, 200, `ETag: "x-gzip"`), replying("GET", 0, 200, `ETag: "x-gzip"`)}, nil},
		CauseStaleCache:               {Resend, []string{stale}, faults{replying("HEAD", 0, 200, `ETag: "v1"`, "Age: 9"), replying("GET", 0, 200, `ETag: "v1"`, "Age: 9")}, nil},
		CauseSelfContradiction:        {Resend, []string{`If-Match: "v2"`}, refused, nil},
		CauseUnstableValidator:        {rebuilding, []string{`If-Match: "x"`}, faults{ifmatchtest.NodeTags(2)}, []Option{WithMaxAttempts(16)}},
		CausePreconditionRequired:     {Resend, []string{stale}, faults{replying("PUT", 0, 428)}, nil},
		CauseConflictingPreconditions: {Resend, []string{stale, "If-None-Match: *"}, refused, nil},
		CauseLocked:                   {Resend, []string{"If: (<urn:uuid:1>)"}, refused, nil},
		CauseTokenExpired:             {Stop, []string{stale}, nil, []Option{expired}},
		CauseSignedAbove:              {Resend, []string{stale, "Authorization: AWS4-HMAC-SHA256 x"}, nil, nil},
		CauseRefreshDenied:            {Resend, []string{stale}, faults{replying("HEAD", 0, 401)}, nil},
		CauseRefreshFailed:            {Resend, []string{stale}, faults{replying("HEAD", 0, 302)}, nil},
		CauseNoValidator:              {Resend, []string{stale}, faults{ifmatchtest.NoETag()}, nil},
		CauseNotReplayable:            {Resend, []string{stale, "Idempotency-Key: k"}, nil, nil},
		CauseUnattributed:             {Resend, nil, refused, nil},
	}
	doc, err := os.ReadFile("docs/why-412.md")
	if err != nil {
		t.Fatal(err)
	}
	entries := strings.Split(string(doc), "\n## ")[1:]
	if len(entries) != cause.Count-1 {
		t.Errorf("%d entries for %d causes", len(entries), cause.Count-1)
	}
	for c := CauseNone + 1; int(c) < cause.Count; c++ {
		title, entry, _ := strings.Cut(entries[int(c)-1], "\n")
		if title != c.Code()+": "+c.String() {
			t.Errorf("the entry of %v is called %q", c, title)
		}
		for _, part := range []string{"**Seen.** ", "**Means.** ", "**Cure in Go.** ", "**Cure without Go.** "} {
			if strings.Count(entry, part) != 1 {
				t.Errorf("%s: no %s", title, part)
			}
		}
		test, ok := calls[c]
		if !ok {
			t.Errorf("%v has no call", c)
			continue
		}
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(test.faults...)
			got := send(t, origin, test.policy, http.MethodPut, test.fields, test.opts...)
			o, ending := got.outcome, "["+c.Code()+"]"
			if o.Cause != c || !strings.HasSuffix(fmt.Sprintf("%+v", o), ending+"\n") {
				t.Errorf("%v: %+v", c, o)
			}
			if (o.Err == nil) != (o.Effect == EffectApplied) || o.Err != nil && !strings.HasSuffix(o.Err.Error(), ending) {
				t.Errorf("%v: %v", c, o.Err)
			}
		})
	}
}

// TestRefusalTexts: what was sent, what is current, the policy, the URL, why nothing
// followed, what helps, what the server says, and the code.
func TestRefusalTexts(t *testing.T) {
	type faults = []ifmatchtest.Fault
	says := ifmatchtest.Reply(0, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprintf(w, `{"title":"Conflict","detail":"token %s is fine, the version isn't"}`, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}).On("PUT")
	twice := []Option{WithMaxAttempts(2)}
	for name, test := range map[string]struct {
		policy Policy
		fields []string
		faults faults
		opts   []Option
		want   string
	}{
		"nobody looked": {Stop, []string{stale}, nil, nil, `sent If-Match: "v1", policy Stop; read the state, and compare its ETag with the one that was sent [IFM001]`},
		"nil policy":    {nil, []string{stale}, nil, nil, `sent If-Match: "v1", policy Stop; read the state, and compare its ETag with the one that was sent [IFM001]`},
		"used up": {Resend, []string{stale}, faults{ifmatchtest.CompetingWriter(0, nil)}, twice,
			`sent If-Match: "v3", policy Resend: attempts are used up; read it again, and make the change on what is there now; the server says "precondition failed" [IFM002]`},
		"what the policy says": {PolicyFunc(func(ctx context.Context, c *Conflict) (Decision, error) {
			c.Validators(ctx)
			return Decision{}, nil
		}), []string{stale}, nil, nil,
			`sent If-Match: "v1", current is "v2", policy PolicyFunc; read it again, and make the change on what is there now; the server says "precondition failed" [IFM002]`},
		"the server's words": {Resend, []string{stale, "Authorization: Bearer s3cr3t-t0k3n"}, faults{says}, []Option{WithMaxAttempts(1)},
			`sent If-Match: "v1", policy Resend: attempts are used up; read the state, and compare its ETag with the one that was sent; the server says "Conflict: token … is fine, the version isn't" [IFM001]`},
		"no quotes": {Resend, []string{"If-Match: v1"}, faults{ifmatchtest.Refuse(0)}, nil,
			`sent If-Match: v1, policy Resend: the condition in If-Match is not understood, so it is left alone; quotes are missing, or a quote too many is there: send If-Match: "v1"; the server says "precondition failed" [IFM022]`},
		"a star in quotes": {Resend, []string{`If-Match: "*"`}, faults{ifmatchtest.Refuse(0)}, nil,
			`sent If-Match: "*", policy Resend: the star is in quotes, so that it is a tag; send If-Match: * without the quotes; the server says "precondition failed" [IFM001]`},
		"any state": {Stop, []string{"If-Match: *"}, faults{ifmatchtest.Refuse(0)}, nil,
			`sent If-Match: *, policy Stop: there may be no current representation; read, to see whether there is anything [IFM001]`},
		"a lock": {Resend, []string{"If: (<urn:uuid:s3cr3t>)"}, faults{ifmatchtest.Refuse(0)}, nil,
			`sent If, policy Resend: the condition in If is not understood, so it is left alone; unlock it, or send its token; the server says "precondition failed" [IFM015]`},
		"weak": {Stop, []string{`If-Match: W/"v1"`}, nil, nil,
			`sent If-Match: W/"v1", policy Stop; let the server give a strong tag; set a dialect with WeakTags where the API compares weak ones [IFM008]`},
		"coded": {rebuilding, []string{`If-Match: "x-gzip"`}, faults{replying("GET", 0, 200, `ETag: "x-gzip"`)}, nil,
			`sent If-Match: "x-gzip", current is "x-gzip", policy Rebuild: the server refuses the validator that it gives; GET with Accept-Encoding: identity, and use that tag; the server says "precondition failed" [IFM009]`},
		"another media type": {Resend, []string{stale, "Accept: application/xml", "Content-Type: application/json"},
			faults{ifmatchtest.Refuse(0), replying("HEAD", 0, 200, `ETag: "xml"`, "Content-Type: application/xml")}, twice,
			`sent If-Match: "xml", policy Resend: attempts are used up; the refresh carried Accept: application/xml of the write and got another media type than the write sends, so its tag is of another representation: leave Accept out, or change it in WithRefreshRequest; the server says "precondition failed" [IFM002]`},
		"no precondition": {Stop, nil, faults{ifmatchtest.Refuse(0)}, nil,
			`sent no precondition, policy Stop: refused without a precondition; see what the server says in the body of its answer [IFM022]`},
	} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(test.faults...)
			got := send(t, origin, test.policy, http.MethodPut, test.fields, test.opts...)
			want := `ifmatch: PUT "` + origin.URL + `/doc": refused with 412 Precondition Failed: ` + test.want
			if got.outcome.Err == nil || got.outcome.Err.Error() != want {
				t.Errorf("%s:\n got %v\nwant %s", name, got.outcome.Err, want)
			}
		})
	}
}

// TestLostAnswerTexts: an answer that was lost, and a repeat that was refused.
func TestLostAnswerTexts(t *testing.T) {
	for lost, fault := range map[string]ifmatchtest.Fault{"EOF": ifmatchtest.LostAnswer(1), "503 Service Unavailable": replying(http.MethodPut, 1, 503)} {
		inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
			origin.Inject(fault, ifmatchtest.Refuse(0))
			got := send(t, origin, Stop, http.MethodPut, []string{`If-Match: "v2"`})
			text := `ifmatch: PUT "` + origin.URL + `/doc": outcome unknown: ` + lost + `: the answer was lost and the repeat refused: sent If-Match: "v2", policy Stop`
			const cure = `; your write may be in: read and compare, or use Marks or WithWriteID [IFM022]`
			if got.err != nil && (!errors.Is(got.err, ErrOutcomeUnknown) || got.err.Error() != text+cure) {
				t.Error(got.err)
			}
			if err := got.outcome.Err; !errors.Is(err, ErrOutcomeUnknown) || err.Error() != text+": sending again could apply the write twice"+cure {
				t.Error(err)
			}
		})
	}
}

// TestErrWhereNothingWentThrough: Outcome.Err is set wherever the write did not go through.
func TestErrWhereNothingWentThrough(t *testing.T) {
	for _, status := range []int{304, 400, 403, 409, 412, 428, 500, 503} {
		for _, fields := range [][]string{nil, {stale}} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				origin.Inject(replying(http.MethodPut, 0, status))
				got := send(t, origin, Stop, http.MethodPut, fields, WithoutRepeats())
				if got.outcome.Err == nil {
					t.Errorf("%d, %q: no Err: %v", status, fields, got.outcome)
				}
				if status := new(StatusError); errors.As(got.outcome.Err, &status) && status.StatusCode != got.resp.StatusCode {
					t.Errorf("%v", got.outcome.Err)
				}
			})
		}
	}
}

// TestErrWhereAWriteBecameARead: http.Client makes a GET of a redirected write, and the
// success of that is none of the write.
func TestErrWhereAWriteBecameARead(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307} {
		for _, refusals := range []int{0, 1} {
			inBubble(t, func(t *testing.T, origin *ifmatchtest.Server) {
				if refusals > 0 {
					origin.Inject(ifmatchtest.Refuse(refusals))
				}
				origin.Inject(replying(http.MethodPut, 1, status, "Location: /doc"))
				var o Outcome
				client := &http.Client{Transport: NewTransport(origin.Client().Transport, Resend)}
				resp, err := client.Do(newWrite(t, WithOutcome(t.Context(), &o), origin, http.MethodPut, []string{fresh}))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if (o.Err == nil) == (o.Effect == EffectNotApplied) {
					t.Errorf("%d: %v", status, o)
				}
			})
		}
	}
}

// TestErrOfWhatIsNoSuccessOfUpdate: an Update that fails says so in its Outcome too.
func TestErrOfWhatIsNoSuccessOfUpdate(t *testing.T) {
	for _, status := range []int{202, 301, 303} {
		withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(replying(http.MethodPut, 0, status, "Location: /doc"))
			var o Outcome
			got, err := Update(WithOutcome(t.Context(), &o), clientOn(origin), url, addOne)
			if err == nil || o.Err == nil || got.Outcome.Err == nil {
				t.Errorf("%d: %v, %v, %v", status, err, o, got.Outcome)
			}
		})
	}
}

// TestErrOfNoBase: nothing is sent, and the Outcome says so.
func TestErrOfNoBase(t *testing.T) {
	found := http.DefaultTransport
	defer func() { http.DefaultTransport = found }()
	http.DefaultTransport = NewTransport(found, Stop)
	got := sendVia(t, new(Transport), mustPut(t))
	if got.err == nil || !errors.Is(got.outcome.Err, errZeroTransport) || got.outcome.Effect != EffectNotApplied {
		t.Errorf("%v: %v", got.err, got.outcome)
	}
}

// TestServersWords: what a server says is in the errors of Update, in one line.
func TestServersWords(t *testing.T) {
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Reply(0, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			w.Write([]byte(`{"error":{"code":"E1","message":"n must\nbe even"}}`))
		}).On("PUT"))
		_, err := Update(t.Context(), origin.Client(), url, addOne)
		var status *StatusError
		if !errors.As(err, &status) {
			t.Fatal(err)
		}
		if diff := cmp.Diff(`ifmatch: PUT "`+url+`": 422 Unprocessable Entity; the server says "E1: n must be even"`, status.Error()); diff != "" {
			t.Error(diff)
		}
	})
	withDocument(t, `{"n":1}`, func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.Refuse(0))
		_, err := Update(t.Context(), origin.Client(), url, addOne)
		want := regexp.MustCompile(`^ifmatch: PUT "[^"]*": refused with 412 Precondition Failed: sent If-Match: ("[^"]*"), current is ("[^"]*"), policy of Update: .*; the server says "precondition failed" \[IFM011\]$`)
		if m := want.FindStringSubmatch(fmt.Sprint(err)); m == nil || m[1] != m[2] {
			t.Error(err)
		}
	})
}

// TestTextsHoldNoSecret: whatever a server says of a request, or a RoundTripper below, no
// text and no log has what is secret in the request.
func TestTextsHoldNoSecret(t *testing.T) {
	judged := WithDialect(dialect.Dialect{Name: "x", Judge: func(a *dialect.Answer) dialect.Verdict { return a.Stops(string(a.Body())) }})
	for name, test := range map[string]struct {
		says string
		opts []Option
	}{
		"cut off":          {strings.Repeat("a ", 90) + "s3cr3t-t0k3n", nil},
		"escapes":          {`{"x":"s3cr3t\/\u002bplus"`, nil},
		"entities":         {"bad s3cr3t&#x2F;&#43;plus", nil},
		"lock token":       {"urn:uuid:s3cr3t-lock is old", nil},
		"Basic":            {"s3cr3t-pw is wrong", nil},
		"query":            {"s3cr3t%2fsig", nil},
		"user":             {"s3cr3t-user isn't known", nil},
		"a dialect's word": {"s3cr3t-t0k3n\u202e", []Option{judged}},
	} {
		inBubble(t, func(t *testing.T, _ *ifmatchtest.Server) {
			var logs strings.Builder
			logger := slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
			req, _ := http.NewRequest(http.MethodPut, "http://s3cr3t-user:s3cr3t-url@a.test/doc?sig=s3cr3t%2fsig", strings.NewReader("mine"))
			req.SetBasicAuth("somebody", "s3cr3t-pw")
			req.Header["X-Token"], req.Header["X-Other"] = []string{"s3cr3t-t0k3n"}, []string{"s3cr3t/+plus"}
			req.Header.Set("If", "(<urn:uuid:s3cr3t-lock>)")
			base := roundTripper(func(r *http.Request) (*http.Response, error) { return replyTo(r, 412, test.says), nil })
			got := sendVia(t, NewTransport(base, Resend, append(test.opts, WithLogger(logger))...), req)
			text := fmt.Sprintf("%v\n%+v\n%s", got.outcome.Err, got.outcome, &logs)
			if strings.Contains(text, "s3cr3t") || strings.Contains(text, "\u202e") || !strings.Contains(text, "…") {
				t.Errorf("%s: %s", name, text)
			}
		})
	}
}

// TestErrorsBelowHoldNoSecret: an http.Client below a Transport puts the URL into its errors.
func TestErrorsBelowHoldNoSecret(t *testing.T) {
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		for _, refuses := range []bool{false, true} {
			inBubble(t, func(t *testing.T, _ *ifmatchtest.Server) {
				var below error
				base := roundTripper(func(r *http.Request) (*http.Response, error) {
					if refuses && r.Method == method {
						return replyTo(r, 412, ""), nil
					}
					closeBody(r)
					below = &url.Error{Op: r.Method, URL: r.URL.String(), Err: io.ErrUnexpectedEOF}
					return nil, below
				})
				req, _ := http.NewRequest(method, "http://a.test/doc?sig=s3cr3t", strings.NewReader("mine"))
				req.Header.Set("If-Match", `"v1"`)
				got := sendVia(t, NewTransport(base, Resend), req)
				text := fmt.Sprintf("%v\n%+v", got.outcome.Err, got.outcome)
				if got.err != nil && method == http.MethodPut {
					text += got.err.Error()
				}
				if strings.Contains(text, "s3cr3t") || !refuses && !errors.Is(got.outcome.Err, below) {
					t.Errorf("%s: %s", method, text)
				}
			})
		}
	}
}

// TestTagsInTexts: what a terminal acts on isn't in a text, and of a long tag not all is.
func TestTagsInTexts(t *testing.T) {
	for _, tag := range []string{"\"\u202e\u009b31m", "\"\x9b31m", `"` + strings.Repeat("x", 3000)} {
		inBubble(t, func(t *testing.T, _ *ifmatchtest.Server) {
			node := 0
			base := roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPut {
					return replyTo(r, 412, ""), nil
				}
				node++
				return replyTo(r, 200, "the same", fmt.Sprintf(`ETag: %s%d"`, tag, node%2)), nil
			})
			got := sendVia(t, NewTransport(base, rebuilding), mustPut(t))
			text := got.outcome.Err.Error()
			if got.outcome.Cause != CauseUnstableValidator || len(text) > 2000 || strings.ContainsFunc(fmt.Sprintf("%v%s", got.outcome, text), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%v, %d bytes: %q", got.outcome.Cause, len(text), text)
			}
		})
	}
}

// TestCureInPlace: what helps is told in the places of the API.
func TestCureInPlace(t *testing.T) {
	conflict := (*dialect.Answer).Conflict
	exists := func(a *dialect.Answer) dialect.Verdict { return a.Exists("") }
	for name, test := range map[string]struct {
		policy   Policy
		judge    func(*dialect.Answer) dialect.Verdict
		create   string
		noCreate bool
		read     int
		state    string
		cause    Cause
		cure     string
	}{
		"unexamined":                    {Stop, (*dialect.Answer).AsRFC9110, "0", false, 200, `{"version":2}`, CauseUnexamined, "compare its version with"},
		"exists":                        {Resend, exists, "0", false, 200, `{"version":2}`, CauseExists, "update it under its version"},
		"gone":                          {Resend, conflict, "0", false, 404, "", CauseGone, "create it with 0 in the member /version"},
		"gone, no version is a create":  {Resend, conflict, "", false, 404, "", CauseGone, "make it anew, if"},
		"gone, nothing is a create":     {Resend, conflict, "0", true, 404, "", CauseGone, "make it anew, if"},
		"required":                      {Stop, (*dialect.Answer).Required, "0", false, 200, `{"version":2}`, CausePreconditionRequired, "send the version in the member /version"},
		"no version":                    {Resend, conflict, "0", false, 200, `{}`, CauseNoValidator, "have the version in the member /version"},
		"changed, as in all other APIs": {Stop, conflict, "0", false, 200, `{"version":2}`, CauseChanged, "read it again, and make"},
	} {
		d := inventedDialect(dialect.InBody("/version"), dialect.InBody("/version"))
		d.Tokens[0].Create, d.NoCreate, d.Statuses, d.Judge = test.create, test.noCreate, []int{412}, test.judge
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			status, text := test.read, test.state
			if req.Method == http.MethodPut {
				status, text = 412, ""
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
		})
		r := callVia(t, t.Context(), "PUT", NewTransport(base, test.policy, WithDialect(d)), strings.NewReader(`{"version":1}`))
		if o := r.outcome; o.Cause != test.cause || !strings.Contains(fmt.Sprint(o.Err), test.cure) || strings.Contains(fmt.Sprint(o.Err), "If-") {
			t.Errorf("%s: %v: %v", name, o.Cause, o.Err)
		}
	}
}
