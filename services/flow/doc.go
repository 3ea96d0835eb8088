// Package flow tests the suite as it runs: the services' own programs, real
// Dapr sidecars and a real Redis, or the embedded one where no redis-server is
// installed. Each test has a suite of its own.
package flow
