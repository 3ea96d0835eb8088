// Package stacktest says what tests of the stack need.
package stacktest

import (
	"os"
	"os/exec"
	"testing"
)

// NeedRedisServer skips the test where no redis-server is installed, but never in CI.
func NeedRedisServer(t testing.TB) {
	t.Helper()
	need(t, "redis-server")
}

// NeedNode skips the test where Node or npm is not installed, but never in CI.
func NeedNode(t testing.TB) {
	t.Helper()
	need(t, "node")
	need(t, "npm")
}

// need skips the test where the program is not installed, but never in CI.
func need(t testing.TB, program string) {
	t.Helper()
	_, err := exec.LookPath(program)
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("CI has to test with %s: %v", program, err)
	case err != nil:
		t.Skipf("no %s installed", program)
	}
}
