package sdks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/ifmatch-go/ifmatch"
)

// sigV4 signs what is sent, each request for itself.
type sigV4 struct {
	base        http.RoundTripper
	credentials aws.CredentialsProvider
	region      string
}

func (s sigV4) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context()) // the caller's request isn't ours to change
	if err := s.sign(signed); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	return s.base.RoundTrip(signed)
}

func (s sigV4) sign(req *http.Request) error {
	keys, err := s.credentials.Retrieve(req.Context())
	if err != nil {
		return err
	}
	hash := req.Header.Get("X-Amz-Content-Sha256") // as the SDK set it; not on a refresh
	if hash == "" {
		if hash, err = bodyHash(req); err != nil {
			return err
		}
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // as S3 wants it
	return signer.SignHTTP(req.Context(), keys, req, hash, "s3", s.region, time.Now())
}

// bodyHash reads a second copy of the body.
func bodyHash(req *http.Request) (string, error) {
	sum := sha256.New()
	if req.Body != nil && req.Body != http.NoBody {
		if req.GetBody == nil {
			return "UNSIGNED-PAYLOAD", nil
		}
		body, err := req.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		if _, err := io.Copy(sum, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// s3Client returns a client of the SDK and the *http.Client it sends with.
func s3Client(cfg aws.Config, network http.RoundTripper, onConflict ifmatch.Policy) (*s3.Client, *http.Client) {
	signing := sigV4{base: network, credentials: cfg.Credentials, region: cfg.Region}
	httpClient := &http.Client{Transport: ifmatch.NewTransport(signing, onConflict)}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient = httpClient
		o.Credentials = aws.AnonymousCredentials{} // the signer is below
		o.Retryer = aws.NopRetryer{}               // ifmatch repeats guarded writes, and knows which were ambiguous
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.UsePathStyle = true
	}), httpClient
}

func s3Config(t *testing.T) aws.Config {
	return aws.Config{
		Region:       env(t, "S3_REGION"),
		BaseEndpoint: aws.String(env(t, "S3")),
		Credentials:  credentials.NewStaticCredentialsProvider(env(t, "S3_KEY"), env(t, "S3_SECRET"), ""),
	}
}

// s3Put writes text to key, under If-Match where there is a tag.
func s3Put(ctx context.Context, client *s3.Client, key, text, tag string) (string, error) {
	in := &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader(text)}
	if tag != "" {
		in.IfMatch = &tag
	}
	out, err := client.PutObject(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

func s3Get(t *testing.T, client *s3.Client, key string) string {
	t.Helper()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// s3Stale makes an object that has changed since the tag that it returns.
func s3Stale(t *testing.T, client *s3.Client, key string) string {
	t.Helper()
	stale, err := s3Put(t.Context(), client, key, "first", "")
	if err == nil {
		_, err = s3Put(t.Context(), client, key, "theirs", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return stale
}

var appendOurs = ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
	return append(bytes.Clone(current.Body), " and ours"...), nil
})

func TestS3(t *testing.T) {
	needs(t, "s3")
	for _, c := range []struct {
		name   string
		policy ifmatch.Policy
		fail   int
		sent   string
		state  string
		effect ifmatch.Effect
		cause  ifmatch.Cause
		status int // of the SDK's error; 0: none
	}{
		{"stop", ifmatch.Stop, 0, "PUT 412", "theirs", ifmatch.EffectNotApplied, ifmatch.CauseUnexamined, 412},
		{"resend", ifmatch.Resend, 0, "PUT 412, HEAD 200, PUT 200", "ours", ifmatch.EffectApplied, ifmatch.CauseChanged, 0},
		{"rebuild", appendOurs, 0, "PUT 412, GET 200, PUT 200", "theirs and ours", ifmatch.EffectApplied, ifmatch.CauseChanged, 0},
		{"one 503", ifmatch.Resend, 1, "PUT 503, PUT 412, GET 200, PUT 200", "ours", ifmatch.EffectApplied, ifmatch.CauseUnattributed, 0},
		// three repeats, by ifmatch; the SDK makes none on top
		{"down", ifmatch.Resend, 99, "PUT 503, PUT 503, PUT 503, PUT 503", "theirs", ifmatch.EffectUnknown, ifmatch.CauseNone, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			var network wire
			client, _ := s3Client(s3Config(t), &network, c.policy)
			key := "sdk/a name+" + c.name // escaped in the URL, and so in the signature
			stale := s3Stale(t, client, key)
			network.take()

			network.fail = c.fail
			var outcome ifmatch.Outcome
			_, err := s3Put(ifmatch.WithOutcome(t.Context(), &outcome), client, key, "ours", stale)
			network.expect(t, c.sent)
			ended(t, outcome, c.effect, c.cause)
			var answer *awshttp.ResponseError
			var refusal smithy.APIError
			switch {
			case c.status == 0 && err != nil:
				t.Error(err)
			case c.status != 0 && (!errors.As(err, &answer) || answer.HTTPStatusCode() != c.status):
				t.Errorf("got %v, want %d", err, c.status)
			case c.status == 412 && (!errors.As(err, &refusal) || refusal.ErrorCode() != "PreconditionFailed"):
				t.Errorf("got %v, want PreconditionFailed", err)
			}
			if got := s3Get(t, client, key); got != c.state {
				t.Errorf("state: got %q, want %q", got, c.state)
			}
		})
	}
	logged(t, "S3_LOG", ` s3_PutObject sdk/a name\+resend \S+ 412 `)
}

// With the signer above, nothing that is signed may be changed.
func TestS3SignedAbove(t *testing.T) {
	needs(t, "s3")
	var network wire
	client := s3.NewFromConfig(s3Config(t), func(o *s3.Options) {
		o.HTTPClient = &http.Client{Transport: ifmatch.NewTransport(&network, ifmatch.Resend)}
		o.UsePathStyle = true
	})
	stale := s3Stale(t, client, "sdk/above")
	network.take()
	var outcome ifmatch.Outcome
	_, err := s3Put(ifmatch.WithOutcome(t.Context(), &outcome), client, "sdk/above", "ours", stale)
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "PreconditionFailed" {
		t.Errorf("got %v, want PreconditionFailed", err)
	}
	network.expect(t, "PUT 412")
	signedAbove(t, outcome, "AWS4-HMAC-SHA256")
}

// The SDK's default is to send a checksum with each upload; over TLS it comes as a
// trailer of a body in chunks, and has no GetBody.
func TestS3Checksums(t *testing.T) {
	needs(t, "s3")
	server, err := url.Parse(env(t, "S3"))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server)
		r.Out.Host = r.In.Host
	}})
	defer front.Close()
	for _, c := range []struct{ name, endpoint, header string }{
		{"header", server.String(), "X-Amz-Checksum-Crc32"},
		{"trailer", front.URL, "X-Amz-Trailer"},
	} {
		for _, p := range []struct {
			policy ifmatch.Policy
			state  string
		}{{ifmatch.Resend, "ours"}, {appendOurs, "theirs and ours"}} {
			t.Run(c.name+" "+p.state, func(t *testing.T) {
				network := wire{base: front.Client().Transport}
				cfg := s3Config(t)
				cfg.BaseEndpoint = &c.endpoint
				client, _ := s3Client(cfg, &network, p.policy)
				key := "sdk/checksum " + c.name
				stale := s3Stale(t, client, key)
				network.take()
				whenSupported := func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported }
				var first http.Header
				spy := func(o *s3.Options) {
					o.HTTPClient = peek{o.HTTPClient, &first}
				}
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
					Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("ours"), IfMatch: &stale,
				}, whenSupported, spy)
				if first.Get(c.header) == "" {
					t.Errorf("the SDK sent no %s: %v", c.header, first)
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := s3Get(t, client, key); got != p.state {
					t.Errorf("state: got %q, want %q", got, p.state)
				}
			})
		}
	}
}

