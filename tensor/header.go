package tensor

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"unsafe"
)

// Entry describes one tensor of a state dict.
type Entry struct {
	Key   string
	DType DType
	Shape Shape // shared with the header; read only
	Pos   int64 // position of the first byte in the data of the state dict
	Size  int64 // bytes
}

// Header is the table of contents of a state dict: its entries in order of
// position, and its metadata. It is built once with Add and only read after that;
// reading is safe from any goroutine. It takes about 40 bytes per entry plus the
// key itself, because a state dict may have hundreds of thousands of keys.
type Header struct {
	// Metadata is the text map stored beside the tensors; it may be nil.
	Metadata map[string]string

	keys   []byte // all keys, one after another
	shapes []int64
	byLens map[string]uint32 // shape bytes -> offset in shapes; dropped by Seal
	ents   []packedEntry
	table  []uint32 // open-addressing hash table of entry index + 1
	seed   maphash.Seed
}

type packedEntry struct {
	pos      int64
	size     int64
	keyOff   uint32
	keyLen   uint32
	shapeOff uint32
	rank     uint8
	dtype    DType
}

// NewHeader returns an empty header with room for n entries.
func NewHeader(n int) *Header {
	h := &Header{seed: maphash.MakeSeed(), byLens: map[string]uint32{}}
	h.ents = make([]packedEntry, 0, n)
	h.rehash(n)
	return h
}

// Limits of a header; files beyond them are refused.
const (
	maxRank     = 255
	maxKeyBytes = math.MaxUint32
)

// Add appends an entry. Size is computed from the shape; pos is taken as given. It
// fails if the key is there already, or on a shape that is not valid.
func (h *Header) Add(key string, d DType, shape Shape, pos int64) error {
	size, err := shape.Bytes(d)
	if err != nil {
		return &Error{Class: ClassInput, Key: key, Err: err}
	}
	if len(shape) > maxRank {
		return &Error{Class: ClassInput, Key: key, Err: fmt.Errorf("%d axes, at most %d are supported", len(shape), maxRank)}
	}
	if len(h.keys)+len(key) > maxKeyBytes {
		return &Error{Class: ClassInput, Key: key, Err: fmt.Errorf("the keys take more than %d bytes", int64(maxKeyBytes))}
	}
	if 4*(len(h.ents)+1) > 3*len(h.table) {
		h.rehash(2 * len(h.ents))
	}
	slot, found := h.find(key)
	if found {
		return &Error{Class: ClassInput, Key: key, Err: fmt.Errorf("duplicate key")}
	}
	e := packedEntry{pos: pos, size: size, keyOff: uint32(len(h.keys)), keyLen: uint32(len(key)),
		shapeOff: h.internShape(shape), rank: uint8(len(shape)), dtype: d}
	h.keys = append(h.keys, key...)
	h.ents = append(h.ents, e)
	h.table[slot] = uint32(len(h.ents))
	return nil
}

// internShape stores a shape once: checkpoints have few distinct ones.
func (h *Header) internShape(s Shape) uint32 {
	var buf [256]byte
	b := buf[:0]
	for _, d := range s {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	if off, ok := h.byLens[string(b)]; ok {
		return off
	}
	off := uint32(len(h.shapes))
	h.shapes = append(h.shapes, s...)
	if h.byLens == nil {
		h.byLens = map[string]uint32{}
	}
	h.byLens[string(b)] = off
	return off
}

// rehash makes the table large enough for n entries.
func (h *Header) rehash(n int) {
	size := 16
	for 3*size < 4*(n+1) {
		size *= 2
	}
	h.table = make([]uint32, size)
	for i := range h.ents {
		slot, _ := h.find(h.key(i))
		h.table[slot] = uint32(i + 1)
	}
}

// find returns the slot of key, or the free slot where it belongs.
func (h *Header) find(key string) (slot int, found bool) {
	mask := len(h.table) - 1
	for i := int(maphash.String(h.seed, key)) & mask; ; i = (i + 1) & mask {
		e := h.table[i]
		if e == 0 {
			return i, false
		}
		if h.key(int(e-1)) == key {
			return i, true
		}
	}
}

// key returns the key of entry i without copying it: the arena only grows, and
// bytes that were written to it are never changed.
func (h *Header) key(i int) string {
	e := &h.ents[i]
	if e.keyLen == 0 {
		return ""
	}
	return unsafe.String(&h.keys[e.keyOff], int(e.keyLen))
}

// Len returns the number of entries.
func (h *Header) Len() int {
	if h == nil {
		return 0
	}
	return len(h.ents)
}

// At returns entry i in the order in which entries were added. It does not allocate.
func (h *Header) At(i int) Entry {
	e := &h.ents[i]
	end := e.shapeOff + uint32(e.rank)
	return Entry{Key: h.key(i), DType: e.dtype, Shape: Shape(h.shapes[e.shapeOff:end:end]), Pos: e.pos, Size: e.size}
}

// Lookup returns the index of the entry with the given key.
func (h *Header) Lookup(key string) (i int, ok bool) {
	if h == nil || len(h.ents) == 0 {
		return 0, false
	}
	slot, ok := h.find(key)
	if !ok {
		return 0, false
	}
	return int(h.table[slot]) - 1, true
}

// DataSize returns the number of bytes from position 0 to the end of the last tensor.
func (h *Header) DataSize() int64 {
	var end int64
	for i := range h.ents {
		end = max(end, h.ents[i].pos+h.ents[i].size)
	}
	return end
}

// MemoryBytes returns about how much memory the header takes.
func (h *Header) MemoryBytes() int64 {
	if h == nil {
		return 0
	}
	n := int64(cap(h.keys)) + 8*int64(cap(h.shapes)) + 32*int64(cap(h.ents)) + 4*int64(cap(h.table))
	for k, v := range h.Metadata {
		n += int64(len(k) + len(v) + 64)
	}
	return n
}
