// The interpreter of Programs. It means, for every instance in the table,
//
//   for i in 0..N: for each instruction: exec(i)
//
// in which a thread takes V neighbouring elements at a time and keeps their values in its
// part of shared memory. Which thread takes which elements, in what order, is the walk
// (walk.h); sums and other totals are in total.h. The code and the tables are laid out as
// layout.h says, which comes from the Go package.
#include "convert.h"
#include "element.h"
#include "layout.h"
#include "total.h"
#include "walk.h"

struct RunArgs {
    u64 code;       // of one pass
    u64 instances;  // table, one row for each launch
    u32 count;      // of instances
    u32 unused;
};
static_assert(sizeof(RunArgs) == RUN_ARGS_BYTES, "the Go side packs the arguments");

// What a thread keeps while it works on an instance. Everything else is read again where it is
// needed: registers are what limits how many threads run at once.
template <class F, int V> struct Frame {
    u64 code;  // address of the code of the pass
    u64 row;   // address of the row of the instance
    u64 bad;   // bit k: operand k had an element that is NaN or infinite
    Shared shared;

    DEVICE_MEMBER u64 word(u32 k) const { return *at<m64>(row + 8ull * k); }
    DEVICE_MEMBER char *reg(u32 k) const { return shared.bytes() + (k * blockDim.x + threadIdx.x) * (V * sizeof(F)); }
    DEVICE_MEMBER m64 *lanes(u32 k) const { return shared.words + k + threadIdx.x * V; }
    DEVICE_MEMBER m64 &tally(u32 k) const { return shared.words[k + threadIdx.x]; }
};

// An instruction, see layout.h.
struct Instr { u64 lo, hi; };
DEVICE u32 op_of(Instr w) { return w.lo & 0xff; }
DEVICE u32 type_of(Instr w) { return w.lo >> 8 & 0xff; }
DEVICE u32 arity_of(Instr w) { return w.lo >> 16 & 0xff; }
DEVICE u32 flag_of(Instr w) { return w.lo >> 24 & 0xff; }
DEVICE u32 ref_of(Instr w, int k) { return k < 2 ? w.lo >> (32 + 16 * k) & 0xffff : w.hi & 0xffff; }
DEVICE u32 dst_of(Instr w) { return w.hi >> 16 & 0xffff; }
DEVICE u32 index_of(Instr w) { return w.hi >> 32 & 0xffff; }
DEVICE u32 extra_of(Instr w) { return w.hi >> 48; }

// The value of an argument: a register, a constant of the launch or an immediate.
template <class F, int V> DEVICE void value_of(const Frame<F, V> &f, u32 ref, typename Number<F>::Bits (&x)[V]) {
    if (ref < REF_ROW) {
        read(f.reg(ref), x);
        return;
    }
    u64 word = ref < REF_CODE ? f.row + 8ull * (ref - REF_ROW) : f.code + 8ull * (ref - REF_CODE);
    const typename Number<F>::Bits c = *at<m64>(word);
    UNROLL for (int j = 0; j < V; j++) x[j] = c;
}

// Where the elements of an operand are: the next one in its span, and for a Row how far it is
// in its row.
struct Place {
    s64 index, col, period;
    u32 form;
};

template <class F, int V> DEVICE Place place_of(const Frame<F, V> &f, u32 operand, u32 form, s64 i) {
    Place p = {form == FORM_DENSE ? i : 0, 0, 1, form};
    if (form == FORM_ROW || form == FORM_COL) {
        p.period = f.word(ROW_ARGS + 2 * operand + 1);
        const s64 first = f.word(ROW_FIRST), row = quotient(first + i, p.period);
        p.col = first + i - row * p.period;
        p.index = form == FORM_COL ? p.col : row - quotient(first, p.period);
    }
    return p;
}

DEVICE void advance(Place &p) {
    switch (p.form) {
    case FORM_DENSE: p.index++; break;
    case FORM_ROW: if (++p.col == p.period) p.col = 0, p.index++; break;
    case FORM_COL: if (++p.index == p.period) p.index = 0; break;
    }
}

// The element types of nearly all checkpoints, for which there is code without a choice at
// every element.
#define COMMON_TYPES(DO) case TYPE_F16: DO(TYPE_F16); case TYPE_BF16: DO(TYPE_BF16); case TYPE_F32: DO(TYPE_F32)

// Takes V elements of one type out of a quad; reports whether one is NaN or infinite.
template <u32 type, class F, int V> DEVICE bool widen_all(Quad q, typename Number<F>::Bits (&x)[V]) {
    bool bad = false;
    UNROLL for (int j = 0; j < V; j++) {
        const u64 raw = pop(q, size_log(type));
        bad |= is_bad(raw, type);
        x[j] = bits_of(widen<F>(raw, type));
    }
    return bad;
}

