package dialects

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/kubernetes"
)

// TestMain has the tests trust the certificate that the API server has made for itself.
func TestMain(m *testing.M) {
	if name := os.Getenv("IFMATCH_KUBERNETES_CA"); name != "" {
		text, err := os.ReadFile(name)
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(text) {
			fmt.Fprintf(os.Stderr, "IFMATCH_KUBERNETES_CA: no certificate in %s: %v\n", name, err)
			os.Exit(1)
		}
		http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	os.Exit(m.Run())
}

// kubeHeader authorizes a request, and says what type its body has.
func kubeHeader(t *testing.T, kind string) http.Header {
	t.Helper()
	return http.Header{"Authorization": {storeEnv(t, "KUBERNETES_AUTHORIZATION")}, "Content-Type": {kind}}
}

// The objects that the tests write. NAME, VERSION, an empty one or that of the object, and
// N, a number that it has, are put in.
const (
	kubeMaps        = "api/v1/namespaces/default/configmaps"
	kubeMap         = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME","resourceVersion":"VERSION"},"data":{"stock":"N"}}`
	kubeLeases      = "apis/coordination.k8s.io/v1/namespaces/default/leases"
	kubeLease       = `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"NAME","resourceVersion":"VERSION"},"spec":{"leaseDurationSeconds":N}}`
	kubeDeployments = "apis/apps/v1/namespaces/default/deployments"
	kubeDeployment  = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"NAME","resourceVersion":"VERSION"},"spec":{"replicas":N,` +
		`"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`
	kubeScale  = `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"NAME","namespace":"default","resourceVersion":"VERSION"},"spec":{"replicas":N}}`
	kubeStatus = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"NAME","resourceVersion":"VERSION"},"status":{"observedGeneration":N}}`

	kubeJSON  = "application/json"
	kubeMerge = "application/merge-patch+json"
)

// A kubeObject is an object that was changed once.
type kubeObject struct {
	t                 *testing.T
	collection, url   string
	name              string
	old, current, uid string // versions, and what tells it from another one of its name
}

// kubeMake makes an object with the number 1 and changes the number to 2.
func kubeMake(t *testing.T, collection, text string) *kubeObject {
	t.Helper()
	o := &kubeObject{t: t, collection: docServer(t, "kubernetes") + collection, name: "doc-" + docID()}
	o.url = o.collection + "/" + o.name
	docPlain(t, 201, "POST", o.collection, o.fill(text, "", "1"), kubeHeader(t, kubeJSON))
	o.old, o.uid = o.version()
	docPlain(t, 200, "PUT", o.url, o.fill(text, o.old, "2"), kubeHeader(t, kubeJSON))
	if o.current, _ = o.version(); o.current == o.old {
		t.Fatalf("the version is still %s", o.old)
	}
	return o
}

// fill makes a text with the object's name. OLD and NEW stand for its versions, UID for it.
func (o *kubeObject) fill(text, version, n string) string {
	put := strings.NewReplacer("NAME", o.name, `,"resourceVersion":"VERSION"`, `,"resourceVersion":"`+version+`"`, `"N"`, `"`+n+`"`, ":N", ":"+n)
	if version == "" {
		put = strings.NewReplacer("NAME", o.name, `,"resourceVersion":"VERSION"`, "", `"N"`, `"`+n+`"`, ":N", ":"+n)
	}
	return strings.NewReplacer("OLD", o.old, "NEW", o.current, "UID", o.uid).Replace(put.Replace(text))
}

// version is the current one of the object, and its UID.
func (o *kubeObject) version() (version, uid string) {
	o.t.Helper()
	_, text := docPlain(o.t, 200, "GET", o.url, "", kubeHeader(o.t, kubeJSON))
	var got struct {
		Metadata struct{ ResourceVersion, UID string }
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Metadata.ResourceVersion == "" {
		o.t.Fatalf("%v: %s", err, text)
	}
	return got.Metadata.ResourceVersion, got.Metadata.UID
}

// has fails where the object, or what else is at this path below it, doesn't hold the text.
func (o *kubeObject) has(path, text string) {
	o.t.Helper()
	if _, got := docPlain(o.t, 200, "GET", o.url+path, "", kubeHeader(o.t, kubeJSON)); !strings.Contains(got, text) {
		o.t.Errorf("%s isn't in %s", text, got)
	}
}

// kubeDouble makes a stock of 2 one of 4.
func kubeDouble() ifmatch.Policy {
	return ifmatch.Rebuild(func(_ context.Context, current *ifmatch.Representation) ([]byte, error) {
		return bytes.Replace(current.Body, []byte(`"stock":"2"`), []byte(`"stock":"4"`), 1), nil
	})
}

func TestKubernetesWrites(t *testing.T) {
	stop, resend := ifmatch.Policy(ifmatch.Stop), ifmatch.Policy(ifmatch.Resend)
	for name, test := range map[string]struct {
		collection, object string
		policy             ifmatch.Policy
		method, path, kind string
		body, version      string // version is of the body's member resourceVersion
		status             int
		cause              ifmatch.Cause
		exchanges          []string
		left               string // empty: the object is gone
	}{
		"a fresh version":    {kubeMaps, kubeMap, resend, "PUT", "", kubeJSON, kubeMap, "NEW", 200, ifmatch.CauseNone, []string{"PUT 200"}, `"5"`},
		"Stop":               {kubeMaps, kubeMap, stop, "PUT", "", kubeJSON, kubeMap, "OLD", 409, ifmatch.CauseChanged, []string{"PUT 409"}, `"2"`},
		"Resend":             {kubeMaps, kubeMap, resend, "PUT", "", kubeJSON, kubeMap, "OLD", 200, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 200"}, `"5"`},
		"Rebuild":            {kubeMaps, kubeMap, kubeDouble(), "PUT", "", kubeJSON, kubeMap, "OLD", 200, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 200"}, `"4"`},
		"without a version":  {kubeMaps, kubeMap, resend, "PUT", "", kubeJSON, kubeMap, "", 200, ifmatch.CauseNone, []string{"PUT 200"}, `"5"`},
		"fieldManager":       {kubeMaps, kubeMap, resend, "PUT", "?fieldManager=me", kubeJSON, kubeMap, "OLD", 200, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 200"}, `"5"`},
		"a version required": {kubeLeases, kubeLease, resend, "PUT", "", kubeJSON, kubeLease, "", 200, ifmatch.CausePreconditionRequired, []string{"PUT 422", "GET 200", "PUT 200"}, ":5"},
		"another 422":        {kubeLeases, kubeLease, resend, "PUT", "", kubeJSON, strings.Replace(kubeLease, ":N", ":-1", 1), "NEW", 422, ifmatch.CauseNone, []string{"PUT 422"}, ":2"},
		"scale":              {kubeDeployments, kubeDeployment, resend, "PUT", "/scale", kubeJSON, kubeScale, "OLD", 200, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 200"}, `"replicas":5`},
		"status":             {kubeDeployments, kubeDeployment, resend, "PUT", "/status", kubeJSON, kubeStatus, "OLD", 200, ifmatch.CauseChanged, []string{"PUT 409", "GET 200", "PUT 200"}, `"observedGeneration":5`},
		"a merge patch":      {kubeMaps, kubeMap, resend, "PATCH", "", kubeMerge, kubeMap, "OLD", 200, ifmatch.CauseChanged, []string{"PATCH 409", "GET 200", "PATCH 200"}, `"5"`},
		"a test of a JSON Patch": {
			kubeMaps, kubeMap, resend, "PATCH", "", "application/json-patch+json", `[{"op":"test","path":"/metadata/resourceVersion","value":"OLD"}]`, "",
			422, ifmatch.CauseNone, []string{"PATCH 422"}, `"2"`,
		},
		"DELETE": {
			kubeMaps, kubeMap, resend, "DELETE", "", kubeJSON, `{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"resourceVersion":"OLD"}}`, "",
			200, ifmatch.CauseChanged, []string{"DELETE 409", "GET 200", "DELETE 200"}, "",
		},
		"DELETE, a fresh version": {
			kubeMaps, kubeMap, resend, "DELETE", "", kubeJSON, `{"preconditions":{"resourceVersion":"NEW","uid":"UID"}}`, "",
			200, ifmatch.CauseNone, []string{"DELETE 200"}, "",
		},
		"DELETE of another object of the name": {
			kubeMaps, kubeMap, resend, "DELETE", "", kubeJSON, `{"preconditions":{"resourceVersion":"OLD","uid":"another"}}`, "",
			409, ifmatch.CauseGone, []string{"DELETE 409"}, `"2"`,
		},
		"PUT to another object of the name": {
			kubeMaps, kubeMap, resend, "PUT", "", kubeJSON, strings.Replace(kubeMap, `"name"`, `"uid":"another","name"`, 1), "NEW",
			409, ifmatch.CauseGone, []string{"PUT 409"}, `"2"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := kubeMake(t, test.collection, test.object)
			body := o.fill(test.body, test.version, "5")
			status, text, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(kubernetes.Dialect())}, test.policy, test.method, o.url+test.path, body, kubeHeader(t, test.kind))
			docExpect(t, status, out, test.status, test.cause, test.exchanges...)
			if t.Failed() || test.status > 299 {
				t.Log(text)
			}
			if test.left == "" {
				docPlain(t, 404, "GET", o.url, "", kubeHeader(t, kubeJSON))
				return
			}
			at, _, _ := strings.Cut(test.path, "?")
			o.has(at, test.left)
		})
	}
}

