package ifmatchtest

import (
	"encoding/json"
	"mime"
	"net/http"
	"reflect"
	"strings"
)

// known returns what the server of a DropUnknown fault keeps of a document, or the answer
// that refuses it.
func (f *Fault) known(document []byte) ([]byte, *answer) {
	if f.shape == nil {
		return []byte("{}"), nil
	}
	v := reflect.New(f.shape).Interface()
	err := json.Unmarshal(document, v)
	if err == nil {
		document, err = json.Marshal(v)
	}
	if err != nil {
		return nil, newAnswer(http.StatusBadRequest, err.Error()).stamp(f)
	}
	return document, nil
}

// isJSON reports whether a media type is JSON's, or one that is built on it (RFC 6839
// §3.1).
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}
