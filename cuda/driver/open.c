//go:build cgo && (linux || windows) && (amd64 || arm64)

// Finding the driver's library and the functions in it.
#include "driver.h"

#include <stdio.h>

#ifdef _WIN32
#include <windows.h>
const char *const mg_system_library = "nvcuda.dll";
typedef HMODULE mg_lib;
static mg_lib lib_open(const char *path, char *why, size_t cap) {
  // Without a path only the system's folder is searched: the driver installs there.
  DWORD where = *path ? 0 : LOAD_LIBRARY_SEARCH_SYSTEM32;
  const char *name = *path ? path : mg_system_library;
  mg_lib lib = LoadLibraryExA(name, NULL, where);
  if (!lib) snprintf(why, cap, "%s: cannot be loaded (Windows error %lu)", name, GetLastError());
  return lib;
}
static void *lib_symbol(mg_lib lib, const char *name) { return (void *)GetProcAddress(lib, name); }
#else
#include <dlfcn.h>
const char *const mg_system_library = "libcuda.so.1";
typedef void *mg_lib;
static mg_lib lib_open(const char *path, char *why, size_t cap) {
  mg_lib lib = dlopen(*path ? path : mg_system_library, RTLD_NOW | RTLD_LOCAL);
  if (!lib) {
    const char *s = dlerror();
    snprintf(why, cap, "%s", s ? s : "dlopen failed");
  }
  return lib;
}
static void *lib_symbol(mg_lib lib, const char *name) { return dlsym(lib, name); }
#endif

// Result codes of cuda.h for what fails before there is a driver to ask.
enum { SYMBOL_MISSING = 302, LIBRARY_FAILED = 303 };

// The library is never closed: a driver starts threads of its own and does not survive
// being unloaded.
int mg_open(mg_api *a, const char *path, const char **call, char *why, size_t cap) {
  why[0] = 0;
  *call = "dlopen";
  mg_lib lib = lib_open(path, why, cap);
  if (!lib) return LIBRARY_FAILED;
#define X(name, params)                        \
  *(void **)&a->name = lib_symbol(lib, #name); \
  if (!a->name) return *call = #name, SYMBOL_MISSING;
  MG_FUNCS(X)
#undef X
  *(void **)&a->cuDeviceGetUuid = lib_symbol(lib, "cuDeviceGetUuid_v2");
  if (!a->cuDeviceGetUuid) *(void **)&a->cuDeviceGetUuid = lib_symbol(lib, "cuDeviceGetUuid");
  if (!a->cuDeviceGetUuid) return *call = "cuDeviceGetUuid", SYMBOL_MISSING;
  *call = "cuInit";
  return a->cuInit(0);
}

const char *mg_error_name(const mg_api *a, int code) {
  const char *s = NULL;
  return a->cuGetErrorName(code, &s) || !s ? "unknown name" : s;
}

const char *mg_error_text(const mg_api *a, int code) {
  const char *s = NULL;
  return a->cuGetErrorString(code, &s) || !s ? "unknown error" : s;
}
