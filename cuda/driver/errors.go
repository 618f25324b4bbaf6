package driver

import (
	"errors"
	"fmt"
)

// Kinds of failure, for errors.Is.
var (
	// ErrNoDriver: there is no CUDA driver, or this build cannot use one.
	ErrNoDriver = errors.New("no CUDA driver")

	// ErrTooOld: the driver is too old for this program, or for the device.
	ErrTooOld = errors.New("the CUDA driver is too old")

	// ErrNoDevice: the driver sees no device.
	ErrNoDevice = errors.New("no CUDA device")

	// ErrOutOfMemory: no room on the device, or no more pinned host memory.
	ErrOutOfMemory = errors.New("out of memory")

	// ErrBadImage: the driver cannot load or compile a module for this device.
	ErrBadImage = errors.New("the kernels cannot be loaded")

	// ErrDeviceLost: the context is gone, after a kernel that crashed or timed out or a
	// failure of the hardware. Nothing can be done with it but to release it.
	ErrDeviceLost = errors.New("the CUDA context is lost")
)

// Code is a result code of the driver (CUresult); 0 is success.
type Code int32

// The codes that this package itself returns or looks at (values from cuda.h).
const (
	codeInvalidValue  Code = 1
	codeSymbolMissing Code = 302
	codeLibraryFailed Code = 303
	codeNotReady      Code = 600
)

// kinds sorts result codes into kinds of failure. Codes that are not listed are of no kind:
// the call was wrong, and the context is as good as before.
var kinds = []struct {
	kind  error
	codes []Code
}{
	{ErrNoDriver, []Code{
		34, // STUB_LIBRARY: the toolkit's placeholder was found instead of a driver
		codeLibraryFailed,
	}},
	{ErrTooOld, []Code{
		36, // CALL_REQUIRES_NEWER_DRIVER
		codeSymbolMissing,
		803, // SYSTEM_DRIVER_MISMATCH: library and kernel module differ
		804, // COMPAT_NOT_SUPPORTED_ON_DEVICE
	}},
	{ErrNoDevice, []Code{100}},
	{ErrOutOfMemory, []Code{2}},
	{ErrBadImage, []Code{
		200, // INVALID_IMAGE
		209, // NO_BINARY_FOR_GPU
		218, // INVALID_PTX
		221, // JIT_COMPILER_NOT_FOUND
		222, // UNSUPPORTED_PTX_VERSION
		223, // JIT_COMPILATION_DISABLED
	}},
	{ErrDeviceLost, []Code{
		4,   // DEINITIALIZED: the process is ending
		46,  // DEVICE_UNAVAILABLE
		214, // ECC_UNCORRECTABLE
		220, // NVLINK_UNCORRECTABLE
		226, // CONTAINED
		700, // ILLEGAL_ADDRESS
		702, // LAUNCH_TIMEOUT
		709, // CONTEXT_IS_DESTROYED
		710, // ASSERT
		714, // HARDWARE_STACK_ERROR
		715, // ILLEGAL_INSTRUCTION
		716, // MISALIGNED_ADDRESS
		717, // INVALID_ADDRESS_SPACE
		718, // INVALID_PC
		719, // LAUNCH_FAILED
		721, // TENSOR_MEMORY_LEAK
		999, // UNKNOWN: NVIDIA's manual does not say that the context survives
	}},
}

// Error is a failed call of the driver.
type Error struct {
	Call   string // the function of the driver: "cuMemAlloc_v2"
	Device Device // NoDevice if it concerns none
	Code   Code
	Name   string // the driver's name for the code: "CUDA_ERROR_OUT_OF_MEMORY"
	Text   string // the driver's sentence: "out of memory"
	Log    string // what the driver's compiler said, for ModuleLoadData
}

// Error returns "cuMemAlloc_v2 on device 0: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)",
// with the compiler's log on further lines.
func (e *Error) Error() string {
	on, log := "", ""
	if e.Device != NoDevice {
		on = fmt.Sprintf(" on device %d", e.Device)
	}
	if e.Log != "" {
		log = "\n" + e.Log
	}
	return fmt.Sprintf("%s%s: %s (%s, %d)%s", e.Call, on, e.Text, e.Name, e.Code, log)
}

// Is reports whether target is the kind of this failure.
func (e *Error) Is(target error) bool {
	kind := e.Code.kind()
	return kind != nil && kind == target
}

// kind returns the kind of failure that a code is, nil for none.
func (c Code) kind() error {
	for _, k := range kinds {
		for _, code := range k.codes {
			if code == c {
				return k.kind
			}
		}
	}
	return nil
}
