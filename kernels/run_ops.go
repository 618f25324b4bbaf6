package kernels

import "math"

// The loops that define the operations. The conversions F(x op y) keep the compiler from
// fusing an operation with the next one.

func addAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] + y[i])
	}
}

func subAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] - y[i])
	}
}

func mulAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] * y[i])
	}
}

func divAll[F float](d, x, y []F) {
	for i := range d {
		d[i] = F(x[i] / y[i])
	}
}

// sqrtAll: the root of a float32 taken in float64 rounds as if it were taken at once,
// because float64 has more than twice the bits plus two.
func sqrtAll[F float](d, x []F) {
	for i := range d {
		d[i] = F(math.Sqrt(float64(x[i])))
	}
}

func rintAll[F float](d, x []F) {
	for i := range d {
		d[i] = F(math.RoundToEven(float64(x[i])))
	}
}

func ltAll[F float](d []bool, x, y []F) {
	for i := range d {
		d[i] = x[i] < y[i]
	}
}

func leAll[F float](d []bool, x, y []F) {
	for i := range d {
		d[i] = x[i] <= y[i]
	}
}

func eqAll[F float](d []bool, x, y []F) {
	for i := range d {
		d[i] = x[i] == y[i]
	}
}

func isNaNAll[F float](d []bool, x []F) {
	for i := range d {
		d[i] = x[i] != x[i]
	}
}

func andAll(d, x, y []bool) {
	for i := range d {
		d[i] = x[i] && y[i]
	}
}

func orAll(d, x, y []bool) {
	for i := range d {
		d[i] = x[i] || y[i]
	}
}

func notAll(d, x []bool) {
	for i := range d {
		d[i] = !x[i]
	}
}
