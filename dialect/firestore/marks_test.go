package firestore

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/ifmatch-go/ifmatch"
	"github.com/ifmatch-go/ifmatch/dialect/internal/origin"
)

// TestMarks: a document keeps the ids in a field of its own, with a type around them.
func TestMarks(t *testing.T) {
	type value map[string]string
	fields, version := map[string]value{"n": {"integerValue": "0"}, "s": {"stringValue": "x"}}, 0
	text := func() []byte { text, _ := json.Marshal(fields); return text }
	answer := func() origin.Answer {
		return origin.JSON(200, fmt.Sprintf(`{"name":"carts/1","fields":%s,"updateTime":"2026-01-01T00:00:%02d.0Z"}`, text(), version))
	}
	server := &origin.Origin{Serve: func(req *http.Request, body []byte) origin.Answer {
		if req.Method != http.MethodPatch {
			return answer()
		}
		var sent struct{ Fields map[string]value }
		err := json.Unmarshal(body, &sent)
		for _, v := range sent.Fields {
			if err == nil && len(v) != 1 {
				err = fmt.Errorf("a value of %d types", len(v))
			}
		}
		switch {
		case err != nil:
			return origin.JSON(400, `{"error":{"status":"INVALID_ARGUMENT"}}`)
		case req.URL.Query().Get(updateTime) != fmt.Sprintf("2026-01-01T00:00:%02d.0Z", version):
			return origin.JSON(400, `{"error":{"status":"FAILED_PRECONDITION","message":"the stored version (2) does not match the required base version (1)"}}`)
		}
		fields = sent.Fields
		version++
		return answer()
	}}
	type cart struct {
		N struct {
			IntegerValue string `json:"integerValue"`
		} `json:"n"`
		ifmatch.Marks
	}
	add := func(c *cart) error {
		n, err := strconv.Atoi(c.N.IntegerValue)
		c.N.IntegerValue = fmt.Sprint(n + 1)
		return err
	}
	origin.Marks(t, server, "http://firestore.test/v1/projects/p/databases/d/documents/carts/1", Dialect(), add, func() ([]byte, int) {
		n, _ := strconv.Atoi(fields["n"]["integerValue"])
		return text(), n
	})
	if fields["s"]["stringValue"] != "x" || len(fields) != 3 {
		t.Errorf("%s", text())
	}
}
