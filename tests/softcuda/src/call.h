// What every call of the driver goes through: it is counted, logged, and made to fail where a
// test wants that.
#pragma once
#include "context.h"
#include "journal.h"

// What a failure that is not the call's own does to it. One that begins something (allocates,
// queues, creates) is not carried out. One that ends something (waits, frees, destroys) is, and
// returns the failure afterwards: NVIDIA's driver returns there what earlier work has failed
// with, and a program that cleans up after it must be able to.
enum class Effect { begin, end };

// What a call needs to have happened before.
enum class Needs { nothing, initialized, context };

// A call in progress.
struct Call {
    Context *context = nullptr;  // the current one; null unless it is needed
    CUresult later = SUCCESS;    // what the work that the call queues has to fail with

    // Queues work of the call.
    void enqueue(const std::shared_ptr<Stream> &stream, Operation operation) {
        operation.late = later;
        later = SUCCESS;
        context->enqueue(stream, std::move(operation));
    }
};

void set_initialized();
Context *current_context();
void set_current_context(Context *context);

// Fills in the call, or says why it cannot be carried out.
CUresult begin_call(Needs needs, Call &call);
// Adds what the call has come to know of failures, and logs it.
CUresult end_call(const char *name, Effect effect, Verdict verdict, const Call &call, CUresult result);

template <class Body> CUresult run_call(const char *name, Effect effect, Needs needs, Body body) {
    Call call;
    Verdict verdict = judge(name);
    CUresult result = begin_call(needs, call);
    if (!result) {
        CUresult outside = verdict.now ? verdict.now : call.context ? call.context->error() : SUCCESS;
        call.later = verdict.later;
        if (outside && effect == Effect::begin) result = outside;
        else if ((result = body(call)) == SUCCESS) result = outside;
    }
    return end_call(name, effect, verdict, call, result);
}

// Frequent forms.
template <class Body> CUresult query(const char *name, Body body) {
    return run_call(name, Effect::begin, Needs::initialized, [&](Call &) { return body(); });
}
template <class Body> CUresult begins(const char *name, Body body) {
    return run_call(name, Effect::begin, Needs::context, body);
}
template <class Body> CUresult ends(const char *name, Body body) {
    return run_call(name, Effect::end, Needs::context, body);
}
