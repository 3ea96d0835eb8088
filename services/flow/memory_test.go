package flow

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"daca/services/internal/stack"
	"daca/services/local/repository"
)

// atOnce is how many requests with bad bodies arrive together.
const atOnce = 24

// TestWorstBodiesDoNotExhaustMemory holds that no body makes a service need more
// memory than the charts give its pod. It sends the bodies to the programs as they
// are shipped, without sidecars: what they cost, they cost before Dapr is asked.
func TestWorstBodiesDoNotExhaustMemory(t *testing.T) { // alone, because it takes all of the CPU
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the peak of a process' memory is read from /proc, which this system lacks")
	}
	bin := programs.bin
	if raceFlag != "" { // the race detector needs several times the memory
		bin = t.TempDir()
		if err := repository.BuildServices(t.Context(), programs.root, bin); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		service func(*stack.Stack, stack.ServiceOptions) (*stack.Service, error)
		values  string // file with the pod's memory limit
		path    string
		members string   // valid ones, with which a body begins
		names   []string // of members that may hold something bad, besides unknown ones
		sizes   []int    // the largest body that is accepted, and larger ones
	}{
		"chat": {
			(*stack.Stack).Chat, "chat/values.yaml", "/chat/", `"user_id":"a","text":"hi"`,
			[]string{"tags", "text", "metadata"}, []int{64<<10 - 1, 1 << 20},
		},
		"initialize": {
			(*stack.Stack).Analytics, "analytics/values.yaml", "/analytics/a/initialize", `"message_count":1`,
			[]string{"message_count"}, []int{16<<10 - 1, 1 << 20},
		},
		"messages": {
			(*stack.Stack).Analytics, "analytics/values.yaml", "/messages", `"entries":[],"pubsubname":"pubsub"`,
			[]string{"entries", "specversion", "event_type"}, []int{8<<20 - 1},
		},
		"model": {
			(*stack.Stack).Model, "daca/values.yaml", "/v1/chat/completions",
			`"model":"offline","messages":[{"role":"user","content":"hi"}]`,
			[]string{"messages", "tools"}, []int{1<<20 - 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			limit := memoryLimit(t, tc.values)
			service := startAlone(t, bin, tc.service, limit)
			for _, size := range tc.sizes {
				for kind, body := range worstBodies(size, tc.members, tc.names) {
					resetPeak(service.App.Pid())
					statuses := sendAtOnce(t, service.URL+tc.path, body)
					peak := peakMemory(t, service.App.Pid())
					t.Logf("%4d KiB of %-30s %3d MiB at most, answers %v", size>>10, kind, peak>>20, statuses)
					if peak > limit {
						t.Fatalf("%d bodies of %d bytes (%s) take %d MiB; the pod has %d MiB",
							atOnce, size, kind, peak>>20, limit>>20)
					}
				}
			}
			// It still answers.
			if err := stack.WaitReady(t.Context(), service.URL+"/healthz", service.App); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// worstBodies returns bodies of about the size that are costly to decode, by what
// is bad about them.
func worstBodies(size int, members string, names []string) map[string]string {
	bodies := map[string]string{}
	add := func(kind, name, before, repeated, after string) {
		head := fmt.Sprintf(`{%s,%q:%s`, members, name, before)
		n := (size - len(head) - len(after) - 1) / len(repeated)
		body := head + strings.Repeat(repeated, n)
		bodies[kind+" in "+name] = strings.TrimSuffix(body, ",") + after + "}"
	}
	for _, name := range append(names, "unknown") {
		add("objects", name, "[", `{"":0},`, "]")
		add("empty objects", name, "[", `{},`, "]")
		add("lists", name, "[", `[],`, "]")
		add("numbers", name, "[", `0,`, "]")
		add("texts", name, "[", `"",`, "]")
		add("nested lists", name, "", "[", "")
		add("no end of objects", name, "[", `{"":0},`, "")
		add("a text to be escaped", name, `"`, "<", `"`)
	}
	var many strings.Builder
	for i := 0; many.Len() < size-len(members)-40; i++ {
		fmt.Fprintf(&many, `"%d":0,`, i)
	}
	bodies["many names"] = fmt.Sprintf(`{%s,%s}`, members, strings.TrimSuffix(many.String(), ","))
	bodies["many names below"] = fmt.Sprintf(`{%s,"unknown":{%s}}`, members, strings.TrimSuffix(many.String(), ","))
	return bodies
}

// startAlone starts a service without a sidecar, told of its memory as in a pod.
func startAlone(
	t *testing.T, bin string, of func(*stack.Stack, stack.ServiceOptions) (*stack.Service, error), limit int,
) *stack.Service {
	t.Helper()
	parts, err := stack.New(stack.Options{
		Daprd: programs.daprd, Bin: bin, Components: filepath.Join(programs.root, "components"),
		Dir: t.TempDir(), RedisAddr: "127.0.0.1:9", Env: stack.BaseEnv(os.Environ()), LogLevel: "error",
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := of(parts, stack.ServiceOptions{Env: []string{
		fmt.Sprintf("GOMEMLIMIT=%d", limit/10*9),
		"OPENAI_BASE_URL=http://127.0.0.1:9", // nobody listens there
		"COMMIT_BUDGET=100ms",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.App.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.App.Kill)
	if err := stack.WaitReady(t.Context(), service.URL+"/healthz", service.App); err != nil {
		t.Fatal(err)
	}
	return service
}

// sendAtOnce sends the body in several requests at once. It returns how many were
// answered with each status; 0 is a connection that broke.
func sendAtOnce(t *testing.T, url, body string) map[int]int {
	t.Helper()
	statuses := map[int]int{}
	var mu sync.Mutex
	var requests sync.WaitGroup
	for range atOnce {
		requests.Go(func() {
			resp, err := http.Post(url, "application/json", strings.NewReader(body))
			status := 0
			if err == nil {
				status = resp.StatusCode
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	requests.Wait()
	return statuses
}

// memoryLimit returns the memory that a chart gives the pod of its service, in bytes.
func memoryLimit(t *testing.T, values string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(programs.root, "charts", values))
	if err != nil {
		t.Fatal(err)
	}
	// The resources of the container stand beside its security context.
	found := regexp.MustCompile(`(?s) memory: (\d+)Mi\s+podSecurityContext:`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no memory limit for the service", values)
	}
	mebibytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return mebibytes << 20
}

// resetPeak sets the peak of the process' memory to what it has now, where the system
// can do that.
func resetPeak(pid int) { _ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) }

// peakMemory returns the most resident memory that the process has had, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatalf("the program has ended: %v", err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatal("/proc names no peak of the memory")
	}
	kibibytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kibibytes << 10
}