// Loads elements [i, i+n) of an operand and looks for those that are NaN or infinite.
template <class F, int V> DEVICE void load(Frame<F, V> &f, Instr w, s64 i, int n, typename Number<F>::Bits (&x)[V]) {
    const u32 type = type_of(w), log = size_log(type), operand = index_of(w);
    Place p = place_of(f, operand, extra_of(w), i);
    const u64 span = f.word(ROW_ARGS + 2 * operand), from = span + (u64(p.index) << log);
    const bool at_once = V == 4 && n == V && p.form == FORM_DENSE && quad_fits(from, log);
    Quad q = {0, 0};
    if (at_once) q = get_quad(from, log);
    bool bad = false;
    switch (at_once ? type : 0) {
#define WIDEN(type) bad = widen_all<type, F>(q, x); break
    COMMON_TYPES(WIDEN);
#undef WIDEN
    default:
        ROLLED for (int j = 0; j < V; j++) {
            u64 raw = 0;
            if (at_once) raw = pop(q, log);
            else if (j < n) raw = get(span + (u64(p.index) << log), log);
            advance(p);
            bad |= j < n && is_bad(raw, type);
            UNROLL for (int k = 0; k < V - 1; k++) x[k] = x[k + 1];
            x[V - 1] = bits_of(widen<F>(raw, type));
        }
    }
    if (bad && flag_of(w)) f.bad |= 1ull << operand;
}

// Puts V elements of one type into a quad; returns the sum of what became of them.
template <u32 type, class F, int V> DEVICE u32 narrow_all(Quad &q, const typename Number<F>::Bits (&x)[V]) {
    u32 found = 0;
    UNROLL for (int j = 0; j < V; j++) {
        const u64 raw = narrow(number<F>(x[j]), type);
        found += judge(number<F>(x[j]), raw, type);
        push(q, size_log(type), raw);
    }
    return found;
}

// Stores elements [i, i+n) and counts what was lost.
template <class F, int V> DEVICE void store(const Frame<F, V> &f, Instr w, s64 i, int n, typename Number<F>::Bits (&x)[V]) {
    const u32 type = type_of(w), log = size_log(type), counts = extra_of(w);
    const u64 to = f.word(index_of(w)) + (u64(i) << log);
    const bool at_once = V == 4 && n == V && quad_fits(to, log);
    Quad q = {0, 0};
    u32 found = 0;
    switch (at_once ? type : 0) {
#define NARROW(type) found = narrow_all<type, F>(q, x); break
    COMMON_TYPES(NARROW);
#undef NARROW
    default:
        ROLLED for (int j = 0; j < V; j++) {
            const u64 raw = narrow(number<F>(x[0]), type);
            if (j < n) found += judge(number<F>(x[0]), raw, type);
            UNROLL for (int k = 0; k < V - 1; k++) x[k] = x[k + 1];
            if (at_once) push(q, log, raw);
            else if (j < n) put(to + (u64(j) << log), log, raw);
        }
    }
    if (at_once) put_quad(to, log, q);
    if (counts == 0 || found == 0) return;
    const u64 sums = f.word(counts);
    UNROLL for (int k = 0; k < 3; k++) {
        if (found >> 8 * k & 0xff) atomicAdd((u64 *)(sums + 8 * k), u64(found >> 8 * k & 0xff));
    }
}

// Rounds to an element type and back.
template <class F, int V> DEVICE void round_to(u32 type, typename Number<F>::Bits (&x)[V]) {
    const u64 ones = ~0ull >> (64 - (8 << size_log(type)));
    ROLLED for (int j = 0; j < V; j++) {
        const F y = widen<F>(narrow(number<F>(x[0]), type) & ones, type);
        UNROLL for (int k = 0; k < V - 1; k++) x[k] = x[k + 1];
        x[V - 1] = bits_of(y);
    }
}

// Counts magnitudes in bins.
template <class F, int V> DEVICE void histogram(const Frame<F, V> &f, Instr w, int n, const typename Number<F>::Bits (&x)[V]) {
    const u32 shift = ref_of(w, 2) & 0xff, width = ref_of(w, 2) >> 8;
    const u64 bins = f.word(index_of(w)), prefix = f.word(extra_of(w));
    UNROLL for (int j = 0; j < V; j++) {
        u64 key = x[j] & ~Number<F>::sign;
        if (key > Number<F>::inf) key = Number<F>::nan;
        u64 above = shift + width < 64 ? key >> (shift + width) : 0;
        if (j < n && above == prefix) atomicAdd((u64 *)(bins + 8 * (key >> shift & ((1u << width) - 1))), 1ull);
    }
}

// Values are kept as bits: a number that goes through a register of a float type as it is may
// lose the bits of a NaN. NUMBERS computes with the numbers a, b, c; WORDS with the bits.
#define NUMBERS(expression)                                                                         \
    UNROLL for (int j = 0; j < V; j++) {                                                            \
        const F a = number<F>(x[j]), b = number<F>(y[j]), c = number<F>(z[j]);                      \
        (void)b, (void)c, x[j] = bits_of(F(expression));                                            \
    }                                                                                               \
    break
#define MASKS(expression)                                                                           \
    UNROLL for (int j = 0; j < V; j++) {                                                            \
        const F a = number<F>(x[j]), b = number<F>(y[j]);                                           \
        (void)b, x[j] = (expression);                                                               \
    }                                                                                               \
    break
#define WORDS(expression) UNROLL for (int j = 0; j < V; j++) x[j] = (expression); break

