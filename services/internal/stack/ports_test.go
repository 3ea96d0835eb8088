package stack

import (
	"net"
	"testing"
)

func TestFreePorts(t *testing.T) {
	t.Parallel()
	ports, release, err := FreePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] {
			t.Errorf("port %d twice", port)
		}
		seen[port] = true
		if CheckFree(t.Context(), port) == nil {
			t.Errorf("port %d is not held", port)
		}
	}
	release()
	release()
	l, err := net.Listen("tcp", loopback(ports[0]))
	if err != nil {
		t.Fatalf("a released port cannot be used: %v", err)
	}
	_ = l.Close()
}
