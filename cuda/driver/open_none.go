//go:build !cgo || !(linux || windows) || !(amd64 || arm64)

package driver

import "runtime"

// open is the twin of the one in binding.go, for builds that cannot call C code and for
// systems that CUDA does not support.
func open(string) (API, error) {
	return nil, noDriver(noneText)
}

const noneText = "this program was built without cgo or for a system without CUDA (" +
	runtime.GOOS + "/" + runtime.GOARCH + "); build it on Linux or Windows with CGO_ENABLED=1 and a C compiler to use a GPU"
