package driver

import (
	"fmt"
	"unsafe"
)

// Limits of the arguments of one launch.
const (
	MaxArgBytes = 4096 // CUDA programming guide: all parameters of a kernel, before CUDA 12.1
	MaxArgs     = 256  // of this package
)

// Args are the arguments of one launch, packed by value: the bytes lie one after another,
// each aligned as its Go type is, and the driver gets a pointer to each. The zero value is
// empty and ready. An Args that is emptied with Reset and filled again allocates nothing.
// It must not be copied or shared between goroutines.
type Args struct {
	block []uint64 // the packed bytes, aligned to 8
	spans []span
	end   uint32 // bytes of block in use
}

// span is where one argument lies in the block, in bytes.
type span struct{ offset, size uint32 }

// Put adds one argument: a number, a DevPtr, or a struct or array of them, laid out as the
// C compiler lays out the kernel's parameter (Go and C agree on fixed-size numbers; fields
// wider than 8 bytes of alignment do not exist in Go). T holds no Go pointers: the device
// cannot follow them.
func Put[T any](a *Args, v T) {
	size, align := uint32(unsafe.Sizeof(v)), uint32(unsafe.Alignof(v))
	offset := (a.end + align - 1) &^ (align - 1)
	a.end = offset + size
	for uint32(len(a.block))*8 < a.end {
		a.block = append(a.block, 0)
	}
	a.spans = append(a.spans, span{offset, size})
	if size > 0 {
		copy(a.bytes()[offset:], unsafe.Slice((*byte)(unsafe.Pointer(&v)), size))
	}
}

// Reset empties a, keeping its memory.
func (a *Args) Reset() { a.spans, a.end = a.spans[:0], 0 }

// Len is the number of arguments; a nil Args has none.
func (a *Args) Len() int {
	if a == nil {
		return 0
	}
	return len(a.spans)
}

// Size is the number of bytes they take.
func (a *Args) Size() int {
	if a == nil {
		return 0
	}
	return int(a.end)
}

// At returns the bytes of argument i, which are valid until the next Put or Reset.
func (a *Args) At(i int) []byte {
	s := a.spans[i]
	return a.bytes()[s.offset : s.offset+s.size : s.offset+s.size]
}

// bytes returns the packed block.
func (a *Args) bytes() []byte {
	if a.end == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(a.block))), a.end)
}

// check fails if there is more than a launch on the device can take.
func (a *Args) check(d Device) error {
	switch {
	case a.Size() > MaxArgBytes:
		return invalid("cuLaunchKernel", d, fmt.Sprintf("the arguments take %d bytes, %d are allowed", a.Size(), MaxArgBytes))
	case a.Len() > MaxArgs:
		return invalid("cuLaunchKernel", d, fmt.Sprintf("there are %d arguments, %d are allowed", a.Len(), MaxArgs))
	}
	return nil
}
