#include <stddef.h>

// The library is looked for when gorgonia.org/cu calls cuInit, at the start of the process,
// and again by gc_load if it was not found. gc_load returns 0, or 1 with why, if another
// library than path ("" is the usual one) is in use.
int gc_load(const char *path, char *why, size_t cap);

// Texts of a result code.
const char *gc_error_name(int code);
const char *gc_error_text(int code);
