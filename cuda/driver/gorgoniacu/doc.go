// Package gorgoniacu is the CUDA driver's interface over gorgonia.org/cu, for Go programs
// that already hold a context of that package: both then work on the same context, streams
// and memory. It exists only under the build tag gorgoniacu, on Linux with cgo; without the
// tag the package is empty and nothing of gorgonia is built.
//
//	api, err := gorgoniacu.Open("")
//	ctx := gorgoniacu.Context(theirs, 0)              // a cu.CUContext
//	err = api.MemcpyHtoDAsync(ctx, driver.DevPtr(ptr), data, gorgoniacu.Stream(s))
//
// gorgonia.org/cu is built against cuda.h, asks the linker for libcuda, and ends the process
// at its start if there is no driver. So scripts/cuda-headers.sh fetches the header and makes
// an empty libcuda.a, and this package defines every function that cu calls as a jump
// (trampoline.c) into the library that is found at run time, or into a function that fails.
// A program that links this package starts everywhere and is not linked against libcuda.
//
//	scripts/cuda-headers.sh
//	CGO_CFLAGS=-I$PWD/build/cuda/include CGO_LDFLAGS=-L$PWD/build/cuda/lib \
//	    go build -tags gorgoniacu ...
//
// What cu lacks comes from package driver, over the same handles: pinned memory, launches
// with arguments of any size (cu copies 8 bytes of each), settable function attributes,
// compiler logs. Calls through cu set their context first, with the goroutine locked to its
// thread, so any goroutine may call; that makes them slower than package driver's.
//
// It was made for cu v0.9.6, whose bindings need the headers of CUDA 12 (those of CUDA 13
// have other signatures). Drivers of CUDA 11, 12 and 13 all work.
package gorgoniacu
