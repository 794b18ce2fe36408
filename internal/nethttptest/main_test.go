package main

import (
	"strings"
	"testing"
)

func TestSwapApply(t *testing.T) {
	s := swap{"RoundTrip call", `\btr\.RoundTrip\(`, `swapIn(tr).RoundTrip(`, map[string]int{"a_test.go": 2}}
	tests := []struct {
		name, text string
		want       string
		wantErr    []string // parts of the error
	}{
		{
			name: "as often as counted",
			text: "tr.RoundTrip(a)\nother.RoundTrip(b)\ntr.RoundTrip(c)\n",
			want: "swapIn(tr).RoundTrip(a)\nother.RoundTrip(b)\nswapIn(tr).RoundTrip(c)\n",
		},
		{
			name:    "missing",
			text:    "other.RoundTrip(b)\n",
			wantErr: []string{"a_test.go", `"RoundTrip call"`, "found 0 times, want 2"},
		},
		{
			name:    "once too few",
			text:    "tr.RoundTrip(a)\n",
			wantErr: []string{"a_test.go", `"RoundTrip call"`, "found 1 times, want 2"},
		},
		{
			name:    "once too many",
			text:    strings.Repeat("tr.RoundTrip(a)\n", 3),
			wantErr: []string{"a_test.go", `"RoundTrip call"`, "found 3 times, want 2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.apply("a_test.go", tt.text)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (err != nil) != (tt.wantErr != nil) {
				t.Fatalf("error %v, want one: %t", err, tt.wantErr != nil)
			}
			for _, part := range tt.wantErr {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}
