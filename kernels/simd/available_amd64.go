package simd

import "golang.org/x/sys/cpu"

// Available reports whether this processor has what the package needs.
func Available() bool {
	return cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C && cpu.X86.HasPOPCNT
}
