// Package e2e tests the charts on a real kind cluster with Dapr's own control
// plane. The tests use helm, kubectl and port-forwards, as people do by hand.
// They have the build tag e2e; "make e2e" prepares the cluster and runs them.
package e2e
