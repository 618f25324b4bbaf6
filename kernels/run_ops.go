package kernels

import "math"

// The loops that define the operations. Slices are cut to one length first, so that it is
// checked once and not for each element. The conversions F(x op y) keep the compiler from
// fusing an operation with the next one.

func addAll[F float](d, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = F(x[i] + y[i])
	}
}

func subAll[F float](d, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = F(x[i] - y[i])
	}
}

func mulAll[F float](d, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = F(x[i] * y[i])
	}
}

func divAll[F float](d, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = F(x[i] / y[i])
	}
}

// sqrtAll: the root of a float32 taken in float64 rounds as if it were taken at once,
// because float64 has more than twice the bits plus two.
func sqrtAll[F float](d, x []F) {
	x = x[:len(d)]
	for i := range d {
		d[i] = F(math.Sqrt(float64(x[i])))
	}
}

func rintAll[F float](d, x []F) {
	x = x[:len(d)]
	for i := range d {
		d[i] = F(math.RoundToEven(float64(x[i])))
	}
}

func ltAll[F float](d []bool, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] < y[i]
	}
}

func leAll[F float](d []bool, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] <= y[i]
	}
}

func eqAll[F float](d []bool, x, y []F) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		d[i] = x[i] == y[i]
	}
}

func isNaNAll[F float](d []bool, x []F) {
	x = x[:len(d)]
	for i := range d {
		d[i] = x[i] != x[i]
	}
}

func andAll(d, x, y []bool) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		v, w := x[i], y[i]
		d[i] = v && w
	}
}

func orAll(d, x, y []bool) {
	x, y = x[:len(d)], y[:len(d)]
	for i := range d {
		v, w := x[i], y[i]
		d[i] = v || w
	}
}

func notAll(d, x []bool) {
	x = x[:len(d)]
	for i := range d {
		d[i] = !x[i]
	}
}
