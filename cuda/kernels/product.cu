// Elements [first, first + n), in C order, of the product of the matrices x [rows, k] and y [k, cols],
// by the product rule of kernels/product.go: with b over blocks of PRODUCT_BLOCK products,
//
//   for i, j: for b: sum = +0; for r in b: sum = fma(x[i, r], y[r, j], sum)
//                    dst[i, j] = sum in the first block, dst[i, j] + sum in the others
//
// x starts with the row of the first element. A block of threads computes PRODUCT_ROWS rows of as
// many columns as it has threads; a thread has one of them, and the values of x are shared.
#include "convert.h"
#include "element.h"
#include "layout.h"

struct ProductArgs {
    u64 dst, x, y;
    s64 first, n, cols, k;
    u64 x_flag, y_flag;  // addresses; 0: no flag
    u32 x_type, y_type;
};
static_assert(sizeof(ProductArgs) == PRODUCT_ARGS_BYTES, "the Go side packs the arguments");

// The tile of a block: rows from row on of x, and the column of this thread. Elements are counted
// from the first one that is wanted.
struct Tile {
    s64 row, col, start;
    u32 wanted;  // bit q: the element of row + q is

    DEVICE_MEMBER s64 element(const ProductArgs &a, int q) const { return start + q * a.cols; }
};

DEVICE Tile tile_of(const ProductArgs &a, s64 number, s64 wide) {
    const s64 down = quotient(number, wide), skipped = a.first - quotient(a.first, a.cols) * a.cols;
    Tile t = {down * PRODUCT_ROWS, (number - down * wide) * all_threads() + this_thread(), 0, 0};
    t.start = t.row * a.cols + t.col - skipped;
    UNROLL for (int q = 0; q < PRODUCT_ROWS; q++) {
        const s64 i = t.element(a, q);
        if (t.col < a.cols && i >= 0 && i < a.n) t.wanted |= 1u << q;
    }
    return t;
}

// Converts values of x, from product r on, into shared memory: PRODUCT_ROWS of each product.
DEVICE void share(const ProductArgs &a, const Tile &t, s64 rows, s64 r, s64 n, m32 *shared) {
    const u32 log = size_log(a.x_type);
    bool bad = false;
    ROLLED for (u32 w = this_thread(); w < n * PRODUCT_ROWS; w += all_threads()) {
        const s64 q = w / u32(n), row = t.row + q, at = w - q * n;
        u64 raw = 0;
        if (row < rows) raw = get(a.x + ((row * a.k + r + at) << log), log);
        bad |= row < rows && is_bad(raw, a.x_type);
        shared[at * PRODUCT_ROWS + q] = bits_of(widen<float>(raw, a.x_type));
    }
    if (bad && a.x_flag != 0) atomicOr((u32 *)a.x_flag, 1u);
}

DEVICE void multiply(const ProductArgs &a, const Tile &t, s64 rows, m32x4 *shared) {
    const u32 log = size_log(a.y_type);
    bool bad = false;
    float all[PRODUCT_ROWS];
    ROLLED for (s64 r = 0; r < a.k; r += PRODUCT_BLOCK) {
        const s64 n = least(PRODUCT_BLOCK, a.k - r);
        __syncthreads();
        share(a, t, rows, r, n, (m32 *)shared);
        __syncthreads();
        if (t.wanted == 0) continue;
        float sum[PRODUCT_ROWS] = {};
        ROLLED for (s64 s = 0; s < n; s++) {
            const u64 raw = get(a.y + (((r + s) * a.cols + t.col) << log), log);
            const float y = widen<float>(raw, a.y_type);
            bad |= is_bad(raw, a.y_type);
            UNROLL for (int q = 0; q < PRODUCT_ROWS; q += 4) {
                const m32x4 x = shared[(s * PRODUCT_ROWS + q) / 4];
                UNROLL for (int v = 0; v < 4; v++) sum[q + v] = fused(number<float>(x[v]), y, sum[q + v]);
            }
        }
        UNROLL for (int q = 0; q < PRODUCT_ROWS; q++) all[q] = r == 0 ? sum[q] : all[q] + sum[q];
    }
    UNROLL for (int q = 0; q < PRODUCT_ROWS; q++) {
        if (t.wanted >> q & 1) put(a.dst + t.element(a, q) * 4, 2, bits_of(all[q]));
    }
    if (bad && a.y_flag != 0) atomicOr((u32 *)a.y_flag, 1u);
}

KERNEL(product, 256, ProductArgs a) {
    DYNAMIC_SHARED(m32x4, product_x);
    const s64 rows = quotient(a.first + a.n - 1, a.cols) - quotient(a.first, a.cols) + 1;
    const s64 wide = quotient(a.cols + all_threads() - 1, all_threads());
    const s64 tiles = quotient(rows + PRODUCT_ROWS - 1, PRODUCT_ROWS) * wide;
    for (s64 i = blockIdx.x; i < tiles; i += gridDim.x) multiply(a, tile_of(a, i, wide), rows, product_x);
}
