package stack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daca/services/internal/stack/screen"
)

// TestEmbeddedRedisBehindDapr holds that the embedded Redis can do what a real
// sidecar needs for the state and the pub/sub of the services.
func TestEmbeddedRedisBehindDapr(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a daprd, which may have to be built")
	}
	deliveries := make(chan string, 8)
	url, redis := startSidecar(t, deliveries)

	t.Run("first-write refuses a stale ETag", func(t *testing.T) {
		save := func(etag, value string) int {
			const format = `[{"key":"alice","value":%s,"etag":%q,"options":{"concurrency":"first-write"}}]`
			body := fmt.Sprintf(format, value, etag)
			status, _, _ := call(t, http.MethodPost, url+"/v1.0/state/statestore", body)
			return status
		}
		status, _, _ := call(t, http.MethodPost, url+"/v1.0/state/statestore", `[{"key":"alice","value":1}]`)
		if status != http.StatusNoContent {
			t.Fatalf("first save: %d", status)
		}
		_, etag, _ := call(t, http.MethodGet, url+"/v1.0/state/statestore/alice", "")
		if status := save(etag, "2"); status != http.StatusNoContent {
			t.Errorf("save with the current ETag: %d", status)
		}
		if status := save(etag, "3"); status != http.StatusConflict {
			t.Errorf("save with the stale ETag: %d, want 409", status)
		}
		if _, _, body := call(t, http.MethodGet, url+"/v1.0/state/statestore/alice", ""); body != "2" {
			t.Errorf("the state is %s, want 2", body)
		}
	})
	t.Run("an event that is not acknowledged is delivered again", func(t *testing.T) {
		status, _, _ := call(t, http.MethodPost, url+"/v1.0/publish/pubsub/messages", `{"n":1}`)
		if status != http.StatusNoContent {
			t.Fatalf("publish: %d", status)
		}
		for n := range 2 { // the first one fails, and waits for longer than processingTimeout
			select {
			case body := <-deliveries:
				if !strings.Contains(body, `"n":1`) {
					t.Errorf("delivery %d was %s", n, body)
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("delivery %d did not come", n)
			}
		}
	})
	t.Run("events are delivered again after Redis was away", func(t *testing.T) {
		if err := redis.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		status, _, _ := call(t, http.MethodGet, url+"/v1.0/state/statestore/alice", "")
		if status != http.StatusInternalServerError {
			t.Errorf("reading without Redis: %d", status)
		}
		if err := redis.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err := await(ctx, "the sidecar to publish", nil, func(context.Context) error {
			status, _, body := call(t, http.MethodPost, url+"/v1.0/publish/pubsub/messages", `{"n":2}`)
			if status != http.StatusNoContent {
				return fmt.Errorf("%d %s", status, body)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for {
			select {
			case body := <-deliveries:
				if strings.Contains(body, `"n":2`) {
					return
				}
			case <-time.After(30 * time.Second):
				t.Fatal("no delivery after the restart")
			}
		}
	})
}

// startSidecar starts a sidecar whose analytics service is this test. The service
// refuses the first delivery.
func startSidecar(t *testing.T, deliveries chan<- string) (url string, redis *EmbeddedRedis) {
	t.Helper()
	daprd, err := Daprd(t.Context(), filepath.Join("..", "..", ".."), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(analyticsStandIn(deliveries))
	redis = NewEmbeddedRedis()
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	components := t.TempDir()
	for name, text := range sidecarComponents() {
		if err := os.WriteFile(filepath.Join(components, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := screen.New()
	s, err := New(Options{
		Daprd:      daprd,
		Components: components,
		Dir:        t.TempDir(),
		RedisAddr:  redis.Addr(),
		Suffix:     fmt.Sprintf("%d-embedded", os.Getpid()),
		Env:        BaseEnv(os.Environ()),
		Output:     NewOutput(out, false),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stopping: %v", err)
		}
		_ = redis.Stop(t.Context())
		app.Close()
		if t.Failed() {
			t.Log(out)
		}
	})
	analytics, err := s.Analytics(ServiceOptions{SidecarAppPort: app.Listener.Addr().(*net.TCPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	if err := analytics.Sidecar.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := WaitReady(ctx, analytics.DaprURL+"/v1.0/healthz", analytics.Sidecar); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return analytics.DaprURL, redis
}

func analyticsStandIn(deliveries chan<- string) http.Handler {
	first := make(chan struct{}, 1)
	first <- struct{}{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /messages", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		deliveries <- string(body)
		select {
		case <-first:
			w.WriteHeader(http.StatusInternalServerError)
		default:
		}
	})
	return mux
}

func sidecarComponents() map[string]string {
	const redis = `    - name: redisHost
      value: localhost:6379
    - name: redisPassword
      value: ""
`
	const head = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: "
	return map[string]string{
		"statestore.yaml": head + "statestore\nspec:\n  type: state.redis\n  version: v1\n  metadata:\n" + redis,
		"pubsub.yaml": head + "pubsub\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n" + redis +
			"    - name: processingTimeout\n      value: 1s\n    - name: redeliverInterval\n      value: \"300\"\n",
		"subscription.yaml": `apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: messages
spec:
  pubsubname: pubsub
  topic: messages
  routes:
    default: /messages
scopes:
  - analytics-service
`,
		"resiliency.yaml": `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: daca
spec:
  policies:
    retries:
      late:
        policy: constant
        duration: 10s
  targets:
    components:
      pubsub:
        inbound:
          retry: late
`,
		ConfigurationFile: "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: daca\n",
	}
}

func call(t *testing.T, method, url, body string) (status int, etag, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("ETag"), string(content)
}
