package linalg

// Matrix is Rows x Cols numbers: element (i, j) is Data[i*Stride+j].
type Matrix struct {
	Rows, Cols, Stride int
	Data               []float32
}

// NewMatrix is a matrix whose rows follow one another.
func NewMatrix(rows, cols int, data []float32) Matrix { return Matrix{rows, cols, cols, data} }

// strip is how many columns a product takes at a time, so that what it works on stays in the
// first cache: three vectors of float64 take 12 KiB.
const strip = 512

// operand is a matrix, or its transpose, as what vectors are multiplied by. It has at least as
// many rows as columns.
type operand struct {
	m      Matrix
	turned bool
}

// tall is the matrix, turned if it has more columns than rows.
func tall(m Matrix) operand { return operand{m, m.Rows < m.Cols} }

// long and short are its rows and columns.
func (a operand) long() int  { return max(a.m.Rows, a.m.Cols) }
func (a operand) short() int { return min(a.m.Rows, a.m.Cols) }

// times is dst = a x for k vectors: x of length short, dst of length long.
func (a operand) times(dst, x []float64, k int) {
	if a.turned {
		byColumns(dst, a.m, x, k)
	} else {
		byRows(dst, a.m, x, k)
	}
}

// turnedTimes is dst = aᵀ x for k vectors: x of length long, dst of length short.
func (a operand) turnedTimes(dst, x []float64, k int) {
	if a.turned {
		byRows(dst, a.m, x, k)
	} else {
		byColumns(dst, a.m, x, k)
	}
}

// byRows multiplies k vectors of length m.Cols:
//
//	for v, i { for s := range strips { t := 0; for j in s { t += m[i,j] * x[v,j] }; dst[v,i] += t } }
func byRows(dst []float64, m Matrix, x []float64, k int) {
	clear(dst[:k*m.Rows])
	for from := 0; from < m.Cols; from += strip {
		n := min(strip, m.Cols-from)
		for v := 0; v < k; v += 3 {
			var xs [3][]float64
			for t := range xs { // a vector that is not there is another one, whose sums are not used
				at := min(v+t, k-1)*m.Cols + from
				xs[t] = x[at : at+n]
			}
			for i := 0; i < m.Rows; i += 2 {
				a, b := i*m.Stride+from, min(i+1, m.Rows-1)*m.Stride+from
				s := dots(m.Data[a:a+n], m.Data[b:b+n], &xs)
				for t := range min(3, k-v) {
					d := dst[(v+t)*m.Rows+i:]
					d[0] += s[t]
					if i+1 < m.Rows {
						d[1] += s[t+3]
					}
				}
			}
		}
	}
}

// dots is the products of two rows with three vectors: with four, there are more sums than registers,
// which takes half of the speed (measured on 2026-11-26).
func dots(a, b []float32, x *[3][]float64) (s [6]float64) {
	n := len(a)
	b, x0, x1, x2 := b[:n], x[0][:n], x[1][:n], x[2][:n]
	var p0, p1, p2, q0, q1, q2 float64
	for j := range a {
		p, q := float64(a[j]), float64(b[j])
		u, v, w := x0[j], x1[j], x2[j]
		p0 += float64(p * u)
		q0 += float64(q * u)
		p1 += float64(p * v)
		q1 += float64(q * v)
		p2 += float64(p * w)
		q2 += float64(q * w)
	}
	return [6]float64{p0, p1, p2, q0, q1, q2}
}

// byColumns multiplies k vectors of length m.Rows by the transpose:
//
//	for v, j { for i { dst[v,j] += m[i,j] * x[v,i] } }
func byColumns(dst []float64, m Matrix, x []float64, k int) {
	clear(dst[:k*m.Cols])
	var none [strip]float64 // takes what is added to a vector that is not there: zeros
	for from := 0; from < m.Cols; from += strip {
		n := min(strip, m.Cols-from)
		for i := 0; i < m.Rows; i += 4 {
			var rows [4][]float32
			for t := range rows { // a row that is not there is multiplied by 0
				at := min(i+t, m.Rows-1)*m.Stride + from
				rows[t] = m.Data[at : at+n]
			}
			for v := 0; v < k; v += 2 {
				var f, g [4]float64
				last := min(i+4, m.Rows)
				copy(f[:], x[v*m.Rows+i:v*m.Rows+last])
				y, z := dst[v*m.Cols+from:][:n], none[:n]
				if v+1 < k {
					copy(g[:], x[(v+1)*m.Rows+i:(v+1)*m.Rows+last])
					z = dst[(v+1)*m.Cols+from:][:n]
				}
				addRows(y, z, &rows, &f, &g)
			}
		}
	}
}

// addRows adds four rows, times the factors f to y and times g to z.
func addRows(y, z []float64, rows *[4][]float32, f, g *[4]float64) {
	n := len(y)
	z = z[:n]
	r0, r1, r2, r3 := rows[0][:n], rows[1][:n], rows[2][:n], rows[3][:n]
	f0, f1, f2, f3 := f[0], f[1], f[2], f[3]
	g0, g1, g2, g3 := g[0], g[1], g[2], g[3]
	for j := range y {
		a, b := float64(r0[j]), float64(r1[j])
		u := float64(f0*a) + float64(f1*b)
		v := float64(g0*a) + float64(g1*b)
		a, b = float64(r2[j]), float64(r3[j])
		y[j] += u + (float64(f2*a) + float64(f3*b))
		z[j] += v + (float64(g2*a) + float64(g3*b))
	}
}

// dot is the product of two vectors, in four sums.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	j := 0
	for ; j+4 <= len(a); j += 4 {
		x, y := a[j:j+4:j+4], b[j:j+4:j+4]
		s0 += float64(x[0] * y[0])
		s1 += float64(x[1] * y[1])
		s2 += float64(x[2] * y[2])
		s3 += float64(x[3] * y[3])
	}
	for ; j < len(a); j++ {
		s0 += float64(a[j] * b[j])
	}
	return s0 + s1 + (s2 + s3)
}

// axpy is y += f x.
func axpy(y []float64, f float64, x []float64) {
	x = x[:len(y)]
	for j := range y {
		y[j] += float64(f * x[j])
	}
}
