package kernels

import "math/bits"

// Elements that are NaN or infinite are found a word of 8 bytes at a time. A word of
// elements is described by the mask of their exponents, which is infinity in each.
const (
	halfSigns = 0x8000_8000_8000_8000
	halfOnes  = 0x0001_0001_0001_0001
	wordOnes  = 0x0000_0001_0000_0001
)

// signsOf and lowestOf return the sign bits of the elements in a word, and the lowest bits
// of their exponents. Adding these to exponents that are all ones carries into the signs.
func signsOf(exps uint64) uint64  { return exps << 1 &^ exps }
func lowestOf(exps uint64) uint64 { return exps &^ (exps << 1) }

// anyBad reports whether any element in src is NaN or infinite.
func anyBad(src []byte, exps uint64) bool {
	var or uint64
	lowest := lowestOf(exps)
	i := 0
	for ; i <= len(src)-16; i += 16 {
		s := (*[16]byte)(src[i:])
		or |= (le.Uint64(s[0:])&exps + lowest) | (le.Uint64(s[8:])&exps + lowest)
	}
	return or&signsOf(exps) != 0 || countBad(src[i:], exps) > 0
}

// countBad counts the elements in src that are NaN or infinite.
func countBad(src []byte, exps uint64) (n int) {
	signs, lowest := signsOf(exps), lowestOf(exps)
	i := 0
	for ; i <= len(src)-8; i += 8 {
		n += bits.OnesCount64((le.Uint64(src[i:])&exps + lowest) & signs)
	}
	var last [8]byte
	copy(last[:], src[i:])
	return n + bits.OnesCount64((le.Uint64(last[:])&exps+lowest)&signs)
}

func countBadSmall(src []byte, classes *[256]uint8) (n int) {
	for _, c := range src {
		n += int(classes[c] / isBad)
	}
	return n
}
