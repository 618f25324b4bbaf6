//go:build race

package tests

// raceEnabled says that the race detector watches the tests.
const raceEnabled = true
