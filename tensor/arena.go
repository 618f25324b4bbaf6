package tensor

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// keySlot is the size of the blocks of a keyArena; an offset is slot * keySlot + the
// place in the slot.
const keySlot = 1 << 16

// keyArena keeps strings in blocks. A string that is longer than a block takes a block
// of its own, which stands for as many slots as it is long.
type keyArena struct {
	slots [][]byte // nil: a part of the long block before it
	last  int      // index of the block that is being filled
}

// fits reports whether a key of n bytes can be added.
func (a *keyArena) fits(n int) bool {
	return int64(len(a.slots)+n/keySlot+1)*keySlot <= math.MaxUint32
}

// add copies key into the arena and returns its offset.
func (a *keyArena) add(key string) uint32 {
	if len(a.slots) == 0 {
		a.slots = append(a.slots, nil) // the first block grows: most headers are small
	}
	if block := a.slots[a.last]; len(block)+len(key) > keySlot {
		a.last = len(a.slots)
		a.slots = append(a.slots, make([]byte, 0, max(keySlot, len(key))))
		for n := len(key); n > keySlot; n -= keySlot {
			a.slots = append(a.slots, nil)
		}
	}
	block := a.slots[a.last]
	off := uint32(a.last*keySlot + len(block))
	a.slots[a.last] = append(block, key...)
	return off
}

// get returns a key without copying it: blocks only grow, and bytes that were written
// to one are never changed.
func (a *keyArena) get(off, n uint32) string {
	if n == 0 {
		return ""
	}
	return unsafe.String(&a.slots[off/keySlot][off%keySlot], int(n))
}

func (a *keyArena) memory() int64 {
	var n int64
	for _, s := range a.slots {
		n += int64(cap(s)) + 24
	}
	return n
}

// maxInterned bounds how many shapes are looked up: checkpoints have few distinct
// ones, and those of a file with many are stored again.
const maxInterned = 4096

// shapeArena keeps each shape once.
type shapeArena struct {
	lens  []int64
	index map[string]uint32 // the bytes of a shape -> its offset in lens
}

func (a *shapeArena) fits(rank int) bool { return int64(len(a.lens)+rank) < math.MaxUint32 }

// add returns the offset of s, which it stores unless it is there already.
func (a *shapeArena) add(s Shape) uint32 {
	var buf [8 * 8]byte
	b := buf[:0]
	for _, d := range s {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	if off, ok := a.index[string(b)]; ok {
		return off
	}
	off := uint32(len(a.lens))
	a.lens = append(a.lens, s...)
	if a.index == nil {
		a.index = map[string]uint32{}
	}
	if len(a.index) < maxInterned {
		a.index[string(b)] = off
	}
	return off
}

func (a *shapeArena) get(off uint32, rank uint8) Shape {
	end := off + uint32(rank)
	return Shape(a.lens[off:end:end])
}

func (a *shapeArena) memory() int64 {
	n := 8 * int64(cap(a.lens))
	for k := range a.index {
		n += int64(len(k)) + 40
	}
	return n
}
