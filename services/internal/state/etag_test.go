package state

import "testing"

func TestNextETag(t *testing.T) {
	t.Parallel()
	for over, want := range map[string]string{"": "1", "1": "2", "41": "42", "0a": "", "e7": "", "-1": ""} {
		if got, ok := NextETag(over); got != want || ok != (want != "") {
			t.Errorf("NextETag(%q) = %q, %t; want %q", over, got, ok, want)
		}
	}
}
