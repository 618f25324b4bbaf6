package tensor

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sort"
	"strings"
)

// Entry describes one tensor of a state dict.
type Entry struct {
	Key   string
	DType DType // InvalidDType for an element type that is not known; see Header.DTypeName
	Shape Shape // shared with the header; read only
	Pos   int64 // position of the first byte in the data of the state dict
	Size  int64 // bytes
}

// FileOrder compares entries by the order of tensors in files that this program
// writes: bytes per element descending (C64 counts as 8), sub-byte types last, then
// the key by its bytes. With a data section that starts at a multiple of 8, every
// tensor is then aligned to its elements.
func FileOrder(a, b Entry) int {
	if c := cmp.Compare(b.DType.Size(), a.DType.Size()); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

// Header is the table of contents of a state dict: its entries in order of
// position, and its metadata. It is built once with Add and only read after that;
// reading is safe from any goroutine. It takes about 45 bytes per entry plus the
// key itself, because a state dict may have hundreds of thousands of keys. Keys and
// entries are kept in blocks, so that growing copies nothing and leaves no garbage.
type Header struct {
	// Metadata is the text map stored beside the tensors; it may be nil.
	Metadata map[string]string

	keys    keyArena
	shapes  shapeArena
	ents    [][]packedEntry // blocks of entBlock entries
	n       int
	unknown []string // names of element types that are not known
	table   []uint32 // open-addressing hash table: see tagShift
	seed    maphash.Seed
}

type packedEntry struct {
	pos      int64
	size     int64
	keyOff   uint32
	keyLen   uint32
	shapeOff uint32
	rank     uint8
	dtype    DType // unknownDType+i: the element type is unknown[i]
}

// ErrDuplicateKey is what Add fails with if the key is there already.
var ErrDuplicateKey = errors.New("duplicate key")

// Limits of a header; files beyond them are refused.
const (
	maxRank    = math.MaxUint8
	maxEntries = 1<<tagShift - 1
	maxUnknown = math.MaxUint8 - int(unknownDType) + 1
)

const (
	entBlock           = 1024 // entries in a block
	unknownDType DType = 128
	tagShift           = 24 // a slot of the table is 8 bits of the hash and index + 1
)

// NewHeader returns an empty header with room for n entries in its hash table.
func NewHeader(n int) *Header {
	h := &Header{seed: maphash.MakeSeed()}
	h.rehash(n)
	return h
}

// Add appends an entry. Size is computed from the shape; pos is taken as given. It
// fails if the key is there already (ErrDuplicateKey), or on a shape that is not valid.
// Key and shape are copied.
func (h *Header) Add(key string, d DType, shape Shape, pos int64) error {
	if !d.Valid() {
		return headerError(key, "%v is not an element type", d)
	}
	size, err := shape.Bytes(d)
	if err != nil {
		return headerError(key, "%w", err)
	}
	return h.add(key, d, shape, pos, size)
}

// AddUnknown appends an entry whose element type this program does not know, so that
// it can be listed. At returns it with InvalidDType, and DTypeName returns name.
func (h *Header) AddUnknown(key, name string, shape Shape, pos, size int64) error {
	if _, err := shape.Numel(); err != nil {
		return headerError(key, "%w", err)
	}
	i := 0
	for i < len(h.unknown) && h.unknown[i] != name {
		i++
	}
	if i == maxUnknown {
		return headerError(key, "more than %d unknown element types", maxUnknown)
	}
	if i == len(h.unknown) {
		h.unknown = append(h.unknown, strings.Clone(name))
	}
	return h.add(key, unknownDType+DType(i), shape, pos, size)
}

func headerError(key, format string, args ...any) error {
	return &Error{Class: ClassInput, Key: strings.Clone(key), Err: fmt.Errorf(format, args...)}
}

func (h *Header) add(key string, d DType, shape Shape, pos, size int64) error {
	if len(shape) > maxRank {
		return headerError(key, "%d axes, at most %d are supported", len(shape), maxRank)
	}
	if h.n >= maxEntries || h.keys.full() || !h.shapes.fits(len(shape)) {
		return headerError(key, "the header has more keys than are supported")
	}
	if 4*(h.n+1) > 3*len(h.table) {
		h.rehash(2*h.n - 1) // which doubles the table
	}
	hash := maphash.String(h.seed, key)
	slot, found := h.find(hash, key)
	if found {
		return headerError(key, "%w", ErrDuplicateKey)
	}
	h.append(packedEntry{pos: pos, size: size, keyOff: h.keys.add(key), keyLen: uint32(len(key)),
		shapeOff: h.shapes.add(shape), rank: uint8(len(shape)), dtype: d})
	h.table[slot] = tag(hash) | uint32(h.n)
	return nil
}

func (h *Header) append(e packedEntry) {
	last := len(h.ents) - 1
	if last < 0 || len(h.ents[last]) == entBlock {
		var block []packedEntry
		if last >= 0 { // small headers grow, large ones add blocks
			block = make([]packedEntry, 0, entBlock)
		}
		h.ents = append(h.ents, block)
		last++
	}
	h.ents[last] = append(h.ents[last], e)
	h.n++
}

func (h *Header) ent(i int) *packedEntry { return &h.ents[i/entBlock][i%entBlock] }

// rehash makes the table large enough for n entries.
func (h *Header) rehash(n int) {
	h.table = make([]uint32, tableLen(n))
	h.refill()
}

// tableLen returns the length of a table that holds n entries and has room for one more.
func tableLen(n int) int {
	size := 16
	for 3*size < 4*(n+1) {
		size *= 2
	}
	return size
}

// Grow makes room for n more entries in the hash table. It is only a matter of speed.
func (h *Header) Grow(n int) {
	if n = min(h.n+n, maxEntries); 4*(n+1) > 3*len(h.table) {
		h.rehash(n)
	}
}

// refill enters all entries into the empty table.
func (h *Header) refill() {
	mask := len(h.table) - 1
	for e := range h.n {
		hash := maphash.String(h.seed, h.key(e))
		i := int(hash) & mask
		for h.table[i] != 0 {
			i = (i + 1) & mask
		}
		h.table[i] = tag(hash) | uint32(e+1)
	}
}

// tag returns the bits of a hash that a slot holds, so that other keys are rarely
// compared. They are not the bits that choose the slot.
func tag(hash uint64) uint32 { return uint32(hash>>32) &^ (1<<tagShift - 1) }

// find returns the slot of key, or the free slot where it belongs.
func (h *Header) find(hash uint64, key string) (slot int, found bool) {
	mask := len(h.table) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		e := h.table[i]
		if e == 0 {
			return i, false
		}
		if e&^(1<<tagShift-1) == tag(hash) && h.key(h.index(i)) == key {
			return i, true
		}
	}
}

