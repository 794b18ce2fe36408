package ifmatch

import (
	"errors"
	"net/http"
	"time"
)

// UpdateOption sets one thing for Get, Update and NewResource. Every Option is
// an UpdateOption, but for a policy: setting one with OnConflict is an error of
// each Get and Update, which bring their own. A nil UpdateOption does nothing.
type UpdateOption interface{ applyUpdate(*updateSettings) }

// UpdateOptions is a bundle that is an UpdateOption itself, applied in order.
type UpdateOptions []UpdateOption

func (o UpdateOptions) applyUpdate(s *updateSettings) {
	for _, option := range o {
		if option != nil {
			option.applyUpdate(s)
		}
	}
}

type updateFunc func(*updateSettings)

func (f updateFunc) applyUpdate(s *updateSettings) { f(s) }

// updateSettings is what the options of Get, Update and NewResource set.
type updateSettings struct {
	settings
	create    bool
	patch     bool
	codec     Codec
	marker    any // a *marker[T]
	editLimit time.Duration
}

const (
	defaultUpdateAttempts = 16
	defaultEditLimit      = 5 * time.Second
)

func newUpdateSettings(opts []UpdateOption) (updateSettings, error) {
	s := updateSettings{codec: jsonCodec{}, editLimit: defaultEditLimit}
	UpdateOptions(opts).applyUpdate(&s)
	if s.policy != nil {
		return s, errors.New("ifmatch: OnConflict is not for Get, Update and NewResource: they bring their own policy")
	}
	return s, nil
}

// CreateIfAbsent makes Update start from the zero T where the document isn't
// there (404 or 410) and write it with If-None-Match: *. Where somebody else
// creates it first, their document is updated. One that was there and is deleted
// before the write stays deleted: that is a *ConflictError with CauseGone. For Get
// a document that isn't there is the zero T.
//
// By default a document that isn't there is a *StatusError.
func CreateIfAbsent() UpdateOption {
	return updateFunc(func(s *updateSettings) { s.create = true })
}

// WithPatch sends the change as a JSON Merge Patch (RFC 7396) with PATCH, as
// application/merge-patch+json, instead of the whole document with PUT. What a
// merge patch can't say, a member set to null, is an error. A document that is
// created is sent whole.
func WithPatch() UpdateOption {
	return updateFunc(func(s *updateSettings) { s.patch = true })
}

// WithCodec reads and writes documents in another format. Then the document is
// whatever the codec makes of T: members that T doesn't know are kept only in
// JSON.
//
// By default, and when c is nil, it is JSON.
func WithCodec(c Codec) UpdateOption {
	if c == nil {
		return updateFunc(func(s *updateSettings) { s.codec = jsonCodec{} })
	}
	return updateFunc(func(s *updateSettings) { s.codec = copyingCodec{c} })
}

// clientOf returns a client whose Transport is ours: c itself where it has one,
// and one above its own otherwise. A nil c is http.DefaultClient.
func clientOf(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	base := c.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	if _, ours := base.(*Transport); ours {
		return c
	}
	above := *c
	above.Transport = NewTransport(base, Stop)
	return &above
}
