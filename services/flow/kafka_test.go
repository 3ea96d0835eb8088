package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"daca/services/internal/stack"
)

// kafka is franz-go's kfake in a process of its own, in place of a Kafka.
type kafka struct {
	*stack.Process

	port    int
	admin   int // port of its HTTP API
	group   string
	release func() // gives up the ports
}

// kfakeProgram is the program in the folder kfake, once a test has needed it.
type kfakeProgram struct {
	once sync.Once
	err  error
}

// build compiles it into the directory of the programs.
func (p *kfakeProgram) build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(programs.bin, "kfake")
	p.once.Do(func() {
		command := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "build", "-o", path, ".")
		command.Dir = filepath.Join(programs.root, "services", "flow", "kfake")
		if printed, err := command.CombinedOutput(); err != nil {
			p.err = fmt.Errorf("building kfake: %w\n%s", err, printed)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return path
}

// newKafka returns a server with no topics, which is not started yet.
func newKafka(t testing.TB, output *stack.Output, suffix string) *kafka {
	t.Helper()
	path := programs.kfake.build(t)
	ports, release, err := stack.FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return &kafka{
		port: ports[0], admin: ports[1], group: "analytics-service-" + suffix, release: release,
		Process: stack.NewProcess(stack.Command{
			Name: "kfake", Path: path, Dir: t.TempDir(), Ports: ports, Output: output, Env: os.Environ(),
			Args: []string{"-port", strconv.Itoa(ports[0]), "-admin", strconv.Itoa(ports[1]), "-dir", "data"},
		}),
	}
}

// Start starts the server and waits until it answers.
func (k *kafka) Start(ctx context.Context) error {
	k.release()
	if err := k.Process.Start(ctx); err != nil {
		return err
	}
	if !within(serverStart, func() bool { return accepts(ctx, k.admin) || ended(k.Process) }) || ended(k.Process) {
		return errors.New("kfake does not answer")
	}
	return nil
}

// Values implements server.
func (k *kafka) Values() map[string]string {
	return map[string]string{"brokers": fmt.Sprintf("127.0.0.1:%d", k.port)}
}

// waiting implements broker. Kafka does not know what a sidecar has taken: it takes all
// that is not committed for taken.
func (k *kafka) waiting(ctx context.Context) (unacknowledged, taken int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	query := url.Values{"group": {k.group}, "topic": {"messages"}}
	address := fmt.Sprintf("http://127.0.0.1:%d/waiting?%s", k.admin, query.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Waiting int64 }
	if response.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("kfake answers %s", response.Status)
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Waiting, answer.Waiting, err
}

// ahead implements broker: channelBufferSize for a partition, and what is fetched beside it.
func (k *kafka) ahead() int64 { return 500 }

// delay implements broker.
func (k *kafka) delay() time.Duration { return 0 }
