package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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

func TestFreePortsLeavesOutPorts(t *testing.T) {
	t.Parallel()
	var except []int
	for port := firstPort; port < firstPort+portCount-500; port++ {
		except = append(except, port)
	}
	ports, release, err := FreePorts(5, except...)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for _, port := range ports {
		if port < firstPort+portCount-500 {
			t.Errorf("port %d should be left out", port)
		}
	}
}

func TestCheckFreeNamesWhoListens(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"on loopback": "127.0.0.1:0", "on every address": ":0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			port := l.Addr().(*net.TCPAddr).Port
			var taken *TakenError
			err = CheckFree(t.Context(), port)
			want := fmt.Sprintf("%s (pid %d)", filepath.Base(os.Args[0]), os.Getpid())
			if !errors.As(err, &taken) || taken.Port != port || taken.Holder != want {
				t.Errorf("got %v, want %s", err, want)
			}
			_ = l.Close()
			if err := CheckFree(t.Context(), port); err != nil {
				t.Errorf("after it was closed: %v", err)
			}
		})
	}
}
