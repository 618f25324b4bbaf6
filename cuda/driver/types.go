package driver

import "fmt"

// Device is a handle of a GPU (CUdevice): its index among the visible ones.
type Device int32

// NoDevice is the Device of errors that concern none.
const NoDevice Device = -1

// Context is a device's primary context (CUcontext), with the device for messages.
type Context struct {
	Device Device
	Handle uintptr
}

// Handles of objects in a context. They are pointers of the driver; the zero value is no
// object (for a Stream: the default stream).
type (
	Module   uintptr // CUmodule
	Function uintptr // CUfunction
	Stream   uintptr // CUstream
	Event    uintptr // CUevent
)

// DevPtr is an address in device memory (CUdeviceptr); arithmetic in bytes is allowed
// inside an allocation. 0 is no memory.
type DevPtr uint64

// UUID identifies a device.
type UUID [16]byte

// String returns the form that nvidia-smi and CUDA_VISIBLE_DEVICES use.
func (u UUID) String() string {
	return fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Dims are the sizes of a launch: blocks in the grid, threads in a block (x, y, z; none is
// 0), and bytes of dynamic shared memory for each block.
type Dims struct {
	Grid, Block [3]uint32
	Shared      uint32
}

// HostFlags choose the kind of pinned memory.
type HostFlags uint32

// Values from cuda.h: CU_MEMHOSTALLOC_*, the first also CU_MEMHOSTREGISTER_PORTABLE.
const (
	HostPortable      HostFlags = 1 // pinned for every context of the process
	HostWriteCombined HostFlags = 4 // faster to upload from, very slow for the CPU to read
)

// StreamFlags choose the kind of stream.
type StreamFlags uint32

// StreamNonBlocking (CU_STREAM_NON_BLOCKING) makes a stream that does not order itself
// with the default stream.
const StreamNonBlocking StreamFlags = 1

// EventFlags choose the kind of event.
type EventFlags uint32

// Values from cuda.h: CU_EVENT_*.
const (
	EventBlockingSync  EventFlags = 1 // EventSynchronize sleeps instead of spinning
	EventDisableTiming EventFlags = 2 // cheaper; no EventElapsedTime
)

// Attribute names a number that describes a device (CUdevice_attribute).
type Attribute int32

// Values from cuda.h: CU_DEVICE_ATTRIBUTE_*.
const (
	AttrMaxThreadsPerBlock     Attribute = 1
	AttrMaxBlockDimX           Attribute = 2
	AttrMaxGridDimX            Attribute = 5
	AttrMaxSharedPerBlock      Attribute = 8 // bytes, without FuncMaxDynamicShared
	AttrWarpSize               Attribute = 10
	AttrMaxRegistersPerBlock   Attribute = 12 // 32-bit registers
	AttrClockRate              Attribute = 13 // kHz
	AttrMultiprocessors        Attribute = 16
	AttrIntegrated             Attribute = 18 // 1: shares the host's memory
	AttrMemoryClockRate        Attribute = 36 // kHz
	AttrMemoryBusWidth         Attribute = 37 // bits
	AttrL2CacheSize            Attribute = 38 // bytes
	AttrMaxThreadsPerSM        Attribute = 39
	AttrAsyncEngines           Attribute = 40 // copies that run beside kernels: 0, 1 or more
	AttrUnifiedAddressing      Attribute = 41
	AttrComputeMajor           Attribute = 75
	AttrComputeMinor           Attribute = 76
	AttrMaxSharedPerSM         Attribute = 81 // bytes
	AttrMaxRegistersPerSM      Attribute = 82 // 32-bit registers
	AttrMaxSharedPerBlockOptin Attribute = 97 // bytes, with FuncMaxDynamicShared
)

// FuncAttribute names a number that describes a kernel (CUfunction_attribute).
type FuncAttribute int32

// Values from cuda.h: CU_FUNC_ATTRIBUTE_*.
const (
	FuncMaxThreads       FuncAttribute = 0 // threads in a block, at most
	FuncShared           FuncAttribute = 1 // static shared memory, bytes in each block
	FuncConst            FuncAttribute = 2 // constant memory, bytes
	FuncLocal            FuncAttribute = 3 // local memory, bytes in each thread: stack and spills
	FuncRegisters        FuncAttribute = 4 // registers in each thread
	FuncPTXVersion       FuncAttribute = 5 // 10*major + minor
	FuncBinaryVersion    FuncAttribute = 6 // 10*major + minor
	FuncMaxDynamicShared FuncAttribute = 8 // dynamic shared memory, bytes in each block; can be set
	FuncSharedCarveout   FuncAttribute = 9 // percent of the L1 cache used as shared memory; can be set
)
