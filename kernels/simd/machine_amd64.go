package simd

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Machine runs Code. It keeps its scratch memory between launches, so that a launch
// allocates nothing once the Machine has seen its Code. It is used by one goroutine at a
// time; the zero Machine is ready to use.
//
// Code holds addresses as plain numbers, which the garbage collector does not follow. Two
// things keep them valid: live makes the launch, and all it refers to, reachable and
// allocated on the heap (which Go does not move), and scratch does so for the scratch.
type Machine struct {
	code  *Code
	words [numModes][]uint64 // bound copies of the variants of code
	table []uint64           // what moves and constants are filled in from

	scratch []byte
	base    uintptr // scratch, aligned to 64
	mem     kernels.Mem

	live  *kernels.Launch
	from  []uintptr // first elements: operands, then stores
	sums  []groupSum
	heard []uint64 // by witness: its count of elements that are not finite, so far

	streams bool      // this launch streams its store
	recent  [4]window // where results were stored
	oldest  int       // of recent

	products  products
	portable  kernels.Machine
	reduction kernels.Launch
	copyWords [3 * insWords]uint64
	walkWords [insWords]uint64
	walking   bool // this launch walks
	err       error
}

// NewMachine returns a Machine.
func NewMachine() *Machine { return &Machine{} }

// Run executes a launch of the Program that c was compiled from, as kernels.Run does, with
// the same bits in all results. It fails, before anything is written, if the launch does
// not fit the Program or its memory.
func (m *Machine) Run(c *Code, l *kernels.Launch) error {
	if c.portable {
		return m.portable.Run(l)
	}
	if l.Prog != c.prog {
		return fmt.Errorf("simd: launch of another program than the compiled one")
	}
	if err := check(l); err != nil {
		return err
	}
	if l.N == 0 {
		return nil
	}
	m.live, m.err, m.streams = l, nil, false
	m.use(c)
	m.start()
	m.work()
	m.finish()
	runtime.KeepAlive(l)
	m.live = nil
	if m.err != nil {
		m.code = nil // sums may be half done
	}
	return m.err
}

// check is Launch.Check, and that all memory is in the host.
func check(l *kernels.Launch) error {
	if err := l.Check(); err != nil {
		return err
	}
	for i := range l.Args {
		if s := &l.Args[i].Span; s.Mem != nil && int64(len(s.Mem.Host)) < s.Off+s.Len {
			return fmt.Errorf("simd: operand %d is not in host memory", i)
		}
	}
	for i := range l.Results {
		if s := &l.Results[i]; s.Mem != nil && int64(len(s.Mem.Host)) < s.Off+s.Len {
			return fmt.Errorf("simd: result %d is not in host memory", i)
		}
	}
	return nil
}

// use binds code: copies of its templates with the addresses of this Machine's scratch.
func (m *Machine) use(c *Code) {
	if m.code == c {
		return
	}
	m.code = c
	if int64(len(m.scratch)) < c.mem.size+64 {
		m.scratch = make([]byte, c.mem.size+64)
		m.base = (uintptr(unsafe.Pointer(&m.scratch[0])) + 63) &^ 63
		off := int64(m.base - uintptr(unsafe.Pointer(&m.scratch[0])))
		m.mem = kernels.Mem{Host: m.scratch[off:], Size: int64(len(m.scratch)) - off}
	}
	clear(m.bytes(c.mem.lanes, laneBytes*int64(len(c.sums))))
	m.table = resize(m.table, int(c.entry(moveConst, c.prog.NumConsts)))
	m.from = resize(m.from, len(c.operands)+len(c.results))
	m.sums = resize(m.sums, len(c.results))
	m.heard = resize(m.heard, len(c.witnesses))
	for i, v := range []*variant{allValues: c.values, withoutInPlace: c.direct} {
		m.words[i] = m.words[i][:0]
		if v != nil {
			m.words[i] = append(m.words[i], v.words...)
			m.fix(m.words[i], v)
		}
	}
}

// fix fills in addresses in scratch.
func (m *Machine) fix(words []uint64, v *variant) {
	for _, f := range v.fixes {
		n, at := int64(f.n), int64(0)
		switch f.kind {
		case fixSlot:
			at = n * slotBytes
		case fixTally:
			at = m.code.mem.tallies + tallyBytes*n
		}
		words[f.word] = m.addr(at)
	}
}

// addr is the address of scratch at an offset, and bytes the memory there.
func (m *Machine) addr(at int64) uint64 { return uint64(m.base) + uint64(at) }

func (m *Machine) bytes(at, n int64) []byte { return m.mem.Host[at : at+n : at+n] }