// peek shows what the SDK sends.
type peek struct {
	next  s3.HTTPClient
	first *http.Header
}

func (p peek) Do(req *http.Request) (*http.Response, error) {
	*p.first = req.Header.Clone()
	if req.GetBody != nil && req.Method == http.MethodPut {
		return nil, errors.New("the SDK's request has GetBody now: say so in docs/sdks.md")
	}
	return p.next.Do(req)
}

// The *http.Client of the SDK serves Update and Resource, too.
func TestS3Document(t *testing.T) {
	needs(t, "s3")
	type stock struct {
		ifmatch.Marks
		Count int `json:"count"`
	}
	client, httpClient := s3Client(s3Config(t), http.DefaultTransport, ifmatch.Stop)
	if _, err := s3Put(t.Context(), client, "sdk/stock.json", `{"count":0,"unit":"box"}`, ""); err != nil {
		t.Fatal(err)
	}
	document := env(t, "S3") + "bucket/sdk/stock.json"
	add := func(s *stock) error {
		s.Count++
		return nil
	}
	shared := ifmatch.NewResource[stock](httpClient, document)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = ifmatch.Update(t.Context(), httpClient, document, add)
			} else {
				_, err = shared.Update(t.Context(), add)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s3Get(t, client, "sdk/stock.json"); !strings.Contains(got, `"count":16`) || !strings.Contains(got, `"unit":"box"`) {
		t.Errorf("got %s, want a count of 16 and the unit", got)
	}
}

// A policy's own error comes out of the SDK's call, and so does the end of a write
// to a key that isn't there.
func TestS3Errors(t *testing.T) {
	needs(t, "s3")
	declined := errors.New("declined")
	decline := ifmatch.Rebuild(func(context.Context, *ifmatch.Representation) ([]byte, error) { return nil, declined })
	var network wire
	client, _ := s3Client(s3Config(t), &network, decline)
	stale := s3Stale(t, client, "sdk/declined")
	_, err := s3Put(t.Context(), client, "sdk/declined", "ours", stale)
	var conflict *ifmatch.ConflictError
	if !errors.Is(err, declined) || !errors.As(err, &conflict) {
		t.Errorf("got %v, want a ConflictError with the policy's own", err)
	}
	network.take()
	_, err = s3Put(t.Context(), client, "sdk/missing", "ours", stale)
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "NoSuchKey" {
		t.Errorf("got %v, want NoSuchKey", err)
	}
	network.expect(t, "PUT 404")
}
