package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// Streaming stores bypass the cache. They save reading the destination before it is
// overwritten (a third to a quarter of the traffic of an elementwise Program), but they
// hurt if somebody reads the result soon: a worker's buffer, which is written to a file
// and used again, stays in the cache. A Machine tells the two apart by what it stored
// before: memory that it has written a short while ago is a buffer.

// streaming describes the stores of a variant. One that has a streaming form can use it.
type streaming struct {
	stores        int
	result        int
	word          uint32
	plain, stream uint64 // addresses of the handlers
}

const (
	streamAlign = 32
	streamBytes = 32 << 10 // shorter stores are not worth it
	hotBytes    = 4 << 20  // how far back memory counts as a buffer
)

// streamOps is the table of stores and their streaming forms.
var streamOps = map[vmOp]vmOp{vmOUT: vmOUTS, vmOUTC: vmOUTSC, vmOUTCB: vmOUTSCB}

// noteStore remembers the instruction just emitted, a store. More than one could not be
// aligned together, and sums need blocks that start where they do.
func (k *compiler) noteStore(op vmOp, q kind, r int) {
	word := uint32(len(k.v.words) - insWords)
	s := &k.v.streaming
	*s = streaming{stores: s.stores + 1, result: r, word: word, plain: k.v.words[word], stream: k.v.words[word]}
	if id := handlerOf[k.c.prog.Compute][streamOps[op]][k.c.results[r].kind][q]; id != 0 && len(k.c.sums) == 0 {
		s.stream = uint64(handlerAddr[id])
	}
}

// window is a range of addresses that was stored to.
type window struct{ lo, hi uintptr }

// cold reports whether a store to [lo, hi) goes to memory that was not stored to lately, and
// remembers it. Stores that continue a window are still cold; windows forget what is
// further back than hotBytes.
func (m *Machine) cold(lo, hi uintptr) bool {
	for i := range m.recent {
		w := &m.recent[i]
		switch {
		case lo < w.hi && w.lo < hi:
			w.lo, w.hi = min(w.lo, lo), max(w.hi, hi)
			return false
		case lo == w.hi:
			w.hi = hi
			w.lo = max(w.lo, hi-min(hi, hotBytes))
			return true
		}
	}
	m.recent[m.oldest] = window{lo, hi}
	m.oldest = (m.oldest + 1) % len(m.recent)
	return true
}

// stream decides whether the launch streams its store. Elements before the first aligned
// address are run first, through scratch; it returns how many they are.
func (m *Machine) stream(l *kernels.Launch) (head int64) {
	c := m.code
	s := &c.values.streaming
	if s.stores != 1 || s.stream == s.plain {
		return 0
	}
	size := c.results[s.result].size
	lo := m.from[len(c.operands)+s.result]
	if l.N*size < streamBytes || !m.cold(lo, lo+uintptr(l.N*size)) {
		return 0
	}
	gap := int64(-lo % streamAlign)
	if gap%size != 0 {
		return 0
	}
	m.streams = true
	return gap / size
}
