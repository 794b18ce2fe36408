package cause

import (
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/guard"
)

// TestOfConfirmed: why a validator is refused that a read confirmed, one row for each
// branch.
func TestOfConfirmed(t *testing.T) {
	tag := func(tag string) guard.Guard { return guard.Guard{Kind: guard.Tags, Tags: []string{tag}} }
	const date, later = "Sun, 06 Nov 1994 08:49:30 GMT", "Sun, 06 Nov 1994 08:49:31 GMT"
	both := tag(`"v1"`)
	both.Date = date
	versions := tag(`W/"v1"`)
	versions.Versions = []guard.Version{{}}
	for name, test := range map[string]struct {
		guard            guard.Guard
		confirmed        etag.Validators
		weakTags, cached bool
		want             Cause
	}{
		"a tag and a date, which isn't current": {both, etag.Validators{ETag: `"v1"`, LastModified: later}, false, false, ConflictingPreconditions},
		"a tag and a date, both current":        {both, etag.Validators{ETag: `"v1"`, LastModified: date}, false, true, StaleDate},
		"a date":                                {guard.Guard{Kind: guard.Date, Date: date}, etag.Validators{LastModified: date}, false, true, StaleDate},
		"a weak tag":                            {tag(`W/"v1"`), etag.Validators{ETag: `W/"v1"`}, false, true, WeakValidator},
		"a weak tag, and the API takes them":    {tag(`W/"v1"`), etag.Validators{ETag: `W/"v1"`}, true, false, SelfContradiction},
		"a version of a dialect":                {versions, etag.Validators{ETag: `W/"v1"`}, false, false, SelfContradiction},
		"a coded tag":                           {tag(`"v1-gzip"`), etag.Validators{ETag: `"v1-gzip"`}, false, true, CodedValidator},
		"from a cache":                          {tag(`"v1"`), etag.Validators{ETag: `"v1"`}, false, true, StaleCache},
		"nothing":                               {tag(`"v1"`), etag.Validators{ETag: `"v1"`}, false, false, SelfContradiction},
	} {
		if got := OfConfirmed(&test.guard, test.confirmed, test.weakTags, test.cached); got != test.want {
			t.Errorf("%s: %s, want %s", name, got.About().Name, test.want.About().Name)
		}
	}
}
