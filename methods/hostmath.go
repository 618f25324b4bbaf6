package methods

import "math"

// Functions of one number for host functions.

func hostSin(x float64) float64  { return math.Sin(x) }
func hostAcos(x float64) float64 { return math.Acos(x) }
