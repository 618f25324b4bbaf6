package kernels

import "math/bits"

// Elements that are NaN or infinite are found a word of 8 bytes at a time. A word of
// elements is described by the mask of their exponents, which is infinity in each.
const (
	halfSigns = 0x8000_8000_8000_8000
	halfOnes  = 0x0001_0001_0001_0001
	wordOnes  = 0x0000_0001_0000_0001
)

// laneSigns returns the sign bits of the elements in a word.
func laneSigns(exps uint64) uint64 { return exps << 1 &^ exps }

// badLanes returns the sign bits of the elements of w that are NaN or infinite: where the
// exponent is all ones, adding its lowest bit carries into the sign.
func badLanes(w, exps uint64) uint64 { return (w&exps + exps&^(exps<<1)) & laneSigns(exps) }

// zeroHalves returns the sign bits of the 16-bit elements of w that are 0. No sign is set
// in w.
func zeroHalves(w uint64) uint64 { return ^(w + halfSigns - halfOnes) & halfSigns }

// anyBad reports whether any element in src is NaN or infinite.
func anyBad(src []byte, exps uint64) bool {
	var or uint64
	lowest := exps &^ (exps << 1)
	i := 0
	for ; i <= len(src)-16; i += 16 {
		s := (*[16]byte)(src[i:])
		or |= (le.Uint64(s[0:])&exps + lowest) | (le.Uint64(s[8:])&exps + lowest)
	}
	return or&laneSigns(exps) != 0 || countBad(src[i:], exps) > 0
}

// countBad counts the elements in src that are NaN or infinite.
func countBad(src []byte, exps uint64) (n int) {
	i := 0
	for ; i <= len(src)-8; i += 8 {
		n += bits.OnesCount64(badLanes(le.Uint64(src[i:]), exps))
	}
	var last [8]byte
	copy(last[:], src[i:])
	return n + bits.OnesCount64(badLanes(le.Uint64(last[:]), exps))
}

func countBadSmall(src []byte, classes *[256]uint8) (n int) {
	for _, c := range src {
		n += int(classes[c] / isBad)
	}
	return n
}
