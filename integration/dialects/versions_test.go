package dialects

import (
	"os"
	"strings"
	"testing"
)

// TestVersions: what the files of the cases say was asked is what runs here.
func TestVersions(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("IFMATCH_VERSIONS"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, is, _ := strings.Cut(strings.TrimSpace(line), "|")
		_, version, _ := strings.Cut(is, "|")
		for _, pkg := range map[string][]string{
			"apache": {"webdav"}, "sabre": {"webdav"}, "radicale": {"webdav"}, "s3": {"s3"}, "cap": {"odata"},
			"azurite": {"azureblob", "azuretable"}, "pouch": {"couchdb"}, "gcs": {"gcs"}, "consul": {"consul"},
			"vault": {"vault"}, "davical": {"webdav"}, "minio": {"s3"}, "kubernetes": {"kubernetes"}, "commercetools": {"commercetools"},
		}[name] {
			t.Run(name+" in "+pkg, func(t *testing.T) {
				file := "../../dialect/" + pkg + "/testdata/cases.json"
				cases, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				_, rest, _ := strings.Cut(string(cases), `"verified":`)
				verified, _, _ := strings.Cut(rest, "\n")
				if version == "" || !strings.Contains(verified, " "+version) {
					t.Errorf("%s was asked; %s says %s", is, file, verified)
				}
			})
		}
	}
}
