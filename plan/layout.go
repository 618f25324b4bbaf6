package plan

import "github.com/mecha-gpu/mecha-gpu/tensor"

// layout is the output of a target while its keys are being found: a header, or only the size
// of one after it is known that the memory is too small for it.
type layout struct {
	*tensor.Header       // nil: keys are only counted
	keys           int   // in it
	keyBytes       int64 // of their names
}

// add enters a key, without a position.
func (l *layout) add(key string, d tensor.DType, shape tensor.Shape) error {
	l.keys++
	l.keyBytes += int64(len(key))
	if l.Header == nil {
		return nil
	}
	return l.Add(key, d, shape, 0)
}

// bytes returns the memory of the header.
func (l *layout) bytes() int64 {
	if l.Header == nil {
		return tensor.HeaderBytes(l.keys, l.keyBytes)
	}
	return l.MemoryBytes()
}

// checkEvery is how many keys are evaluated between two looks at the memory: 1024 keys take
// about 100 KiB of a header.
const checkEvery = 1024

// checkRoom gives the headers of the outputs up if the memory is too small for them. The other
// keys are then only counted, so that the refusal can say what all of them need.
func (sv *survey) checkRoom() {
	if sv.over || sv.standing() <= sv.o.MaxRAM {
		return
	}
	sv.over = true
	for t := range sv.layouts {
		sv.layouts[t].Header = nil
	}
}

// standing returns the memory that headers, layouts and the planner take.
func (sv *survey) standing() int64 {
	jobs := 0
	if len(sv.p.targets) > 1 || sv.p.group != nil {
		jobs = sv.jobs
	}
	n := sv.o.Fixed
	for t := range sv.layouts {
		n += sv.layouts[t].bytes()
	}
	return sv.o.Program + headers(n) + plannerBytes + jobRefBytes*int64(jobs)
}

// finish makes layouts of the headers: in file order, with positions.
func (sv *survey) finish(p *Plan) {
	for t := range sv.layouts {
		h := sv.layouts[t].Header
		h.Arrange()
		sv.p.targets[t].layout = h
		p.Layouts = append(p.Layouts, tensor.Layout{Header: h})
	}
}
