package flow

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daca/services/internal/stack"
)

// The tests of this file let something fail while events arrive at full speed, and
// hold that each is counted once. Times are those of components/: an entry is
// delivered again 3 seconds after it was read (processingTimeout), and looked for
// every second.
const (
	redelivery = 3 * time.Second
	grace      = 5 * time.Second
	// busy is how much longer things may take where tests run side by side, with the
	// race detector. It still tells seconds from the minutes that a wrong setting costs.
	busy = 3
)

// patience is how long something may take here that takes no longer than limit on a
// machine of its own.
func (s *system) patience(limit time.Duration) time.Duration {
	if s.pair.singly {
		limit *= 10
	}
	return limit * busy
}

// load publishes events of three users until it is stopped.
type load struct {
	s        *system
	prefix   string
	stop     chan struct{}
	done     sync.WaitGroup
	paused   sync.RWMutex // held by whoever pauses it
	mu       sync.Mutex
	distinct map[string]int
	last     time.Time // when the last event was published
}

// underLoad publishes events in the background.
func (s *system) underLoad(prefix string) *load {
	l := &load{s: s, prefix: prefix, stop: make(chan struct{}), distinct: map[string]int{}}
	s.t.Cleanup(l.done.Wait)
	for worker := range 4 {
		l.done.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				case <-s.t.Context().Done(): // it has failed
					return
				default:
				}
				l.publish([]string{"hot", "a", "b"}[i%3], fmt.Sprintf("%s-%d-%d", prefix, worker, i), i%7 == 0)
			}
		})
	}
	return l
}

// publish publishes an event, and perhaps a copy of it.
func (l *load) publish(user, id string, twice bool) {
	l.paused.RLock()
	defer l.paused.RUnlock()
	l.s.publish(user, id)
	if twice {
		l.s.publish(user, id)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.distinct[user]++
	l.last = time.Now()
}

// published waits until at least n more events are published.
func (l *load) published(n int) {
	l.s.t.Helper()
	sum := func() (sum int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, n := range l.distinct {
			sum += n
		}
		return sum
	}
	goal := sum() + n
	l.s.eventually(func() bool { return sum() >= goal }, func() string { return "too few events are published" })
}

// end stops the load, and returns how many events of each user were published.
func (l *load) end() map[string]int {
	close(l.stop)
	l.done.Wait()
	return l.distinct
}

// exactlyWithin is exactly, within a time after the last event was published.
func (l *load) exactlyWithin(limit time.Duration) {
	l.s.t.Helper()
	distinct := l.end()
	l.s.exactly(distinct)
	if took := time.Since(l.last); took > l.s.patience(limit) {
		l.s.t.Errorf("everything is counted and acknowledged %s after the last event; want %s", took, limit)
	}
}

func TestExactWhenTheServiceIsKilled(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	l := s.underLoad("e")
	for range 3 {
		l.published(300)
		s.analytics[0].App.Kill()
		l.published(300)
		s.restart(s.analytics[0].App)
	}
	l.published(300)
	l.exactlyWithin(redelivery + grace)
}

// TestExactWhenTheServiceHangs stops the service in the middle of everything, for
// longer than a delivery may take. Meanwhile no more is published than it catches up with
// on every machine, so that the time after the last event is that of deliveries.
func TestExactWhenTheServiceHangs(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	l := s.underLoad("e")
	l.published(300)
	s.must(s.analytics[0].App.Signal(syscall.SIGSTOP))
	hanging := time.After(20 * time.Second)
	l.published(300)
	l.paused.Lock()
	<-hanging
	l.paused.Unlock()
	s.must(s.analytics[0].App.Signal(syscall.SIGCONT))
	l.published(300)
	l.exactlyWithin(redelivery + grace)
}

func TestExactWhenTheSidecarIsKilled(t *testing.T) {
	t.Parallel()
	needsLastingState(t)
	s := start(t, options{})
	l := s.underLoad("e")
	for range 2 {
		l.published(300)
		// Everything that the sidecar holds waits to be acknowledged.
		s.must(s.analytics[0].App.Signal(syscall.SIGSTOP))
		s.pending(500)
		s.analytics[0].Sidecar.Kill()
		s.must(s.analytics[0].App.Signal(syscall.SIGCONT))
		s.restart(s.analytics[0].Sidecar)
	}
	l.published(300)
	l.exactlyWithin(redelivery + grace)
}

// TestExactWhenAReplicaIsKilled holds that the other replica counts what the one that
// died had taken, within the time that Redis waits for an acknowledgement and a bit.
func TestExactWhenAReplicaIsKilled(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: 2})
	l := s.underLoad("e")
	l.published(500)
	s.must(s.analytics[1].App.Signal(syscall.SIGSTOP))
	s.pending(600)
	s.analytics[1].Sidecar.Kill()
	s.analytics[1].App.Kill()
	l.published(200)
	l.exactlyWithin(redelivery + grace)
}

