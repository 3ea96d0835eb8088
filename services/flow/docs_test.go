package flow

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDocsInChromium opens the documentation of both services in a real browser that
// cannot reach any other host.
func TestDocsInChromium(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	s := start(t, options{})
	for url, want := range map[string][]string{
		s.chat.URL + "/docs":         {"DACA Chat Service", "/users/{user_id}/register", "Send a message to the agent"},
		s.analytics[0].URL + "/docs": {"DACA Analytics Service", "/analytics/{user_id}/initialize", "/deadletters"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		out, err := exec.CommandContext(ctx, browser,
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir="+t.TempDir(),
			"--virtual-time-budget=20000", "--dump-dom", url).Output()
		cancel()
		if err != nil {
			t.Fatalf("opening %s: %v", url, err)
		}
		// Swagger UI breaks paths at slashes with zero-width spaces.
		page := strings.NewReplacer("\u200b", "", "<wbr>", "").Replace(string(out))
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("%s does not show %q: %.2000s", url, text, page)
			}
		}
	}
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI has to test with chromium, which is not installed")
	}
	t.Skip("no chromium installed: the documentation is not tested in a browser")
	return ""
}
