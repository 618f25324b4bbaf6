// The walk: which thread takes which elements of a launch, and in which order. A block of
// threads works on one tile at a time, in rounds; in a round every thread follows a path.
// Where there are sums, 64/V neighbouring threads form a group, which holds the 64 lanes of
// the sum rule, V in each thread.
//
//   flat     a tile is 4096 elements; threads side by side
//   ranges   a tile is a range, of which each group takes a chunk of 4096 a round: blocks of
//            sums over everything, and rows longer than a chunk
//   rows     a tile has a row for each group
//   columns  a tile has a strip of 64 columns of 256 rows for each group: a lane is a column
#pragma once
#include "device.h"
#include "layout.h"

// A word of 32 bits at the start of the code of a pass.
DEVICE u32 head(u64 code, u32 word) { return *at<m32>(code + 4 * word); }

// Elements that a thread takes: [at, at+lanes(V)), and again step further, until end.
struct Path {
    s64 at, end, step;
    int fixed;  // columns: lanes in use
    DEVICE_MEMBER int lanes(int v) const { return fixed > 0 ? fixed : int(least(v, end - at)); }
};

struct Walk {
    u32 kind, groups;
    s64 n, cols, length, tiles;

    DEVICE_MEMBER Walk(u32 geometry, u64 row, u32 groups) : kind(geometry), groups(groups) {
        n = *at<m64>(row + 8 * ROW_N), cols = *at<m64>(row + 8 * ROW_COLS);
        length = BLOCK_ELEMS;
        if (kind == WALK_ROWS && cols > CHUNK_ELEMS) kind = WALK_RANGES, length = cols;
        switch (kind) {
        case WALK_FLAT: tiles = pieces(n, CHUNK_ELEMS); break;
        case WALK_RANGES: tiles = pieces(n, length); break;
        case WALK_ROWS: tiles = n == 0 ? 0 : pieces(n / cols, groups); break;
        default: tiles = n == 0 ? 0 : pieces(pieces(n / cols, GROUP_ROWS) * pieces(cols, LANES), groups);
        }
    }

    // The last element of a tile of ranges, plus one.
    DEVICE_MEMBER s64 tile_end(s64 tile) const { return least(n, (tile + 1) * length); }
    DEVICE_MEMBER s64 chunks(s64 tile) const { return pieces(tile_end(tile) - tile * length, CHUNK_ELEMS); }
    DEVICE_MEMBER s64 rounds(s64 tile) const { return kind == WALK_RANGES ? pieces(chunks(tile), groups) : 1; }

    // The first element of this thread's group and how many it has, 0 or less for none.
    template <int V> DEVICE_MEMBER s64 start(s64 tile, s64 round) const {
        const u32 group = threadIdx.x / (LANES / V);
        return kind == WALK_ROWS ? (tile * groups + group) * cols : tile * length + (round * groups + group) * CHUNK_ELEMS;
    }
    template <int V> DEVICE_MEMBER s64 elems(s64 tile, s64 round) const {
        const s64 from = start<V>(tile, round);
        return (kind == WALK_ROWS ? least(n, from + cols) : least(tile_end(tile), from + CHUNK_ELEMS)) - from;
    }

    template <int V> DEVICE_MEMBER Path path(s64 tile, s64 round) const {
        const u32 thread = threadIdx.x;
        if (kind == WALK_FLAT) return {tile * CHUNK_ELEMS + thread * V, least(n, (tile + 1) * CHUNK_ELEMS), blockDim.x * V, 0};
        if (kind == WALK_COLUMNS) {
            const Columns c = columns<V>(tile);
            const s64 from = c.stripe * GROUP_ROWS * cols + c.col, end = least(n / cols, (c.stripe + 1) * GROUP_ROWS) * cols;
            return {c.lanes > 0 ? from : end, end, cols, c.lanes};
        }
        const s64 from = start<V>(tile, round);
        return {from + thread % (LANES / V) * V, from + elems<V>(tile, round), LANES, 0};
    }

    // The columns of this thread: from col on, as many as lanes, in a stripe of 256 rows.
    struct Columns { s64 stripe, col; int lanes; };
    template <int V> DEVICE_MEMBER Columns columns(s64 tile) const {
        const s64 strips = pieces(cols, LANES), unit = tile * groups + threadIdx.x / (LANES / V), stripe = unit / strips;
        const s64 col = (unit - stripe * strips) * LANES + threadIdx.x % (LANES / V) * V;
        return {stripe, col, stripe * GROUP_ROWS * cols < n ? int(least(V, cols - col)) : 0};
    }

    static DEVICE_MEMBER s64 pieces(s64 n, s64 size) { return (n + size - 1) / size; }
};
