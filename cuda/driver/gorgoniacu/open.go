//go:build gorgoniacu && cgo && linux && (amd64 || arm64)

package gorgoniacu

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "trampoline.h"
import "C"

import (
	"errors"
	"reflect"
	"runtime"
	"sync"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"gorgonia.org/cu"
)

// binding makes the calls that gorgonia.org/cu has through it, and all others through the
// binding of package driver on the same library.
type binding struct{ driver.API }

var loading sync.Mutex

// Open is like [driver.Open]. A process has one library for gorgonia.org/cu: Open fails if
// another was found when the process started, or was opened before.
func Open(path string) (driver.API, error) {
	api, err := driver.Open(path)
	if err != nil {
		return nil, err
	}
	loading.Lock()
	defer loading.Unlock()
	var why [512]C.char
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if C.gc_load(name, &why[0], C.size_t(len(why))) != 0 {
		return nil, &driver.Error{Call: "dlopen", Device: driver.NoDevice, Code: 303,
			Name: "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", Text: C.GoString(&why[0])}
	}
	return binding{api}, nil
}

// Context is a context that the program already holds, on device d. It may be any context,
// not only a primary one.
func Context(c cu.CUContext, d cu.Device) driver.Context {
	return driver.Context{Device: driver.Device(d), Handle: from[uintptr](c)}
}

// Stream and Event are objects of gorgonia.org/cu as this interface takes them. (Its
// DevicePtr is converted as a number.)
func Stream(s cu.Stream) driver.Stream { return from[driver.Stream](s) }

// Event is like Stream.
func Event(e cu.Event) driver.Event { return from[driver.Event](e) }

// from reinterprets a handle: on both sides it is one pointer of the driver, which cu keeps
// in a struct with one unexported field (TestHandlesArePointers).
func from[To, From any](h From) To { return *(*To)(unsafe.Pointer(&h)) }

// in runs f with the context current on the thread that runs it.
func (b binding) in(c driver.Context, call string, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cu.SetCurrentContext(from[cu.CUContext](c.Handle))
	if err == nil {
		err = f()
	}
	return b.fail(call, c.Device, err)
}

// fail turns an error of cu, which is a result code under wrappers, into one of package
// driver.
func (b binding) fail(call string, d driver.Device, err error) error {
	if err == nil {
		return nil
	}
	code := C.int(999)
	for e := err; e != nil; e = errors.Unwrap(e) {
		if v := reflect.ValueOf(e); v.Kind() == reflect.Int {
			code = C.int(v.Int())
		}
	}
	return &driver.Error{Call: call, Device: d, Code: driver.Code(code),
		Name: C.GoString(C.gc_error_name(code)), Text: C.GoString(C.gc_error_text(code))}
}

// notReady is the result code of a query whose work is not done.
const notReady = 600

// query turns "not ready" into false.
func query(err error) (bool, error) {
	var e *driver.Error
	if errors.As(err, &e) && e.Code == notReady {
		return false, nil
	}
	return err == nil, err
}
