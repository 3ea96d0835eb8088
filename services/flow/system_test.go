package flow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daca/services/internal/stack"
	"daca/services/internal/stack/screen"
)

const (
	startTimeout = 2 * time.Minute
	closeTimeout = 30 * time.Second
)

// options say how a system differs from one with one replica of everything.
type options struct {
	replicas     int       // of analytics; 0 is 1
	chats        int       // replicas of chat; 0 is 1
	pair         string    // empty is that of FLOW_PAIR
	suffix       string    // of the app ids; empty is one that no other system has
	failing      bool      // the test lets store or broker fail, and needs its own
	embedded     bool      // use the embedded Redis even if redis-server is installed
	before       transform // between each sidecar of analytics and the service
	env          []string  // of every process, sidecars included
	analyticsEnv []string
	daprArgs     []string // of each sidecar of analytics
	chatEnv      []string
	modelEnv     []string
}

// system is what one test runs: the services with their sidecars, a store and a broker.
type system struct {
	t         testing.TB
	pair      pair
	printed   *screen.Screen // by all programs
	servers   servers
	model     *stack.Service
	chat      *stack.Service // the first of chats
	chats     []*stack.Service
	analytics []*stack.Service
	times     sync.Map // of events, by id
}

// start returns a system that is ready. It is stopped when the test ends.
func start(t testing.TB, o options) *system {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	printed := screen.New()
	t.Cleanup(func() { report(t, printed.String()) })
	output := stack.NewOutput(printed, false)
	s := &system{t: t, pair: chosenPair(t), printed: printed}
	if o.pair != "" {
		s.pair = pairNamed(t, o.pair)
	}
	if s.pair.store == inMemory && (o.replicas > 1 || o.chats > 1) {
		notHere(t, "each sidecar has a state of its own, so that there is one replica")
	}
	suffix := cmp.Or(o.suffix, fmt.Sprintf("t%d", time.Now().UnixNano()))
	s.servers = newServers(t, s.pair, o, output, suffix)
	values := map[string]string{}
	for _, server := range s.servers.distinct() {
		s.must(server.Start(ctx))
		t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
		maps.Copy(values, server.Values())
	}
	redisAddr := ""
	if s.servers.redis != nil {
		redisAddr = s.servers.redis.Addr()
	}

	parts, err := stack.New(stack.Options{
		Daprd:      programs.daprd,
		Bin:        programs.bin,
		Components: s.pair.components(),
		Dir:        t.TempDir(),
		RedisAddr:  redisAddr,
		Values:     values,
		Suffix:     suffix,
		Env:        append(stack.BaseEnv(os.Environ()), o.env...),
		Output:     output,
	})
	s.must(err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), closeTimeout)
		defer cancel()
		_ = parts.Close(ctx)
	})
	s.make(parts, o)
	for _, service := range s.services() {
		s.must(service.Start(ctx))
	}
	for _, service := range s.services() {
		s.must(service.WaitReady(ctx))
	}
	s.must(stack.WaitReady(ctx, s.chat.InvokeURL(s.analytics[0], "healthz"), s.chat.Sidecar))
	return s
}

// make makes the services, which are not started yet.
func (s *system) make(parts *stack.Stack, o options) {
	s.t.Helper()
	var err error
	s.model, err = parts.Model(stack.ServiceOptions{Env: o.modelEnv})
	s.must(err)
	for i := range max(o.replicas, 1) {
		replica := stack.ServiceOptions{
			Name: fmt.Sprintf("analytics-%d", i), Env: o.analyticsEnv, DaprArgs: o.daprArgs,
		}
		if o.before != nil {
			replica.Ports.App, replica.SidecarAppPort = interpose(s.t, o.before)
		}
		analytics, err := parts.Analytics(replica)
		s.must(err)
		s.analytics = append(s.analytics, analytics)
	}
	modelEnv := []string{"OPENAI_BASE_URL=" + s.model.URL + "/v1", "OPENAI_MODEL=offline"}
	for i := range max(o.chats, 1) {
		replica := stack.ServiceOptions{Env: append(modelEnv, o.chatEnv...)}
		if i > 0 {
			replica.Name = fmt.Sprintf("chat-%d", i)
		}
		chat, err := parts.Chat(replica)
		s.must(err)
		s.chats = append(s.chats, chat)
	}
	s.chat = s.chats[0]
}

// services returns all services, in the order in which they are started.
func (s *system) services() []*stack.Service {
	return slices.Concat([]*stack.Service{s.model}, s.chats, s.analytics)
}

// must fails the test at once if there is an error.
func (s *system) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// restart starts a process that was stopped or killed.
func (s *system) restart(p *stack.Process) {
	s.t.Helper()
	s.must(p.Start(s.t.Context()))
}

// report fails the test if a program has printed that it has a data race. If the
// test has failed, it logs the end of what the programs printed.
func report(t testing.TB, printed string) {
	t.Helper()
	if t.Failed() {
		t.Logf("the last lines of the programs:\n%s", end(printed, 60_000))
	}
	if at := strings.Index(printed, "DATA RACE"); at >= 0 {
		t.Errorf("a program has a data race:\n%.6000s", printed[at:])
	}
}

// end returns the last n bytes of what was printed, without the requests by which
// tests ask for counts again and again.
func end(printed string, n int) string {
	var kept strings.Builder
	for line := range strings.Lines(printed) {
		if !strings.Contains(line, "method=GET path=/analytics/") {
			kept.WriteString(line)
		}
	}
	text := kept.String()
	return text[max(0, len(text)-n):]
}
