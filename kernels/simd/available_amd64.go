package simd

import "golang.org/x/sys/cpu"

// Available reports whether this processor has what the package needs.
func Available() bool {
	return cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C && cpu.X86.HasPOPCNT
}

// features are instructions that only some processors have. Results are the same without them.
type features struct {
	avx512 bool // of sums
	bf16   bool // of counted stores of bfloat16
}

// available returns the features of this processor.
func available() features {
	x := &cpu.X86
	return features{avx512: x.HasAVX512F, bf16: x.HasAVX512BF16 && x.HasAVX512BW && x.HasAVX512VL}
}
