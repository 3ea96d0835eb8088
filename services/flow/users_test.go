package flow

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestUserIDs holds that a user id which one route accepts works on all of them, and
// in service invocation, pub/sub and state too.
func TestUserIDs(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for i, id := range []string{
		"a||b", "../x", "a/b", "%2e%2e%2f", "a?b#c", "😀", "a b+c", "%_deadletters", "messages", strings.Repeat("é", 256),
		longestID(),
	} {
		path := "/analytics/" + url.PathEscape(id)
		s.expect("POST", s.analytics[0].URL+path+"/initialize", fmt.Sprintf(`{"message_count":%d}`, 10*i+2), 200,
			fmt.Sprintf(`{"status":"success","user_id":%s,"message_count":%d}`, quote(id), 10*i+2))
		if reply, want := s.say(id, "hi"), fmt.Sprintf("%d messages before", 10*i+2); !strings.Contains(reply, want) {
			t.Errorf("the reply to %q is %q; want %q in it", id, reply, want)
		}
		s.counted(id, 10*i+3)
	}
}

// longestID is an id whose escaping is as long as one can be, and hard to compress.
func longestID() string {
	id := make([]rune, 256)
	for i := range id {
		id[i] = rune(0x20000 + i*7919%0xa6df)
	}
	return string(id)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(b))
}

// TestUsersAreKeptApart holds that each of many users at once gets their own count
// and their own words.
func TestUsersAreKeptApart(t *testing.T) {
	t.Parallel()
	// On a busy machine 40 requests at once may take longer than chat waits for a
	// count, and it would answer without one.
	s := start(t, options{chatEnv: []string{"ANALYTICS_TIMEOUT=30s"}})
	const users, rounds = 40, 3
	for i := range users {
		s.expect("POST", s.analytics[0].URL+fmt.Sprintf("/analytics/u%d/initialize?message_count=%d", i, 1000+i), "", 200,
			fmt.Sprintf(`{"status":"success","user_id":"u%d","message_count":%d}`, i, 1000+i))
	}
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() {
			for round := range rounds {
				text := fmt.Sprintf("I am number %d.", i)
				body := fmt.Sprintf(`{"user_id":"u%d","text":%q}`, i, text)
				got, err := s.send("POST", s.chat.URL+"/chat/", body)
				if err != nil || got.status != 200 || !strings.Contains(got.body, text) ||
					!strings.Contains(got.body, fmt.Sprintf("%d messages before this one", 1000+i+round)) {
					t.Errorf("round %d of user %d: %d %s, %v", round, i, got.status, got.body, err)
					return
				}
				s.counted(fmt.Sprintf("u%d", i), 1000+i+round+1)
			}
		})
	}
	all.Wait()
}

func TestIdempotencyKeyCountsOnce(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for range 3 {
		s.say("alice", "hello", "Idempotency-Key", "one")
	}
	s.say("alice", "hello", "Idempotency-Key", "two")
	s.say("bob", "hello", "Idempotency-Key", "one")
	s.counted("alice", 2)
	s.counted("bob", 1)
}
