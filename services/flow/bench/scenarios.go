package main

import (
	"fmt"
	"time"
)

const (
	manyUsers    = 50
	zipfExponent = 1.1
	zipfUsers    = 100_000
	manyReplicas = 4
)

// scenario is one kind of run.
type scenario struct {
	name       string
	subscriber *subscriber
	events     int
	user       func(round int) func(i int) string // see newWorkload
	results    []delivered                        // one for each round
}

// scenarios are all kinds of runs. bulk is nil where the suite has single deliveries.
type scenarios struct {
	single, bulk, raw, many, hot, shared, skewed *scenario

	before int // events of each hot user before its run
}

// newScenarios returns the scenarios with about that many events in a run. Each round
// has users of its own, among them a hot one with events before the run.
func newScenarios(all subscribers, events, before int) scenarios {
	fifty := func(round int) func(int) string { return inTurn(fmt.Sprint("many-", round), manyUsers) }
	one := func(round int) func(int) string { return always(fmt.Sprint("hot-", round+1)) }
	skewed := func(round int) func(int) string { return zipf(fmt.Sprint("zipf-", round), zipfExponent, zipfUsers) }
	s := scenarios{
		before: before,
		single: &scenario{name: "single no-op", subscriber: all.single, events: events, user: fifty},
		raw:    &scenario{name: "raw", subscriber: all.raw, events: 2 * events, user: fifty},
		many:   &scenario{name: "exact, 50 users", subscriber: all.one, events: events, user: fifty},
		hot:    &scenario{name: "exact, hot user", subscriber: all.one, events: events, user: one},
		shared: &scenario{name: "exact, hot user, four replicas", subscriber: all.four, events: events, user: one},
		skewed: &scenario{name: "exact, Zipf", subscriber: all.one, events: events, user: skewed},
	}
	if all.bulk != nil {
		s.bulk = &scenario{name: "bulk no-op", subscriber: all.bulk, events: 2 * events, user: fifty}
	}
	return s
}

// list has those together that are compared with each other.
func (s scenarios) list() []*scenario {
	list := []*scenario{s.single, s.many, s.hot, s.shared, s.skewed, s.raw}
	if s.bulk != nil {
		list = append(list, s.bulk)
	}
	return list
}

// figures compares the scenarios, once each has been run.
func (s scenarios) figures() []figure {
	compared := func(what string, of, with *scenario, floor, aim float64) figure {
		f := figure{Figure: what, Floor: floor, Aim: aim, Better: higher, Unit: ratio}
		return f.of(of.rates().over(with.rates()))
	}
	figures := []figure{
		compared("exact events/s ÷ single no-op, 50 users", s.many, s.single, 1.2, 2),
		compared(fmt.Sprintf("exact events/s ÷ single no-op, one hot user with %d ids in the window", s.before),
			s.hot, s.single, 1.2, 2),
		compared("exact events/s ÷ single no-op, Zipf 1.1 over 100,000 users", s.skewed, s.single, 0.7, 1.2),
	}
	if s.bulk != nil {
		figures = append(figures, compared("exact events/s ÷ bulk no-op, 50 users", s.many, s.bulk, 0.4, 0.6))
	}
	calls := figure{Figure: "calls of the state API per event, 50 users", Floor: 0.05, Aim: 0.03}
	calls.Better = lower
	calls.Unit = "calls"
	return append(figures,
		compared("exact events/s ÷ raw", s.many, s.raw, 0.25, 0.4),
		compared("hot user over four replicas ÷ one replica", s.shared, s.hot, 0.5, 1),
		calls.of(s.many.stateCalls()),
	)
}

func (s *scenario) rates() (values sample) {
	for _, result := range s.results {
		values = append(values, result.rate)
	}
	return values
}

func (s *scenario) stateCalls() (values sample) {
	for _, result := range s.results {
		values = append(values, result.stateCalls)
	}
	return values
}

// summary shows the medians of all rounds.
func (s *scenario) summary() string {
	spent := map[string]sample{}
	for _, result := range s.results {
		for name, each := range result.cpu {
			spent[name] = append(spent[name], each.Seconds())
		}
	}
	median := delivered{rate: s.rates().median(), cpu: usage{}}
	for name, values := range spent {
		median.cpu[name] = time.Duration(values.median() * float64(time.Second))
	}
	text := median.String()
	if s.subscriber.count != nil && len(s.subscriber.services) > 0 {
		text += fmt.Sprintf(", %.3f state calls an event", s.stateCalls().median())
	}
	return text
}
