package ptx

import _ "embed"

//go:generate go run ./gen

// image is PTX, made from the .cu files of this folder by make kernels.
//
//go:embed kernels.ptx
var image string

// Module returns the PTX of all kernels, as text that ends with a zero byte as the driver
// wants it. It is the caller's.
func Module() []byte { return append([]byte(image), 0) }
