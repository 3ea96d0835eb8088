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
	_, err := exec.LookPath("redis-server")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal("CI has to test with redis-server: ", err)
	case err != nil:
		t.Skip("no redis-server installed")
	}
}
