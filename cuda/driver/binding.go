//go:build cgo && (linux || windows) && (amd64 || arm64)

package driver

/*
#cgo CFLAGS: -O2 -Wall
#cgo linux LDFLAGS: -ldl
#cgo noescape mg_launch
#cgo nocallback mg_launch
#include <stdlib.h>
#include "driver.h"
*/
import "C"

import (
	"bytes"
	"strings"
	"unsafe"
)

// binding is the driver of one library that was opened.
type binding struct {
	api     *C.mg_api // C memory, never freed: the library stays open, too
	library string
}

// firstFunction is in every driver; a library without it is something else.
const firstFunction = "cuInit"

// open opens and initialises a library; "" is the system's.
func open(path string) (API, error) {
	b := &binding{api: (*C.mg_api)(C.calloc(1, C.sizeof_mg_api)), library: path}
	if path == "" {
		b.library = C.GoString(C.mg_system_library)
	}
	var why [512]C.char
	var call *C.char
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	switch code := Code(C.mg_open(b.api, name, &call, &why[0], C.size_t(len(why)))); code {
	case 0:
		return b, nil
	case codeLibraryFailed:
		if why[0] != 0 {
			return nil, noDriver(C.GoString(&why[0]))
		}
		return nil, b.fail(C.GoString(call), NoDevice, code)
	case codeSymbolMissing:
		if C.GoString(call) == firstFunction {
			return nil, noDriver(b.library + " is no CUDA driver: it has no " + firstFunction)
		}
		return nil, tooOld("dlsym", b.library+" lacks "+C.GoString(call)+": install a newer NVIDIA driver")
	default:
		return nil, b.fail(C.GoString(call), NoDevice, code)
	}
}

// fail returns the error of a result code, nil for success.
func (b *binding) fail(call string, d Device, code Code) error {
	if code == 0 {
		return nil
	}
	return &Error{
		Call: call, Device: d, Code: code,
		Name: C.GoString(C.mg_error_name(b.api, C.int(code))),
		Text: C.GoString(C.mg_error_text(b.api, C.int(code))),
	}
}

// done is fail for a call that returns a result by value.
func (b *binding) done(call string, d Device, r C.mg_out) error { return b.fail(call, d, Code(r.code)) }

// query turns "not ready" into false.
func (b *binding) query(call string, d Device, r C.mg_out) (bool, error) {
	if Code(r.code) == codeNotReady {
		return false, nil
	}
	err := b.done(call, d, r)
	return err == nil, err
}

