package run

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// fillCasts makes the outputs of a computed unit that are leaves converted on the host. They lie
// before what the device makes, so that they are not in the way when that is pulled.
func (w *worker) fillCasts(s *slot) {
	u := &s.unit
	for _, k := range u.sw().Outs {
		if x := &u.seg.Inst.Outs[k]; x.Kind == kernels.IntCast {
			u.outs[k] = s.take(bytesOf(x.DType, u.count))
			if s.used <= int64(len(s.host)) {
				move(s.bytes(u.outs[k]), x.DType, w.leafBytes(s, x.Leaf), u.seg.Inst.Lowered.Leaves[x.Leaf], x.Kind)
			}
		}
	}
}

// stores appends where the elements of output k of a unit go, and returns the first of these
// places that is in memory.
func (w *worker) stores(s *slot, k int, views bool) (view []byte) {
	g, u := s.job, &s.unit
	d := u.seg.Inst.Outs[k].DType
	pos, n := bytesOf(d, u.seg.First)+bytesOf(d, u.first), bytesOf(d, u.count)
	for _, i := range u.seg.Stores[k] {
		st := store{pos: pos}
		if i < 0 {
			st.view = g.buffer(bufferOf(i))[pos : pos+n]
		} else {
			st.out = &g.job.Outputs[i]
			st.pos += st.out.Pos
			st.view = w.sinkView(st.out.Sink, st.pos, n, views)
		}
		if view == nil && views {
			view = st.view
		}
		s.stores = append(s.stores, st)
	}
	return view
}

// made says where the finished bytes of output k of a unit are, whose stores came last.
func (s *slot) made(k int, b []byte) {
	for i := len(s.stores) - len(s.unit.seg.Stores[k]); i < len(s.stores); i++ {
		s.stores[i].set(b)
	}
}

func (st *store) set(b []byte) {
	st.bytes = b
	st.whole = len(st.view) > 0 && len(b) > 0 && &st.view[0] == &b[0]
}

func (w *worker) sinkView(sink int, pos, n int64, allowed bool) []byte {
	if !allowed || n == 0 {
		return nil
	}
	return w.l.sinks[sink].View(pos, n)
}

// fillCopy reads a unit that is copied or converted: if possible right to where its bytes
// belong.
func (w *worker) fillCopy(s *slot) error {
	g, u := s.job, &s.unit
	r, m, sp := &u.seg.Reads[0], &g.leaves[0], &u.leaves[0]
	pos, n := bytesOf(r.DType, u.first), bytesOf(r.DType, u.count)
	views := w.info.InHost || u.body == nil
	var place []byte
	for k, x := range u.seg.Inst.Outs {
		if x.Kind != kernels.Copied {
			continue
		}
		if v := w.stores(s, k, views); place == nil {
			place = v
		}
	}
	inSlot := false
	switch {
	case m.loaded:
		*sp = m.span.Slice(pos, n)
		if r.Source() {
			w.bytesRead += n
		}
	case place != nil:
		*sp = s.wrap(place)
	default:
		*sp, inSlot = s.take(n), true
	}
	b := s.hostBytes(*sp)
	if !m.loaded {
		if err := w.read(g, r, b, r.Pos+pos); err != nil {
			return err
		}
		if u.body != nil && inSlot {
			if err := w.q.Push(*sp); err != nil {
				return w.deviceError(g.job.Key(), u.what(), err)
			}
		}
	}
	w.copied(s, b, views)
	return nil
}

// copied gives the bytes of a leaf to the outputs that are copied and converted from it.
func (w *worker) copied(s *slot, b []byte, views bool) {
	u := &s.unit
	for i := range s.stores {
		s.stores[i].set(b)
	}
	for k, x := range u.seg.Inst.Outs {
		if x.Kind != kernels.IntCast {
			continue
		}
		dst := w.stores(s, k, views)
		if dst == nil {
			dst = s.bytes(s.take(bytesOf(x.DType, u.count)))
		}
		move(dst, x.DType, b, u.seg.Reads[0].DType, x.Kind)
		s.made(k, dst)
	}
}

// leafBytes returns the host bytes of what a unit has of a leaf.
func (w *worker) leafBytes(s *slot, leaf int) []byte {
	sp := s.unit.leaves[leaf]
	if m := &s.job.leaves[leaf]; m.span.Mem != nil && !m.inHost {
		return w.q.Host(sp)
	}
	return s.hostBytes(sp)
}

// storeUnit brings what a unit made of an output into the sink.
func (w *worker) storeUnit(st *store) error {
	if st.view != nil && !st.whole {
		copy(st.view, st.bytes)
		st.whole = true
	}
	if st.out == nil {
		return nil
	}
	return w.write(st.out.Sink, st.out.Key, st.bytes, st.pos, st.whole)
}
