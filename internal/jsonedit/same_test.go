package jsonedit

import "testing"

// TestSame: texts are compared by what they mean.
func TestSame(t *testing.T) {
	for _, row := range []struct {
		x, y string
		want bool
	}{
		{`{"a":1,"b":[null]}`, ` {"b" : [null], "\u0061":1.0e0}`, true},
		{`{"a":1,"b":1}`, `{"a":1}`, false},
		{`{"a":1,"a":2}`, `{"a":2}`, false},
		{`{"a":1,"a":2}`, `{"a":1,"a":2.0}`, true},
		{`{"a":1,"a":2}`, `{"a":2,"a":1}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`"\u00e9"`, `"é"`, true},
		{`"\ud83d"`, `"\ud83e"`, false},
		{`-0`, `0.0`, true},
		{`-1`, `1`, false},
		{`100`, `1E+2`, true},
		{`9007199254740993`, `9007199254740992`, false},
		{`null`, `false`, false},
		{`1`, `"1"`, false},
		{`{`, `{`, false},
		{`1`, ``, false},
	} {
		if got := Same([]byte(row.x), []byte(row.y)); got != row.want {
			t.Errorf("%s and %s: %v", row.x, row.y, got)
		}
	}
}

// TestWrittenAlike: texts are alike where only white space differs.
func TestWrittenAlike(t *testing.T) {
	for _, row := range []struct {
		x, y  string
		alike bool
	}{
		{`{"a":[1,{}]}`, ` { "a" : [ 1, { } ] } `, true},
		{`{"a":1}`, `{"b":1}`, false},
		{`{"a":1}`, `{"\u0061":1}`, false},
		{`{"a":1}`, `{"a":1.0}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`[[1],2]`, `[[1,2]]`, false},
		{`"a b"`, `"ab"`, false},
		{`["a",1]`, `["a" , 1]`, true},
		{`[1,2]`, `[12]`, false},
		{`[[],1]`, `[{},1]`, false},
		{`[[[]],[]]`, `[[],[[]]]`, false},
		{`[[[],[]]]`, `[[[]],[]]`, false},
	} {
		x, y := arrayOf(t, []string{row.x}), arrayOf(t, []string{row.y})
		if got := writtenAlike(x.first(), y.first()); got != row.alike {
			t.Errorf("%s and %s: %v", row.x, row.y, got)
		}
	}
}
