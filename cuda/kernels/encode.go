package ptx

import (
	"encoding/binary"
	"math"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Code is a Program in the form that the kernels run. It is immutable and holds no address,
// so that one Code serves every device, queue and launch.
type Code struct {
	// Image is what is uploaded once for all launches of the Program: the code of all
	// passes. Its address on the device is a multiple of 16.
	Image []byte

	// Passes are run in order, over the same rows. Nearly every Program has one.
	Passes []Pass

	compute  kernels.Compute
	operands int
	results  int
	numbers  []number // the last words of a row
}

// number is a constant or a prefix of the launch.
type number struct {
	prefix bool
	index  int
}

// resultWord is where the address of a result is in a row.
func (c *Code) resultWord(result int) int { return rowArgs + 2*c.operands + result }

// numberWord is where a constant or prefix is in a row; a new one is put at the end.
func (c *Code) numberWord(n number) int { return c.resultWord(c.results) + place(&c.numbers, n) }

// Pass is a run over all elements that makes some of the results.
type Pass struct {
	Entry   string // of the kernel
	Offset  int    // of its code in Code.Image, bytes
	Threads int    // of a block
	Shared  int    // dynamic shared memory of a block, bytes; at most MaxShared

	walk  int
	lanes int // elements of a step of a block
}

// Encode translates a valid Program. It fails if the Program is not valid.
func Encode(p *kernels.Program) (*Code, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	c := &Code{compute: p.Compute, operands: len(p.Operands), results: len(p.Results)}
	for _, w := range split(p) {
		image, pass := assemble(p, c, w)
		pass.Offset = len(c.Image)
		c.Passes = append(c.Passes, pass)
		c.Image = append(c.Image, image...)
	}
	for i := range c.Passes { // known only after all passes: every pass has the same rows
		putHead(c.Image[c.Passes[i].Offset:], headStride, c.RowBytes())
	}
	return c, nil
}

// putHead writes a word of the head of a pass.
func putHead(head []byte, word, value int) { le.PutUint32(head[4*word:], uint32(value)) }

// le is the byte order of CUDA devices.
var le = binary.LittleEndian

// RowBytes is the size of a row: what AppendRow adds for a launch.
func (c *Code) RowBytes() int { return 8 * (c.resultWord(c.results) + len(c.numbers)) }

// AppendRow appends the row of a launch, which fits its Program and its memory (see
// kernels.Launch.Check), to a table of instances. Addresses are Mem.Handle + Span.Off.
func (c *Code) AppendRow(table []byte, l *kernels.Launch) []byte {
	put := func(x uint64) { table = le.AppendUint64(table, x) }
	put(uint64(l.First))
	put(uint64(l.N))
	put(uint64(l.Cols))
	for _, a := range l.Args {
		put(address(a.Span))
		put(uint64(a.Period))
	}
	for _, r := range l.Results {
		put(address(r))
	}
	for _, n := range c.numbers {
		switch {
		case n.prefix:
			put(l.Prefixes[n.index])
		case c.compute == kernels.F64:
			put(math.Float64bits(l.Consts[n.index]))
		default:
			put(uint64(math.Float32bits(float32(l.Consts[n.index]))))
		}
	}
	return table
}

// address returns where a span is on the device.
func address(s kernels.Span) uint64 {
	if s.Mem == nil {
		return 0
	}
	return s.Mem.Handle + uint64(s.Off)
}

// Tiles is the number of blocks that have work in a launch. A table of launches has the sum
// of theirs. A grid of any size from 1 on is right: blocks share the tiles.
func (p *Pass) Tiles(l *kernels.Launch) int64 {
	groups := int64(p.lanes / kernels.Lanes)
	switch {
	case l.N == 0:
		return 0
	case p.walk == walkFlat:
		return pieces(l.N, kernels.ChunkElems)
	case p.walk == walkRanges:
		return pieces(l.N, kernels.BlockElems)
	case p.walk == walkRows && l.Cols > kernels.ChunkElems:
		return l.N / l.Cols
	case p.walk == walkRows:
		return pieces(l.N/l.Cols, groups)
	}
	return pieces(pieces(l.N/l.Cols, kernels.GroupRows)*pieces(l.Cols, kernels.Lanes), groups)
}

// pieces is how many pieces of a size make n, the last one perhaps shorter.
func pieces(n, size int64) int64 { return (n + size - 1) / size }
