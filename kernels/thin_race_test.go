//go:build race

package kernels

const thin = 16