// TestExactWhenAReplicaStops stops a replica as Kubernetes does: the sidecar stops
// taking events first. Everything is counted within five seconds of the last event.
func TestExactWhenAReplicaStops(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: 2})
	total := map[string]int{}
	for round := range 2 {
		l := s.underLoad(fmt.Sprint("e", round))
		l.published(500)
		var stopping sync.WaitGroup
		stopping.Go(func() { s.must(s.analytics[1].Sidecar.Stop(t.Context())) })
		l.published(50)
		distinct := l.end()
		for user, n := range distinct {
			total[user] += n
			s.counted(user, total[user])
		}
		if took := time.Since(l.last); took > s.patience(grace) {
			t.Errorf("everything is counted %s after the last event; want %s", took, grace)
		}
		stopping.Wait()
		s.restart(s.analytics[1].Sidecar)
		s.must(stack.WaitReady(t.Context(), s.analytics[1].DaprURL+"/v1.0/healthz", s.analytics[1].Sidecar))
	}
	s.settled()
}

// TestExactWhenServersFail lets the store and the broker hang, or die, at the same time.
func TestExactWhenServersFail(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*system, fallible, func()){
		"stopped": func(s *system, f fallible, while func()) {
			s.must(f.Signal(syscall.SIGSTOP))
			while()
			s.must(f.Signal(syscall.SIGCONT))
		},
		"killed": func(s *system, f fallible, while func()) {
			f.Kill()
			while()
			s.must(f.Start(s.t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{failing: true, replicas: replicas(t, 2)})
			l := s.underLoad("e")
			l.published(500)
			var failing sync.WaitGroup
			over := time.After(15 * time.Second)
			away, back := context.WithCancel(t.Context())
			for _, server := range s.servers.distinct() {
				f := s.fallible(server)
				failing.Go(func() { fail(s, f, func() { <-away.Done() }) })
			}
			<-over
			back()
			failing.Wait()
			l.published(500)
			l.exactlyWithin(redelivery + 2*grace)
			if got, err := s.send("GET", s.analytics[0].URL+"/deadletters", ""); err != nil || got.body != `{"deadletters":[]}` {
				t.Errorf("after the outage the dead letters are %s, %v; want none", got.body, err)
			}
		})
	}
}

func TestExactWhateverTheAnswers(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]transform{"RETRY": doubting, "mixed up": mixedUp} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{before: before})
			s.exactly(s.publishAll(2000, []string{"hot", "a", "b"}))
		})
	}
}

// TestExactWithPoisonInEveryBatch holds that events which cannot be counted cost the
// others nothing.
func TestExactWithPoisonInEveryBatch(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	l := s.underLoad("e")
	const poison = 40
	for i := range poison {
		l.published(30)
		got, err := s.send("POST", s.chat.DaprURL+"/v1.0/publish/pubsub/messages?metadata.rawPayload=true",
			fmt.Sprintf(`{"traceid":%d,"specversion":[],"data":"<%s>"}`, i, strings.Repeat("<", 100)))
		if err != nil || got.status != 204 {
			t.Errorf("publishing poison answers %d %s, %v", got.status, got.body, err)
		}
	}
	l.exactlyWithin(grace)
	s.deadLetters(poison)
}
