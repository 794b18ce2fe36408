//go:build !race

package ifmatch

const raceEnabled = false