// ctx, dptr and size are the forms in which C takes a context, an address and a length.
func ctx(c Context) C.uintptr_t    { return C.uintptr_t(c.Handle) }
func dptr(p DevPtr) C.mg_dptr      { return C.mg_dptr(p) }
func size(b []byte) C.int64_t      { return C.int64_t(len(b)) }
func addr(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func (b *binding) Library() string { return b.library }

func (b *binding) Version() (int, error) {
	r := C.mg_version(b.api)
	return int(r.a), b.done("cuDriverGetVersion", NoDevice, r)
}

func (b *binding) DeviceCount() (int, error) {
	r := C.mg_device_count(b.api)
	return int(r.a), b.done("cuDeviceGetCount", NoDevice, r)
}

func (b *binding) DeviceGet(ordinal int) (Device, error) {
	r := C.mg_device_get(b.api, C.int(ordinal))
	return Device(r.a), b.done("cuDeviceGet", Device(ordinal), r)
}

func (b *binding) DeviceName(d Device) (string, error) {
	var s [256]C.char
	code := C.mg_device_name(b.api, C.int(d), &s[0], C.int(len(s)))
	return C.GoString(&s[0]), b.fail("cuDeviceGetName", d, Code(code))
}

func (b *binding) DeviceAttribute(d Device, a Attribute) (int, error) {
	r := C.mg_device_attribute(b.api, C.int(d), C.int(a))
	return int(r.a), b.done("cuDeviceGetAttribute", d, r)
}

func (b *binding) DeviceUUID(d Device) (UUID, error) {
	var u UUID
	code := C.mg_device_uuid(b.api, C.int(d), unsafe.Pointer(&u[0]))
	return u, b.fail("cuDeviceGetUuid", d, Code(code))
}

func (b *binding) DevicePCIBusID(d Device) (string, error) {
	var s [32]C.char
	code := C.mg_device_pci(b.api, C.int(d), &s[0], C.int(len(s)))
	return C.GoString(&s[0]), b.fail("cuDeviceGetPCIBusId", d, Code(code))
}

func (b *binding) DeviceTotalMem(d Device) (int64, error) {
	r := C.mg_device_total_mem(b.api, C.int(d))
	return int64(r.a), b.done("cuDeviceTotalMem_v2", d, r)
}

func (b *binding) PrimaryCtxRetain(d Device) (Context, error) {
	r := C.mg_ctx_retain(b.api, C.int(d))
	return Context{d, uintptr(r.a)}, b.done("cuDevicePrimaryCtxRetain", d, r)
}

func (b *binding) PrimaryCtxRelease(d Device) error {
	return b.done("cuDevicePrimaryCtxRelease_v2", d, C.mg_ctx_release(b.api, C.int(d)))
}

func (b *binding) CtxSynchronize(c Context) error {
	return b.done("cuCtxSynchronize", c.Device, C.mg_ctx_synchronize(b.api, ctx(c)))
}

func (b *binding) MemGetInfo(c Context) (free, total int64, err error) {
	r := C.mg_mem_info(b.api, ctx(c))
	return int64(r.a), int64(r.b), b.done("cuMemGetInfo_v2", c.Device, r)
}

func (b *binding) ModuleLoadData(c Context, image []byte) (Module, error) {
	text := append(bytes.Clone(image), 0) // PTX ends with a NUL
	log := make([]byte, 16<<10)
	r := C.mg_module_load(b.api, ctx(c), addr(text), (*C.char)(addr(log)), C.size_t(len(log)))
	err := b.done("cuModuleLoadDataEx", c.Device, r)
	if e, ok := err.(*Error); ok {
		said, _, _ := bytes.Cut(log, []byte{0})
		e.Log = strings.TrimSpace(string(said))
	}
	return Module(r.a), err
}

func (b *binding) ModuleUnload(c Context, m Module) error {
	return b.done("cuModuleUnload", c.Device, C.mg_module_unload(b.api, ctx(c), C.uintptr_t(m)))
}

func (b *binding) ModuleGetFunction(c Context, m Module, name string) (Function, error) {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	r := C.mg_module_function(b.api, ctx(c), C.uintptr_t(m), s)
	return Function(r.a), b.done("cuModuleGetFunction("+name+")", c.Device, r)
}

func (b *binding) FuncGetAttribute(c Context, f Function, a FuncAttribute) (int, error) {
	r := C.mg_func_get(b.api, ctx(c), C.uintptr_t(f), C.int(a))
	return int(r.a), b.done("cuFuncGetAttribute", c.Device, r)
}

func (b *binding) FuncSetAttribute(c Context, f Function, a FuncAttribute, value int) error {
	r := C.mg_func_set(b.api, ctx(c), C.uintptr_t(f), C.int(a), C.int(value))
	return b.done("cuFuncSetAttribute", c.Device, r)
}

func (b *binding) Occupancy(c Context, f Function, threads int, shared int64) (int, error) {
	r := C.mg_occupancy(b.api, ctx(c), C.uintptr_t(f), C.int(threads), C.int64_t(shared))
	return int(r.a), b.done("cuOccupancyMaxActiveBlocksPerMultiprocessor", c.Device, r)
}

func (b *binding) LaunchKernel(c Context, f Function, d Dims, s Stream, args *Args) error {
	if err := args.check(c.Device); err != nil {
		return err
	}
	var block unsafe.Pointer
	var spans *C.mg_span
	n := args.Len()
	if n > 0 {
		block = unsafe.Pointer(unsafe.SliceData(args.block))
		spans = (*C.mg_span)(unsafe.Pointer(unsafe.SliceData(args.spans)))
	}
	code := C.mg_launch(b.api, ctx(c), C.uintptr_t(f), (*C.uint32_t)(unsafe.Pointer(&d)), C.uintptr_t(s), block, spans, C.uint32_t(n))
	return b.fail("cuLaunchKernel", c.Device, Code(code))
}
