package driver

import "time"

// API is the part of the CUDA driver API that merging needs. Each method is one driver
// call, named after it and named in its comment; what is not said here is as NVIDIA's
// manual says (https://docs.nvidia.com/cuda/cuda-driver-api). Sizes are in bytes.
//
// Every method may be called from any goroutine. Every error is an [*Error]. Work that was
// queued (launches, asynchronous copies) may fail later: the failure is then returned by
// whichever call first notices, usually EventSynchronize or StreamSynchronize. After an
// error that is [ErrDeviceLost] every call on that context fails in the same way.
type API interface {
	Devices
	Contexts
	Modules
	Memory
	Streams
	Events
}

// Devices are the calls that need no context.
type Devices interface {
	// Library is what was opened: a path or a file name, for messages.
	Library() string

	// Version is the newest CUDA version the driver supports, as 1000*major + 10*minor
	// (12040 is 12.4). cuDriverGetVersion.
	Version() (int, error)

	// DeviceCount is the number of visible devices, which may be 0. The driver itself
	// honours CUDA_VISIBLE_DEVICES, as it was when the library was opened.
	// cuDeviceGetCount.
	DeviceCount() (int, error)

	// DeviceGet is the device with the given index among the visible ones.
	// cuDeviceGet.
	DeviceGet(ordinal int) (Device, error)

	// DeviceName is a name for people, such as "NVIDIA H100 80GB HBM3".
	// cuDeviceGetName.
	DeviceName(d Device) (string, error)

	// DeviceAttribute is a number that describes the device. cuDeviceGetAttribute.
	DeviceAttribute(d Device, a Attribute) (int, error)

	// DeviceUUID identifies the device across processes and restarts; for a part of a
	// device (MIG) it is the part's. cuDeviceGetUuid_v2, cuDeviceGetUuid before 11.4.
	DeviceUUID(d Device) (UUID, error)

	// DevicePCIBusID is the device's place, such as "0000:65:00.0".
	// cuDeviceGetPCIBusId.
	DevicePCIBusID(d Device) (string, error)

	// DeviceTotalMem is the size of the device's memory. cuDeviceTotalMem_v2.
	DeviceTotalMem(d Device) (int64, error)
}

// Contexts are the calls that concern a device as this process uses it.
type Contexts interface {
	// PrimaryCtxRetain opens the device's primary context, or counts one more user of
	// it. The first call takes a second and a few hundred MB of memory on the device.
	// cuDevicePrimaryCtxRetain.
	PrimaryCtxRetain(d Device) (Context, error)

	// PrimaryCtxRelease undoes one PrimaryCtxRetain; the last one frees everything that
	// the context holds. cuDevicePrimaryCtxRelease_v2.
	PrimaryCtxRelease(d Device) error

	// CtxSynchronize waits for all work of the context. cuCtxSynchronize.
	CtxSynchronize(c Context) error

	// MemGetInfo is the device memory that is free for every process together, and all
	// there is. cuMemGetInfo_v2.
	MemGetInfo(c Context) (free, total int64, err error)
}

// Modules are the calls that load and run kernels.
type Modules interface {
	// ModuleLoadData loads PTX text or a cubin; the image is copied. The driver compiles
	// PTX for the device, which takes up to a second the first time and is cached on disk
	// by the driver. If it refuses the text, the error is [ErrBadImage] and its Log
	// holds the compiler's messages. cuModuleLoadDataEx.
	ModuleLoadData(c Context, image []byte) (Module, error)

	// ModuleUnload frees the module and its functions. cuModuleUnload.
	ModuleUnload(c Context, m Module) error

	// ModuleGetFunction finds a kernel; CUDA_ERROR_NOT_FOUND (500) if the module has none
	// of that name. cuModuleGetFunction.
	ModuleGetFunction(c Context, m Module, name string) (Function, error)

	// FuncGetAttribute tells what a kernel needs of the device. cuFuncGetAttribute.
	FuncGetAttribute(c Context, f Function, a FuncAttribute) (int, error)

	// FuncSetAttribute changes [FuncMaxDynamicShared] or [FuncSharedCarveout].
	// cuFuncSetAttribute.
	FuncSetAttribute(c Context, f Function, a FuncAttribute, value int) error

	// Occupancy is how many blocks of the given number of threads, each with shared bytes
	// of dynamic shared memory, run on one multiprocessor at a time.
	// cuOccupancyMaxActiveBlocksPerMultiprocessor.
	Occupancy(c Context, f Function, threads int, shared int64) (int, error)

	// LaunchKernel queues a kernel. The arguments are copied before it returns; args may
	// be nil for a kernel without parameters. Number, sizes and order of the arguments
	// must be those of the kernel's parameters: a driver does not check. cuLaunchKernel.
	LaunchKernel(c Context, f Function, d Dims, s Stream, args *Args) error
}

