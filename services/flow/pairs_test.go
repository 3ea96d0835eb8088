package flow

import (
	"os"
	"path/filepath"
	"testing"

	"daca/services/internal/stack"
)

// pair is a state store and a broker, as a folder of components describes them.
type pair struct {
	name   string
	store  kind
	queue  kind
	singly bool // events are delivered one in each request, which is ten times as slow
}

// kind is what a store or a broker is.
type kind string

const (
	onRedis    kind = "Redis"
	onPostgres kind = "PostgreSQL"
	onRabbit   kind = "RabbitMQ"
	onKafka    kind = "Kafka"
	inFile     kind = "a file"
	inMemory   kind = "the memory of the sidecar"
)

// pairVariable names the pair that all tests run on which do not choose one. It is the
// name of a folder below components/alternatives, or default for components itself.
const pairVariable = "FLOW_PAIR"

const defaultPair = "default"

// pairNamed returns the pair with the name.
func pairNamed(t testing.TB, name string) pair {
	t.Helper()
	for _, p := range []pair{
		{name: defaultPair, store: onRedis, queue: onRedis},
		{name: "postgresql", store: onPostgres, queue: onRedis},
		{name: "sqlite", store: inFile, queue: onRedis},
		{name: "in-memory", store: inMemory, queue: onRedis},
		{name: "rabbitmq", store: onRedis, queue: onRabbit},
		{name: "single-deliveries", store: onRedis, queue: onRedis, singly: true},
		{name: "kafka", store: onRedis, queue: onKafka},
		{name: "rabbitmq-postgresql", store: onPostgres, queue: onRabbit},
	} {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("the tests know no pair %q", name)
	return pair{}
}

// chosenPair returns the pair of FLOW_PAIR.
func chosenPair(t testing.TB) pair {
	t.Helper()
	if name := os.Getenv(pairVariable); name != "" {
		return pairNamed(t, name)
	}
	return pairNamed(t, defaultPair)
}

// components is the folder of the pair.
func (p pair) components() string {
	all := filepath.Join(programs.root, "components")
	if p.name == defaultPair {
		return all
	}
	return filepath.Join(all, "alternatives", p.name)
}

// servers of a system. Store and broker are the same if both are on Redis.
type servers struct {
	redis  stack.Redis // nil without one
	store  server      // nil if the sidecars keep the state themselves
	broker broker
}

// newServers returns the servers of a pair, which are not started yet.
func newServers(t testing.TB, p pair, o options, output *stack.Output, suffix string) servers {
	t.Helper()
	var all servers
	if p.store == onRedis || p.queue == onRedis {
		all.redis = newRedis(t, output, o.embedded)
	}
	switch p.store {
	case onRedis:
		all.store = redisServer{all.redis}
	case onPostgres:
		all.store = newPostgres(t, output)
	}
	switch p.queue {
	case onRedis:
		all.broker = newStreams(all.redis, p.singly)
	case onKafka:
		all.broker = newKafka(t, output, suffix)
	case onRabbit:
		if o.failing {
			own := newRabbit(t, t.TempDir(), output, suffix)
			t.Cleanup(own.names.Kill)
			all.broker = own
		} else {
			all.broker = virtualHost{programs.rabbit.forTest(t, suffix)}
		}
	}
	return all
}

// distinct returns the servers, each once.
func (s servers) distinct() []server {
	_, storeOnRedis := s.store.(redisServer)
	if s.store == nil || storeOnRedis && s.streams() != nil {
		return []server{s.broker}
	}
	return []server{s.store, s.broker}
}

// streams returns the broker if it is Redis.
func (s servers) streams() *streams {
	found, _ := s.broker.(*streams)
	return found
}

// notHere ends a test that a pair cannot pass, and says why. make conformance shows the
// reason, and takes every other skip for a failure.
func notHere(t testing.TB, reason string) {
	t.Helper()
	t.Skip("not applicable: " + reason)
}

// replicas returns how many there may be of a service, up to n.
func replicas(t testing.TB, n int) int {
	t.Helper()
	if chosenPair(t).store == inMemory {
		return 1 // each sidecar has a state of its own
	}
	return n
}

// needsStoreServer ends the test if the store of FLOW_PAIR is no server.
func needsStoreServer(t testing.TB) {
	t.Helper()
	if p := chosenPair(t); p.store == inFile || p.store == inMemory {
		notHere(t, "the state is in "+string(p.store)+", and in no server that could fail")
	}
}

// needsLastingState ends the test if the state of FLOW_PAIR ends with its sidecar.
func needsLastingState(t testing.TB) {
	t.Helper()
	if p := chosenPair(t); p.store == inMemory {
		notHere(t, "the state is in "+string(p.store)+", and ends with it")
	}
}

// needsStreams ends the test if the broker of FLOW_PAIR is not Redis.
func needsStreams(t testing.TB) {
	t.Helper()
	if p := chosenPair(t); p.queue != onRedis {
		notHere(t, string(p.queue)+" is not trimmed by the suite")
	}
}

// needsDefaultPair ends the test if FLOW_PAIR names another one.
func needsDefaultPair(t testing.TB) {
	t.Helper()
	if p := chosenPair(t); p.name != defaultPair {
		notHere(t, "it is only about the embedded Redis")
	}
}
