//go:build gorgoniacu && cgo && linux && (amd64 || arm64)

// Every function of the driver that gorgonia.org/cu calls, as a jump through a slot. All are
// hidden, so that a driver's own calls of its functions do not come here.
#define _GNU_SOURCE
#include "trampoline.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"

#define HIDDEN __attribute__((visibility("hidden")))

// What a slot holds before there is a library, and afterwards if the library lacks the
// function: CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND.
static int missing(void) { return 302; }

#if defined(__x86_64__)
#define JUMP(name) "jmp *gc_slot_" #name "(%rip)\n"
#else
#define JUMP(name)               \
  "adrp x16, gc_slot_" #name "\n" \
  "ldr x16, [x16, :lo12:gc_slot_" #name "]\n" \
  "br x16\n"
#endif

#define X(name)                                                       \
  HIDDEN void *gc_slot_##name = (void *)missing;                      \
  __asm__(".pushsection .text\n.globl " #name "\n.hidden " #name "\n.type " #name  \
          ",%function\n.balign 16\n" #name ":\n" JUMP(name) ".size " #name ", .-" #name "\n.popsection\n");
CU_SYMBOLS(X)
#undef X

static const struct {
  const char *name;
  void **slot;
} slots[] = {
#define X(name) {#name, &gc_slot_##name},
    CU_SYMBOLS(X)
#undef X
};

static void *library;
static char *loaded; // the path that was asked for

static const char *usual(const char *path) {
  if (path && *path) return path;
  path = getenv("MECHA_GPU_LIBCUDA");
  return path && *path ? path : "libcuda.so.1";
}

int gc_load(const char *path, char *why, size_t cap) {
  path = usual(path);
  if (library) {
    if (!strcmp(path, loaded)) return 0;
    snprintf(why, cap, "gorgonia.org/cu already uses %s in this process, %s was asked for", loaded, path);
    return 1;
  }
  library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *s = dlerror();
    snprintf(why, cap, "%s", s ? s : "dlopen failed");
    return 1;
  }
  loaded = strdup(path);
  for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
    void *f = dlsym(library, slots[i].name);
    if (f) *slots[i].slot = f;
  }
  int (*init)(unsigned) = (int (*)(unsigned))dlsym(library, "cuInit");
  if (init) init(0); // its failure is reported by package driver, which calls it again
  return 0;
}

// Called by the initialisation of gorgonia.org/cu, which ends the process if it fails.
HIDDEN int cuInit(unsigned flags) {
  char why[8];
  (void)flags;
  gc_load("", why, sizeof why);
  return 0;
}

static const char *ask(const char *function, int code, const char *otherwise) {
  int (*f)(int, const char **) = library ? (int (*)(int, const char **))dlsym(library, function) : NULL;
  const char *s = NULL;
  return !f || f(code, &s) || !s ? otherwise : s;
}

const char *gc_error_name(int code) { return ask("cuGetErrorName", code, "unknown name"); }
const char *gc_error_text(int code) { return ask("cuGetErrorString", code, "unknown error"); }
