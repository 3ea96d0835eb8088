// Package flow tests the services together: their own programs, real Dapr sidecars,
// and a real Redis, or the embedded one where no redis-server is installed. Each
// test runs services of its own.
package flow
