//go:build !race

package exam

// thin divides the amount of data. The race detector looks at who touches memory, not at
// values, and makes loops ten times slower.
const thin = 1
