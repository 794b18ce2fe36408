package ifmatchtest

import (
	"bytes"
	"encoding/json"
)

// mergePatch applies the JSON Merge Patch to the document (RFC 7396 §2). Both
// must be valid JSON.
func mergePatch(doc, patch []byte) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(merge(decode(doc), decode(patch))); err != nil {
		panic("ifmatchtest: what was decoded does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = make(map[string]any)
	}
	for k, v := range p {
		if v == nil {
			delete(t, k)
			continue
		}
		t[k] = merge(t[k], v)
	}
	return t
}

// decode decodes valid JSON, numbers digit for digit.
func decode(b []byte) (v any) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		panic("ifmatchtest: what was checked does not decode: " + err.Error())
	}
	return v
}
