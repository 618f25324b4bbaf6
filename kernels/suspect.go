package kernels

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Suspicious reports whether any stored element of type d is zero, NaN or infinite: only
// such elements can count in an OutCount. It is a way to find the few places where counting is
// worth while, and may be true without a reason for types other than F16, BF16, F32 and F64.
func Suspicious(stored []byte, d tensor.DType) bool {
	switch d {
	case tensor.F16:
		return suspiciousHalves(stored, 0x0400)
	case tensor.BF16:
		return suspiciousHalves(stored, 0x0080)
	case tensor.F32:
		for ; len(stored) >= 4; stored = stored[4:] {
			// Without its sign, and moved by one, zero is the largest number.
			if x := le.Uint32(stored) << 1; x-1 >= 0xff000000-1 {
				return true
			}
		}
		return false
	case tensor.F64:
		for ; len(stored) >= 8; stored = stored[8:] {
			if x := le.Uint64(stored) << 1; x-1 >= 0xffe0000000000000-1 {
				return true
			}
		}
		return false
	}
	return true
}

// suspiciousHalves looks at eight 16-bit elements at a time. step is the distance from the
// bits of infinity to 0x8000: adding it to the bits of NaN or infinity, without sign, sets
// the sign's bit and carries no further.
func suspiciousHalves(stored []byte, step uint64) bool {
	const ones, signs = 0x0001000100010001, 0x8000800080008000
	var found uint64
	i := 0
	for ; i <= len(stored)-16; i += 16 {
		s := (*[16]byte)(stored[i:])
		x, y := le.Uint64(s[0:])&^signs, le.Uint64(s[8:])&^signs
		found |= (x-ones)&^x | (x + step*ones) | (y-ones)&^y | (y + step*ones)
	}
	for ; i <= len(stored)-2; i += 2 {
		x := uint64(le.Uint16(stored[i:])) * ones &^ signs
		found |= (x-ones)&^x | (x + step*ones)
	}
	return found&signs != 0
}
