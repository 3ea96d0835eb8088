package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daca/services/internal/contract"
)

const component = `kind: Component
spec:
  type: state.redis
  metadata:
    - name: redisHost # where it is
      value: localhost:6379
    - name: redisPassword
      value: ""
    - name: scopes
      value: chat-service=messages;analytics-service=
scopes:
  - analytics-service
`

func render(t *testing.T, text string, r Rendering) (string, error) {
	t.Helper()
	r.Source = t.TempDir()
	r.Target = filepath.Join(t.TempDir(), "resources")
	if err := os.WriteFile(filepath.Join(r.Source, "store.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(r.Source, "alternatives", "other.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Render(); err != nil {
		return "", err
	}
	files, err := os.ReadDir(r.Target)
	if err != nil || len(files) != 1 {
		t.Fatalf("rendered %v, %v; want one file", files, err)
	}
	rendered, err := os.ReadFile(filepath.Join(r.Target, "store.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(rendered), nil
}

func TestRender(t *testing.T) {
	t.Parallel()
	got, err := render(t, component, Rendering{RedisHost: "127.0.0.1:21000", RedisPassword: `a"b\$1`, Suffix: "x1"})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		"localhost:6379", `"127.0.0.1:21000"`, `value: ""`, `value: "a\"b\\$1"`,
		"chat-service", "chat-service-x1", "analytics-service", "analytics-service-x1",
	).Replace(component)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rendered differs (-want +got):\n%s", diff)
	}
}

func TestRenderFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		r    Rendering
		want string
	}{
		"without a host": {
			strings.Replace(component, "redisHost", "host", 1), Rendering{}, "no redisHost",
		},
		"without a password": {
			strings.Replace(component, "redisPassword", "pw", 1), Rendering{RedisPassword: "p"}, "no redisPassword",
		},
		"without a component": {
			"kind: Subscription\n", Rendering{}, "no Redis component",
		},
		"without an app id": {
			strings.ReplaceAll(component, "-service", ""), Rendering{Suffix: "x1"}, "no app id",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := render(t, c.text, c.r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// The resources in components/ have everything that Render looks for.
func TestRenderOwnResources(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "resources")
	r := Rendering{
		Source:        filepath.Join("..", "..", "..", "components"),
		Target:        target,
		RedisHost:     "127.0.0.1:1",
		RedisPassword: "p",
		Suffix:        "x1",
	}
	if err := r.Render(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(target, ConfigurationFile)); err != nil {
		t.Error(err)
	}
	rendered, err := os.ReadFile(filepath.Join(target, "pubsub.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{contract.ChatApp, contract.AnalyticsApp} {
		if !strings.Contains(string(rendered), "- "+id+"-x1\n") {
			t.Errorf("pubsub.yaml is not scoped to %s-x1", id)
		}
	}
}
