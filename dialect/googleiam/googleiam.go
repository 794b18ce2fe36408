// Package googleiam has the dialect of allow policies of Google Cloud, at URLs that end in
// :setIamPolicy.
//
//	c := &http.Client{Transport: ifmatch.NewTransport(oauth, ifmatch.Stop, ifmatch.WithDialect(googleiam.Dialect()))}
//	ifmatch.Update(ctx, c, "https://cloudresourcemanager.googleapis.com/v3/projects/p:setIamPolicy", edit)
//
// The version is the member etag of a policy: policy.etag in the body of a write. Another one
// is 409 with the status ABORTED. A policy is read at :getIamPolicy, by POST; where a service
// has GET there, as Cloud KMS, Pub/Sub, Run and Secret Manager do, take ByGet. Reads ask for
// version 3, which has the conditions of bindings.
//
// Not covered: the paths of Compute Engine, which end in /setIamPolicy; buckets of Cloud
// Storage, which are in package gcs; deny policies. A policy without an etag replaces what is
// there.
//
// Google Cloud IAM documentation, "Allow policies", "Using etags in a policy"
// (https://cloud.google.com/iam/docs/allow-policies#etag); "Method:
// projects.setIamPolicy"
// (https://cloud.google.com/resource-manager/reference/rest/v3/projects/setIamPolicy).
package googleiam

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/dialect"
)

const set, get = ":setIamPolicy", ":getIamPolicy"

// Dialect returns the dialect of services that read a policy by POST.
func Dialect() dialect.Dialect { return reads("Google IAM", byPost) }

// ByGet returns the dialect of services that read a policy by GET.
func ByGet() dialect.Dialect { return reads("Google IAM by GET", byGet) }

func reads(name string, read func(*http.Request)) dialect.Dialect {
	return dialect.Dialect{
		Name:     name,
		Tokens:   []dialect.Token{{Sent: dialect.InBody("/policy/etag"), Current: dialect.InBody("/etag"), For: setsPolicy}},
		Statuses: []int{http.StatusConflict},
		Judge:    judge,
		RefreshRequest: func(req *http.Request) (*http.Request, error) {
			if !setsPolicy(req) {
				return nil, fmt.Errorf("the URL doesn't end in %s", set)
			}
			u := *req.URL
			u.Path, u.RawPath = strings.TrimSuffix(u.Path, set)+get, ""
			req.URL = &u
			read(req)
			return req, nil
		},
		WriteRequest: func(req *http.Request) (*http.Request, error) {
			req.Method = http.MethodPost
			return req, nil
		},
		WriteState: "/policy",
		NoCreate:   true,
		NoMarks:    "a policy has no members but those of its type",
	}
}

func setsPolicy(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, set) }

func byPost(req *http.Request) {
	const body = `{"options":{"requestedPolicyVersion":3}}`
	req.Method, req.ContentLength = http.MethodPost, int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
}

func byGet(req *http.Request) {
	req.Method = http.MethodGet
	q := req.URL.Query()
	q.Set("options.requestedPolicyVersion", "3")
	req.URL.RawQuery = q.Encode()
}

func judge(a *dialect.Answer) dialect.Verdict {
	var answer struct{ Error struct{ Status string } }
	if json.Unmarshal(a.Body(), &answer) == nil && answer.Error.Status == "ABORTED" && setsPolicy(a.Request) {
		return a.Conflict()
	}
	return a.Passes()
}
