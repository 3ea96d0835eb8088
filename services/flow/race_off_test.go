//go:build !race

package flow

const raceFlag = ""
