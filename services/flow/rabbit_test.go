package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"daca/services/internal/stack"
)

// rabbit is a RabbitMQ that touches nothing outside its directory.
type rabbit struct {
	*stack.Process

	names      *stack.Process // epmd, which RabbitMQ asks for its own port
	port       int
	management int // port of the HTTP API
	release    func()
	queue      string // of the topic messages
}

// countInterval is how old a number of events may be.
const countInterval = 200 * time.Millisecond

// newRabbit returns a server that is not started yet.
func newRabbit(t testing.TB, output *stack.Output, suffix string) *rabbit {
	t.Helper()
	// The one in PATH is a wrapper, which runs it as another user.
	path := program(t, "rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin")
	epmd := program(t, "epmd", "rabbitmq-server")
	dir := t.TempDir()
	ports, release, err := stack.FreePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	r := &rabbit{port: ports[0], management: ports[1], release: release, queue: "analytics-service-" + suffix + "-messages"}
	settings := filepath.Join(dir, "rabbitmq.conf")
	plugins := filepath.Join(dir, "enabled_plugins")
	err = errors.Join(
		os.WriteFile(settings, fmt.Appendf(nil, "listeners.tcp.1 = 127.0.0.1:%d\nmanagement.tcp.ip = 127.0.0.1\n"+
			"management.tcp.port = %d\ncollect_statistics_interval = %d\n"+
			"log.console = true\nlog.console.level = error\nlog.file = false\n",
			r.port, r.management, countInterval.Milliseconds()), 0o600),
		os.WriteFile(plugins, []byte("[rabbitmq_management]."), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	names := strconv.Itoa(ports[2])
	r.names = stack.NewProcess(stack.Command{
		Name: "epmd", Path: epmd, Args: []string{"-address", "127.0.0.1", "-port", names}, Dir: dir, Output: output,
	})
	t.Cleanup(r.names.Kill)
	r.Process = stack.NewProcess(stack.Command{
		Name: "rabbitmq", Path: path, Dir: dir, Ports: ports[:2], Output: output, Grace: time.Minute,
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8",
			"ERL_EPMD_PORT=" + names, "ERL_EPMD_ADDRESS=127.0.0.1",
			"RABBITMQ_NODENAME=daca-" + names + "@localhost", "RABBITMQ_DIST_PORT=" + strconv.Itoa(ports[3]),
			"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
			"RABBITMQ_CONFIG_FILE=" + settings, "RABBITMQ_CONF_ENV_FILE=" + os.DevNull,
			"RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins,
			// Waiting cores would spin, and keep others from working.
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none +S 2:2",
		},
	})
	return r
}

// Start starts the server and waits until it answers.
func (r *rabbit) Start(ctx context.Context) error {
	r.release()
	if ended(r.names) {
		if err := r.names.Start(ctx); err != nil {
			return err
		}
	}
	if err := r.Process.Start(ctx); err != nil {
		return err
	}
	var err error
	if !within(serverStart, func() bool {
		err = r.ask(ctx, "/api/health/checks/local-alarms", &struct{}{})
		return err == nil || ended(r.Process)
	}) || err != nil {
		return fmt.Errorf("RabbitMQ does not answer: %w", err)
	}
	return nil
}

// ask decodes the answer of the HTTP API.
func (r *rabbit) ask(ctx context.Context, path string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://guest:guest@127.0.0.1:%d%s", r.management, path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// Values implements server.
func (r *rabbit) Values() map[string]string {
	return map[string]string{"connectionString": fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d", r.port)}
}

// waiting implements broker.
func (r *rabbit) waiting(ctx context.Context) (unacknowledged, taken int64, err error) {
	var queue struct {
		All   *int64 `json:"messages"`
		Taken int64  `json:"messages_unacknowledged"`
	}
	if err := r.ask(ctx, "/api/queues/%2F/"+r.queue, &queue); err != nil {
		return 0, 0, err
	}
	if queue.All == nil {
		return 0, 0, errors.New("the events are not counted yet")
	}
	return *queue.All, queue.Taken, nil
}

// ahead implements broker: prefetchCount.
func (r *rabbit) ahead() int64 { return 255 }

// delay implements broker.
func (r *rabbit) delay() time.Duration { return 2 * countInterval }
