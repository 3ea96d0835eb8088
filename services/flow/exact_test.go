package flow

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// The tests of this file hold that nothing is lost and nothing is counted twice: a
// count is its base plus the number of distinct event ids, whatever fails meanwhile.

func fiftyUsers() []string {
	users := make([]string, 50)
	for i := range users {
		users[i] = fmt.Sprintf("user-%d", i)
	}
	return users
}

func TestExactOverManyUsersAndTwoReplicas(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: replicas(t, 2)})
	s.exactly(s.publishAll(2000, fiftyUsers()))
}

func TestExactForAHotUserAndTwoReplicas(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: replicas(t, 2)})
	s.expect("POST", s.analytics[0].URL+"/analytics/hot/initialize", `{"message_count":1000}`, 200,
		`{"status":"success","user_id":"hot","message_count":1000}`)
	s.exactly(map[string]int{"hot": 1000 + s.publishAll(2000, []string{"hot"})["hot"]})
}

func TestExactWhenTheServiceFails(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: replicas(t, 2), before: failing})
	s.exactly(s.publishAll(400, []string{"hot", "a", "b"}))
}

func TestExactWhenServiceAndSidecarAreKilled(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: 2})
	var killing sync.WaitGroup
	killing.Go(func() {
		s.publish("warm", "warm-1")
		for range 2 {
			s.analytics[0].App.Kill()
			s.restart(s.analytics[0].App)
		}
		s.analytics[1].Sidecar.Kill()
		s.restart(s.analytics[1].Sidecar)
	})
	distinct := s.publishAll(1000, []string{"hot", "a", "b"})
	killing.Wait()
	s.exactly(distinct)
}

func TestExactWhenTheStoreIsDown(t *testing.T) {
	t.Parallel()
	needsStoreServer(t)
	s := start(t, options{failing: true})
	store := s.servers.store
	s.say("alice", "hello")
	s.counted("alice", 1)

	s.must(store.Stop(t.Context()))
	for range 3 {
		got, err := s.count("alice")
		if err != nil || got.status != 503 || !strings.Contains(got.body, "statestore") {
			t.Errorf("with the store down the count is %d %s, %v; want 503 that names it", got.status, got.body, err)
		}
	}
	var got answer
	var err error
	s.eventually(func() bool { // an answer may be a second old
		got, err = s.send("GET", s.analytics[0].URL+"/readyz", "")
		return err == nil && got.status == 503 && !strings.Contains(got.body, `"statestore":"ok"`)
	}, func() string {
		return fmt.Sprintf("/readyz answers %d %s, %v; want 503 that names statestore", got.status, got.body, err)
	})
	for range 5 {
		if reply := s.say("alice", "still there?"); strings.Contains(reply, "message") {
			t.Errorf("the reply contains a count although the store is down: %s", reply)
		}
	}
	s.must(store.Start(t.Context()))
	s.exactly(map[string]int{"alice": 6})
}

// TestExactWhenTheBrokerIsDown holds that messages are answered meanwhile, and counted
// when the broker is back.
func TestExactWhenTheBrokerIsDown(t *testing.T) {
	t.Parallel()
	s := start(t, options{failing: true})
	s.say("alice", "hello")
	s.counted("alice", 1)
	s.must(s.servers.broker.Stop(t.Context()))
	for range 5 {
		s.say("alice", "still there?")
	}
	got, err := s.send("GET", s.chat.URL+"/readyz", "")
	if err != nil || got.status != 200 || !strings.Contains(got.body, `"degraded"`) ||
		strings.Contains(got.body, `"pubsub":"ok"`) {
		t.Errorf("/readyz answers %d %s, %v; want 200 that names pubsub", got.status, got.body, err)
	}
	s.must(s.servers.broker.Start(t.Context()))
	s.exactly(map[string]int{"alice": 6})
}

func TestExactWhenPublishingIsDown(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.chat.Sidecar.Kill()
	for range 4 {
		s.say("alice", "hello")
	}
	got, err := s.send("GET", s.chat.URL+"/readyz", "")
	if err != nil || got.status != 503 || !strings.Contains(got.body, "sidecar") {
		t.Errorf("/readyz answers %d %s, %v; want 503 that names the sidecar", got.status, got.body, err)
	}
	s.chat.App.Kill() // the events of the messages that it answered are on disk
	s.restart(s.chat.Sidecar)
	s.restart(s.chat.App)
	s.exactly(map[string]int{"alice": 4})
}

// TestExactOverGracefulStops stops chat and analytics in the middle of traffic. Every
// message that was answered is counted.
func TestExactOverGracefulStops(t *testing.T) {
	t.Parallel()
	s := start(t, options{replicas: 2, modelEnv: []string{"MODEL_BEHAVIOUR=delay=20ms"}})
	var mu sync.Mutex
	answered := 0
	var senders sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := s.send("POST", s.chat.URL+"/chat/", `{"user_id":"alice","text":"hi"}`)
				if err == nil && got.status == 200 {
					mu.Lock()
					answered++
					mu.Unlock()
				}
			}
		})
	}
	atLeast := func(n int) {
		s.eventually(func() bool {
			mu.Lock()
			defer mu.Unlock()
			return answered >= n
		}, func() string { return fmt.Sprintf("fewer than %d messages are answered", n) })
	}
	atLeast(30)
	s.must(s.analytics[1].Stop(t.Context()))
	s.must(s.chat.App.Stop(t.Context()))
	s.restart(s.chat.App)
	atLeast(120)
	s.must(s.chat.App.Stop(t.Context()))
	close(stop)
	senders.Wait()
	s.exactly(map[string]int{"alice": answered})
}

// TestSubscribesWhateverTheServiceAnswers holds that a service gets its events even if
// it was away when its sidecar started.
func TestSubscribesWhateverTheServiceAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, options{before: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/dapr/") {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}})
	s.say("alice", "hello")
	s.counted("alice", 1)
}