// Memory are the calls that make, fill and copy memory.
//
// Host memory of the asynchronous copies should be pinned (from MemHostAlloc or
// MemHostRegister); it must not be touched, nor freed, before an event recorded after the
// copy was waited for. With other memory a copy to the device returns once the bytes are
// staged and a copy to the host returns once it is done; neither overlaps with anything.
// A copy of no bytes does nothing.
type Memory interface {
	// MemAlloc makes n > 0 bytes of device memory, aligned to at least 256; its contents
	// are undefined. [ErrOutOfMemory] if there is no room. cuMemAlloc_v2.
	MemAlloc(c Context, n int64) (DevPtr, error)

	// MemFree frees device memory. It waits for all work of the context. cuMemFree_v2.
	MemFree(c Context, p DevPtr) error

	// MemHostAlloc makes n > 0 bytes of pinned host memory, outside the Go heap.
	// [ErrOutOfMemory] if there is no room. cuMemHostAlloc.
	MemHostAlloc(c Context, n int64, flags HostFlags) ([]byte, error)

	// MemFreeHost frees what MemHostAlloc returned, the whole slice. cuMemFreeHost.
	MemFreeHost(c Context, b []byte) error

	// MemHostRegister pins memory that lies outside the Go heap (a mapping).
	// cuMemHostRegister_v2.
	MemHostRegister(c Context, b []byte, flags HostFlags) error

	// MemHostUnregister undoes MemHostRegister. cuMemHostUnregister.
	MemHostUnregister(c Context, b []byte) error

	// MemsetD8Async queues setting n bytes to v. cuMemsetD8Async.
	MemsetD8Async(c Context, dst DevPtr, v byte, n int64, s Stream) error

	// MemcpyHtoDAsync queues a copy of src to the device. cuMemcpyHtoDAsync_v2.
	MemcpyHtoDAsync(c Context, dst DevPtr, src []byte, s Stream) error

	// MemcpyDtoHAsync queues a copy of len(dst) bytes to the host. cuMemcpyDtoHAsync_v2.
	MemcpyDtoHAsync(c Context, dst []byte, src DevPtr, s Stream) error

	// MemcpyDtoDAsync queues a copy of n bytes on the device; the ranges do not overlap.
	// cuMemcpyDtoDAsync_v2.
	MemcpyDtoDAsync(c Context, dst, src DevPtr, n int64, s Stream) error
}

// Streams are the calls on queues of work. The zero Stream is the context's default
// stream, which orders itself with all streams not made with [StreamNonBlocking].
type Streams interface {
	// StreamCreate makes a stream. cuStreamCreate.
	StreamCreate(c Context, flags StreamFlags) (Stream, error)

	// StreamDestroy frees the stream once its work is done, without waiting for it.
	// cuStreamDestroy_v2.
	StreamDestroy(c Context, s Stream) error

	// StreamSynchronize waits for the work queued so far and returns its first failure.
	// cuStreamSynchronize.
	StreamSynchronize(c Context, s Stream) error

	// StreamQuery reports whether all queued work is done. cuStreamQuery.
	StreamQuery(c Context, s Stream) (done bool, err error)

	// StreamWaitEvent makes later work of the stream wait for the event's latest record
	// (an event that was never recorded is not waited for). cuStreamWaitEvent.
	StreamWaitEvent(c Context, s Stream, e Event) error
}

// Events are the calls on points in streams.
type Events interface {
	// EventCreate makes an event. cuEventCreate.
	EventCreate(c Context, flags EventFlags) (Event, error)

	// EventDestroy frees the event, without waiting for it. cuEventDestroy_v2.
	EventDestroy(c Context, e Event) error

	// EventRecord moves the event to the end of the stream's work. cuEventRecord.
	EventRecord(c Context, e Event, s Stream) error

	// EventQuery reports whether the work before the event is done; true if it was
	// never recorded. cuEventQuery.
	EventQuery(c Context, e Event) (done bool, err error)

	// EventSynchronize waits for the work before the event and returns its first
	// failure. cuEventSynchronize.
	EventSynchronize(c Context, e Event) error

	// EventElapsedTime is the device's time between two events that were reached and not
	// made with [EventDisableTiming]. cuEventElapsedTime.
	EventElapsedTime(c Context, start, end Event) (time.Duration, error)
}
