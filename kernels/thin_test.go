//go:build !race

package kernels

// thin divides the amount of data of some tests. The race detector looks at who touches
// memory, not at values, and makes loops ten times slower.
const thin = 1
