package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tmaxmax/go-sse"

	"daca/services/internal/stack"
)

// slowly makes the offline model say a word each 40 or 100 milliseconds.
const (
	slowly     = "OPENAI_MODEL=offline?delay=40ms"
	verySlowly = "OPENAI_MODEL=offline?delay=100ms"
)

// view is what a client has read of a run. It can read on anywhere.
type view struct {
	s      *system
	run    string
	cursor string
	text   string
	events int
	last   sse.Event     // message, stopped or error
	first  chan struct{} // if not nil, closed with the first event
}

// streamed is what tests want to know of the data of any event.
type streamed struct {
	RunID  string `json:"run_id"`
	Text   string
	Reply  string
	Status int
}

func (d *view) add(t testing.TB, e sse.Event) {
	t.Helper()
	var data streamed
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		t.Errorf("an event has the data %q: %v", e.Data, err)
	}
	if d.events++; d.events == 1 && d.first != nil {
		close(d.first)
	}
	d.cursor = e.LastEventID
	switch e.Type {
	case "run":
		d.run = data.RunID
	case "token":
		d.text += data.Text
	case "message", "stopped", "error":
		d.last = e
	}
}

func (d *view) data() (data streamed) {
	_ = json.Unmarshal([]byte(d.last.Data), &data)
	return data
}

// begin sends a message to a replica, and reads n events.
func (s *system) begin(on *stack.Service, user, text string, n int) *view {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{
		"user_id": user, "text": text, "metadata": map[string]string{"session_id": "of-" + user},
	})
	s.must(err)
	d := &view{s: s}
	s.must(d.read("POST", on.URL+"/chat/stream", string(body), n))
	return d
}

// on reads at most n events on a replica, from where the stream was cut.
func (d *view) on(replica *stack.Service, n int) error {
	return d.read("GET", replica.URL+"/runs/"+d.run+"/events?after="+d.cursor, "", n)
}

// toTheEnd reads until the run has ended.
func (d *view) toTheEnd(replica *stack.Service) {
	d.s.t.Helper()
	d.s.eventually(func() bool {
		_ = d.on(replica, 1<<30)
		return d.last.Type != ""
	}, func() string { return fmt.Sprintf("run %s has not ended after %q", d.run, d.cursor) })
}

// read reads at most n events of an answer, and cuts the connection.
func (d *view) read(method, url, body string, n int) error {
	ctx, cut := context.WithTimeout(d.s.t.Context(), settleTimeout)
	defer cut()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answers %s", method, url, resp.Status)
	}
	for e, err := range sse.Read(resp.Body, &sse.ReadConfig{MaxEventSize: 1 << 20}) {
		if err != nil {
			return err
		}
		d.add(d.s.t, e)
		if n--; n <= 0 {
			return nil
		}
	}
	return nil
}

// essay is a text of 100 words, which the offline model repeats. It ends with lastWord.
func essay() string {
	words := make([]string, 100)
	for i := range words {
		words[i] = string(rune(0x4e00 + i))
	}
	return strings.Join(words, " ")
}

const lastWord = "\u4e63"

// TestStreamsAreCutAndPickedUp cuts streams again and again, and picks them up on any
// replica.
func TestStreamsAreCutAndPickedUp(t *testing.T) {
	t.Parallel()
	s := start(t, options{chats: replicas(t, 2), chatEnv: []string{slowly}})
	const users = 8
	var all sync.WaitGroup
	counts := map[string]int{}
	for i := range users {
		user := fmt.Sprintf("u%d", i)
		counts[user] = 1
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			one := func() *stack.Service { return s.chats[random.IntN(len(s.chats))] }
			d := s.begin(one(), user, essay(), 1+random.IntN(20))
			cuts := 0
			for ; d.last.Type == ""; cuts++ {
				if err := d.on(one(), 1+random.IntN(12)); err != nil {
					t.Errorf("cut %d of %s: %v", cuts, user, err)
					return
				}
			}
			if reply := d.data().Reply; d.last.Type != "message" || d.text != reply || !strings.Contains(reply, essay()) {
				t.Errorf("after %d cuts %s has read %q; the answer is %s %q", cuts, user, d.text, d.last.Type, reply)
			}
			again := &view{s: s, run: d.run}
			again.toTheEnd(one())
			if again.text != d.text || again.last.Data != d.last.Data {
				t.Errorf("read again, %s is %q and %s", user, again.text, again.last.Data)
			}
		})
	}
	all.Wait()
	s.exactly(counts)
}

// TestStreamsAreStopped stops a run on another replica than the one that answers, and
// leaves another one alone.
func TestStreamsAreStopped(t *testing.T) {
	t.Parallel()
	s := start(t, options{chats: replicas(t, 2), chatEnv: []string{verySlowly}})
	owner, other := s.chats[0], s.chats[len(s.chats)-1]

	left := s.begin(owner, "leaves", essay(), 5)
	d := s.begin(owner, "stops", essay(), 10)
	before := s.modelCalls()
	begun := time.Now()
	s.expect("DELETE", other.URL+"/runs/"+d.run, "", 200, fmt.Sprintf(`{"run_id":%q,"status":"stopping"}`, d.run))
	s.eventually(func() bool { return s.modelCalls() > before }, func() string { return "the model goes on" })
	if took := time.Since(begun); took > s.patience(time.Second) {
		t.Errorf("the call of the model ends %s after the stop", took)
	}
	d.toTheEnd(other)
	if reply := d.data().Reply; d.last.Type != "stopped" || reply == "" || reply != d.text ||
		strings.Contains(reply, lastWord) {
		t.Errorf("the run ends with %s %q after %q", d.last.Type, reply, d.text)
	}
	s.expect("DELETE", owner.URL+"/runs/"+d.run, "", 200, fmt.Sprintf(`{"run_id":%q,"status":"stopped"}`, d.run))
	got, err := s.send("GET", other.URL+"/users/stops/sessions/of-stops", "")
	if err != nil || !strings.Contains(got.body, `"stopped":true`) || !strings.Contains(got.body, quote(d.text)) {
		t.Errorf("the session is answered %d %s, %v", got.status, got.body, err)
	}

	s.eventually(func() bool {
		got, err = s.send("GET", other.URL+"/runs/"+left.run, "")
		return err == nil && strings.Contains(got.body, `"status":"answered"`)
	}, func() string {
		return fmt.Sprintf("a run that nobody reads is answered %d %s, %v", got.status, got.body, err)
	})
	left.toTheEnd(other)
	if reply := left.data().Reply; left.text != reply || !strings.Contains(reply, lastWord) {
		t.Errorf("what was left is %q; the answer is %q", left.text, reply)
	}
	s.exactly(map[string]int{"stops": 1, "leaves": 1})
}

