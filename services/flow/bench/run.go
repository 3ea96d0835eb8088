package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"daca/services/internal/contract"
)

const (
	pollInterval  = 5 * time.Millisecond
	drainTimeout  = 10 * time.Minute
	verifiers     = 16
	stateCallsRow = "daca_state_calls_total{"
)

var errStopped = errors.New("it was stopped")

// delivered is what one run of a subscriber costs.
type delivered struct {
	rate       float64 // events a second
	cpu        usage   // of an event, by part
	stateCalls float64 // of an event
}

// deliver publishes the events while nothing reads them, starts what reads them, and
// waits until all of them are acknowledged. The rate and the CPU time are those between
// a tenth and nine tenths of the events: neither publishing nor starting is part of
// them. It fails if a user is not counted exactly.
func (s *subscriber) deliver(ctx context.Context, w workload) (delivered, error) {
	failed := func(err error) (delivered, error) {
		return delivered{}, fmt.Errorf("delivering to %s: %w", s.name, err)
	}
	callsBefore, err := s.stateCalls(ctx)
	if err != nil {
		return failed(err)
	}
	for _, reader := range s.readers {
		reader.Kill() // it holds no event: those of earlier runs are acknowledged
	}
	if err := w.publish(ctx, s.client, s.group); err != nil {
		return failed(err)
	}
	for _, reader := range s.readers {
		if err := reader.Start(ctx); err != nil {
			return failed(err)
		}
	}
	n := int64(len(w.events))
	first, err := s.reach(ctx, n/10)
	if err != nil {
		return failed(err)
	}
	last, err := s.reach(ctx, n-n/10)
	if err != nil {
		return failed(err)
	}
	if _, err := s.reach(ctx, n); err != nil {
		return failed(err)
	}
	callsAfter, err := s.stateCalls(ctx)
	if err != nil {
		return failed(err)
	}
	if err := s.verify(ctx, w.counts); err != nil {
		return failed(err)
	}
	events := last.acknowledged - first.acknowledged
	result := delivered{
		rate:       float64(events) / last.at.Sub(first.at).Seconds(),
		cpu:        last.used.since(first.used),
		stateCalls: (callsAfter - callsBefore) / float64(n),
	}
	for name := range result.cpu {
		result.cpu[name] /= time.Duration(events)
	}
	return result, nil
}

// moment is how far a subscriber has come at a time.
type moment struct {
	at           time.Time
	acknowledged int64
	used         usage
}

// reach waits until the subscriber has acknowledged n events.
func (s *subscriber) reach(ctx context.Context, n int64) (moment, error) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		acknowledged, err := s.acknowledged(ctx)
		if err == nil {
			err = s.ended()
		}
		if err != nil {
			return moment{}, err
		}
		if acknowledged >= n {
			at := time.Now()
			used, err := cpu(s.parts)
			return moment{at, acknowledged, used}, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return moment{}, fmt.Errorf("%d of %d events are acknowledged: %w", acknowledged, n, context.Cause(ctx))
		}
	}
}

// ended returns how a process of the subscriber ended, or nil if all of them run.
func (s *subscriber) ended() error {
	for _, p := range s.parts {
		for _, process := range p.processes {
			select {
			case <-process.Done():
				return fmt.Errorf("%s ended: %w", process.Name(), cmp.Or(process.Wait(), errStopped))
			default:
			}
		}
	}
	return nil
}

// acknowledged returns how many events of the stream the group has acknowledged.
func (s *subscriber) acknowledged(ctx context.Context) (int64, error) {
	groups, err := s.client.XInfoGroups(ctx, contract.TopicMessages).Result()
	if err != nil {
		return 0, fmt.Errorf("asking Redis how far %s is: %w", s.name, err)
	}
	i := slices.IndexFunc(groups, func(g redis.XInfoGroup) bool { return g.Name == s.group })
	if i < 0 {
		return 0, fmt.Errorf("the stream has no group %s", s.group)
	}
	return groups[i].EntriesRead - groups[i].Pending, nil
}

// verify checks the counts of the users, with those of earlier runs.
func (s *subscriber) verify(ctx context.Context, counts map[string]int) error {
	if s.count == nil {
		return nil
	}
	users := make(chan string)
	errs := make([]error, verifiers)
	var verifying sync.WaitGroup
	for i := range verifiers {
		verifying.Go(func() {
			for user := range users {
				got, err := s.count(ctx, user)
				if want := s.counted[user] + counts[user]; err == nil && got != want {
					err = fmt.Errorf("the run is void: %s was counted %d times, want %d", user, got, want)
				}
				errs[i] = cmp.Or(errs[i], err)
			}
		})
	}
	for user := range counts {
		users <- user
	}
	close(users)
	verifying.Wait()
	for user, n := range counts {
		s.counted[user] += n
	}
	return first(errs)
}

// first returns one error of several that may all have the same cause.
func first(errs []error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// countOf asks the analytics service at the address.
func countOf(ctx context.Context, client *http.Client, address, user string) (int, error) {
	text, err := get(ctx, client, address+"/analytics/"+url.PathEscape(user))
	if err != nil {
		return 0, err
	}
	var answer struct {
		MessageCount int `json:"message_count"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, fmt.Errorf("decoding the count of %s: %w", user, err)
	}
	return answer.MessageCount, nil
}

// stateCalls returns how often the services have called the state store, in total.
func (s *subscriber) stateCalls(ctx context.Context) (sum float64, err error) {
	if s.count == nil {
		return 0, nil
	}
	for _, service := range s.services {
		text, err := get(ctx, s.web, service.URL+"/metrics")
		if err != nil {
			return 0, err
		}
		calls, err := sumMetric(string(text), stateCallsRow)
		if err != nil {
			return 0, err
		}
		sum += calls
	}
	return sum, nil
}

// sumMetric adds up the values of the metrics whose lines begin with the prefix, which
// ends in the labels.
func sumMetric(text, prefix string) (sum float64, err error) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		_, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the metric %s: %w", line, err)
		}
		sum += number
	}
	return sum, nil
}

// String shows the CPU time in seconds for 1,000 events.
func (d delivered) String() string {
	text := fmt.Sprintf("%6.0f events/s, CPU s/1000:", d.rate)
	for _, name := range slices.Sorted(maps.Keys(d.cpu)) {
		text += fmt.Sprintf(" %s %.4f", name, (1000 * d.cpu[name]).Seconds())
	}
	return text
}
