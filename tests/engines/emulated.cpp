// A driver whose GPU is the CPU: what pycuda and engines/nvidia/cuda_stream.py ask for, done as late as a GPU may
// do it. Work on a stream waits until somebody waits for it; what is recorded is not run; memory is
// checked; a call without a context, or one that may not be made while recording, fails as on a GPU.
// There are EMULATED_GPUS of them (the environment's), 1 else: a stream of one of them is refused
// while another's context is current.
// What is done is written down, and it can be told to break, for good, at some piece of work.
// The kernels are those of host.cpp.
#include "host.cpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, NOT_FOUND = 500,
       LAUNCH_FAILED = 719, CAPTURING = 900 };
static const size_t MEMORY = 64 << 20; // so that it can be full
using Work = std::function<int()>;
using Graph = std::vector<Work>;

struct Stream {
    Graph waiting, recorded;
    bool recording = false;
    int device = 0;
};

static std::map<uintptr_t, size_t> memory, pinned;
static std::vector<Stream *> streams;
static thread_local std::vector<int> contexts; // devices, the current one last
static char handles[8];                        // whose places stand for the primary contexts
static long launches = 0, replays = 0, recordings = 0;
static long until = 0; // pieces of work before it breaks
static int broken = OK;
static std::string done;

extern "C" long emulated_live() { return (long)(memory.size() + pinned.size()); }
extern "C" long emulated_launches() { return launches; }
extern "C" long emulated_replays() { return replays; }
extern "C" long emulated_recordings() { return recordings; }
extern "C" void emulated_break(long after) { until = after; }
extern "C" const char *emulated_done() { return done.c_str(); } // "<stream>:<what> " in order
extern "C" void emulated_forget() { done.clear(); }
extern "C" int emulated_contexts() { return (int)contexts.size(); }
static int current() { return contexts.empty() ? -1 : contexts.back(); }

static bool inside(const std::map<uintptr_t, size_t> &all, uintptr_t at, size_t size)
{
    auto it = all.upper_bound(at);
    if (it == all.begin())
        return false;
    --it;
    return at + size <= it->first + it->second;
}

static bool any_recording()
{
    for (auto *stream : streams)
        if (stream->recording)
            return true;
    return false;
}

static int finish(Stream *stream)
{
    Graph work;
    work.swap(stream->waiting);
    for (auto &one : work) {
        if (until && !--until)
            broken = LAUNCH_FAILED;
        if (broken)
            return broken;
        if (int code = one())
            return code;
    }
    return broken;
}

// What no stream does: not without a context, not while recording, and after all that waits.
static int at_once(const Work &work)
{
    if (contexts.empty())
        return INVALID_CONTEXT;
    if (any_recording())
        return CAPTURING;
    for (auto *stream : streams)
        if (int code = finish(stream))
            return code;
    return broken ? broken : work();
}

static int later(Stream *stream, const char *what, Work work)
{
    if (contexts.empty())
        return INVALID_CONTEXT;
    if (!stream)
        return INVALID_VALUE;
    if (stream->device != current())
        return INVALID_CONTEXT;
    size_t place = std::find(streams.begin(), streams.end(), stream) - streams.begin();
    std::string name = std::to_string(place) + ":" + what + " ";
    (stream->recording ? stream->recorded : stream->waiting).push_back([=] {
        done += name;
        return work();
    });
    return broken;
}

template <class... Given, size_t... N>
static void from_buffer(void (*kernel)(Given...), const int *shape, const char *buffer,
                        std::index_sequence<N...> all)
{
    std::tuple<Given...> values;
    size_t at = 0;
    auto take = [&](auto &value) {
        at = (at + alignof(decltype(value)) - 1) / sizeof(value) * sizeof(value);
        std::memcpy(&value, buffer + at, sizeof(value));
        at += sizeof(value);
    };
    auto align = [&](auto &value) {
        at = (at + sizeof(value) - 1) / sizeof(value) * sizeof(value);
        take(value);
    };
    (align(std::get<N>(values)), ...);
    void *given[] = {&std::get<N>(values)...};
    run(kernel, shape, given, all);
}

struct Function {
    const char *name;
    std::function<void(const int *, const char *)> run;
};

template <class... Given> static Function function(const char *name, void (*kernel)(Given...))
{
    return {name, [kernel](const int *shape, const char *buffer) {
                from_buffer(kernel, shape, buffer, std::index_sequence_for<Given...>{});
            }};
}

static Function functions[] = {
    function("letterbox", letterbox), function("limbs", limbs), function("peaks", peaks),
    function("crops", crops)};

extern "C" {
int cuInit(unsigned) { return OK; }
int cuDriverGetVersion(int *version) { return *version = 13000, OK; }
int cuDeviceGetCount(int *count)
{
    const char *wanted = getenv("EMULATED_GPUS");
    return *count = wanted ? atoi(wanted) : 1, OK;
}
int cuDeviceGet(int *device, int index) { return *device = index, OK; }
int cuDeviceGetName(char *name, int size, int) { return snprintf(name, size, "Emulated"), OK; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = 8ul << 30, OK; }
int cuDeviceGetAttribute(int *value, int which, int)
{
    *value = which == 75 ? 9 : which == 76 ? 0 : 1;
    return OK;
}
int cuGetErrorString(int, const char **text) { return *text = "emulated", OK; }

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    return *context = &handles[device], OK;
}
int cuDevicePrimaryCtxRelease_v2(int) { return OK; }
int cuCtxPushCurrent_v2(void *context)
{
    return contexts.push_back((int)((char *)context - handles)), OK;
}
int cuCtxPopCurrent_v2(void **context)
{
    if (contexts.empty())
        return INVALID_CONTEXT;
    *context = &handles[current()];
    return contexts.pop_back(), OK;
}
int cuCtxGetDevice(int *device)
{
    return *device = std::max(current(), 0), contexts.empty() ? INVALID_CONTEXT : OK;
}
int cuCtxSynchronize() { return at_once([] { return OK; }); }

