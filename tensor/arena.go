package tensor

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// keyBlock is the size of the blocks of a keyArena. The offset of a key is the index of
// its block * keyBlock + its place in the block.
const keyBlock = 1 << 16

// keyArena keeps strings in blocks. The last block is being filled; a string that is
// longer than a block has one of its own.
type keyArena struct{ blocks [][]byte }

// full reports whether there may be no room for another key.
func (a *keyArena) full() bool { return int64(len(a.blocks)+1)*keyBlock > math.MaxUint32 }

// add copies key into the arena and returns its offset.
func (a *keyArena) add(key string) uint32 {
	if len(a.blocks) == 0 {
		a.blocks = append(a.blocks, nil) // the first block grows: most headers are small
	}
	last := len(a.blocks) - 1
	if len(a.blocks[last])+len(key) > keyBlock {
		a.blocks = append(a.blocks, make([]byte, 0, max(keyBlock, len(key))))
		last++
	}
	off := uint32(last*keyBlock + len(a.blocks[last]))
	a.blocks[last] = append(a.blocks[last], key...)
	return off
}

// get returns a key without copying it: blocks only grow, and bytes that were written
// to one are never changed.
func (a *keyArena) get(off, n uint32) string {
	if n == 0 {
		return ""
	}
	return unsafe.String(&a.blocks[off/keyBlock][off%keyBlock], int(n))
}

func (a *keyArena) memory() int64 {
	var n int64
	for _, s := range a.blocks {
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
