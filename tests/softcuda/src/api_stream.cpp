// Calls on streams and events.
#include "call.h"

namespace {

std::shared_ptr<Event> find_event(CUevent handle) { return event_handles().find(handle, "event"); }

// Work that only keeps order; it is done in a lost context too, so that nobody waits for ever.
Operation order(const char *kind, std::function<void()> run) {
    Operation o;
    o.kind = kind;
    o.always = true;
    o.run = [run = std::move(run)] { return run(), SUCCESS; };
    return o;
}

}  // namespace

API CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
    return begins(__func__, [&](Call &call) -> CUresult {
        if (flags > CU_STREAM_NON_BLOCKING) return INVALID_VALUE;
        *stream = call.context->make_stream(!(flags & CU_STREAM_NON_BLOCKING));
        return SUCCESS;
    });
}

API CUresult cuStreamDestroy_v2(CUstream handle) {
    return ends(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Stream> stream = handle ? call.context->stream(handle) : nullptr;
        if (!stream) return INVALID_HANDLE;
        call.context->destroy_stream(handle, stream);
        return SUCCESS;
    });
}

API CUresult cuStreamSynchronize(CUstream handle) {
    return ends(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Stream> stream = call.context->stream(handle);
        if (!stream) return INVALID_HANDLE;
        stream->wait(stream->queued());
        return SUCCESS;
    });
}

API CUresult cuStreamQuery(CUstream handle) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Stream> stream = call.context->stream(handle);
        return !stream ? INVALID_HANDLE : stream->ask(stream->queued()) ? SUCCESS : NOT_READY;
    });
}

API CUresult cuStreamWaitEvent(CUstream handle, CUevent event, unsigned) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Stream> stream = call.context->stream(handle);
        std::shared_ptr<Event> e = find_event(event);
        if (!stream || !e) return INVALID_HANDLE;
        if (std::shared_ptr<Record> record = e->record())
            call.context->enqueue(stream, order("wait", [record] { record->stream->wait(record->n); }));
        return SUCCESS;
    });
}

API CUresult cuEventCreate(CUevent *event, unsigned flags) {
    return begins(__func__, [&](Call &call) -> CUresult {
        if (flags > 7) return INVALID_VALUE;
        auto e = std::make_shared<Event>();
        e->owner = call.context;
        e->id = next_id(Event::kind);
        e->timed = !(flags & CU_EVENT_DISABLE_TIMING);
        *event = static_cast<CUevent>(event_handles().add(e));
        return SUCCESS;
    });
}

API CUresult cuEventDestroy_v2(CUevent event) {
    return ends(__func__, [&](Call &) -> CUresult {
        if (!find_event(event)) return INVALID_HANDLE;
        event_handles().remove(event);
        return SUCCESS;
    });
}

API CUresult cuEventRecord(CUevent event, CUstream handle) {
    return begins(__func__, [&](Call &call) -> CUresult {
        std::shared_ptr<Event> e = find_event(event);
        std::shared_ptr<Stream> stream = call.context->stream(handle);
        if (!e || !stream || e->owner != call.context) return INVALID_HANDLE;
        auto record = std::make_shared<Record>();
        record->stream = stream;
        std::lock_guard<std::mutex> lock(e->mutex);
        record->n = call.context->enqueue(stream, order("record", [record] { record->when = std::chrono::steady_clock::now(); }));
        e->latest = record;
        return SUCCESS;
    });
}

API CUresult cuEventQuery(CUevent event) {
    return begins(__func__, [&](Call &) -> CUresult {
        std::shared_ptr<Event> e = find_event(event);
        if (!e) return INVALID_HANDLE;
        std::shared_ptr<Record> record = e->record();
        return !record || record->stream->ask(record->n) ? SUCCESS : NOT_READY;
    });
}

API CUresult cuEventSynchronize(CUevent event) {
    return ends(__func__, [&](Call &) -> CUresult {
        std::shared_ptr<Event> e = find_event(event);
        if (!e) return INVALID_HANDLE;
        if (std::shared_ptr<Record> record = e->record()) record->stream->wait(record->n);
        return SUCCESS;
    });
}

API CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    return begins(__func__, [&](Call &) -> CUresult {
        std::shared_ptr<Event> a = find_event(start), b = find_event(end);
        if (!a || !b || !a->timed || !b->timed) return INVALID_HANDLE;
        std::shared_ptr<Record> from = a->record(), to = b->record();
        if (!from || !to) return INVALID_HANDLE;
        if (!from->stream->ask(from->n) || !to->stream->ask(to->n)) return NOT_READY;
        *milliseconds = std::chrono::duration<float, std::milli>(to->when - from->when).count();
        return SUCCESS;
    });
}