int cuModuleLoad(void **module, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NOT_FOUND;
    fclose(file);
    *module = strdup(path);
    return contexts.empty() ? INVALID_CONTEXT : OK;
}
int cuModuleUnload(void *module) { return free(module), OK; }
int cuModuleGetFunction(void **found, void *module, const char *name)
{
    for (auto &one : functions)
        if (!strcmp(one.name, name) && strstr((char *)module, name))
            return *found = &one, OK;
    return NOT_FOUND;
}
int cuFuncSetBlockShape(void *, int, int, int) { return OK; } // pycuda sets it for old launches
int cuFuncGetAttribute(int *value, int, void *) { return *value = 0, OK; }

int cuLaunchKernel(void *one, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned, void *stream, void **, void **extra)
{
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || bx * by * bz > 1024)
        return INVALID_VALUE;
    const std::string buffer((char *)extra[1], *(size_t *)extra[3]);
    const int shape[] = {(int)gx, (int)gy, (int)gz, (int)bx, (int)by, (int)bz};
    std::vector<int> kept(shape, shape + 6);
    return later((Stream *)stream, ((Function *)one)->name, [=] {
        ++launches;
        ((Function *)one)->run(kept.data(), buffer.data());
        return OK;
    });
}

int cuMemAlloc_v2(uintptr_t *at, size_t size)
{
    if (size > MEMORY)
        return OUT_OF_MEMORY;
    return !size ? INVALID_VALUE : at_once([=] {
        *at = (uintptr_t)malloc(size);
        memset((void *)*at, 0xA5, size);
        memory[*at] = size;
        return OK;
    });
}
int cuMemFree_v2(uintptr_t at)
{
    return at_once([=] { return free((void *)at), memory.erase(at) ? OK : INVALID_VALUE; });
}
int cuMemHostAlloc(void **at, size_t size, unsigned)
{
    return at_once([=] {
        *at = malloc(size);
        pinned[(uintptr_t)*at] = size;
        return OK;
    });
}
int cuMemFreeHost(void *at)
{
    return at_once([=] { return pinned.erase((uintptr_t)at) ? (free(at), OK) : INVALID_VALUE; });
}

static int copy(void *to, const void *from, size_t size, const void *device, const void *host)
{
    if (!inside(memory, (uintptr_t)device, size) || (host && !inside(pinned, (uintptr_t)host, size)))
        return INVALID_VALUE;
    memcpy(to, from, size);
    return OK;
}
int cuMemcpyHtoD_v2(uintptr_t to, const void *from, size_t size)
{
    return at_once([=] { return copy((void *)to, from, size, (void *)to, nullptr); });
}
int cuMemcpyDtoH_v2(void *to, uintptr_t from, size_t size)
{
    return at_once([=] { return copy(to, (void *)from, size, (void *)from, nullptr); });
}
// Asynchronous copies need page-locked memory to be asynchronous.
int cuMemcpyHtoDAsync_v2(uintptr_t to, const void *from, size_t size, void *stream)
{
    return later((Stream *)stream, "up",
                 [=] { return copy((void *)to, from, size, (void *)to, from); });
}
int cuMemcpyDtoHAsync_v2(void *to, uintptr_t from, size_t size, void *stream)
{
    return later((Stream *)stream, "down",
                 [=] { return copy(to, (void *)from, size, (void *)from, to); });
}
int cuMemsetD8Async(uintptr_t at, unsigned char value, size_t size, void *stream)
{
    return later((Stream *)stream, "zero", [=] {
        return inside(memory, at, size) ? (memset((void *)at, value, size), OK) : INVALID_VALUE;
    });
}

int cuStreamCreate(void **stream, unsigned)
{
    streams.push_back(new Stream);
    *stream = streams.back();
    streams.back()->device = current();
    return contexts.empty() ? INVALID_CONTEXT : OK;
}
int cuStreamDestroy_v2(void *) { return OK; }
int cuStreamSynchronize(void *stream)
{
    if (any_recording())
        return CAPTURING;
    return ((Stream *)stream)->device == current() ? finish((Stream *)stream) : INVALID_CONTEXT;
}
int cuStreamBeginCapture_v2(void *stream, int mode)
{
    if (mode != 1 || !stream || ((Stream *)stream)->device != current())
        return INVALID_VALUE;
    ((Stream *)stream)->recording = true;
    ++recordings;
    ((Stream *)stream)->recorded.clear();
    return OK;
}
int cuStreamEndCapture(void *stream, void **graph)
{
    ((Stream *)stream)->recording = false;
    *graph = new Graph(((Stream *)stream)->recorded);
    return OK;
}
int cuGraphInstantiateWithFlags(void **recorded, void *graph, unsigned long long flags)
{
    return flags ? INVALID_VALUE : (*recorded = new Graph(*(Graph *)graph), OK);
}
int cuGraphLaunch(void *recorded, void *stream)
{
    if (((Stream *)stream)->device != current())
        return INVALID_CONTEXT;
    ++replays;
    auto &waiting = ((Stream *)stream)->waiting;
    waiting.insert(waiting.end(), ((Graph *)recorded)->begin(), ((Graph *)recorded)->end());
    return broken;
}
int cuGraphDestroy(void *graph) { return delete (Graph *)graph, OK; }
int cuGraphExecDestroy(void *recorded) { return delete (Graph *)recorded, OK; }
}
