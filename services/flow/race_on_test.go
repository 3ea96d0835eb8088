//go:build race

package flow

// raceFlag makes the programs under test report races when the tests do.
const raceFlag = "-race"
