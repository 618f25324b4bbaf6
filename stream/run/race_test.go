//go:build race

package run_test

// race says that the race detector is on: everything is twenty times slower.
const race = true
