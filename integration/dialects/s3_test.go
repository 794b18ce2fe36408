package dialects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/s3"
)

// storeSigning signs what ifmatch sends, as S3 has it.
type storeSigning struct {
	base   http.RoundTripper
	keys   aws.Credentials
	region string
}

func (s storeSigning) RoundTrip(req *http.Request) (*http.Response, error) {
	signed := req.Clone(req.Context())
	var body []byte
	if req.Body != nil {
		defer req.Body.Close()
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		signed.Body = http.NoBody
		if len(body) > 0 {
			signed.Body = io.NopCloser(bytes.NewReader(body))
		}
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	signed.Header.Set("X-Amz-Content-Sha256", hash)
	if err := v4.NewSigner().SignHTTP(req.Context(), s.keys, signed, hash, "s3", s.region, time.Now()); err != nil {
		return nil, err
	}
	return s.base.RoundTrip(signed)
}

// onS3 runs f for an object on each of the servers that speak S3.
func onS3(t *testing.T, key string, f func(t *testing.T, s *store)) {
	t.Helper()
	t.Parallel()
	for name, d := range map[string]dialect.Dialect{"s3": s3.Dialect(), "minio": s3.MinIO()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storeNeeds(t, name)
			at := strings.ToUpper(name)
			keys := aws.Credentials{AccessKeyID: storeEnv(t, at+"_KEY"), SecretAccessKey: storeEnv(t, at+"_SECRET")}
			f(t, &store{
				t: t, dialect: d, url: storeEnv(t, at) + storeEnv(t, at+"_BUCKET") + "/" + storeName(key),
				base: storeSigning{storeBase(t), keys, storeEnv(t, at+"_REGION")},
			})
		})
	}
}

func TestS3(t *testing.T) {
	onS3(t, "conditions", func(t *testing.T, s *store) {
		s.stale(200, "HEAD 200")

		tag := s.set(storeFirst)
		s.write(ifmatch.Resend, "PUT", s.url, storeMine, http.Header{"If-None-Match": {"*"}}).want(t, "PUT 412", ifmatch.EffectNotApplied, ifmatch.CauseExists)
		s.has(storeFirst)
		s.set(storeTheirs)
		deleted := s.write(ifmatch.Resend, "DELETE", s.url+"?x-id=DeleteObject", "", storeMatch(tag))
		if s.dialect.Name == "MinIO" {
			deleted.want(t, "", ifmatch.EffectNotApplied, ifmatch.CauseNone)
			s.has(storeTheirs)
			deleted = s.write(ifmatch.Resend, "DELETE", s.url, "", nil)
			deleted.want(t, "DELETE 204", ifmatch.EffectApplied, ifmatch.CauseNone)
		} else {
			deleted.want(t, "DELETE 412, HEAD 200, DELETE 204", ifmatch.EffectApplied, ifmatch.CauseChanged)
		}
		s.write(ifmatch.Resend, "PUT", s.url, storeMine, storeMatch(tag)).want(t, "PUT 404", ifmatch.EffectNotApplied, ifmatch.CauseGone)
		s.write(ifmatch.Resend, "PUT", s.url, storeMine, http.Header{"If-None-Match": {"*"}}).want(t, "PUT 200", ifmatch.EffectApplied, ifmatch.CauseNone)
		s.has(storeMine)
	})
}

// TestS3Multipart completes an upload under a tag that is stale by then.
func TestS3Multipart(t *testing.T) {
	onS3(t, "multipart", func(t *testing.T, s *store) {
		tag := s.set(storeFirst)
		_, text := s.ask("POST", s.url+"?uploads=", "", nil)
		id := regexp.MustCompile("<UploadId>(.+)</UploadId>").FindStringSubmatch(text)
		if id == nil {
			t.Fatalf("no upload: %s", text)
		}
		resp, _ := s.ask("PUT", s.url+"?partNumber=1&uploadId="+id[1], storeMine, nil)
		s.set(storeTheirs)
		parts := fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>", resp.Header.Get("ETag"))
		sent := s.write(ifmatch.Resend, "POST", s.url+"?uploadId="+id[1], parts, storeMatch(tag))
		sent.want(t, "POST 412, HEAD 200, POST 200", ifmatch.EffectApplied, ifmatch.CauseChanged)
		s.has(storeMine)
	})
}

func TestS3OwnWrites(t *testing.T) {
	onS3(t, "own", func(_ *testing.T, s *store) { s.own(200, "", storeMine, storeLarge) })
}
