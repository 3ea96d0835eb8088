package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFreePorts(t *testing.T) {
	t.Parallel()
	ports, release, err := FreePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	t.Log("found", ports)
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] {
			t.Errorf("port %d twice", port)
		}
		seen[port] = true
		if socket, err := bind(port, true); err == nil {
			_ = socket.Close()
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

// Programs listen some time after their ports were released, and must not meet.
func TestFreePortsGivesNoPortTwice(t *testing.T) {
	t.Parallel()
	const calls = 60
	found := make(chan string, 2*calls)
	var finding sync.WaitGroup
	for range calls {
		finding.Go(func() {
			ports, release, err := FreePorts(5)
			if err != nil {
				t.Error(err)
				return
			}
			release()
			found <- fmt.Sprint(ports)
		})
	}
	for range 3 { // other processes find ports at the same time
		finding.Go(func() {
			other := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestFreePorts$", "-test.count=4")
			out, err := other.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, match := range regexp.MustCompile(`(?m)found (.*)$`).FindAllStringSubmatch(string(out), -1) {
				found <- match[1]
			}
		})
	}
	finding.Wait()
	close(found)
	seen := map[string]bool{}
	for ports := range found {
		for _, port := range strings.Fields(strings.Trim(ports, "[]")) {
			if seen[port] {
				t.Errorf("port %s was found twice", port)
			}
			seen[port] = true
		}
	}
	if want := (calls + 3*4) * 5; len(seen) != want {
		t.Errorf("%d ports were found, want %d", len(seen), want)
	}
}

// A program that is being started has copies of all open files for a moment.
func TestACopyOfAHeldPortIsNotInTheWay(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets a program listen then")
	}
	ports, release, err := FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	release()
	// Each has a port of its own, because a program that another test starts may have a copy
	// of the listener below.
	for name, alone := range map[string]bool{"of FreePorts": true, "of CheckFree": false} {
		port := ports[0]
		if alone {
			port = ports[1]
		}
		socket, err := bind(port, alone)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			t.Fatalf("with a socket %s: %v", name, err)
		}
		_ = l.Close()
		_ = socket.Close()
	}
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
			// A process that another test has just started may have the socket for a moment.
			deadline := time.Now().Add(20 * time.Second)
			for err = CheckFree(t.Context(), port); err != nil && time.Now().Before(deadline); {
				<-time.After(5 * time.Millisecond)
				err = CheckFree(t.Context(), port)
			}
			if err != nil {
				t.Errorf("after it was closed: %v", err)
			}
		})
	}
}