// Runs all instructions for the elements [i, i+n) of the launch. Elements past the end
// hold zeros and reach no result.
template <class F, int V> DEVICE void execute(Frame<F, V> &f, s64 i, int n) {
    typedef typename Number<F>::Bits Bits;
    ROLLED for (u64 pc = f.code + HEAD_BYTES, end = pc + 16 * head(f.code, HEAD_INSTRS); pc < end; pc += 16) {
        const m64x2 word = *at<m64x2>(pc);
        const Instr w = {word[0], word[1]};
        const u32 arity = arity_of(w), imm = index_of(w);
        Bits x[V] = {}, y[V] = {}, z[V] = {};
        if (arity > 0) value_of(f, ref_of(w, 0), x);
        if (arity > 1) value_of(f, ref_of(w, 1), y);
        if (arity > 2) value_of(f, ref_of(w, 2), z);
        switch (op_of(w)) {
        case OP_LOAD: load(f, w, i, n, x); break;
        case OP_ADD: NUMBERS(a + b);
        case OP_SUB: NUMBERS(a - b);
        case OP_MUL: NUMBERS(a * b);
        case OP_DIV: NUMBERS(a / b);
        case OP_FMA: NUMBERS(fused(a, b, c));
        case OP_SQRT: NUMBERS(root(a));
        case OP_SIGN: NUMBERS(sign_of(a));
        case OP_MIN: NUMBERS(min_of(a, b));
        case OP_MAX: NUMBERS(max_of(a, b));
        case OP_RINT: NUMBERS(integral(a));
        case OP_LT: MASKS(a < b);
        case OP_LE: MASKS(a <= b);
        case OP_EQ: MASKS(a == b);
        case OP_ISNAN: MASKS(a != a);
        case OP_SELECT: WORDS(x[j] ? y[j] : z[j]);
        case OP_NAN_TO_NUM: WORDS(nan_to_num<F>(x[j]));
        case OP_NEG: WORDS(x[j] ^ Number<F>::sign);
        case OP_ABS: WORDS(x[j] & ~Number<F>::sign);
        case OP_AND: case OP_ANDB: WORDS(x[j] & y[j]);
        case OP_OR: case OP_ORB: WORDS(x[j] | y[j]);
        case OP_NOT: WORDS(x[j] ^ 1);
        case OP_XORB: WORDS(x[j] ^ y[j]);
        case OP_IADD: WORDS(x[j] + y[j]);
        case OP_ISUB: WORDS(x[j] - y[j]);
        case OP_SHL: WORDS(x[j] << imm);
        case OP_SHR: WORDS(x[j] >> imm);
        case OP_ROUND: round_to<F>(type_of(w), x); break;
        case OP_STORE: store(f, w, i, n, x); break;
        case OP_SUM: case OP_DOT: add_to_lanes<F>(f.lanes(imm), arity == 2, n, x, y); break;
        case OP_COUNT: tally_count(f.tally(imm), n, x); break;
        case OP_LARGEST: tally_max<F>(f.tally(imm), n, x); break;
        case OP_HIST: histogram(f, w, n, x); break;
        }
        if (dst_of(w) != REF_NONE) write(f.reg(dst_of(w)), x);
    }
}

// Runs the tiles of all instances that fall to this block: tiles are numbered through all of
// them, and blocks take turns.
template <class F, int V> DEVICE void run(const RunArgs &a, Shared shared) {
    Frame<F, V> f = {a.code, a.instances, 0, shared};
    s64 tile = blockIdx.x;
    for (u32 k = 0; k < a.count; k++, f.row += head(a.code, HEAD_STRIDE)) {
        const Totals<V> totals = {a.code, f.row, shared};
        const Walk<V> walk = {a.code, f.row};
        const s64 tiles = walk.tiles();
        if (tile < tiles) {
            f.bad = 0;
            totals.clear_tallies();
            for (; tile < tiles; tile += gridDim.x) {
                for (s64 round = 0, rounds = walk.rounds(tile); round < rounds; round++) {
                    Path path = walk.path(tile, round);
                    totals.clear_lanes();
                    for (; path.at < path.end; path.at += path.step) execute(f, path.at, path.lanes(V));
                    if (totals.sums() != 0) totals.end_round(walk, tile, round);
                }
            }
            totals.end_tallies();
            totals.raise_flags(f.bad);
        }
        tile -= tiles;
    }
}

KERNEL(run_f32x4, 256, RunArgs a) {
    DYNAMIC_SHARED(m64x2, shared);
    run<float, 4>(a, Shared{(m64 *)shared});
}

KERNEL(run_f32x1, 256, RunArgs a) {
    DYNAMIC_SHARED(m64x2, shared);
    run<float, 1>(a, Shared{(m64 *)shared});
}

KERNEL(run_f64x4, 256, RunArgs a) {
    DYNAMIC_SHARED(m64x2, shared);
    run<double, 4>(a, Shared{(m64 *)shared});
}

KERNEL(run_f64x1, 256, RunArgs a) {
    DYNAMIC_SHARED(m64x2, shared);
    run<double, 1>(a, Shared{(m64 *)shared});
}
