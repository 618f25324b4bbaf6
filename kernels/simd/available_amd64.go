package simd

import "golang.org/x/sys/cpu"

// Available reports whether this processor has what the package needs.
func Available() bool {
	return cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C && cpu.X86.HasPOPCNT
}

// wideAvailable reports whether it has AVX-512, which sums use.
func wideAvailable() bool { return cpu.X86.HasAVX512F }
