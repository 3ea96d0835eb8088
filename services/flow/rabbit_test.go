package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daca/services/internal/stack"
)

// rabbit is a RabbitMQ that touches nothing outside its directory.
type rabbit struct {
	*stack.Process

	names      *stack.Process // epmd, which RabbitMQ asks for its own port
	namesPort  int
	port       int
	management int // port of the HTTP API
	release    func()
	vhost      string // which has the exchanges and queues of one test
	queue      string // of the topic messages
}

// sharedRabbit is one RabbitMQ for all tests that do not let it fail: it takes longer to
// start than most of them.
type sharedRabbit struct {
	mu     sync.Mutex
	server *rabbit
	dir    string
}

// forTest returns the server, with a virtual host of its own for a test.
func (s *sharedRabbit) forTest(t testing.TB, suffix string) *rabbit {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		var err error
		if s.dir, err = os.MkdirTemp("", "daca-rabbitmq"); err != nil {
			t.Fatal(err)
		}
		server := newRabbit(t, s.dir, nil, suffix)
		if err := server.Start(t.Context()); err != nil {
			server.Kill()
			server.names.Kill()
			t.Fatal(err)
		}
		s.server = server
	}
	own := *s.server
	own.vhost = suffix
	own.queue = queueOf(suffix)
	return &own
}

// stop stops the server, if a test has used it.
func (s *sharedRabbit) stop() {
	if s.server != nil {
		s.server.Kill()
		s.server.names.Kill()
		_ = os.RemoveAll(s.dir)
	}
}

// virtualHost is a part of the server that the tests share.
type virtualHost struct{ *rabbit }

// Start creates it.
func (v virtualHost) Start(ctx context.Context) error {
	return errors.Join(
		v.call(ctx, http.MethodPut, "/api/vhosts/"+v.vhost, "{}", nil),
		v.call(ctx, http.MethodPut, "/api/permissions/"+v.vhost+"/guest",
			`{"configure":".*","write":".*","read":".*"}`, nil))
}

// Stop removes it.
func (v virtualHost) Stop(ctx context.Context) error {
	return v.call(ctx, http.MethodDelete, "/api/vhosts/"+v.vhost, "", nil)
}

func queueOf(suffix string) string { return "analytics-service-" + suffix + "-messages" }

// countInterval is how old a number of events may be.
const countInterval = 200 * time.Millisecond

// newRabbit returns a server in the directory, which is not started yet.
func newRabbit(t testing.TB, dir string, output *stack.Output, suffix string) *rabbit {
	t.Helper()
	// The one in PATH is a wrapper, which runs it as another user.
	path := program(t, "rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin")
	epmd := program(t, "epmd", "rabbitmq-server")
	ports, release, err := stack.FreePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	r := &rabbit{port: ports[0], management: ports[1], namesPort: ports[2], release: release,
		vhost: "%2F", queue: queueOf(suffix)}
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
	r.Process = stack.NewProcess(stack.Command{
		Name: "rabbitmq", Path: path, Dir: dir, Ports: ports[:2], Output: output, Grace: time.Minute,
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8",
			"ERL_EPMD_PORT=" + names, "ERL_EPMD_ADDRESS=127.0.0.1",
			"RABBITMQ_NODENAME=daca-" + names + "@localhost", "RABBITMQ_DIST_PORT=" + strconv.Itoa(ports[3]),
			"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
			"RABBITMQ_CONFIG_FILE=" + settings, "RABBITMQ_CONF_ENV_FILE=" + os.DevNull,
			"RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins,
			"NOTIFY_SOCKET=" + os.DevNull, // makes it this process itself, which dies with the test
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
	// Without it, RabbitMQ would start one that outlives it.
	if !within(serverStart, func() bool { return accepts(ctx, r.namesPort) }) {
		return errors.New("epmd does not answer")
	}
	if err := r.Process.Start(ctx); err != nil {
		return err
	}
	var err error
	if !within(serverStart, func() bool {
		err = r.call(ctx, http.MethodGet, "/api/health/checks/local-alarms", "", nil)
		return err == nil || ended(r.Process)
	}) || err != nil {
		return fmt.Errorf("RabbitMQ does not answer: %w", err)
	}
	return nil
}

// call makes a request to the HTTP API, and decodes the answer unless answer is nil.
func (r *rabbit) call(ctx context.Context, method, path, body string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://guest:guest@127.0.0.1:%d%s", r.management, path)
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s answers %s", method, path, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// accepts reports whether somebody listens on the port.
func accepts(ctx context.Context, port int) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && conn.Close() == nil
}

// Values implements server.
func (r *rabbit) Values() map[string]string {
	return map[string]string{"connectionString": fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/%s", r.port, r.vhost)}
}

// waiting implements broker.
func (r *rabbit) waiting(ctx context.Context) (unacknowledged, taken int64, err error) {
	var queue struct {
		All   *int64 `json:"messages"`
		Taken int64  `json:"messages_unacknowledged"`
	}
	if err := r.call(ctx, http.MethodGet, "/api/queues/"+r.vhost+"/"+r.queue, "", &queue); err != nil {
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
