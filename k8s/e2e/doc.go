// Package e2e tests the charts on a real kind cluster with the real control
// plane of Dapr, as people try them by hand: with helm, kubectl and
// port-forwards. The tests have the build tag e2e; `make e2e` prepares the
// cluster and runs them.
package e2e
