#include "call.h"

namespace {
std::atomic<bool> initialized{false};
std::atomic<uint64_t> calls{0};
__thread Context *current;
}  // namespace

void set_initialized() { initialized = true; }
Context *current_context() { return current; }
void set_current_context(Context *context) { current = context; }

CUresult begin_call(Needs needs, Call &call) {
    if (needs == Needs::nothing) return SUCCESS;
    if (!initialized) return NOT_INITIALIZED;
    if (needs == Needs::initialized) return SUCCESS;
    if (!current || !current->alive()) return INVALID_CONTEXT;
    call.context = current;
    return SUCCESS;
}

// Work that failed while the call waited for it is the call's failure too.
CUresult end_call(const char *name, Effect effect, Verdict verdict, const Call &call, CUresult result) {
    if (call.context) {
        if (loses_context(verdict.now)) call.context->lose(verdict.now);
        if (call.later) call.context->lose(call.later);  // it has queued nothing
        if (effect == Effect::end && !result) result = call.context->error();
    }
    journal("call n=%llu name=%s result=%d", static_cast<unsigned long long>(++calls), name, result);
    return result;
}