// TestKubernetesGone: what was deleted is a 404 at once, and nothing is made again. A Lease
// is, whatever version the PUT has, unless it has the UID, too: that is compared.
func TestKubernetesGone(t *testing.T) {
	withUID := strings.Replace(kubeLease, `"name"`, `"uid":"UID","name"`, 1)
	for name, test := range map[string]struct {
		collection, object, body string
		status                   int
		cause                    ifmatch.Cause
		there                    bool
	}{
		"ConfigMap":     {kubeMaps, kubeMap, kubeMap, 404, ifmatch.CauseNone, false},
		"Lease":         {kubeLeases, kubeLease, kubeLease, 201, ifmatch.CauseNone, true},
		"Lease and UID": {kubeLeases, kubeLease, withUID, 409, ifmatch.CauseGone, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := kubeMake(t, test.collection, test.object)
			docPlain(t, 200, "DELETE", o.url, "", kubeHeader(t, kubeJSON))
			opts := ifmatch.Options{ifmatch.WithDialect(kubernetes.Dialect())}
			status, _, out := docSend(t, opts, ifmatch.Resend, "PUT", o.url, o.fill(test.body, "OLD", "5"), kubeHeader(t, kubeJSON))
			docExpect(t, status, out, test.status, test.cause, fmt.Sprint("PUT ", test.status))
			want := 404
			if test.there {
				want = 200
			}
			docPlain(t, want, "GET", o.url, "", kubeHeader(t, kubeJSON))
		})
	}
}

