package main

import "fmt"

// A walk is an instruction that adds DX elements, a multiple of 64, to 64 float64 lanes, and
// ends the code. Its words: P pointer, the lanes; P extra, the elements of the first value; Q
// pointer, those of the second; Q extra, a buffer.
//
// A lane takes every 64th element, so the lanes are worked off in groups of four: as many
// groups as fit into registers walk through a run of elements, and only then do the next ones.
// That way few lanes are loaded and stored.
//
// A run goes through the buffer first, as float32 or float64: sources are read in the order of
// memory, which processors foresee, and conversions to float64 cost half as much from memory
// as from a register. The buffer has two halves. While one is walked through, the next run
// goes to the other.
type walk struct {
	machine
	k            byte
	sets, groups int  // accumulators: sets of lanes, times groups of four lanes
	two          bool // there is a second value

	// add adds four elements of both values, as float64 in registers x and y, to group g.
	add func(g, x, y int)
}

// runBytes is what a run takes in the buffer. Longer ones are faster in cache, where they save
// loads and stores of lanes, but slower from memory.
const runBytes = 2 << 10

// run is the number of elements in a run.
func (w walk) run() int { return runBytes / w.bufSize() }

// sums: SUM adds values, SUMSQ squares, SUMP products, by fma of the exactly widened values;
// SUM3 adds a*a, a*b and b*b to three sets of lanes, one after the other in memory: what a
// cosine needs.
func (m machine) sums() {
	fma := func(acc, x, y int) { m.ins("VFMADD231PD Y%d, Y%d, Y%d", y, x, acc) }
	for _, k := range []byte(m.memory()) {
		if k == 'p' || k == 'x' && !m.f64 {
			continue
		}
		w := walk{machine: m, k: k, sets: 1, groups: 8}
		w.add = func(g, x, _ int) { m.ins("VADDPD Y%d, Y%d, Y%d", x, g, g) }
		w.emit("SUM")
		w.add = func(g, x, _ int) { fma(g, x, x) }
		w.emit("SUMSQ")
		w.two = true
		w.add = func(g, x, y int) { fma(g, x, y) }
		w.emit("SUMP")
		w.sets, w.groups = 3, 4
		w.add = func(g, x, y int) {
			fma(g, x, x)
			fma(g+4, x, y)
			fma(g+8, y, y)
		}
		w.emit("SUM3")
	}
}

// emit writes the handler. BX, CX and DX are what is to be read yet; R9 elements of the buffer
// at SI are to be added; R8 is the other half and DI where it is written.
func (w walk) emit(op string) {
	w.begin(op, w.k, '-')
	w.ins("MOVQ %d(SI), AX", pPtr)
	w.ins("MOVQ %d(SI), BX", pExtra)
	w.ins("MOVQ %d(SI), CX", qPtr)
	w.ins("MOVQ %d(SI), SI", qExtra)
	w.ins("LEAQ %d(SI), R8", 2*runBytes)
	w.fill()
	w.raw("run:")
	w.ins("CMPQ DX, $%d", w.run())
	w.ins("JLT rest")
	w.ins("MOVQ R8, DI")
	w.through("both", true)
	w.ins("SUBQ $%d, DX", w.run())
	w.ins("XCHGQ SI, R8")
	w.ins("JMP run")

	w.raw("rest:")
	w.through("last", false)
	w.ins("TESTQ DX, DX")
	w.ins("JNE fill")
	w.ins("VZEROUPPER")
	w.ins("RET")
	w.raw("")
}

// fill brings the next run, or what is left of one, to the half at SI.
func (w walk) fill() {
	w.raw("fill:")
	w.ins("MOVQ $%d, R9", w.run())
	w.ins("CMPQ R9, DX")
	w.ins("CMOVQGT DX, R9")
	w.ins("SUBQ R9, DX")
	w.ins("MOVQ SI, DI")
	w.ins("MOVQ R9, R13")
	w.raw("read:")
	for _, eight := range w.reads() {
		eight()
	}
	w.advance()
	w.ins("SUBQ $%d, R13", 4*w.groups)
	w.ins("JNE read")
}