// index returns the index of the entry in a slot.
func (h *Header) index(slot int) int { return int(h.table[slot]&(1<<tagShift-1)) - 1 }

func (h *Header) key(i int) string {
	e := h.ent(i)
	return h.keys.get(e.keyOff, e.keyLen)
}

// SortByPos puts the entries from index first on in order of position; of those at one
// position the empty ones come first. Files may list their tensors in any order.
func (h *Header) SortByPos(first int) {
	s := byPos{h, first}
	if sort.IsSorted(s) {
		return
	}
	sort.Sort(s)
	clear(h.table)
	h.refill()
}

type byPos struct {
	h     *Header
	first int
}

func (s byPos) Len() int { return s.h.n - s.first }

func (s byPos) Swap(i, j int) {
	a, b := s.h.ent(s.first+i), s.h.ent(s.first+j)
	*a, *b = *b, *a
}

// Less falls back to the order in which entries were added, which is that of keyOff.
func (s byPos) Less(i, j int) bool {
	a, b := s.h.ent(s.first+i), s.h.ent(s.first+j)
	return cmp.Or(cmp.Compare(a.pos, b.pos), cmp.Compare(a.size, b.size),
		cmp.Compare(a.keyOff, b.keyOff), cmp.Compare(a.keyLen, b.keyLen)) < 0
}

// Arrange puts the entries into file order and each behind the one before it, so that a
// header whose entries came in any order becomes the layout of a file. It needs no memory
// beside the header's.
func (h *Header) Arrange() {
	if s := (byFile{h}); !sort.IsSorted(s) {
		sort.Sort(s)
		clear(h.table)
		h.refill()
	}
	var pos int64
	for i := range h.n {
		e := h.ent(i)
		e.pos = pos
		pos += e.size
	}
}

type byFile struct{ h *Header }

func (s byFile) Len() int           { return s.h.n }
func (s byFile) Swap(i, j int)      { byPos{h: s.h}.Swap(i, j) }
func (s byFile) Less(i, j int) bool { return FileOrder(s.h.At(i), s.h.At(j)) < 0 }

// Len returns the number of entries.
func (h *Header) Len() int {
	if h == nil {
		return 0
	}
	return h.n
}

// At returns entry i: in the order in which entries were added, unless SortByPos
// changed it. It does not allocate.
func (h *Header) At(i int) Entry {
	e := h.ent(i)
	d := e.dtype
	if d >= unknownDType {
		d = InvalidDType
	}
	return Entry{Key: h.key(i), DType: d, Shape: h.shapes.get(e.shapeOff, e.rank), Pos: e.pos, Size: e.size}
}

// DTypeName returns the safetensors name of the element type of entry i, also if this
// program does not know that type.
func (h *Header) DTypeName(i int) string {
	d := h.ent(i).dtype
	if d >= unknownDType {
		return h.unknown[d-unknownDType]
	}
	return d.String()
}

// Lookup returns the index of the entry with the given key.
func (h *Header) Lookup(key string) (i int, ok bool) {
	if h.Len() == 0 {
		return 0, false
	}
	slot, ok := h.find(maphash.String(h.seed, key), key)
	if !ok {
		return 0, false
	}
	return h.index(slot), true
}

// DataSize returns the number of bytes from position 0 to the end of the last tensor.
func (h *Header) DataSize() int64 {
	var end int64
	for i := range h.Len() {
		e := h.ent(i)
		end = max(end, e.pos+e.size)
	}
	return end
}

// MemoryBytes returns about how much memory the header takes.
func (h *Header) MemoryBytes() int64 {
	if h == nil {
		return 0
	}
	n := h.keys.memory() + h.shapes.memory() + 4*int64(cap(h.table))
	for _, block := range h.ents {
		n += 32 * int64(cap(block))
	}
	for k, v := range h.Metadata {
		n += int64(len(k) + len(v) + 64)
	}
	return n
}

// HeaderBytes returns about how much memory a header with so many entries takes whose keys
// have keyBytes bytes together, without metadata. Shapes are few, and left out.
func HeaderBytes(entries int, keyBytes int64) int64 {
	blocks := func(n, size int64) int64 { return (n/size + 1) * size }
	const grown = 16 << 10 // first blocks grow, and become somewhat larger than others
	ends := keyBytes / 256 // keys do not fill blocks
	return blocks(32*int64(entries), 32*entBlock) + blocks(keyBytes+ends, keyBlock) + 4*int64(tableLen(entries)) + grown
}
