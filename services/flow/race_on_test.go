//go:build race

package flow

// raceFlags makes the programs under test report races when the tests do.
func raceFlags() []string { return []string{"-race"} }