// bufSize is the size of an element in the buffer.
func (w walk) bufSize() int { return max(4, w.size(w.k)) }

// reads bring the elements of one step of the groups, but in the order of memory, to the
// buffer, eight at a time.
func (w walk) reads() (eights []func()) {
	for g := 0; g < w.groups; g += 2 {
		eights = append(eights, func() { w.readEight("BX", 4*g, 0) })
		if w.two {
			eights = append(eights, func() { w.readEight("CX", 4*g, runBytes) })
		}
	}
	return eights
}

// advance moves on to what the next step reads.
func (w walk) advance() {
	w.ins("ADDQ $%d, BX", 4*w.groups*w.size(w.k))
	if w.two {
		w.ins("ADDQ $%d, CX", 4*w.groups*w.size(w.k))
	}
	w.ins("ADDQ $%d, DI", 4*w.groups*w.bufSize())
}

// readEight brings eight elements to the buffer.
func (w walk) readEight(base string, elem, to int) {
	at := fmt.Sprintf("%d(%s)", elem*w.size(w.k), base)
	to += elem * w.bufSize()
	switch {
	case w.k == 'h':
		w.ins("VCVTPH2PS %s, Y15", at)
	case w.k == 'b':
		w.ins("VPMOVZXWD %s, Y15", at)
		w.ins("VPSLLD $16, Y15, Y15")
	default:
		w.ins("VMOVUPS %s, Y15", at)
	}
	w.ins("VMOVUPS Y15, %d(DI)", to)
	if w.bufSize() == 8 {
		w.ins("VMOVUPS %d(%s), Y15", elem*8+32, base)
		w.ins("VMOVUPS Y15, %d(DI)", to+32)
	}
}

// through adds R9 elements of the buffer, and reads the next run meanwhile, or not.
func (w walk) through(label string, reads bool) {
	w.ins("MOVQ SI, R12")
	w.ins("MOVQ $%d, R10", 16/w.groups)
	w.raw("%sGroup:", label)
	w.eachLane(func(reg int, lane string) { w.ins("VMOVUPD %s, Y%d", lane, reg) })
	w.ins("MOVQ R12, R11")
	w.ins("MOVQ R9, R13")
	w.raw("%sStep:", label)
	if reads {
		w.step(w.reads())
		w.advance()
	} else {
		w.step(nil)
	}
	w.ins("SUBQ $64, R13")
	w.ins("JNE %sStep", label)
	w.eachLane(func(reg int, lane string) { w.ins("VMOVUPD Y%d, %s", reg, lane) })
	w.ins("ADDQ $%d, AX", 32*w.groups)
	w.ins("ADDQ $%d, R12", 4*w.groups*w.bufSize())
	w.ins("DECQ R10")
	w.ins("JNE %sGroup", label)
	w.ins("SUBQ $512, AX")
}

// eachLane visits the accumulators with the memory of their lanes.
func (w walk) eachLane(f func(reg int, lane string)) {
	for s := range w.sets {
		for g := range w.groups {
			f(s*w.groups+g, fmt.Sprintf("%d(AX)", 512*s+32*g))
		}
	}
}

// step adds one step of the groups, with reads between.
func (w walk) step(reads []func()) {
	op := "VCVTPS2PD"
	if w.bufSize() == 8 {
		op = "VMOVUPD"
	}
	for g := range w.groups {
		x, y := 12+g%2*2, 13+g%2*2
		w.ins("%s %d(R11), Y%d", op, 4*g*w.bufSize(), x)
		if w.two {
			w.ins("%s %d(R11), Y%d", op, 4*g*w.bufSize()+runBytes, y)
		}
		w.add(g, x, y)
		if g < len(reads) {
			reads[g]()
		}
	}
	w.ins("ADDQ $%d, R11", 64*w.bufSize())
}
