package refresh

import (
	"net/http"
	"strings"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/field"
)

// CacheSign is a line of an answer that shows a cache on the way.
type CacheSign struct {
	Field  string // its canonical name
	Value  string // the part of the line that shows it; empty: all of it
	Stored bool   // a stored answer was used
}

// cacheFields are what a cache or a proxy writes into an answer (RFC 9110 §7.6.3, RFC 9111
// §5.1, RFC 9209, RFC 9211).
var cacheFields = [...]string{"Age", "Cache-Status", "Proxy-Status", "X-Cache", "Via"}

// hitFields are fields that a cache writes for other ends, too: they show it only where they
// have one of these words.
var hitFields = [...]string{"Cf-Cache-Status", "Server-Timing", "X-Cache-Status", "X-Proxy-Cache"}

// hitWords say that a stored answer was used.
var hitWords = [...]string{"hit", "stale", "revalidated", "updating"}

// CacheSigns are what shows in an answer that a cache may have given it.
func CacheSigns(h http.Header) []CacheSign {
	var all []CacheSign
	for _, name := range cacheFields {
		lines := field.Lines(h, name)
		if lines == nil {
			continue
		}
		value := strings.Join(lines, ", ")
		stored := hitWord(value)
		if name == "Via" || name == "Proxy-Status" {
			stored = "" // the name of a host may have the word
		}
		all = append(all, CacheSign{name, stored, stored != "" || name == "Age" && strings.Trim(value, "0 ") != ""})
	}
	for _, name := range hitFields {
		if word := hitWord(strings.Join(field.Lines(h, name), ", ")); word != "" {
			all = append(all, CacheSign{name, word, true})
		}
	}
	return all
}

// hitWord is the word of a value that says that a stored answer was used, as it stands
// there; empty: there is none.
func hitWord(value string) string {
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(" ,;=\"_:", r) }) {
		for _, hit := range hitWords {
			if strings.EqualFold(word, hit) {
				return word
			}
		}
	}
	return ""
}

// FromCache reports whether an answer shows that it may come from a cache: a field of one,
// or a Date before the one of an answer that came earlier.
func FromCache(h, earlier http.Header) bool { return len(CacheSigns(h)) > 0 || Before(h, earlier) }

// Before reports whether an answer was made before another one, by the Dates of both.
func Before(h, earlier http.Header) bool {
	made, ok := etag.Date(h)
	then, both := etag.Date(earlier)
	return ok && both && made.Before(then)
}
