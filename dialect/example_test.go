package dialect_test

import (
	"fmt"
	"net/http"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/dialect/s3"
)

// A Judge is tested without a Transport.
func ExampleNewAnswer() {
	write, _ := http.NewRequest(http.MethodPut, "http://store.test/bucket/key", nil)
	write.Header.Set("If-Match", `"v1"`)
	body := func() []byte { return []byte("<Error><Code>NoSuchKey</Code></Error>") }

	verdict := s3.Dialect().Judge(dialect.NewAnswer(write, http.StatusNotFound, http.Header{}, body))
	fmt.Println(verdict.Kind() == dialect.KindGone, verdict.Reason())
	// Output: true NoSuchKey: there is no object
}
