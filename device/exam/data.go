package exam

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// newRand returns the generator of a check; the exam is the same every time.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x6578616d)) }

// computable lists the element types of operands and stores.
func computable() (ds []tensor.DType) {
	for _, d := range tensor.DTypes() {
		if d.Computable() {
			ds = append(ds, d)
		}
	}
	return ds
}

var computes = []kernels.Compute{kernels.F32, kernels.F64}

// special32 and special64 hold numbers and bits that break what is nearly right: zeros,
// subnormals, limits, ties, infinities, and NaNs with payloads, quiet and signalling.
var special32 = []uint32{
	0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x33800000, 0x3effffff, 0x3f000000, 0xbf000000,
	0x3f7fffff, 0x3f800000, 0x3f800001, 0xbf800000, 0x3fc00000, 0x40000000, 0x40200000, 0xc0200000, 0x40490fdb,
	0x4b000000, 0x4b000001, 0xcb7fffff, 0x4f000000, 0xcf000000, 0x5f000000, 0x7f7fffff, 0xff7fffff,
	0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff, 0x7fc12345,
}

var special64 = []uint64{
	0, 1 << 63, 1, 1<<63 | 1, 0x000fffffffffffff, 0x0010000000000000, 0x3fe0000000000000, 0xbfe0000000000000,
	0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001, 0xbff0000000000000, 0x3ff8000000000000,
	0x4000000000000000, 0x4004000000000000, 0xc004000000000000, 0x400921fb54442d18, 0x4330000000000000, 0x4330000000000001,
	0x41dfffffffc00000, 0xc3e0000000000000, 0x47efffffe0000000, 0x47effffff0000000, 0x36a0000000000000, 0x3690000000000000,
	0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000,
	0x7ff0000000000001, 0xfff7ffffffffffff, 0x7ff8000012345678,
}

// specials returns the special values of a compute type, as bits.
func specials(c kernels.Compute) []uint64 {
	if c == kernels.F64 {
		return special64
	}
	s := make([]uint64, len(special32))
	for i, b := range special32 {
		s[i] = uint64(b)
	}
	return s
}

// put appends an element given by its bits.
func put(b []byte, d tensor.DType, bits uint64) []byte {
	switch d.Size() {
	case 1:
		return append(b, byte(bits))
	case 2:
		return binary.LittleEndian.AppendUint16(b, uint16(bits))
	case 4:
		return binary.LittleEndian.AppendUint32(b, uint32(bits))
	}
	return binary.LittleEndian.AppendUint64(b, bits)
}

// elements returns random elements: mostly moderate numbers, so that arithmetic on them says something,
// with random bits and special values among them.
func elements(rnd *rand.Rand, d tensor.DType, n int64) []byte {
	size := d.Size()
	b := make([]byte, 0, n*size)
	x := make([]float64, 1)
	for range n {
		switch rnd.IntN(8) {
		case 0:
			b = put(b, d, rnd.Uint64())
		case 1:
			b = put(b, d, specialBits(rnd, d))
		default:
			x[0] = math.Ldexp(rnd.Float64()-0.5, rnd.IntN(12)-4)
			b = b[:int64(len(b))+size]
			kernels.Narrow64(b[int64(len(b))-size:], x, d)
		}
	}
	return b
}

// specialBits returns special bits of an element type: those of its width, and small
// integers.
func specialBits(rnd *rand.Rand, d tensor.DType) uint64 {
	switch d {
	case tensor.F32:
		return uint64(special32[rnd.IntN(len(special32))])
	case tensor.F64:
		return special64[rnd.IntN(len(special64))]
	case tensor.BF16:
		return uint64(special32[rnd.IntN(len(special32))] >> 16)
	}
	top := uint64(1) << (d.Bits() - 1)
	s := []uint64{0, 1, 2, top - 1, top, top + 1, 2*top - 1, top >> 1, top>>1 | top>>2, 0x7c00, 0xfc00, 0x7e01, 0x03ff}
	return s[rnd.IntN(len(s))]
}

// tame elements are finite numbers of moderate size.
func tame(rnd *rand.Rand, d tensor.DType, n int64) []byte {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Ldexp(rnd.Float64()-0.5, rnd.IntN(12)-4)
	}
	b := make([]byte, n*d.Size())
	kernels.Narrow64(b, x, d)
	return b
}
