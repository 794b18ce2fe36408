package recording

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestShortening: a long string is cut to its bound between two characters, and what follows
// it stays.
func TestShortening(t *testing.T) {
	for _, one := range []string{"a", "é", "€", "😀", `\n`, `\"`, `\\`, `\u00e9`, `\ud83d\ude00`, `a\u00e9`} {
		for _, ahead := range []string{"", "x", "xx", "xxx", "xxxxx"} {
			long := ahead + strings.Repeat(one, 2*mostBody/len(one))
			in := `{"` + long + `":"` + long + `","short":"` + ahead + one + `"}`
			out, err := io.ReadAll(&shortening{in: bufio.NewReader(strings.NewReader(in)), left: mostEntry})
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%q after %q: %v", one, ahead, err)
			}
			var unit string
			if err := json.Unmarshal([]byte(`"`+one+`"`), &unit); err != nil || got["short"] != ahead+unit {
				t.Errorf("%q after %q: the short one is %q, %v", one, ahead, got["short"], err)
			}
			for key, text := range got {
				for _, s := range []string{key, text} {
					if s == "short" || s == got["short"] {
						continue
					}
					if rest := strings.ReplaceAll(strings.TrimPrefix(s, ahead), unit, ""); rest != "" && !strings.HasPrefix(unit, rest) || !utf8.ValidString(s) {
						t.Errorf("%q after %q: it was cut within a character: %q is left", one, ahead, rest)
					}
				}
			}
			if want := 2*mostBody + len(`{"":"","short":""}`) + len(ahead+one); len(out) > want+24 || len(out) < want-48 {
				t.Errorf("%q after %q: %d bytes of %d, want about %d", one, ahead, len(out), len(in), want)
			}
		}
	}
}

// TestKeptIsBounded: of too many exchanges that tell something the last ones stay, and of all
// the others none.
func TestKeptIsBounded(t *testing.T) {
	const more = 7
	for name, test := range map[string]struct{ before, writes, want int }{
		"few":                     {3, 5, 8},
		"as many as there may be": {0, mostExchanges, mostExchanges},
		"some more":               {0, mostExchanges + more, mostExchanges},
		"twice as many":           {0, 2 * mostExchanges, mostExchanges},
		"and some more":           {0, 2*mostExchanges + more, mostExchanges},
		"with reads of no use":    {2 * mostExchanges, more, more},
	} {
		var k kept
		for i := range test.before {
			k.add(&Exchange{Method: "GET", URL: fmt.Sprint("/read/", i), StatusCode: 200})
		}
		for i := range test.writes {
			k.add(&Exchange{Method: "PUT", URL: fmt.Sprint("/write/", i), StatusCode: 200})
			if len(k.all) >= 2*mostExchanges {
				t.Fatalf("%s: %d are held", name, len(k.all))
			}
		}
		all := k.exchanges()
		if len(all) != test.want {
			t.Errorf("%s: %d exchanges, want %d", name, len(all), test.want)
		}
		for i := range min(test.writes, len(all)) {
			if got, want := all[len(all)-1-i].URL, fmt.Sprint("/write/", test.writes-1-i); got != want {
				t.Fatalf("%s: %s, want %s", name, got, want)
			}
		}
	}
}
