package main

import "testing"

// TestCacheGuessesOnlyNumbers holds that the cache gives no documents of a store whose
// ETags are no numbers: each guess would cost a write that is refused.
func TestCacheGuessesOnlyNumbers(t *testing.T) {
	t.Parallel()
	c := newCache()
	for _, step := range []struct {
		over string
		want string // the guess
	}{
		{"", "1"}, {"41", "42"},
		{"0b1f9c1e-6b5d-4c57-9d0e-2a4b6c8d0e1f", ""}, {"", ""},
		{"7", "8"}, {"", "1"}, // the sidecar has another store now
	} {
		c.put("alice", &document{}, step.over)
		if _, etag := c.take("alice"); etag != step.want {
			t.Errorf("after a write over %q the guess is %q; want %q", step.over, etag, step.want)
		}
	}
}
