// The log, and the failures that a test asked for. A line of the log is one of
//
//   call n=17 name=cuMemAlloc_v2 result=0
//   acquire kind=alloc id=3 bytes=4096          kinds: alloc, pinned, registered, stream, event,
//   release kind=alloc id=3                            module, context (its id is the device)
//   leak kind=alloc id=3                        freed only because its context was released
//   op stream=2 n=5 kind=h2d bytes=4096 delay=120
//   violation TEXT                              the program broke a rule of the driver
//
// and is written at once: a Go program leaves without running destructors, so what is still
// alive at the end is found by whoever reads the log.
#pragma once
#include "cuda_abi.h"

void journal(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A mistake of the program or of a kernel, which real hardware may or may not notice. It goes
// to standard error and to the log, with its lines joined.
void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

// What happens to a call: nothing, a failure at once, or a failure of the work that it queues.
struct Verdict { CUresult now = SUCCESS, later = SUCCESS; };

// Counts a call and looks whether it has to fail.
Verdict judge(const char *call);

// A number that was not given before, for the log.
uint64_t next_id(const char *kind);
