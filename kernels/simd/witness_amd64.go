package simd

import (
	"encoding/binary"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Most inputs need no check of their own. What is not finite stays so, whatever is added to it
// or multiplied with it, so that a NaN or an infinity of an operand shows in every output that
// arithmetic leads it to, and outputs are counted. Only where a block of the output has an
// element that is not finite are the operands behind it looked at.

// witness is a counted store, and the operands whose elements are finite where those of the
// store are.
type witness struct {
	tally    int // result with the count
	operands []int
}

// layWitnesses finds the operands with flags that need no check in the code.
func (c *Code) layWitnesses() {
	p := c.prog
	shown := make([]bool, len(c.operands))
	carried := c.carried()
	for i := range p.Results {
		if p.Results[i].Kind != kernels.OutCount || c.results[i].tally != i {
			continue
		}
		w := witness{tally: i}
		from := carried[p.Results[p.Results[i].Of].V]
		for op := range c.operands {
			if from>>op&1 != 0 && !shown[op] && c.flagged(op) {
				shown[op] = true
				w.operands = append(w.operands, op)
			}
		}
		if len(w.operands) > 0 {
			c.witnesses = append(c.witnesses, w)
		}
	}
	for i := range c.results {
		if r := &p.Results[i]; r.Kind == kernels.InFlag && shown[r.Of] {
			c.results[i].tally = -1
		}
	}
}

// flagged reports whether the code would have to check operand op.
func (c *Code) flagged(op int) bool {
	for i := range c.results {
		if r := &c.prog.Results[i]; r.Kind == kernels.InFlag && r.Of == op && c.results[i].tally >= 0 {
			return true
		}
	}
	return false
}

// carried returns, for every value, the set of operands of which a NaN or an infinity makes
// the value one, too: a bit for each.
func (c *Code) carried() []uint64 {
	from := make([]uint64, len(c.prog.Code))
	for i := range c.prog.Code {
		in := &c.prog.Code[i]
		switch in.Op {
		case kernels.OpLoad:
			from[i] = 1 << in.Imm
		case kernels.OpAdd, kernels.OpSub, kernels.OpMul, kernels.OpFMA, kernels.OpNeg, kernels.OpAbs, kernels.OpSqrt, kernels.OpRint:
			for _, a := range args(in) {
				from[i] |= from[a]
			}
		case kernels.OpDiv: // a divisor may be infinite
			from[i] = from[in.A]
		case kernels.OpRound:
			if in.DType == tensor.F16 || in.DType == tensor.BF16 || in.DType == tensor.F32 || in.DType == tensor.F64 {
				from[i] = from[in.A]
			}
		}
	}
	return from
}

// hearWitnesses sets the flags of operands with an element in [off, off+n) that is not finite,
// if a store has stored one since the last call.
func (m *Machine) hearWitnesses(off, n int64) {
	c := m.code
	for i := range c.witnesses {
		w := &c.witnesses[i]
		count := binary.LittleEndian.Uint64(m.bytes(c.mem.tallies+tallyBytes*int64(w.tally), tallyBytes))
		if count == m.heard[i] {
			continue
		}
		m.heard[i] = count
		for _, op := range w.operands {
			size := c.operands[op].size
			m.formFlag(op, m.live.Args[op].Span.Bytes()[off*size:(off+n)*size], c.prog.Operands[op].DType)
		}
	}
}
