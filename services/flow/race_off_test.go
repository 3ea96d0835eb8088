//go:build !race

package flow

func raceFlags() []string { return nil }
