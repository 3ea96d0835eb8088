package stack

import (
	"context"
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
			strings.Replace(component, "redisHost", "host", 1), Rendering{RedisHost: "r:1"}, "no redisHost",
		},
		"without the value of a host": {
			strings.Replace(component, "value: localhost:6379", "secretKeyRef:", 1), Rendering{RedisHost: "r:1"},
			"redisHost without a value",
		},
		"without a password": {
			strings.Replace(component, "redisPassword", "pw", 1), Rendering{RedisHost: "r:1", RedisPassword: "p"},
			"no redisPassword",
		},
		"without a component": {
			"kind: Subscription\n", Rendering{RedisHost: "r:1"}, "no redisHost",
		},
		"without a Redis": {
			component, Rendering{}, "there is no Redis",
		},
		"without an app id": {
			strings.ReplaceAll(component, "-service", ""), Rendering{RedisHost: "r:1", Suffix: "x1"}, "no app id",
		},
		"without the entry of a value": {
			component, Rendering{RedisHost: "r:1", Values: map[string]string{"scopes": "a", "host": "b"}},
			"no entry host in",
		},
		"without the component of a value": {
			component, Rendering{RedisHost: "r:1", Values: map[string]string{"other.scopes": "a"}},
			"no entry other.scopes in",
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

func TestRenderSetsValues(t *testing.T) {
	t.Parallel()
	const text = `kind: Component
metadata:
  name: statestore
spec:
  metadata:
    - name: connectionString
      value: host=localhost
    - name: "table"   # of the state
      value: state
---
kind: Component
metadata: # of the broker
  name: "pubsub"
spec:
  metadata:
    - name: connectionString
      value: amqp://localhost
    - name: tablespace
      value: untouched
`
	got, err := render(t, text, Rendering{Values: map[string]string{
		"connectionString": "amqp://localhost:20001", "statestore.connectionString": "host=127.0.0.1", "table": "t1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		"host=localhost", `"host=127.0.0.1"`, "value: amqp://localhost", `value: "amqp://localhost:20001"`,
		"value: state", `value: "t1"`,
	).Replace(text)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rendered differs (-want +got):\n%s", diff)
	}
}

// A folder of resources may take files from another one.
func TestRenderFollowsLinks(t *testing.T) {
	t.Parallel()
	shared := filepath.Join(t.TempDir(), "shared.yaml")
	if err := os.WriteFile(shared, []byte(component), 0o600); err != nil {
		t.Fatal(err)
	}
	r := Rendering{Source: t.TempDir(), Target: filepath.Join(t.TempDir(), "resources"), RedisHost: "r:1"}
	if err := os.Symlink(shared, filepath.Join(r.Source, "store.yaml")); err != nil {
		t.Fatal(err)
	}
	if uses, err := UsesRedis(r.Source); err != nil || !uses {
		t.Errorf("UsesRedis says %v, %v", uses, err)
	}
	if err := r.Render(); err != nil {
		t.Fatal(err)
	}
	rendered := filepath.Join(r.Target, "store.yaml")
	if got, err := os.ReadFile(rendered); err != nil || !strings.Contains(string(got), `value: "r:1"`) {
		t.Errorf("rendered %s, %v", got, err)
	}
	if info, err := os.Lstat(rendered); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the rendered file is %v, %v", info.Mode(), err)
	}
}

func TestUsesRedis(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		component: true,
		strings.ReplaceAll(component, "redis", "no"):           false,
		"# - name: redisHost\nkind: Subscription\n":            false,
		"    - name: notRedisHost\n    - name: redisHosting\n": false,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "store.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := UsesRedis(dir); err != nil || got != want {
			t.Errorf("got %v, %v for\n%s", got, err, text)
		}
	}
	if _, err := UsesRedis(t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "no Dapr resources") {
		t.Errorf("for an empty directory: %v", err)
	}
}

func TestDeliversSingly(t *testing.T) {
	t.Parallel()
	const bulk = "kind: Subscription\nspec:\n  topic: messages\n  bulkSubscribe:\n    enabled: true\nscopes: []\n"
	for text, want := range map[string]bool{
		bulk:      false,
		component: false,
		strings.Replace(bulk, "  bulkSubscribe:\n    enabled: true\n", "", 1): true,
		strings.Replace(bulk, "true", "false", 1):                             true,
		strings.Replace(bulk, "    enabled", "    # enabled", 1):              true,
		strings.Replace(bulk, "    enabled", "  enabled", 1):                  true,
		strings.Replace(bulk, "  bulk", "  # bulk", 1):                        true,
		strings.Replace(bulk, ":\n    enabled: true", ": {enabled: true}", 1): false,
		strings.Replace(bulk, "    enabled",
			"# many at a time\n\n    maxMessagesCount: 9 # enough\n    enabled", 1): false,
		bulk + documentEnd + component: false,
		bulk + documentEnd + "kind: Subscription # of the tutorial\nspec:\n  topic: users\n": true,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "subscriptions.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := deliversSingly(dir); err != nil || got != want {
			t.Errorf("got %v, %v for\n%s", got, err, text)
		}
	}
}

// TestSingleDeliveriesTakeTurns holds that a folder is exact however it is started: the
// sidecar of analytics is told what no resource can say.
func TestSingleDeliveriesTakeTurns(t *testing.T) {
	t.Parallel()
	const flag = "--app-max-concurrency 1"
	for folder, want := range map[string]bool{".": false, "alternatives/single-deliveries": true} {
		s, err := New(Options{
			Components: filepath.Join("..", "..", "..", "components", folder), Dir: t.TempDir(), RedisAddr: "127.0.0.1:1",
		})
		if err != nil {
			t.Fatal(err)
		}
		analytics, err := s.Analytics(ServiceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		chat, err := s.Chat(ServiceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
		if got := strings.Contains(strings.Join(analytics.Sidecar.command.Args, " "), flag); got != want {
			t.Errorf("%s: the sidecar of analytics has %s: %v; want %v", folder, flag, got, want)
		}
		if strings.Contains(strings.Join(chat.Sidecar.command.Args, " "), flag) {
			t.Errorf("%s: the sidecar of chat, which takes no events, has %s", folder, flag)
		}
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