func resize[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// start notes where the memory of the launch is, and binds its constants.
func (m *Machine) start() {
	c, l := m.code, m.live
	clear(m.bytes(c.mem.tallies, tallyBytes*int64(len(c.results))))
	clear(m.heard)
	for i := range c.operands {
		o := &c.operands[i]
		switch {
		case !o.loaded:
		case o.scalar:
			m.table[c.entry(moveOperand, i)] = m.scalar(i)
		case o.kind != kNone:
			m.from[i] = address(l.Args[i].Span)
		}
	}
	for i := range c.results {
		if c.results[i].kind != kNone {
			m.from[len(c.operands)+i] = address(l.Results[i])
		}
	}
	consts := m.table[c.entry(moveConst, 0):]
	for i, x := range l.Consts[:c.prog.NumConsts] {
		consts[i] = c.constBits(x)
	}
	m.formFlags()
}

// address returns the address of a span that is not empty.
func address(s kernels.Span) uintptr { return uintptr(unsafe.Pointer(&s.Mem.Host[s.Off])) }

// scalar returns the bits of a scalar operand in the compute type.
func (m *Machine) scalar(i int) uint64 {
	src, d := m.live.Args[i].Span.Bytes(), m.code.prog.Operands[i].DType
	at := m.code.mem.tailsIn + tailBytes*int64(i)
	buf := m.bytes(at, 8)
	clear(buf)
	m.widenGo(buf, src, d, 1)
	return *(*uint64)(unsafe.Pointer(&buf[0]))
}

// work runs all blocks.
func (m *Machine) work() {
	c, l := m.code, m.live
	m.walking = len(c.walks) > 0 && (c.group == kernels.Whole || l.Cols >= minWalkRow)
	switch {
	case m.walking && c.group == kernels.ByRow:
		for row := int64(0); row < l.N; row += l.Cols {
			m.blocks(row, row+l.Cols)
		}
	case m.walking:
		m.blocks(0, l.N)
	default:
		head := m.stream(l)
		m.blocks(0, min(head, l.N))
		m.blocks(head, l.N)
	}
}

// minWalkRow is the row length from which rows are run one by one and summed in assembly;
// shorter rows are summed in Go from the values of a block.
const minWalkRow = 256

// blocks runs the elements [off, end) of the launch.
func (m *Machine) blocks(off, end int64) {
	for off < end && m.err == nil {
		n := min(m.code.block, end-off)
		if m.walking && m.code.long {
			n = m.longBlock(off, end)
		}
		m.runBlock(off, n)
		off += n
	}
}

// runBlock runs the elements [off, off+n). What is left over after whole steps goes through
// the same code, padded in scratch, so that results do not depend on how a tensor is cut.
func (m *Machine) runBlock(off, n int64) {
	m.expand(off, n)
	full := n &^ (stepElems - 1)
	if md := m.mode(); full > 0 && len(m.words[md]) > insWords { // something before the END
		m.aim(off)
		m.exec(md, full, m.streams)
	}
	if rest := n - full; rest > 0 {
		m.tail(off+full, full, rest)
	}
	m.hearWitnesses(off, n)
	m.reduceBlock(off, n)
	m.addSums(off, full, n)
}

// mode is the one for whole steps.
func (m *Machine) mode() mode {
	if m.walking && m.code.direct != nil {
		return withoutInPlace
	}
	return allValues
}

// aim points the table at the elements from off on and at the start of scratch.
func (m *Machine) aim(off int64) {
	c := m.code
	for i := range c.operands {
		if o := &c.operands[i]; o.kind != kNone {
			m.table[c.entry(moveOperand, i)] = uint64(m.from[i]) + uint64(off*o.size)
		}
	}
	stores := m.table[c.entry(moveStore, 0):]
	for i := range c.results {
		stores[i] = uint64(m.from[len(c.operands)+i]) + uint64(off*c.results[i].size)
	}
	m.aimValues(0)
	m.table[c.entry(moveLive, 0)] = everyElem
}

// aimValues points the table at element rel of value scratch.
func (m *Machine) aimValues(rel int64) {
	c := m.code
	values := m.table[c.entry(moveValue, 0):]
	for i := range c.scratch {
		values[i] = m.addr(c.mem.values + (int64(i)*c.block+rel)*c.esz)
	}
}

// exec runs code over n elements, a positive multiple of the step.
func (m *Machine) exec(mode mode, n int64, stream bool) {
	words := m.words[mode]
	v := m.code.variant(mode)
	if s := &v.streaming; s.stores == 1 {
		words[s.word] = s.plain
		if stream {
			words[s.word] = s.stream
		}
	}
	for _, mv := range v.moves {
		words[mv.word] = m.table[mv.entry]
	}
	run(&words[0], int(n))
}

func (c *Code) variant(mode mode) *variant {
	if mode == withoutInPlace {
		return c.direct
	}
	return c.values
}

// finish adds what the code has flagged and counted to the results.
func (m *Machine) finish() {
	for i := range m.code.results {
		t := m.code.results[i].tally
		if t < 0 {
			continue
		}
		from := m.bytes(m.code.mem.tallies+tallyBytes*int64(t), tallyBytes)
		to := m.live.Results[i].Bytes()
		if m.code.prog.Results[i].Kind == kernels.InFlag {
			binary.LittleEndian.PutUint32(to, binary.LittleEndian.Uint32(to)|binary.LittleEndian.Uint32(from))
			continue
		}
		for at := 0; at < tallyBytes; at += 8 {
			binary.LittleEndian.PutUint64(to[at:], binary.LittleEndian.Uint64(to[at:])+binary.LittleEndian.Uint64(from[at:]))
		}
	}
	if m.streams {
		fence()
	}
	clear(m.reduction.Args) // keep no memory of the caller
	clear(m.reduction.Results)
}
