// Package softcuda builds and drives the software CUDA driver, a libcuda.so.1 that runs the
// kernels of cuda/kernels on the CPU, so that everything that needs a GPU can be tested
// without one. It is imported by tests only.
//
// Glossary:
//
//   - Driver: the library that is built here; it behaves as NVIDIA's, but notices mistakes.
//   - Knob: an environment variable of the driver, such as SOFTCUDA_MEMORY=32M.
//   - Log: one line for each call, operation, and mistake, in the file SOFTCUDA_LOG.
//   - Violation: something that a correct program never does; real hardware may not notice.
//   - Leak: what was acquired and not released, or freed only with its context.
//
// Example, of a program that has to leave nothing behind on a device of 32 MiB:
//
//	dir := softcuda.Build(t)
//	log := filepath.Join(t.TempDir(), "log")
//	cmd := exec.Command(binary, "merge", "...", "--device", "cuda")
//	cmd.Env = softcuda.Env(dir, "SOFTCUDA_MEMORY=32M", "SOFTCUDA_LOG="+log)
//	...
//	softcuda.ReadLog(t, log).Clean(t)
//
// A test that opens the driver in its own process sets knobs with t.Setenv before the first
// call of the driver, which reads them once.
//
// # Knobs
//
//	SOFTCUDA_MEMORY=512M      bytes of each device's memory; suffixes K, M, G
//	SOFTCUDA_DEVICES=1        how many devices there are, 0 to 16
//	SOFTCUDA_CC=8.6           compute capability
//	SOFTCUDA_VERSION=12040    version of the driver, 1000*major + 10*minor
//	SOFTCUDA_THREADS=2        host threads that run one launch; by default the cores, at most 4
//	SOFTCUDA_DELAY=h2d=2ms    fixed time that each operation takes, by kind (h2d, d2h, d2d,
//	                          memset, kernel), in ms or us, several with commas
//	SOFTCUDA_DELAY_SEED=7     random delays before operations, and launches that run their
//	                          blocks and threads backward; a function of the seed, the
//	                          stream's number and the operation's number
//	SOFTCUDA_LATE=1           operations run only while the program waits for something (a
//	                          synchronize, a free, a copy that is not asynchronous), or one for
//	                          each query that finds work unfinished
//	SOFTCUDA_FAIL=call:n      the nth call of a function fails, also call:n:code and
//	                          call:n:code:later (when the work that it queued is reached);
//	                          code is 999 if it is left out; the call "any" counts all but
//	                          cuCtxSetCurrent, cuCtxGetCurrent and cuGetError*; several with
//	                          commas
//	SOFTCUDA_LOG=file         append the log to this file
//	CUDA_VISIBLE_DEVICES      as NVIDIA's driver: indices or UUIDs, ending at the first
//	                          that names no device
//
// A call that is made to fail and begins something (allocates, queues, creates) is not carried
// out. One that ends something (waits, frees, destroys) is carried out and then reports the
// failure, as NVIDIA's driver reports there what earlier work has failed with. Codes after
// which NVIDIA's driver refuses all further work (700, 719 and their like) lose the context.
//
// # What it notices
//
// Copies and memsets outside of one live allocation; kernels that touch memory outside of one
// (guard pages), after its end (addresses are not used twice), or in the padding round it
// (looked at when it is freed); memory that is read before it is written (every byte is 0xff, a
// NaN); pinned memory that is changed, read or freed while a copy needs it; a barrier or a
// shuffle that not everybody reaches; handles that are destroyed or of another device; PTX that
// does not declare exactly the entry points and parameters that were compiled in.
//
// It does not notice a race between blocks or streams that happens to go well, a kernel that
// reads the host's own memory or that of another device, nor one that never ends. Its times are
// those of the delays, not of a GPU.
package softcuda
