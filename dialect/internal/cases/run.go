package cases

import (
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/dialect"
)

// Run plays the cases of the package that is tested. Each case names one of the dialects,
// or none where there is only one.
func Run(t *testing.T, dialects ...dialect.Dialect) {
	t.Helper()
	f, err := Load("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Cases {
		d, found := dialects[0], c.Dialect == "" && len(dialects) == 1
		for _, other := range dialects {
			if other.Name == c.Dialect {
				d, found = other, true
			}
		}
		if !found {
			t.Errorf("%s: there is no dialect %q", c.Name, c.Dialect)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, problem := range Play(d, &c) {
					t.Error(problem)
				}
			})
		})
	}
}
