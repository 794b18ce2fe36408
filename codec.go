package ifmatch

import (
	"bytes"
	"encoding/json"
)

// Codec reads and writes documents in another format than JSON. It must be safe
// for concurrent use.
type Codec interface {
	Decode(b []byte, v any) error // b is v's to keep
	Encode(v any) ([]byte, error) // what it returns may share memory with v
	ContentType() string          // of what Encode returns
}

// copyingCodec gives nothing away that is used later, and keeps nothing that an
// edit may change.
type copyingCodec struct{ Codec }

func (c copyingCodec) Decode(b []byte, v any) error { return c.Codec.Decode(bytes.Clone(b), v) }

func (c copyingCodec) Encode(v any) ([]byte, error) {
	b, err := c.Codec.Encode(v)
	return bytes.Clone(b), err
}

// jsonCodec is the default. With it, what T doesn't know survives an update.
type jsonCodec struct{}

func (jsonCodec) Decode(b []byte, v any) error { return json.Unmarshal(b, v) }

func (jsonCodec) Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (jsonCodec) ContentType() string { return "application/json" }
