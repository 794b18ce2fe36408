package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A dress is what every request to a server has to carry. It is put on below
// ifmatch, where credentials belong.
type dress struct {
	header http.Header // unless the request has the field
	onPut  http.Header
	query  string // the variable with a query, without IFMATCH_
	sign   string // that of the server whose keys sign, as S3 has it
	secret string // that of a value for Authorization
}

// base is the RoundTripper below ifmatch. Its connections are its own: one
// client's don't serve another.
func (s server) base(t *testing.T) http.RoundTripper {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	t.Cleanup(transport.CloseIdleConnections)
	d := dressed{dress: s.dress, base: transport}
	if s.dress.query != "" {
		d.query = env(t, s.dress.query)
	}
	if at := s.dress.sign; at != "" {
		d.region = env(t, at+"_REGION")
		d.keys = aws.Credentials{AccessKeyID: env(t, at+"_KEY"), SecretAccessKey: env(t, at+"_SECRET")}
	}
	if s.dress.secret != "" {
		d.header = d.header.Clone()
		d.header.Set("Authorization", env(t, s.dress.secret))
	}
	return d
}

type dressed struct {
	dress
	keys   aws.Credentials
	region string
	base   http.RoundTripper
}

func (d dressed) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.send(req)
	record(req, resp, err)
	return resp, err
}

func (d dressed) send(req *http.Request) (*http.Response, error) {
	r := req.Clone(req.Context())
	d.wear(r, d.header)
	if r.Method == http.MethodPut {
		d.wear(r, d.onPut)
	}
	if d.query != "" {
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+d.query, "&")
	}
	if d.sign != "" {
		if err := d.signed(r); err != nil {
			return nil, err
		}
	}
	return d.base.RoundTrip(r)
}

func (d dressed) wear(r *http.Request, header http.Header) {
	for name, values := range header {
		if name == "Content-Type" && r.ContentLength == 0 {
			continue
		}
		if _, has := r.Header[name]; !has {
			r.Header[name] = values
		}
	}
}

// signed reads the body, since the signature covers its digest.
func (d dressed) signed(r *http.Request) error {
	var body []byte
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return fmt.Errorf("read the body to sign: %w", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	return v4.NewSigner().SignHTTP(r.Context(), d.keys, r, hash, "s3", d.region, time.Now())
}
