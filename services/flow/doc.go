// Package flow tests the services together: their own programs, real Dapr sidecars,
// and a real Redis, or the embedded one where no redis-server is installed. Each
// test runs services of its own. With FLOW_PAIR, it runs them on another state store
// or broker, see pairs_test.go and the command conformance.
package flow
