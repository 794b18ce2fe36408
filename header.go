package ifmatch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/guard"
	"github.com/ifmatch-go/ifmatch/internal/media"
	"github.com/ifmatch-go/ifmatch/internal/refresh"
)

// WithHeader sets a header field on each request of Get, Update and Resource, in place of
// what it would be otherwise: a tenant, say, or a media type. A Content-Type, Prefer, a
// Content-Language and an object's metadata are for writes, and reads have none of them.
//
// Where two set the same field the later one counts, and an empty value takes back what was
// set before. What guards a write, or describes or frames its body, is set by Update itself:
// such a field is an error of every Get and Update, and so is one that makes a stored answer
// come back, or a cache answer. A name or a value that no field can have is an error, too.
//
// By default Accept and the Content-Type of a write are as WithMediaType says.
func WithHeader(key, value string) UpdateOption {
	key = http.CanonicalHeaderKey(key)
	return updateFunc(func(s *updateSettings) {
		switch {
		case !field.Sendable(key, value):
			s.invalid = fmt.Errorf("ifmatch: WithHeader: %q isn't the name of a field, or its value has a control character", key)
		case !refresh.Carries(key) && !onWritesOnly(key) || key == "Host" || key == "Connection":
			s.invalid = fmt.Errorf("ifmatch: WithHeader: %q is set by Update itself", key)
		case value == "":
			delete(s.header, key)
		case s.header == nil:
			s.header = http.Header{key: {value}}
		default:
			s.header[key] = []string{value}
		}
	})
}

// WithMediaType is the media type in which a document is asked for and written, such as
// application/vnd.shop.v2+json: Accept on reads and writes, Content-Type on writes. How the
// document is decoded is the codec's to say, and a merge patch keeps its own type. A t that
// no document can have, such as a range, is an error of every Get and Update. WithHeader
// goes over it.
//
// By default, and when t is empty, the codec's media type is asked for: application/json.
// What came as JSON is written back as the JSON type that it came as: a +json type with its
// parameters but charset, application/json and text/json without any. What came as another
// type, and a document that is created, is written as the codec's.
func WithMediaType(t string) UpdateOption {
	return updateFunc(func(s *updateSettings) {
		if t != "" {
			if err := media.Check(t); err != nil {
				s.invalid = fmt.Errorf("ifmatch: WithMediaType: %w", err)
				return
			}
		}
		s.media = t
	})
}

// onWritesOnly reports whether a field is no field of a refresh, and may be set on a write.
func onWritesOnly(key string) bool {
	return key == "Content-Type" || key == "Content-Language" || key == "Prefer" || strings.Contains(key, "-Meta-")
}

// setOn puts the fields of WithHeader on a request.
func (s *updateSettings) setOn(req *http.Request, write bool) {
	for key, values := range s.header {
		if write || refresh.Carries(key) {
			field.Set(req.Header, key, values[0])
		}
	}
}

// fields returns the fields of WithHeader as one text, in order. Two documents at one URL may
// differ in them: those of two tenants, say.
func (s *updateSettings) fields() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.header)) {
		fmt.Fprintf(&b, "%s: %s\n", key, s.header[key][0])
	}
	return b.String()
}

// WithContextValues gives the writes of a Resource the values of a context, such as a
// tenant or a span that a RoundTripper below looks for: a write of many callers has the
// context of none. Deadline and cancellation of ctx don't count, and options that it has count
// as they do for an Update. Get and the function Update have a context, and ignore this one.
//
// By default, and when ctx is nil, the writes have no values.
func WithContextValues(ctx context.Context) UpdateOption {
	return updateFunc(func(s *updateSettings) { s.values = ctx })
}

// background is the context of what a Resource does for nobody alone.
func (s *updateSettings) background() context.Context {
	if s.values == nil {
		return context.Background()
	}
	return context.WithoutCancel(s.values)
}

// mediaOf returns the media type as which a state is written back: what WithMediaType says,
// or else the JSON type that it came as, or else the codec's.
func (d *document[T]) mediaOf(s *state[T]) string {
	if d.set.media == "" && d.format.JSON {
		return cmp.Or(s.media, d.media)
	}
	return d.media
}

// methodAndType returns the method and the media type of a write that is made from a state.
// A merge patch needs a document to change, so an absent one is sent whole.
func (d *document[T]) methodAndType(dialect *guard.Dialect, s *state[T]) (method, contentType string) {
	method, contentType = http.MethodPut, d.mediaOf(s)
	if d.set.patch && !s.Absent {
		method, contentType = http.MethodPatch, dialect.PatchType()
	}
	return method, cmp.Or(d.set.header.Get("Content-Type"), contentType)
}