// TestKubernetesGoneUpdate: an Update keeps the UID that it has read, so it makes nothing anew.
func TestKubernetesGoneUpdate(t *testing.T) {
	o := kubeMake(t, kubeLeases, kubeLease)
	type lease struct {
		Spec struct {
			Seconds int `json:"leaseDurationSeconds"`
		} `json:"spec"`
	}
	_, err := ifmatch.Update(t.Context(), nil, o.url, func(l *lease) error {
		l.Spec.Seconds = 9
		docPlain(t, 200, "DELETE", o.url, "", kubeHeader(t, kubeJSON))
		return nil
	}, ifmatch.WithDialect(kubernetes.Dialect()), ifmatch.WithHeader("Authorization", storeEnv(t, "KUBERNETES_AUTHORIZATION")))
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v", err)
	}
	docPlain(t, 404, "GET", o.url, "", kubeHeader(t, kubeJSON))
}

// TestKubernetesZero: the version 0 is compared with nothing.
func TestKubernetesZero(t *testing.T) {
	o := kubeMake(t, kubeMaps, kubeMap)
	status, _, out := docSend(t, ifmatch.Options{ifmatch.WithDialect(kubernetes.Dialect())}, ifmatch.Resend, "PUT", o.url, o.fill(kubeMap, "0", "5"), kubeHeader(t, kubeJSON))
	docExpect(t, status, out, 200, ifmatch.CauseNone, "PUT 200")
	o.has("", `"5"`)
}

