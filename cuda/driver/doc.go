// Package driver is the thinnest possible binding of the CUDA driver API: the interface
// [API] of about forty calls, and [Open], which finds the driver's library at run time.
// Programs that import it need no CUDA toolkit to build and are not linked against
// libcuda; on a machine without a driver they start, and Open says why there is no GPU.
//
// Glossary:
//
//   - Device: one of the GPUs that CUDA_VISIBLE_DEVICES leaves visible.
//   - Context: a device with the memory and modules of this process on it. Only the
//     device's primary context is used, so that other libraries in the process share it.
//   - Module: kernels, loaded from PTX text; Function: one kernel of it.
//   - Stream: a queue of copies and launches that run in order; Event: a point in it.
//   - Pinned memory: host memory that the device reads and writes directly.
//
// Example:
//
//	api, err := driver.Open("")                       // libcuda.so.1 or nvcuda.dll
//	dev, err := api.DeviceGet(0)
//	ctx, err := api.PrimaryCtxRetain(dev)
//	mod, err := api.ModuleLoadData(ctx, ptx)
//	fn, err := api.ModuleGetFunction(ctx, mod, "saxpy")
//	var args driver.Args
//	driver.Put(&args, float32(2))
//	driver.Put(&args, x)                              // a DevPtr
//	err = api.LaunchKernel(ctx, fn, driver.Dims{Grid: [3]uint32{80, 1, 1}, Block: [3]uint32{256, 1, 1}}, stream, &args)
//
// Any goroutine may call at any time: every call makes its context current on the thread
// that happens to run it, in the same step of C code as the work, so that no goroutine is
// locked to a thread. The context stays current on that thread afterwards.
//
// The package keeps no state between calls, pools nothing, counts nothing, and chooses no
// device; that is the business of the GPU device built on it. It imports only the standard
// library, so its errors carry no exit code: [Error] says which call failed and why, and
// [errors.Is] with [ErrOutOfMemory], [ErrDeviceLost] and their like says what kind it is.
//
// Three things implement the interface: the binding here (Linux and Windows, with cgo),
// the binding of gorgonia.org/cu in the folder gorgoniacu (under a build tag), and
// whatever a test wants to stand in for a driver.
package driver
