package kernels

import "math/bits"

// Elements that are NaN or infinite are found a word of 8 bytes at a time. A word of
// elements is described by the mask of their exponents, which is infinity in each.
const (
	halfSigns = 0x8000_8000_8000_8000
	halfOnes  = 0x0001_0001_0001_0001
	wordOnes  = 0x0000_0001_0000_0001
)

// badLanes returns the sign bits of the elements of w that are NaN or infinite: where the
// exponent is all ones, adding its lowest bit carries into the sign.
func badLanes(w, exps uint64) uint64 {
	signs, lowest := exps<<1&^exps, exps&^(exps<<1)
	return (w&exps + lowest) & signs
}

// zeroHalves returns the sign bits of the 16-bit elements of w that are 0. No sign is set
// in w.
func zeroHalves(w uint64) uint64 { return ^(w + halfSigns - halfOnes) & halfSigns }

// countBad counts the elements in src that are NaN or infinite.
func countBad(src []byte, exps uint64) (n int) {
	for ; len(src) >= 8; src = src[8:] {
		n += bits.OnesCount64(badLanes(le.Uint64(src), exps))
	}
	var last [8]byte
	copy(last[:], src)
	return n + bits.OnesCount64(badLanes(le.Uint64(last[:]), exps))
}

func badF16(src []byte) int  { return countBad(src, infF16*halfOnes) }
func badBF16(src []byte) int { return countBad(src, infBF16*halfOnes) }
func badF32(src []byte) int  { return countBad(src, infF32*wordOnes) }
func badF64(src []byte) int  { return countBad(src, infF64) }

func badSmall(src []byte, classes *[256]uint8) (n int) {
	for _, c := range src {
		n += int(bit(classes[c] == isBad))
	}
	return n
}
