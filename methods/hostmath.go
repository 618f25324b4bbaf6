package methods

import "github.com/mecha-gpu/mecha-gpu/kernels"

// Functions of one number for host functions: those of kernels, which give the same bits on
// every machine, unlike package math.

func hostSin(x float64) float64  { return kernels.HostSin(x) }
func hostAcos(x float64) float64 { return kernels.HostAcos(x) }
