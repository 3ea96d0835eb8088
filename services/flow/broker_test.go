package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/stack"
)

// broker is a server that knows what became of the events on the topic messages.
type broker interface {
	server
	// waiting returns how many are not acknowledged, and how many of these sidecars
	// have taken.
	waiting(ctx context.Context) (unacknowledged, taken int64, err error)
	// ahead is how many a sidecar takes before it acknowledges one.
	ahead() int64
	// delay is how old the numbers of waiting may be.
	delay() time.Duration
}

// streams is a Redis as a broker.
type streams struct {
	redisServer

	singly bool          // events are delivered one in each request
	client *redis.Client // nil until the first start
}

func newStreams(r stack.Redis, singly bool) *streams {
	return &streams{redisServer: redisServer{r}, singly: singly}
}

// Start implements server.
func (s *streams) Start(ctx context.Context) error {
	if err := s.redisServer.Start(ctx); err != nil {
		return err
	}
	if s.client == nil {
		s.client = redis.NewClient(&redis.Options{Addr: s.Addr()})
	}
	return nil
}

// waiting implements broker. Of the entries that no sidecar has taken it counts one.
func (s *streams) waiting(ctx context.Context) (unacknowledged, taken int64, err error) {
	last, err := s.client.XRevRangeN(ctx, "messages", "+", "-", 1).Result()
	if err != nil {
		return 0, 0, err
	}
	groups, err := s.client.XInfoGroups(ctx, "messages").Result()
	if err != nil {
		return 0, 0, err
	}
	if len(groups) != 1 || len(last) == 0 {
		return 0, 0, fmt.Errorf("%d entries, consumer groups: %v", len(last), groups)
	}
	taken = groups[0].Pending
	if groups[0].LastDeliveredID != last[0].ID {
		return taken + 1, taken, nil
	}
	return taken, taken, nil
}

// ahead implements broker: queueDepth, for entries that wait and for those in progress. With
// single deliveries few are in progress, and after three seconds most of what waits are
// entries that the sidecar has taken a second time, to deliver them again.
func (s *streams) ahead() int64 {
	if s.singly {
		return 200
	}
	return 1024
}

// delay implements broker.
func (s *streams) delay() time.Duration { return 0 }

// whereabouts helps to find a missing event: it returns how many events wait in the
// broker, and the dead letters.
func (s *system) whereabouts() string {
	unacknowledged, taken, err := s.servers.broker.waiting(s.t.Context())
	letters, lettersErr := s.send("GET", s.analytics[0].URL+"/deadletters", "")
	return fmt.Sprintf("%d events are not acknowledged, %d of them are taken, dead letters %s, %v",
		unacknowledged, taken, letters.body, errors.Join(err, lettersErr))
}

// settled waits until every event on the topic messages has been delivered and
// acknowledged, redelivery included.
func (s *system) settled() {
	s.t.Helper()
	var problem string
	var since time.Time
	s.eventually(func() bool {
		unacknowledged, _, err := s.servers.broker.waiting(s.t.Context())
		problem = fmt.Sprintf("%d events are not acknowledged, %v", unacknowledged, err)
		if err != nil || unacknowledged > 0 {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) >= s.servers.broker.delay()
	}, func() string { return problem })
}

// pending waits until at least n events on the topic messages are not acknowledged,
// because they are being delivered or were read ahead; or as many as the broker hands
// out to one sidecar, if that is less.
func (s *system) pending(n int64) {
	s.t.Helper()
	n = min(n, s.servers.broker.ahead())
	var taken int64
	var err error
	s.eventually(func() bool {
		_, taken, err = s.servers.broker.waiting(s.t.Context())
		return err == nil && taken >= n
	}, func() string { return fmt.Sprintf("%d events wait, %v; want %d", taken, err, n) })
}
