package flow

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/shirou/gopsutil/v4/process"

	"daca/services/internal/stack"
)

// BenchmarkStreaming measures what an answer of 120 tokens over 5 seconds costs in CPU
// time and calls of the state store: without a stream, with a stream that is read on the
// replica that answers, and with one that is read on the other replica. 16 are answered at
// a time.
func BenchmarkStreaming(b *testing.B) {
	const atOnce = 16
	for name, ask := range map[string]func(s *system, user string){
		"plain": func(s *system, user string) {
			got, err := s.send("POST", s.chat.URL+"/chat/", fmt.Sprintf(`{"user_id":%q,"text":%q}`, user, essay()))
			if err != nil || got.status != 200 {
				s.t.Errorf("POST /chat/ answers %d %s, %v", got.status, got.body, err)
			}
		},
		"streamed": func(s *system, user string) {
			d := &view{s: s}
			body := fmt.Sprintf(`{"user_id":%q,"text":%q}`, user, essay())
			if err := d.read("POST", s.chat.URL+"/chat/stream", body, 1<<30); err != nil || d.last.Type != "message" {
				s.t.Errorf("POST /chat/stream ends with %s %s, %v", d.last.Type, d.last.Data, err)
			}
		},
		"elsewhere": func(s *system, user string) {
			d := s.begin(s.chats[0], user, essay(), 1)
			d.toTheEnd(s.chats[1])
		},
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b, options{chats: 2, chatEnv: []string{slowly}})
			ask(s, "warm")
			var used map[string]float64
			answers := 0
			before := s.spent()
			for b.Loop() {
				var all sync.WaitGroup
				for i := range atOnce {
					all.Go(func() { ask(s, fmt.Sprint("u", i)) })
				}
				all.Wait()
				answers += atOnce
			}
			used = s.spent()
			for _, what := range slices.Sorted(maps.Keys(used)) {
				b.ReportMetric((used[what]-before[what])/float64(answers), what+"/answer")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spent returns the CPU time of chat, its sidecars and Redis so far, in milliseconds, and
// the calls of the state store for runs.
func (s *system) spent() map[string]float64 {
	s.t.Helper()
	total := map[string]float64{}
	add := func(what string, p *stack.Process) {
		found, err := process.NewProcess(int32(p.Pid()))
		s.must(err)
		times, err := found.Times()
		s.must(err)
		total["ms-"+what] += 1000 * (times.User + times.System)
	}
	calls := regexp.MustCompile(`daca_run_state_calls_total\{.*\} (\d+)`)
	for _, chat := range s.chats {
		add("chat", chat.App)
		add("sidecar", chat.Sidecar)
		got, err := s.send("GET", chat.URL+"/metrics", "")
		s.must(err)
		for _, found := range calls.FindAllStringSubmatch(got.body, -1) {
			n, _ := strconv.Atoi(found[1])
			total["calls"] += float64(n)
		}
	}
	if server := (redisServer{s.servers.redis}).process(); server != nil {
		add("redis", server.Process)
	}
	return total
}
