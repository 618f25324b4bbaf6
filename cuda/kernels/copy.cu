// Rows of bytes, at any alignment and any distance from each other:
//
//   for r in 0..rows: for k in 0..row_bytes: dst[r*dst_stride + k] = src[r*src_stride + k]
//
// and the same with zeros for a source. A thread takes 16 bytes at a time.
#include "device.h"
#include "layout.h"

struct CopyArgs {
    u64 dst, src;
    s64 dst_stride, src_stride, row_bytes, rows;
};
static_assert(sizeof(CopyArgs) == COPY_ARGS_BYTES, "the Go side packs the arguments");

// Copies n <= 16 bytes, or clears them if there is no source.
DEVICE void move(u64 dst, u64 src, s64 n, bool clear) {
    if (n == 16 && ((dst | (clear ? 0 : src)) & 15) == 0) {
        m64x2 v = {0, 0};
        if (!clear) v = *at<m64x2>(src);
        *at<m64x2>(dst) = v;
        return;
    }
    ROLLED for (s64 k = 0; k < n; k++) *at<m8>(dst + k) = clear ? u8(0) : *at<m8>(src + k);
}

DEVICE void move_rows(const CopyArgs &a, bool clear) {
    const s64 per_row = (a.row_bytes + 15) / 16, all = per_row * a.rows, step = s64(gridDim.x) * blockDim.x;
    for (s64 i = s64(blockIdx.x) * blockDim.x + threadIdx.x; i < all; i += step) {
        const s64 row = i / per_row, from = (i - row * per_row) * 16;
        move(a.dst + row * a.dst_stride + from, a.src + row * a.src_stride + from, least(16, a.row_bytes - from), clear);
    }
}

KERNEL(copy_rows, 256, CopyArgs a) { move_rows(a, false); }

KERNEL(clear_rows, 256, CopyArgs a) { move_rows(a, true); }
