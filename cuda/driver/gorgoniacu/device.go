//go:build gorgoniacu && cgo && linux && (amd64 || arm64)

package gorgoniacu

import (
	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"gorgonia.org/cu"
)

func (b binding) DeviceCount() (int, error) {
	n, err := cu.NumDevices()
	return n, b.fail("cuDeviceGetCount", driver.NoDevice, err)
}

func (b binding) DeviceGet(ordinal int) (driver.Device, error) {
	d, err := cu.GetDevice(ordinal)
	return driver.Device(d), b.fail("cuDeviceGet", driver.Device(ordinal), err)
}

func (b binding) DeviceName(d driver.Device) (string, error) {
	s, err := cu.Device(d).Name()
	return s, b.fail("cuDeviceGetName", d, err)
}

func (b binding) DeviceAttribute(d driver.Device, a driver.Attribute) (int, error) {
	v, err := cu.Device(d).Attribute(cu.DeviceAttribute(a))
	return v, b.fail("cuDeviceGetAttribute", d, err)
}

func (b binding) DeviceUUID(d driver.Device) (driver.UUID, error) {
	u, err := cu.Device(d).UUID()
	return driver.UUID(u), b.fail("cuDeviceGetUuid", d, err)
}

func (b binding) DeviceTotalMem(d driver.Device) (int64, error) {
	n, err := cu.Device(d).TotalMem()
	return n, b.fail("cuDeviceTotalMem_v2", d, err)
}

func (b binding) PrimaryCtxRetain(d driver.Device) (driver.Context, error) {
	c, err := cu.Device(d).RetainPrimaryCtx()
	return Context(c, cu.Device(d)), b.fail("cuDevicePrimaryCtxRetain", d, err)
}

func (b binding) PrimaryCtxRelease(d driver.Device) error {
	return b.fail("cuDevicePrimaryCtxRelease_v2", d, cu.Device(d).ReleasePrimaryCtx())
}

func (b binding) CtxSynchronize(c driver.Context) error {
	return b.in(c, "cuCtxSynchronize", cu.Synchronize)
}

func (b binding) MemGetInfo(c driver.Context) (free, total int64, err error) {
	err = b.in(c, "cuMemGetInfo_v2", func() (e error) { free, total, e = cu.MemInfo(); return })
	return free, total, err
}

func (b binding) ModuleUnload(c driver.Context, m driver.Module) error {
	if m == 0 {
		return b.API.ModuleUnload(c, m) // refuses it
	}
	return b.in(c, "cuModuleUnload", from[cu.Module](m).Unload)
}

func (b binding) ModuleGetFunction(c driver.Context, m driver.Module, name string) (f driver.Function, err error) {
	if m == 0 {
		return b.API.ModuleGetFunction(c, m, name)
	}
	err = b.in(c, "cuModuleGetFunction("+name+")", func() error {
		fn, e := from[cu.Module](m).Function(name)
		f = from[driver.Function](fn)
		return e
	})
	return f, err
}

func (b binding) FuncGetAttribute(c driver.Context, f driver.Function, a driver.FuncAttribute) (v int, err error) {
	if f == 0 {
		return b.API.FuncGetAttribute(c, f, a)
	}
	err = b.in(c, "cuFuncGetAttribute", func() (e error) {
		v, e = from[cu.Function](f).Attribute(cu.FunctionAttribute(a))
		return
	})
	return v, err
}

func (b binding) Occupancy(c driver.Context, f driver.Function, threads int, shared int64) (n int, err error) {
	if f == 0 || shared < 0 {
		return b.API.Occupancy(c, f, threads, shared)
	}
	err = b.in(c, "cuOccupancyMaxActiveBlocksPerMultiprocessor", func() (e error) {
		n, e = from[cu.Function](f).MaxActiveBlocksPerMultiProcessor(threads, shared)
		return
	})
	return n, err
}