// modelCalls returns how many calls of the model have ended.
func (s *system) modelCalls() (n int) {
	s.t.Helper()
	got, err := s.send("GET", s.model.URL+"/metrics", "")
	s.must(err)
	ended := regexp.MustCompile(`http_request_duration_seconds_count\{method="POST",` +
		`route="/v1/chat/completions",status="\d+"\} (\d+)`)
	for _, found := range ended.FindAllStringSubmatch(got.body, -1) {
		calls, _ := strconv.Atoi(found[1])
		n += calls
	}
	return n
}

// TestTheReplicaOfAStreamIsKilled holds that followers on another replica learn it, and
// that nothing is counted that nobody was answered.
func TestTheReplicaOfAStreamIsKilled(t *testing.T) {
	t.Parallel()
	needsLastingState(t)
	s := start(t, options{chats: 2, chatEnv: []string{verySlowly}})
	const users = 4
	streams := make([]*view, users)
	for i := range streams {
		streams[i] = s.begin(s.chats[0], fmt.Sprintf("u%d", i), essay(), 5)
	}
	var all sync.WaitGroup
	killed := make(chan time.Time)
	for _, d := range streams {
		s.must(d.on(s.chats[1], 3)) // the other replica has seen the owner alive
		all.Go(func() {
			at := <-killed
			d.toTheEnd(s.chats[1])
			if took := time.Since(at); took > 15*time.Second {
				t.Errorf("the follower learns it after %s", took)
			}
			if d.last.Type != "error" || d.data().Status != 503 {
				t.Errorf("the run ends with %s %s", d.last.Type, d.last.Data)
			}
		})
	}
	s.chats[0].App.Kill()
	at := time.Now()
	for range streams {
		killed <- at
	}
	all.Wait()
	s.restart(s.chats[0].App)
	s.must(s.chats[0].WaitReady(t.Context()))
	counts := map[string]int{}
	for i, d := range streams {
		again := &view{s: s, run: d.run}
		again.toTheEnd(s.chats[0])
		if again.last.Data != d.last.Data {
			t.Errorf("the replica that comes back says %s", again.last.Data)
		}
		user := fmt.Sprintf("u%d", i)
		s.say(user, "Hello")
		counts[user] = 1
	}
	s.exactly(counts)
}

// TestStreamsThroughAnOutage lets the store and the broker die in the middle of streams.
// Who is connected gets the answer, and everything is counted.
func TestStreamsThroughAnOutage(t *testing.T) {
	t.Parallel()
	s := start(t, options{failing: true, chats: replicas(t, 2), chatEnv: []string{slowly}})
	var all sync.WaitGroup
	counts := map[string]int{}
	begun := make(chan struct{}, 4)
	for i := range cap(begun) {
		user := fmt.Sprintf("u%d", i)
		counts[user] = 1
		all.Go(func() {
			d := s.begin(s.chats[0], user, essay(), 1)
			begun <- struct{}{}
			d.toTheEnd(s.chats[0])
			if d.last.Type != "message" || d.text != d.data().Reply {
				t.Errorf("%s gets %s %s after %q", user, d.last.Type, d.last.Data, d.text)
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	for _, server := range s.servers.distinct() {
		s.fallible(server).Kill()
	}
	all.Wait()
	for _, server := range s.servers.distinct() {
		s.must(server.Start(t.Context()))
	}
	s.exactly(counts)
}

// TestAReplicaThatStopsEndsItsStreams holds that a stop cuts off no answer: neither one
// that is read, nor one that is not.
func TestAReplicaThatStopsEndsItsStreams(t *testing.T) {
	t.Parallel()
	needsLastingState(t)
	s := start(t, options{chats: 2, chatEnv: []string{slowly}})
	left := s.begin(s.chats[0], "leaves", essay(), 5)
	var reading sync.WaitGroup
	read := &view{s: s, first: make(chan struct{})}
	reading.Go(func() {
		body := fmt.Sprintf(`{"user_id":"stays","text":%q}`, essay())
		if err := read.read("POST", s.chats[0].URL+"/chat/stream", body, 1<<30); err != nil {
			t.Error(err)
		}
	})
	<-read.first
	s.must(left.on(s.chats[1], 10))
	s.must(s.chats[0].App.Stop(t.Context()))
	reading.Wait()
	left.toTheEnd(s.chats[1])
	for user, d := range map[string]*view{"leaves": left, "stays": read} {
		if d.last.Type != "message" || d.text != d.data().Reply {
			t.Errorf("who %s gets %s %s after %q", user, d.last.Type, d.last.Data, d.text)
		}
	}
	s.exactly(map[string]int{"leaves": 1, "stays": 1})
}
