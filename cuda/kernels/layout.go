package ptx

import (
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Operations that the code of a pass has beside those of kernels. They follow them.
const (
	opStore   = 64 + iota // stores a; index, extra: words of the result and of its counts (or 0) in the row
	opSum                 // adds a to the lanes of a sum; index: their word in shared memory
	opDot                 // adds a*b to them
	opCount               // adds mask a to a tally; index: its word in shared memory
	opLargest             // makes a tally the maximum of itself and the order key of a
	opHist                // counts |a|; index, extra: words of the result and the prefix; third reference: shift | width<<8
)

// References of instructions: a register below refRow; a word of 64 bits in the row of the
// instance from there; one in the code of the pass from refCode.
const (
	refRow  = 0x0100
	refCode = 0x8000
	refNone = 0xffff
)

// Walks: how a pass goes over the elements (walk.h).
const (
	walkFlat    = iota // no sums
	walkRanges         // sums over blocks of everything
	walkRows           // sums over rows
	walkColumns        // sums over columns
)

// Words of 32 bits at the start of the code of a pass. Instructions follow at headBytes, 16
// bytes each, then immediates (8 bytes each), then lists (4 bytes an entry):
//
//	bits   0-7   operation             32-47   first reference    80-95   destination
//	       8-15  element type          48-63   second reference   96-111  index
//	      16-23  number of arguments   64-79   third reference   112-127  extra
//	      24-31  1: raise the flag of operand index
//
// What index and extra are is said at the operations; a load has the operand and its form, a
// shift the distance. The lists hold, for the sums, the tallies and the flags, the word of
// the result in the row; above it tallyMax, or the operand of the flag.
const (
	headInstrs  = iota // number of instructions
	headWalk           // how to go over the elements
	headStride         // bytes of a row
	headSums           // number of sums
	headTallies        // number of tallies
	headFlags          // number of flags
	headLanes          // where the lanes of sums start in shared memory, in words of 64 bits
	headLists          // offset of the lists in bytes
	headBytes   = 64
)

// Words of 64 bits in a row of the table of instances. From rowArgs on: address and period
// of each operand, addresses of the results, then the constants and prefixes in the order in
// which the code first uses them.
const (
	rowFirst = iota
	rowN
	rowCols
	rowArgs
)

const (
	tallyMax   = 1 << 16 // the tally is a maximum
	chunks     = kernels.BlockElems / kernels.ChunkElems
	chunkSlots = chunks + 1
)

// RunArgs is the one parameter of the kernels that run a pass.
type RunArgs struct {
	Code      uint64 // address of Code.Image plus Pass.Offset, a multiple of 16
	Instances uint64 // address of the rows of AppendRow, a multiple of 8
	Count     uint32 // rows
	_         uint32
}

// CopyArgs is the one parameter of the kernels that copy and clear rows of bytes.
type CopyArgs struct {
	Dst, Src             uint64 // addresses; Src is not used to clear
	DstStride, SrcStride int64  // bytes from a row to the next one
	RowBytes, Rows       int64
}

// ProductArgs is the one parameter of the kernel that computes a product.
type ProductArgs struct {
	Dst, X, Y         uint64 // addresses
	First, N, Cols, K int64  // of kernels.Product
	XFlag, YFlag      uint64 // addresses; 0: no flag
	XType, YType      uint32 // element types
}

// The kernel that computes products. A block of its threads takes so many rows, and as many columns
// as it has threads.
const (
	ProductEntry   = "product"
	ProductThreads = 256
	productRows    = 8
)

// ProductShared returns the bytes of shared memory that a block needs for a product.
func ProductShared(p *kernels.Product) int {
	return int(4 * productRows * min(p.K, kernels.ProductBlock))
}

// ProductTiles returns how many blocks have work.
func ProductTiles(p *kernels.Product) int64 {
	return (p.Rows() + productRows - 1) / productRows * ((p.Cols + ProductThreads - 1) / ProductThreads)
}

const (
	runArgsBytes     = 24
	copyArgsBytes    = 48
	productArgsBytes = 80
)

// named is a number that the kernels know by a name.
type named struct {
	name  string
	value int
}

// layout is the one table of what Go and the kernels agree on.
func layout() []named {
	var all []named
	for _, op := range kernels.Ops() {
		all = append(all, named{"OP_" + strings.ToUpper(op.String()), int(op)})
	}
	all = append(all, []named{
		{"OP_STORE", opStore}, {"OP_SUM", opSum}, {"OP_DOT", opDot}, {"OP_COUNT", opCount}, {"OP_LARGEST", opLargest}, {"OP_HIST", opHist},
		{"REF_ROW", refRow}, {"REF_CODE", refCode}, {"REF_NONE", refNone},
		{"FORM_DENSE", int(kernels.Dense)}, {"FORM_ROW", int(kernels.Row)}, {"FORM_COL", int(kernels.Col)}, {"FORM_SCALAR", int(kernels.Scalar)},
		{"WALK_FLAT", walkFlat}, {"WALK_RANGES", walkRanges}, {"WALK_ROWS", walkRows}, {"WALK_COLUMNS", walkColumns},
		{"HEAD_INSTRS", headInstrs}, {"HEAD_WALK", headWalk}, {"HEAD_STRIDE", headStride}, {"HEAD_SUMS", headSums},
		{"HEAD_TALLIES", headTallies}, {"HEAD_FLAGS", headFlags}, {"HEAD_LANES", headLanes}, {"HEAD_LISTS", headLists}, {"HEAD_BYTES", headBytes},
		{"ROW_FIRST", rowFirst}, {"ROW_N", rowN}, {"ROW_COLS", rowCols}, {"ROW_ARGS", rowArgs},
		{"TALLY_MAX", tallyMax}, {"LANES", kernels.Lanes}, {"CHUNK_ELEMS", kernels.ChunkElems}, {"BLOCK_ELEMS", kernels.BlockElems},
		{"GROUP_ROWS", kernels.GroupRows}, {"CHUNKS", chunks}, {"CHUNK_SLOTS", chunkSlots},
		{"RUN_ARGS_BYTES", runArgsBytes}, {"COPY_ARGS_BYTES", copyArgsBytes}, {"PRODUCT_ARGS_BYTES", productArgsBytes},
		{"PRODUCT_ROWS", productRows}, {"PRODUCT_BLOCK", kernels.ProductBlock},
	}...)
	for _, d := range tensor.DTypes() {
		if d.Computable() {
			all = append(all, named{"TYPE_" + d.String(), int(d)})
		}
	}
	return all
}

// Header returns layout.h: what the kernels agree on with this package.
func Header() string {
	var b strings.Builder
	b.WriteString("// Code generated by go generate from layout.go. DO NOT EDIT.\n#pragma once\n\nenum {\n")
	for _, n := range layout() {
		fmt.Fprintf(&b, "    %s = %d,\n", n.name, n.value)
	}
	b.WriteString("};\n")
	return b.String()
}