func TestKubernetesCreate(t *testing.T) {
	o := kubeMake(t, kubeMaps, kubeMap)
	opts := ifmatch.Options{ifmatch.WithDialect(kubernetes.Dialect())}
	status, _, out := docSend(t, opts, ifmatch.Resend, "POST", o.collection, o.fill(kubeMap, "", "5"), kubeHeader(t, kubeJSON))
	docExpect(t, status, out, 409, ifmatch.CauseExists, "POST 409")
	o.has("", `"2"`)

	fresh := o.fill(strings.Replace(kubeMap, "NAME", "NAME-new", 1), "", "5")
	status, _, out = docSend(t, opts, ifmatch.Resend, "POST", o.collection, fresh, kubeHeader(t, kubeJSON))
	docExpect(t, status, out, 201, ifmatch.CauseNone, "POST 201")
}

// TestKubernetesApply: a conflict about a field isn't one about a version.
func TestKubernetesApply(t *testing.T) {
	o := kubeMake(t, kubeMaps, kubeMap)
	const kind = "application/apply-patch+yaml"
	opts := ifmatch.Options{ifmatch.WithDialect(kubernetes.Dialect())}
	status, text, out := docSend(t, opts, ifmatch.Resend, "PATCH", o.url+"?fieldManager=me", o.fill(kubeMap, "", "5"), kubeHeader(t, kind))
	docExpect(t, status, out, 409, ifmatch.CauseUnattributed, "PATCH 409")
	if !strings.Contains(text, "FieldManagerConflict") || out.Effect != ifmatch.EffectNotApplied {
		t.Errorf("%v: %s", out.Effect, text)
	}
	o.has("", `"2"`)
}

// kubeReplicas is what an update changes of a Deployment, or of its scale.
type kubeReplicas struct {
	Spec struct {
		Replicas int `json:"replicas"`
	} `json:"spec"`
}

func TestKubernetesUpdates(t *testing.T) {
	for _, path := range []string{"", "/scale"} {
		o := kubeMake(t, kubeDeployments, kubeDeployment)
		token := ifmatch.WithHeader("Authorization", storeEnv(t, "KUBERNETES_AUTHORIZATION"))
		for name, opts := range map[string]ifmatch.UpdateOptions{"PUT": {token}, "WithPatch": {token, ifmatch.WithPatch()}} {
			t.Run(name+path, func(t *testing.T) {
				docWritersOf(t, o.url+path, kubernetes.Dialect(), func(d *kubeReplicas) *int { return &d.Spec.Replicas }, opts...)
			})
		}
		o.has("", `"image":"i"`) // what the type of the update doesn't have
	}
}

// TestKubernetesReturnsState: what an update returns is the object as the server has it now.
func TestKubernetesReturnsState(t *testing.T) {
	o := kubeMake(t, kubeMaps, kubeMap)
	type object struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Data map[string]string `json:"data"`
	}
	var out ifmatch.Outcome
	made, err := ifmatch.Update(ifmatch.WithOutcome(t.Context(), &out), nil, o.url, func(c *object) error {
		c.Data["stock"] = "7"
		return nil
	}, ifmatch.WithDialect(kubernetes.Dialect()), ifmatch.WithHeader("Authorization", storeEnv(t, "KUBERNETES_AUTHORIZATION")))
	version, _ := o.version()
	if err != nil || made.Value.Metadata.ResourceVersion != version || version == o.current || made.Value.Data["stock"] != "7" {
		t.Errorf("got %+v, %v; the version is %s", made.Value, err, version)
	}
	docExpect(t, 0, out, 0, ifmatch.CauseNone, "PUT 200")
}
