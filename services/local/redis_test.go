package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/stack"
	"daca/services/internal/stack/stacktest"
)

// onOther are Dapr resources of which none is on Redis.
func onOther(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"statestore.yaml":       "kind: Component\nspec:\n  metadata:\n    - name: connectionString\n      value: data.db\n",
		stack.ConfigurationFile: "kind: Configuration\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRedisKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ   []string
		installed bool
		want      redisKind
		banner    string
	}{
		"redis-server, if it is installed": {nil, true, redisServer, "redis-server, keeps everything in "},
		"embedded, if it is not":           {nil, false, redisEmbedded, "install redis-server to keep it\n"},
		"embedded, if that is asked for": {
			[]string{"DACA_STORE=embedded"}, true, redisEmbedded, "as DACA_STORE=embedded says\n",
		},
		"redis-server, if that is asked for": {[]string{"DACA_STORE=redis"}, true, redisServer, "redis-server, keeps"},
		"the one that is named":              {[]string{"REDIS_HOST=r:1"}, true, redisNamed, "Redis       r:1\n"},
		"none, if no component is on it":     {[]string{"COMPONENTS=" + onOther(t)}, true, redisNone, "Components  "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := parseConfig(c.environ)
			if err != nil {
				t.Fatal(err)
			}
			l := launcher{cfg: cfg, installed: c.installed, components: filepath.Join("..", "..", "components")}
			if cfg.Components != "" {
				l.components = cfg.Components
			}
			kind, err := l.redisKind()
			if err != nil || kind != c.want {
				t.Errorf("got %v, %v, want %v", kind, err, c.want)
			}
			banner := l.banner(kind, 0)
			if !strings.Contains(banner, c.banner) || strings.Contains(banner, "  Redis  ") != (kind != redisNone) {
				t.Errorf("the banner lacks %q:\n%s", c.banner, banner)
			}
		})
	}
}

func TestLaunchRefusesStores(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ variable, want string }{
		"a directory that is not there": {
			"COMPONENTS=nowhere",
			"COMPONENTS: stat nowhere/configuration.yaml: no such file",
		},
		"a directory without resources":     {"COMPONENTS=" + t.TempDir(), "the directory has to hold all Dapr resources"},
		"redis-server, where there is none": {"DACA_STORE=redis", "DACA_STORE=redis needs a redis-server on PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := setup(t, c.variable)
			tr.installed = false
			if err := tr.launch(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			tr.noneLeft(t, 0)
		})
	}
}

func TestLaunchWithoutRedis(t *testing.T) {
	t.Parallel()
	tr := setup(t, "COMPONENTS="+onOther(t), "REDIS_PASSWORD=p")
	tr.trimScript = "nowhere" // nothing is trimmed
	stop := tr.start(t)
	tr.expect(t, "Ctrl-C stops everything.")
	stop()
	if err := tr.wait(t); err != nil {
		t.Error(err)
	}
	if strings.Contains(tr.screen.String(), "Redis is up") || strings.Contains(tr.screen.String(), "  Redis  ") {
		t.Errorf("it speaks of a Redis:\n%s", tr.screen)
	}
}

func TestLaunchRedisServer(t *testing.T) {
	t.Parallel()
	stacktest.NeedRedisServer(t)
	first := setup(t, "DACA_STORE=redis")
	first.installed = true
	stop := first.start(t)
	first.expect(t, "Redis       redis-server, keeps everything in "+first.cfg.Dir)
	kept := client(t, first)
	if err := kept.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	// Its streams are trimmed: the group has acknowledged the only entry.
	id := kept.XAdd(t.Context(), &redis.XAddArgs{Stream: "messages", Values: []any{"data", "{}"}}).Val()
	kept.XGroupCreate(t.Context(), "messages", "analytics-service", id)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); kept.XLen(t.Context(), "messages").Val() != 0; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the stream is not trimmed")
		}
	}
	stop()
	if err := first.wait(t); err != nil || strings.Contains(first.screen.String(), "good order") {
		t.Errorf("it ended with %v:\n%s", err, first.screen)
	}

	second := setup(t, "DACA_STORE=redis")
	second.installed = true
	second.cfg.Dir = first.cfg.Dir
	second.start(t)
	second.expect(t, "Ctrl-C stops everything.")
	redis := client(t, second)
	if got, err := redis.Get(t.Context(), "key").Result(); err != nil || got != "value" {
		t.Errorf("after a restart the key has %q, %v", got, err)
	}
	// It also ends when Redis does.
	redis.ShutdownNoSave(t.Context())
	if err := second.wait(t); err == nil || !strings.HasPrefix(err.Error(), "redis exited with status 0") {
		t.Errorf("it ended with %v", err)
	}
}

// client is connected to the Redis that the sidecars of the trial have.
func client(t *testing.T, tr *trial) *redis.Client {
	t.Helper()
	component, err := os.ReadFile(filepath.Join(tr.cfg.Dir, "resources", "statestore.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	host := regexp.MustCompile(`redisHost\n\s*value: "(.*)"`).FindSubmatch(component)
	if host == nil {
		t.Fatalf("no redisHost in\n%s", component)
	}
	c := redis.NewClient(&redis.Options{Addr: string(host[1]), DialTimeout: time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return c
}
