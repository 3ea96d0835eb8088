package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSuitesOnOneMachine holds that chat asks the analytics of its own suite, although that
// of another one has the same app id.
func TestSuitesOnOneMachine(t *testing.T) {
	t.Parallel()
	suffix := fmt.Sprintf("same%d", time.Now().UnixNano())
	suites := []*system{
		start(t, options{pair: defaultPair, suffix: suffix}), start(t, options{pair: defaultPair, suffix: suffix}),
	}
	for n := range 5 {
		for i, s := range suites {
			user := fmt.Sprintf("user-of-%d", i)
			reply := s.say(user, "hi")
			if want := fmt.Sprintf("sent %d message", n); n > 0 && !strings.Contains(reply, want) {
				t.Errorf("the reply in suite %d is %q; want %q in it", i, reply, want)
			}
			s.counted(user, n+1)
		}
	}
}
