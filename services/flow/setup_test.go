package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/stack"
	"daca/services/local/repository"
)

// programs are what every suite runs, built once.
var programs struct{ root, daprd, bin string }

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("-short: the flows need daprd, and are left out.")
		return
	}
	code, err := prepare(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepare(m *testing.M) (int, error) {
	ctx := context.Background()
	root, err := repository.Root(".")
	if err != nil {
		return 0, err
	}
	daprd, err := stack.Daprd(ctx, root, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return 0, err
	}
	bin, err := os.MkdirTemp("", "daca-bin")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(bin) }()
	if err := repository.BuildServices(ctx, root, bin, "BUILDFLAGS="+raceFlag); err != nil {
		return 0, err
	}
	programs.root, programs.daprd, programs.bin = root, daprd, bin
	return m.Run(), nil
}

const (
	startTimeout  = 2 * time.Minute
	settleTimeout = 3 * time.Minute // longer than redelivery after a crash takes
)

// options say how a suite differs from one with one replica of everything.
type options struct {
	replicas     int       // of analytics; 0 is 1
	embedded     bool      // the embedded Redis, even where redis-server is installed
	before       transform // between each sidecar of analytics and the service
	env          []string  // of every process, sidecars included
	analyticsEnv []string
	daprArgs     []string // of each sidecar of analytics
	chatEnv      []string
	modelEnv     []string
}

// transform wraps the analytics service.
type transform func(next http.Handler) http.Handler

// suite is the whole of it, running.
type suite struct {
	t         testing.TB
	redis     stack.Redis
	broker    *redis.Client // of the same
	model     *stack.Service
	chat      *stack.Service
	analytics []*stack.Service
}

func start(t testing.TB, o options) *suite {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	logs := &lockedBuffer{}
	output := stack.NewOutput(logs, false)
	s := &suite{t: t, redis: newRedis(t, output, o.embedded)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the processes printed last:\n%s", logs.last(60_000))
		}
		if race := logs.String(); strings.Contains(race, "DATA RACE") {
			t.Errorf("a program has a data race:\n%s", race[strings.Index(race, "DATA RACE"):min(len(race), strings.Index(race, "DATA RACE")+6000)])
		}
	})
	s.must(s.redis.Start(ctx))
	t.Cleanup(func() { _ = s.redis.Stop(context.WithoutCancel(t.Context())) })
	s.broker = redis.NewClient(&redis.Options{Addr: s.redis.Addr()})
	t.Cleanup(func() { _ = s.broker.Close() })

	st, err := stack.New(stack.Options{
		Daprd: programs.daprd, Bin: programs.bin, Components: filepath.Join(programs.root, "components"), Dir: t.TempDir(),
		RedisAddr: s.redis.Addr(), Suffix: fmt.Sprintf("t%d", time.Now().UnixNano()),
		Env: append(stack.BaseEnv(os.Environ()), o.env...), Output: output,
	})
	s.must(err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		_ = st.Close(ctx)
	})
	s.model, err = st.Model(stack.ServiceOptions{Env: o.modelEnv})
	s.must(err)
	for i := range max(o.replicas, 1) {
		replica := stack.ServiceOptions{Name: fmt.Sprintf("analytics-%d", i), Env: o.analyticsEnv, DaprArgs: o.daprArgs}
		if o.before != nil {
			replica.Ports.App, replica.SidecarAppPort = interpose(t, o.before)
		}
		a, err := st.Analytics(replica)
		s.must(err)
		s.analytics = append(s.analytics, a)
	}
	s.chat, err = st.Chat(stack.ServiceOptions{Env: append([]string{"OPENAI_BASE_URL=" + s.model.URL + "/v1", "OPENAI_MODEL=offline"}, o.chatEnv...)})
	s.must(err)

	for _, service := range append([]*stack.Service{s.model, s.chat}, s.analytics...) {
		s.must(service.Start(ctx))
	}
	for _, service := range append([]*stack.Service{s.model, s.chat}, s.analytics...) {
		s.must(service.WaitReady(ctx))
	}
	s.must(stack.WaitReady(ctx, s.chat.DaprURL+"/v1.0/invoke/"+s.analytics[0].AppID+"/method/healthz"))
	return s
}

func newRedis(t testing.TB, output *stack.Output, embedded bool) stack.Redis {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("CI has to test with redis-server: ", err)
	}
	if err != nil || embedded {
		return stack.NewEmbeddedRedis()
	}
	server, err := stack.NewRedisServer(t.TempDir(), output)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// interpose starts a proxy that wraps the service which will listen on appPort.
func interpose(t testing.TB, wrap transform) (appPort, proxyPort int) {
	t.Helper()
	ports, release, err := stack.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release()
	target := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", ports[0])}
	server := &http.Server{Handler: wrap(newProxy(target)), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return ports[0], listener.Addr().(*net.TCPAddr).Port
}

func (s *suite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes a request, whose connection may fail.
func (s *suite) send(method, target, body string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, strings.TrimSpace(string(text))}, err
}

func (s *suite) expect(method, target, body string, status int, want string) {
	s.t.Helper()
	got, err := s.send(method, target, body)
	if err != nil || got.status != status || got.body != want {
		s.t.Errorf("%s %s %s answers %d %s, %v\nwant %d %s", method, target, body, got.status, got.body, err, status, want)
	}
}

// say sends a message to the chat service and returns the reply.
func (s *suite) say(user, text string, headers ...string) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"user_id": user, "text": text})
	s.must(err)
	got, err := s.send("POST", s.chat.URL+"/chat/", string(body), headers...)
	var r struct{ Reply string }
	if err != nil || got.status != 200 || json.Unmarshal([]byte(got.body), &r) != nil {
		s.t.Fatalf("POST /chat/ %s answers %d %s, %v", body, got.status, got.body, err)
	}
	return r.Reply
}

