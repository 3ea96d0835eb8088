package flow

import (
	"os"
	"testing"
)

// TestOnOtherComponents is the part of make conformance that make test runs: what is
// said and published is counted once, also on other stores and brokers.
func TestOnOtherComponents(t *testing.T) {
	t.Parallel()
	if os.Getenv(pairVariable) != "" {
		t.Skip("make conformance runs the whole")
	}
	for _, pair := range []string{"sqlite", "rabbitmq-postgresql"} {
		t.Run(pair, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{pair: pair, replicas: 2})
			walkThrough(s)
			s.exactly(s.publishAll(500, []string{"hot", "a", "b"}))
		})
	}
}
