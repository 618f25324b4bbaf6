//go:build race

package exam

const thin = 16
