package explain

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch"
)

// TestDocs: each code has its entry in docs, under its name, and each member of the JSON
// stands in the schema.
func TestDocs(t *testing.T) {
	own, err := os.ReadFile("../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	why, err := os.ReadFile("../docs/why-412.md")
	if err != nil {
		t.Fatal(err)
	}
	both := "\n" + string(own) + string(why)
	seen := map[string]bool{}
	for _, e := range Entries() {
		if seen[e.Code] || e.Seen == "" || e.Why == "" || len(e.Fixes) == 0 || !regexp.MustCompile(`^IFM[01][0-9][0-9]$`).MatchString(e.Code) {
			t.Errorf("%+v", e)
		}
		seen[e.Code] = true
		if !strings.Contains(both, "# "+e.Code+": "+e.Name+"\n") {
			t.Errorf("%s %s has no entry", e.Code, e.Name)
		}
		for i := 1; i < len(e.Fixes); i++ {
			if e.Fixes[i].Kind < e.Fixes[i-1].Kind {
				t.Errorf("%s: the easiest fix isn't first", e.Code)
			}
		}
		if got, ok := Lookup(e.Code); !ok || !reflect.DeepEqual(got, e) {
			t.Errorf("Lookup(%s): %+v", e.Code, got)
		}
	}
	for c := ifmatch.CauseUnexamined; c.Code() != ""; c++ {
		if e, ok := Lookup(c.Code()); !ok || e.Name != c.String() {
			t.Errorf("%v: %+v", c, e)
		}
	}
	if _, ok := Lookup("IFM999"); ok {
		t.Error("an entry without a code")
	}
	var report any
	text, _ := json.Marshal(refusedReport())
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	checkMembers(t, report, string(own))
}

// checkMembers looks for the names of all members in the schema. Names of fields begin with
// capitals, and aren't members.
func checkMembers(t *testing.T, value any, schema string) {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			if strings.ToLower(name[:1]) == name[:1] && !strings.Contains(schema, "`"+name) && !strings.Contains(schema, "."+name+"`") && !strings.Contains(schema, "."+name+"[]`") {
				t.Errorf("%q isn't in the schema", name)
			}
			checkMembers(t, v, schema)
		}
	case []any:
		for _, v := range value {
			checkMembers(t, v, schema)
		}
	}
}
