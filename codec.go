package ifmatch

import (
	"bytes"
	"encoding/json"
)

// Codec reads and writes documents in another format than JSON. It must be safe
// for concurrent use.
type Codec interface {
	Decode(b []byte, v any) error
	Encode(v any) ([]byte, error)
	ContentType() string // of what Encode returns
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
