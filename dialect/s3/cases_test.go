package s3

import (
	"testing"

	"github.com/ifmatch-go/ifmatch/dialect/internal/cases"
)

func TestCases(t *testing.T) { cases.Run(t, Dialect(), BareTags(), MinIO()) }