func (s *suite) count(user string) (answer, error) {
	return s.send("GET", s.analytics[0].URL+"/analytics/"+url.PathEscape(user), "")
}

// counted waits until the user's count is n. More than n is never right.
func (s *suite) counted(user string, n int) {
	s.t.Helper()
	var got answer
	var count struct {
		MessageCount *int `json:"message_count"`
	}
	s.eventually(func() bool {
		var err error
		got, err = s.count(user)
		return err == nil && got.status == 200 && json.Unmarshal([]byte(got.body), &count) == nil && *count.MessageCount >= n
	}, func() string {
		return fmt.Sprintf("the count of %q is %d %s; want %d; %s", user, got.status, got.body, n, s.whereabouts())
	})
	if *count.MessageCount != n {
		s.t.Fatalf("the count of %q is %d; want %d", user, *count.MessageCount, n)
	}
}

// eventually fails the test unless ok becomes true in time.
func (s *suite) eventually(ok func() bool, problem func() string) {
	s.t.Helper()
	deadline := time.After(settleTimeout)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("after %s: %s", settleTimeout, problem())
		}
	}
}

// publish puts an event into the broker through chat's sidecar, as often as
// needed until the sidecar has taken it.
func (s *suite) publish(user, id string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":"MessageSent","time":%q,"data":{"event_type":"MessageSent","user_id":%q}}`,
		id, time.Now().UTC().Format(time.RFC3339Nano), user)
	var got answer
	var err error
	s.eventually(func() bool {
		got, err = s.send("POST", s.chat.DaprURL+"/v1.0/publish/pubsub/messages", body, "Content-Type", "application/cloudevents+json")
		return err == nil && got.status == 204
	}, func() string { return fmt.Sprintf("publishing answers %d %s, %v", got.status, got.body, err) })
}

// publishAll publishes total events over the users, of which every twentieth
// has the id of the one before it, and returns how many distinct ids each user
// got.
func (s *suite) publishAll(total int, users []string) map[string]int {
	s.t.Helper()
	distinct := map[string]int{}
	type job struct{ user, id string }
	jobs := make(chan job)
	var publishers sync.WaitGroup
	for range 16 {
		publishers.Go(func() {
			for j := range jobs {
				s.publish(j.user, j.id)
			}
		})
	}
	for i := range total {
		n := i
		if i%20 == 19 {
			n = i - 1
		} else {
			distinct[users[n%len(users)]]++
		}
		jobs <- job{users[n%len(users)], fmt.Sprintf("event-%d", n)}
	}
	close(jobs)
	publishers.Wait()
	return distinct
}

// exactly waits until each user has the count, until the broker has nothing
// left to deliver, and holds that the counts are still the same.
func (s *suite) exactly(counts map[string]int) {
	s.t.Helper()
	for user, n := range counts {
		s.counted(user, n)
	}
	s.settled()
	for user, n := range counts {
		s.counted(user, n)
	}
}

// group returns how far the events on the topic messages are delivered and
// acknowledged.
func (s *suite) group() (redis.XInfoGroup, error) {
	groups, err := s.broker.XInfoGroups(s.t.Context(), "messages").Result()
	if err != nil {
		return redis.XInfoGroup{}, err
	}
	if len(groups) != 1 {
		return redis.XInfoGroup{}, fmt.Errorf("consumer groups: %v", groups)
	}
	return groups[0], nil
}

// whereabouts says how many events reached the broker, how many of them wait to
// be acknowledged, and what is in the dead letters: where to look for one that is
// missing.
func (s *suite) whereabouts() string {
	published, err := s.broker.XLen(s.t.Context(), "messages").Result()
	if err != nil {
		return err.Error()
	}
	group, groupErr := s.group()
	letters, err := s.send("GET", s.analytics[0].URL+"/deadletters", "")
	return fmt.Sprintf("%d events were published, consumer group %+v, %v, dead letters %s, %v", published, group, groupErr, letters.body, err)
}

// settled waits until every event on the topic messages has been delivered and
// acknowledged, redelivery included.
func (s *suite) settled() {
	s.t.Helper()
	var problem string
	s.eventually(func() bool {
		last, err := s.broker.XRevRangeN(s.t.Context(), "messages", "+", "-", 1).Result()
		if err != nil {
			problem = err.Error()
			return false
		}
		group, err := s.group()
		if err != nil {
			problem = err.Error()
			return false
		}
		problem = fmt.Sprintf("%d events are not acknowledged, last delivered %s of %s", group.Pending, group.LastDeliveredID, last[0].ID)
		return group.Pending == 0 && group.LastDeliveredID == last[0].ID
	}, func() string { return problem })
}

// pending waits until at least n events on the topic messages are delivered or
// read ahead, and not acknowledged.
func (s *suite) pending(n int64) {
	s.t.Helper()
	var group redis.XInfoGroup
	var err error
	s.eventually(func() bool {
		group, err = s.group()
		return err == nil && group.Pending >= n
	}, func() string { return fmt.Sprintf("fewer than %d events wait: %+v, %v", n, group, err) })
}

func (s *suite) restart(p *stack.Process) {
	s.t.Helper()
	s.must(p.Start(s.t.Context()))
}

// lockedBuffer collects what the processes print.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// last returns the end of what was printed, without the requests by which tests
// ask for counts again and again.
func (l *lockedBuffer) last(n int) string {
	var kept strings.Builder
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, "method=GET path=/analytics/") {
			kept.WriteString(line)
		}
	}
	text := kept.String()
	return text[max(0, len(text)-n):]
}
