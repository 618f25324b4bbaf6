// A library with every function of the driver that says which one was called: function i
// fails with the code 1000+i, whose name is the function's. -DINIT and -DVERSION set what
// cuInit returns and which CUDA version is supported; -Dname=other hides a function.
#include "../driver.h"

#ifndef INIT
#define INIT 0
#endif
#ifndef VERSION
#define VERSION 12040
#endif

#define ALL(X) MG_FUNCS(X) X(cuDeviceGetUuid, (void *, int))

enum {
#define X(name, params) AT_##name,
  ALL(X)
#undef X
};

static const char *const names[] = {
#define X(name, params) #name,
  ALL(X)
#undef X
};

// The first two arguments of any call, as they lie in registers.
static int answer(int at, void *a, void *b) {
  switch (at) {
  case AT_cuInit: return INIT;
  case AT_cuDriverGetVersion: return *(int *)a = VERSION, 0;
  case AT_cuCtxSetCurrent: return 0;
  case AT_cuGetErrorName: {
    int code = (int)(intptr_t)a - 1000;
    if (code < 0 || code >= (int)(sizeof names / sizeof *names)) return 1;
    return *(const char **)b = names[code], 0;
  }
  case AT_cuGetErrorString: return 1;
  default: return 1000 + at;
  }
}

#define X(name, params) \
  int name(void *a, void *b) { return answer(AT_##name, a, b); }
ALL(X)
#undef X
