package contract

import "fmt"

// RunKey returns the state key of the run with the id. No UserID has it.
func RunKey(id string) string { return "%_run-" + id }

// RunSegmentKey returns the state key of a segment of a run: of the entries of the
// attempt up to the one that is given. No UserID has it.
func RunSegmentKey(id string, attempt, end int) string {
	return fmt.Sprintf("%s-%d-%d", RunKey(id), attempt, end)
}

// ReplicaKey returns the state key of the sign of life of a replica of chat. No UserID
// has it.
func ReplicaKey(id string) string { return "%_replica-" + id }
