package refresh

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/internal/hosts"
	"github.com/ifmatch-go/ifmatch/internal/redact"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// ChangeWrite returns what change makes of a write that has no body yet, or why that can't be
// one. It gets a copy; a nil change leaves the write as it is. The context stays the write's.
func ChangeWrite(write *http.Request, change func(*http.Request) (*http.Request, error)) (*http.Request, error) {
	if change == nil {
		return write, nil
	}
	changed, err := change(write.Clone(write.Context()))
	switch {
	case err != nil:
		return nil, err
	case changed == nil || changed.URL == nil:
		return nil, errors.New("it returned no request")
	case changed.Body != nil && changed.Body != http.NoBody:
		changed.Body.Close()
		return nil, errors.New("the request has a body")
	case semantics.Safe(changed.Method):
		return nil, fmt.Errorf("%q writes nothing", changed.Method)
	case !hosts.SameOrigin(write, changed):
		return nil, fmt.Errorf("%q is another origin", redact.URL(changed.URL))
	}
	return changed.WithContext(write.Context()), nil
}
