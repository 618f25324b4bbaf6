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

// The walk over one instance. It keeps addresses only and reads again what it needs: registers
// are what limits how many threads run at once.
template <int V> struct Walk {
    u64 code, row;

    DEVICE_MEMBER s64 n() const { return *at<m64>(row + 8 * ROW_N); }
    DEVICE_MEMBER s64 cols() const { return *at<m64>(row + 8 * ROW_COLS); }
    DEVICE_MEMBER u32 groups() const { return all_threads() * V / LANES; }
    DEVICE_MEMBER u32 group() const { return this_thread() / (LANES / V); }
    DEVICE_MEMBER u32 lane() const { return this_thread() % (LANES / V) * V; }
    DEVICE_MEMBER u32 kind() const {
        const u32 kind = head(code, HEAD_WALK);
        return kind == WALK_ROWS && cols() > CHUNK_ELEMS ? u32(WALK_RANGES) : kind;
    }
    static DEVICE_MEMBER s64 pieces(s64 n, s64 size) { return (n + size - 1) / size; }

    DEVICE_MEMBER s64 tiles() const {
        if (n() == 0) return 0;
        switch (kind()) {
        case WALK_FLAT: return pieces(n(), CHUNK_ELEMS);
        case WALK_RANGES: return pieces(n(), length());
        case WALK_ROWS: return pieces(n() / cols(), groups());
        }
        return pieces(pieces(n() / cols(), GROUP_ROWS) * pieces(cols(), LANES), groups());
    }

    // Ranges: elements of a tile, the end of one, its chunks, rounds.
    DEVICE_MEMBER s64 length() const { return head(code, HEAD_WALK) == WALK_ROWS ? cols() : s64(BLOCK_ELEMS); }
    DEVICE_MEMBER s64 tile_end(s64 tile) const { return least(n(), (tile + 1) * length()); }
    DEVICE_MEMBER s64 chunks(s64 tile) const { return pieces(tile_end(tile) - tile * length(), CHUNK_ELEMS); }
    DEVICE_MEMBER s64 rounds(s64 tile) const { return kind() == WALK_RANGES ? pieces(chunks(tile), groups()) : 1; }

    // Rows and ranges: the first element of this thread's group and how many it has, 0 or less
    // for none.
    DEVICE_MEMBER s64 start(s64 tile, s64 round) const {
        if (kind() == WALK_ROWS) return (tile * groups() + group()) * cols();
        return tile * length() + (round * groups() + group()) * CHUNK_ELEMS;
    }
    DEVICE_MEMBER s64 elems(s64 tile, s64 round) const {
        const s64 from = start(tile, round);
        return (kind() == WALK_ROWS ? least(n(), from + cols()) : least(tile_end(tile), from + CHUNK_ELEMS)) - from;
    }

    // Columns: those of this thread, from col on, as many as lanes, in a stripe of 256 rows.
    struct Columns { s64 stripe, col; int lanes; };
    DEVICE_MEMBER Columns columns(s64 tile) const {
        const s64 strips = pieces(cols(), LANES), unit = tile * groups() + group(), stripe = unit / strips;
        const s64 col = (unit - stripe * strips) * LANES + lane();
        return {stripe, col, stripe * GROUP_ROWS * cols() < n() ? int(least(V, cols() - col)) : 0};
    }

    DEVICE_MEMBER Path path(s64 tile, s64 round) const {
        switch (kind()) {
        case WALK_FLAT:
            return {tile * CHUNK_ELEMS + this_thread() * V, least(n(), (tile + 1) * CHUNK_ELEMS), all_threads() * V, 0};
        case WALK_COLUMNS: {
            const Columns c = columns(tile);
            const s64 from = c.stripe * GROUP_ROWS * cols() + c.col, end = least(n() / cols(), (c.stripe + 1) * GROUP_ROWS) * cols();
            return {c.lanes > 0 ? from : end, end, cols(), c.lanes};
        }
        }
        const s64 from = start(tile, round);
        return {from + lane(), from + elems(tile, round), LANES, 0};
    }
};
