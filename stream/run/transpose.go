package run

import "github.com/mecha-gpu/mecha-gpu/tensor"

// transposed reads the transpose of a matrix of a source. Of every stored row that the range
// needs, it reads the columns that the range needs: a unit holds few of them, so that the
// memory stays small however large the matrix is.
type transposed struct {
	source tensor.Source
	entry  int
	cols   int64 // of the stored matrix
}

// readAt fills dst with the elements at pos, a position as if the transpose were stored.
//
//	for i := range n { dst[i] = stored[(first+i)%rows][(first+i)/rows] }
func (t *transposed) readAt(dst []byte, pos int64) error {
	e := t.source.Header().At(t.entry)
	size := e.DType.Size()
	rows := e.Shape.N() / t.cols
	first, n := (pos-e.Pos)/size, int64(len(dst))/size
	c0, c1 := first/rows, (first+n-1)/rows+1
	strip := make([]byte, (c1-c0)*size)
	for r := range rows {
		lo, hi := c0, c1 // columns of the row within the range
		if c0*rows+r < first {
			lo++
		}
		if (c1-1)*rows+r >= first+n {
			hi--
		}
		if lo >= hi {
			continue
		}
		b := strip[:(hi-lo)*size]
		if err := t.source.ReadAt(b, e.Pos+(r*t.cols+lo)*size); err != nil {
			return err
		}
		for c := lo; c < hi; c++ {
			copy(dst[(c*rows+r-first)*size:][:size], b[(c-lo)*size:])
		}
	}
	return nil
}
