package jsonedit

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// isNumber reports whether a text is a number in JSON.
func isNumber(text string) bool {
	if text == "" || isSpace(text[len(text)-1]) {
		return false
	}
	return startsNumber(text[0]) && json.Valid([]byte(text))
}

func startsNumber(c byte) bool { return c == '-' || c >= '0' && c <= '9' }

// decimal returns the same text for numbers that are equal as rationals: the
// significant digits and an exponent. Exponents beyond 18 digits are compared as
// text. No big.Rat: 1e1000000000 would fill the memory.
func decimal(number []byte) string {
	text, negative := strings.CutPrefix(string(number), "-")
	mantissa, power := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, power = text[:i], text[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return "0"
	}
	shift := int64(len(digits)-len(significant)) - int64(len(fraction))
	if negative {
		significant = "-" + significant
	}
	power, down := strings.CutPrefix(strings.TrimPrefix(power, "+"), "-")
	power = strings.TrimLeft(power, "0")
	if len(power) > 18 {
		return string(number)
	}
	exponent, _ := strconv.ParseInt("0"+power, 10, 64)
	if down {
		exponent = -exponent
	}
	return significant + "e" + strconv.FormatInt(exponent+shift, 10)
}

// areClose reports whether a T with less precision can render the number x as y.
func areClose(x, y value) bool {
	f, _ := strconv.ParseFloat(string(x.raw()), 64)
	g, _ := strconv.ParseFloat(string(y.raw()), 64)
	return f == g || math.Abs(f-g) <= 1e-6*math.Abs(f)
}
