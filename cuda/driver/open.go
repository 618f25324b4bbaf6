package driver

import (
	"fmt"
	"os"
)

// EnvLibrary names the environment variable that says which library Open("") opens, for
// drivers in unusual places and for tests.
const EnvLibrary = "MECHA_GPU_LIBCUDA"

// MinVersion is the oldest driver that is accepted, as Version counts: CUDA 11.0 is the
// first that reads PTX ISA 7.0
// (https://docs.nvidia.com/cuda/parallel-thread-execution, release notes).
const MinVersion = 11000

// Open opens the driver's library and initialises it. An empty path stands for what
// MECHA_GPU_LIBCUDA names, or if that is not set for the system's driver: libcuda.so.1 as
// the dynamic linker finds it, or nvcuda.dll in the system's folder.
//
// Where a GPU cannot be used, the error says why and is one of [ErrNoDriver] (no library,
// or a build without cgo), [ErrTooOld] (it lacks a function, or is older than
// [MinVersion]), [ErrNoDevice], or whatever else the driver reports. Nothing is printed
// and the process goes on. A library that was opened stays in the process until it ends.
func Open(path string) (API, error) {
	if path == "" {
		path = os.Getenv(EnvLibrary)
	}
	api, err := open(path)
	if err != nil {
		return nil, err
	}
	v, err := api.Version()
	if err != nil {
		return nil, err
	}
	if v < MinVersion {
		return nil, tooOld("cuDriverGetVersion", fmt.Sprintf("the driver supports CUDA %s, %s is needed: install a newer NVIDIA driver", versionText(v), versionText(MinVersion)))
	}
	return api, nil
}

// versionText returns "12.4" for 12040.
func versionText(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// tooOld is the failure of a driver that cannot do what is needed.
func tooOld(call, text string) *Error {
	return &Error{Call: call, Device: NoDevice, Code: codeSymbolMissing, Name: "CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND", Text: text}
}

// noDriver is the failure to get at a driver at all.
func noDriver(text string) *Error {
	return &Error{Call: "dlopen", Device: NoDevice, Code: codeLibraryFailed, Name: "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", Text: text}
}

// invalid is the refusal of a call before the driver is asked.
func invalid(call string, d Device, text string) *Error {
	return &Error{Call: call, Device: d, Code: codeInvalidValue, Name: "CUDA_ERROR_INVALID_VALUE", Text: text}
}
