package simd

import (
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Sizes of what a product keeps in the cache: values of X for a band of rows, and of Y for the
// columns of a tile, converted, for as many products as are added to one another.
const (
	bandRows = 64
	tileRows = 6
	tileCols = 16
	depth    = kernels.ProductBlock
)

// products is the scratch memory of products, in rows that follow one another.
type products struct {
	x    []float32 // values of X for a band: [rows, products]
	y    []float32 // values of Y for a column of tiles: [products, tileCols]
	edge []float32 // a column of tiles that is wider than the product: [rows, tileCols]
}

// reserve makes room for bands of so many rows and sums of so many products.
func (s *products) reserve(rows, n int64) {
	rows, n = min(rows, bandRows), min(n, depth)
	for _, m := range []struct {
		memory *[]float32
		n      int64
	}{{&s.x, rows * n}, {&s.y, n * tileCols}, {&s.edge, rows * tileCols}} {
		if int64(len(*m.memory)) < m.n {
			*m.memory = make([]float32, m.n)
		}
	}
}

// The functions that compute tiles of so many rows, one below the other: elements of 16 columns,
// with pitches in bytes.
//
//	for t, i, j { for r := range n { sum = fma(x[i, r], y[r, j], sum) }; dst[i, j] = sum, or dst[i, j] + sum }
//
// They report whether an element is NaN or infinite.
//
//go:noescape
func tiles1(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)

//go:noescape
func tiles2(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)

//go:noescape
func tiles3(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)

//go:noescape
func tiles4(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)

//go:noescape
func tiles5(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)

//go:noescape
func tiles6(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)

// tiles finds them by the number of rows.
var tiles = [tileRows + 1]func(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool){
	nil, tiles1, tiles2, tiles3, tiles4, tiles5, tiles6}

// The functions that convert 16 elements of each of some rows, which are pitch bytes apart.
//
//go:noescape
func packF16(dst *float32, src *byte, pitch, rows int)

//go:noescape
func packBF16(dst *float32, src *byte, pitch, rows int)

//go:noescape
func packF32(dst *float32, src *byte, pitch, rows int)

// packs finds them by the element type; others are converted in Go.
var packs = map[tensor.DType]func(dst *float32, src *byte, pitch, rows int){
	tensor.F16: packF16, tensor.BF16: packBF16, tensor.F32: packF32}

// product is one that is being computed.
type product struct {
	*products
	*kernels.Product
	dst  []float32
	a, b []byte // stored values of X and Y
	odd  bool   // an element is NaN or infinite
}

// Product computes elements of a product as kernels.RunProduct does, with the same bits in all of
// them that are not NaN.
func (m *Machine) Product(p *kernels.Product) error {
	dst, a, b, err := p.Host()
	if err != nil || p.N == 0 {
		return err
	}
	m.products.reserve(p.Rows(), p.K)
	q := &product{products: &m.products, Product: p, dst: dst, a: a, b: b}
	// What is left of the first row, whole rows, and the start of the last one.
	for at, n := int64(0), int64(0); at < p.N; at += n {
		row, col := (p.First%p.Cols+at)/p.Cols, (p.First+at)%p.Cols
		switch rows := (p.N - at) / p.Cols; {
		case col > 0 || rows == 0:
			n = min(p.Cols-col, p.N-at)
			q.band(row, 1, col, n, at)
		default:
			rows = min(rows, bandRows)
			n = rows * p.Cols
			q.band(row, rows, 0, p.Cols, at)
		}
	}
	if q.odd {
		p.SetFlags(a, b)
	}
	return nil
}

// band computes columns [col, col+cols) of some rows, as elements from at on.
func (q *product) band(row, rows, col, cols, at int64) {
	size := q.X.DType.Size()
	for k := int64(0); k < q.K; k += depth {
		n := min(depth, q.K-k)
		for i := range rows {
			kernels.Widen(q.x[i*n:(i+1)*n], q.a[((row+i)*q.K+k)*size:], q.X.DType)
		}
		for j := int64(0); j < cols; j += tileCols {
			width := min(tileCols, cols-j)
			q.pack(k, n, col+j, width)
			q.column(rows, width, at+j, n, k > 0)
		}
	}
}

// pack converts n rows of Y from row k on, width columns of a tile from col on. Others are zero.
func (q *product) pack(k, n, col, width int64) {
	size := q.Y.DType.Size()
	src, pitch := q.b[(k*q.Cols+col)*size:], q.Cols*size
	if f := packs[q.Y.DType]; f != nil && width == tileCols {
		f(&q.y[0], &src[0], int(pitch), int(n))
		return
	}
	for r := range n {
		row := q.y[r*tileCols:][:tileCols]
		clear(row[width:])
		kernels.Widen(row[:width], src[r*pitch:], q.Y.DType)
	}
}

// column computes the tiles of a band that are below each other, from element at on.
func (q *product) column(rows, width, at, n int64, add bool) {
	if width == tileCols {
		q.run(&q.dst[at], q.Cols, rows, n, add)
		return
	}
	for i := range rows {
		row := q.edge[i*tileCols:][:tileCols]
		clear(row) // what is past the end stays finite
		if add {
			copy(row[:width], q.dst[at+i*q.Cols:])
		}
	}
	q.run(&q.edge[0], tileCols, rows, n, add)
	for i := range rows {
		copy(q.dst[at+i*q.Cols:][:width], q.edge[i*tileCols:])
	}
}

// run computes tiles into memory whose rows are pitch elements apart.
func (q *product) run(dst *float32, pitch, rows, n int64, add bool) {
	whole := rows / tileRows
	if whole > 0 {
		q.odd = tiles6(dst, int(4*pitch), &q.x[0], int(4*n), &q.y[0], int(n), int(whole), add) || q.odd
	}
	if rest := rows % tileRows; rest > 0 {
		dst := (*float32)(unsafe.Add(unsafe.Pointer(dst), 4*pitch*whole*tileRows))
		q.odd = tiles[rest](dst, int(4*pitch), &q.x[whole*tileRows*n], int(4*n), &q.y[0], int(n), 1, add) || q.odd
	}
}
