package jsonedit

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Same reports whether two JSON texts mean the same: strings whatever their
// escapes, numbers whatever their notation, objects whatever their order. Two
// texts of which one is no JSON aren't the same.
func Same(x, y []byte) bool {
	a, err := Parse(x)
	if err != nil {
		return false
	}
	b, err := Parse(y)
	return err == nil && same(a.root(), b.root())
}

// same reports whether two values mean the same: strings whatever their
// escapes, numbers whatever their notation, objects whatever their order. Two
// absent values are the same. An object that has a name twice is the same as one
// with the same members in the same order only.
func same(x, y value) bool {
	if x.kind() != y.kind() {
		return false
	}
	if bytes.Equal(x.raw(), y.raw()) {
		return true
	}
	switch x.kind() {
	case '[':
		return slices.EqualFunc(x.elements(), y.elements(), same)
	case '{':
		return sameMembers(x.exactMembers(), y.exactMembers())
	case '"', '0':
		return scalarKey(x) == scalarKey(y)
	}
	return false
}

func sameMembers(x, y named) bool {
	if x.double || y.double {
		return slices.Equal(x.names, y.names) && slices.EqualFunc(x.all, y.all, same)
	}
	if len(x.all) != len(y.all) {
		return false
	}
	for i, name := range x.names {
		if !same(x.all[i], y.get(name)) {
			return false
		}
	}
	return true
}

// scalarKey returns the same text for scalars that mean the same, and for no
// others.
func scalarKey(v value) string {
	switch v.kind() {
	case '"':
		return `"` + exact(v.raw())
	case '0':
		return decimal(v.raw())
	}
	return string(v.raw())
}

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
	if negative {
		significant = "-" + significant
	}
	shift := int64(len(digits)-len(strings.TrimLeft(significant, "-"))) - int64(len(fraction))
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

// zeroValue reports whether a value is what encoding/json renders for the zero
// of some type.
func zeroValue(v value) bool {
	switch v.kind() {
	case 't':
		return false
	case '"':
		return string(v.raw()) == `""`
	case '0':
		return decimal(v.raw()) == "0"
	case '{', '[':
		return !slices.ContainsFunc(v.elements(), func(part value) bool { return !zeroValue(part) })
	}
	return true
}
