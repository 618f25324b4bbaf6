// Package cuda is the GPU device: it stages tensors in pinned memory, copies them beside
// the kernels, and runs Programs on an NVIDIA GPU with the bits that the CPU gives.
//
// Glossary:
//
//   - [Device]: one GPU, through its primary context.
//   - [Queue]: one stream. What is given to it runs in order, beside the caller and beside
//     other queues; several queues overlap upload, compute and download.
//   - slab: a piece of pinned host memory and its twin on the device, of the same size.
//     Host writes and reads the one, kernels the other, Push and Pull copy.
//   - pool: slabs that were freed and wait to be used again. Pool and slabs in use never
//     take more than was in use at some time, nor more than the budget.
//   - lost: after a kernel that crashed, or a failure of the hardware, the driver refuses
//     everything; all later calls return the failure at once.
//
// Example:
//
//	devices, reason, err := cuda.Opener(cuda.Options{}).Open(ctx, device.Options{})
//	if len(devices) == 0 {
//		fmt.Println("no GPU:", reason)
//	}
//
// The package knows no files and no methods. It makes no plan: the budget is enforced
// here, but it is the planner that makes everything fit. It finds libcuda when it is asked
// to open devices, and never before.
package cuda
