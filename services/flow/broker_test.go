package flow

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// group returns how many events on the topic messages are delivered, and how many of
// them wait to be acknowledged.
func (s *system) group() (redis.XInfoGroup, error) {
	groups, err := s.broker.XInfoGroups(s.t.Context(), "messages").Result()
	if err != nil {
		return redis.XInfoGroup{}, err
	}
	if len(groups) != 1 {
		return redis.XInfoGroup{}, fmt.Errorf("consumer groups: %v", groups)
	}
	return groups[0], nil
}

// whereabouts helps to find a missing event: it returns how many events reached the
// broker, how many of them wait to be acknowledged, and the dead letters.
func (s *system) whereabouts() string {
	published, err := s.broker.XLen(s.t.Context(), "messages").Result()
	if err != nil {
		return err.Error()
	}
	group, groupErr := s.group()
	letters, err := s.send("GET", s.analytics[0].URL+"/deadletters", "")
	return fmt.Sprintf("%d events were published, consumer group %+v, %v, dead letters %s, %v",
		published, group, groupErr, letters.body, err)
}

// settled waits until every event on the topic messages has been delivered and
// acknowledged, redelivery included.
func (s *system) settled() {
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
		newest := last[0].ID
		problem = fmt.Sprintf("%d events are not acknowledged, last delivered %s of %s",
			group.Pending, group.LastDeliveredID, newest)
		return group.Pending == 0 && group.LastDeliveredID == newest
	}, func() string { return problem })
}

// pending waits until at least n events on the topic messages are not acknowledged,
// because they are being delivered or were read ahead.
func (s *system) pending(n int64) {
	s.t.Helper()
	var group redis.XInfoGroup
	var err error
	s.eventually(func() bool {
		group, err = s.group()
		return err == nil && group.Pending >= n
	}, func() string { return fmt.Sprintf("fewer than %d events wait: %+v, %v", n, group, err) })
}
