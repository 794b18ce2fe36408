package guard

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/jsonedit"
)

// HasPlaces reports whether the state isn't the whole text that is read, or written.
func (d *Dialect) HasPlaces() bool { return d.ReadState != "" || d.WriteState != "" }

// StateRead returns the state in the body of an answer to a read, which it shares. The error
// names the place where there is none.
func (d *Dialect) StateRead(body []byte) ([]byte, error) {
	return d.stateAt(body, d.ReadState, "the answer")
}

// StateSent returns the state in the body of a write, which it shares.
func (d *Dialect) StateSent(body []byte) ([]byte, error) {
	return d.stateAt(body, d.WriteState, "the write")
}

func (d *Dialect) stateAt(body []byte, pointer, of string) ([]byte, error) {
	if pointer == "" {
		return body, nil
	}
	member, err := jsonedit.Find(body, pointer)
	switch state := member.Raw(); {
	case err != nil:
		return nil, fmt.Errorf("dialect %s: %s has no state at %s: %w", d.Name, of, pointer, err)
	case state == nil:
		return nil, fmt.Errorf("dialect %s: %s has no state at %s", d.Name, of, pointer)
	default:
		return state, nil
	}
}

// WithState returns the body of a write with another state in it, and nothing else changed.
// Without a body there is nothing but the state in it, and without a state no body.
func (d *Dialect) WithState(body, state []byte) ([]byte, error) {
	if d.WriteState == "" || state == nil {
		return state, nil
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	made, err := jsonedit.PutRaw(body, d.WriteState, state)
	if err != nil {
		return nil, fmt.Errorf("dialect %s: there is no place for a state at %s: %w", d.Name, d.WriteState, err)
	}
	return made, nil
}

// SameState reports whether two states are the same. What is cut out of an envelope is JSON
// that the API has read and written anew, so it is compared by its meaning.
func SameState(a, b []byte) bool { return bytes.Equal(a, b) || jsonedit.Same(a, b) }

// isFor reports whether a write may carry the version of a token. The function finds each field
// by its name, however the write spells that.
func isFor(t dialect.Token, req *http.Request) bool {
	if t.For == nil {
		return true
	}
	for name := range req.Header {
		if http.CanonicalHeaderKey(name) != name {
			req = ForDialect(req)
			break
		}
	}
	return t.For(req)
}
