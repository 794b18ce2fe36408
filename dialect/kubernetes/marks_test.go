package kubernetes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// configMap has the members of the type that the API server knows, as far as they matter: it
// drops all others.
type configMap struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name            string            `json:"name"`
		ResourceVersion string            `json:"resourceVersion"`
		Annotations     map[string]string `json:"annotations,omitempty"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// TestMarks: an object keeps the ids in an annotation, beside those of others.
func TestMarks(t *testing.T) {
	for name, annotations := range map[string]map[string]string{"none": nil, "another": {"team": "blue"}} {
		var stored configMap
		stored.Kind, stored.Metadata.Name, stored.Metadata.ResourceVersion = "ConfigMap", "app", "100"
		stored.Data, stored.Metadata.Annotations = map[string]string{"n": "0"}, annotations
		text := func() []byte { text, _ := json.Marshal(stored); return text }
		server := &origin.Origin{Serve: func(req *http.Request, body []byte) origin.Answer {
			if req.Method != http.MethodPut {
				return origin.JSON(200, string(text()))
			}
			var sent configMap
			switch err := json.Unmarshal(body, &sent); {
			case err != nil: // an annotation is a text
				return origin.JSON(400, `{"kind":"Status","reason":"BadRequest"}`)
			case sent.Metadata.ResourceVersion != stored.Metadata.ResourceVersion:
				return origin.JSON(409, `{"kind":"Status","reason":"Conflict"}`)
			}
			n, _ := strconv.Atoi(stored.Metadata.ResourceVersion)
			stored = sent
			stored.Metadata.ResourceVersion = fmt.Sprint(n + 7)
			return origin.JSON(200, string(text()))
		}}
		type config struct {
			Data map[string]string `json:"data"`
			ifmatch.Marks
		}
		add := func(c *config) error {
			n, err := strconv.Atoi(c.Data["n"])
			c.Data["n"] = fmt.Sprint(n + 1)
			return err
		}
		origin.Marks(t, server, "http://kube.test/api/v1/namespaces/default/configmaps/app", Dialect(), add, func() ([]byte, int) {
			n, _ := strconv.Atoi(stored.Data["n"])
			return text(), n
		})
		if stored.Kind != "ConfigMap" || stored.Metadata.Name != "app" || stored.Metadata.Annotations["team"] != annotations["team"] {
			t.Errorf("%s: %s", name, text())
		}
	}
}
