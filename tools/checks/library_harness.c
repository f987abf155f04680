/* harness LIBRARY LOWERING: loads a shared library and runs calls of its kernels, as tools/checks/library_jobs.py
 * describes them on standard input, all in 64-bit integers:
 *
 *   buffers, calls, the sizes of all buffers, the calls, then the contents of all buffers.
 *
 * Writes to standard output what the buffer that a call names holds after it. Every buffer lies between guards, which
 * are looked at after every call. The exit status is 3 where the lowering does not run on this machine. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#include <windows.h>
#define OPEN(path) ((void *)LoadLibraryA(path))
#define FIND(library, name) ((void *)GetProcAddress((HMODULE)(library), name))
#define aligned_alloc(alignment, size) _aligned_malloc(size, alignment)
#else
#include <dlfcn.h>
#define OPEN(path) dlopen(path, RTLD_NOW)
#define FIND(library, name) dlsym(library, name)
#endif

enum { GUARD = 4096, FILL = 0xA5, ALIGNMENT = 64, ARGUMENTS = 18 };

typedef struct {
    int64_t buffer; /* whose address is added to the value; none if negative */
    int64_t value;
} Argument;

typedef struct {
    int64_t entry, result;
    Argument arguments[ARGUMENTS];
} Call;

typedef struct {
    int64_t size;
    uint8_t *memory;
} Buffer;

typedef int32_t RunSteps(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                         int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef int32_t LogMel(int64_t, int64_t, int64_t, int64_t, int64_t);
typedef int32_t OfBytes(int64_t, int64_t, int64_t);

static RunSteps *run_steps;
static LogMel *log_mel;
static OfBytes *check_plan, *digest;

static void fail(const char *what, int64_t call, int64_t buffer) {
    fprintf(stderr, "%s (call %lld, buffer %lld)\n", what, (long long)call, (long long)buffer);
    exit(1);
}

static void take(void *target, size_t size) {
    if (fread(target, 1, size, stdin) != size) fail("the input ends early", -1, -1);
}

static uint8_t *guarded(int64_t size) {
    int64_t whole = (size + 2 * GUARD + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *memory = aligned_alloc(ALIGNMENT, whole);
    if (!memory) fail("no memory", -1, -1);
    memset(memory, FILL, whole);
    return memory + GUARD;
}

static int is_whole(const uint8_t *guard) {
    for (int i = 0; i < GUARD; i++)
        if (guard[i] != FILL) return 0;
    return 1;
}

static int32_t run(const Call *call, const Buffer *buffers) {
    int64_t a[ARGUMENTS];
    for (int i = 0; i < ARGUMENTS; i++) {
        const Argument *argument = &call->arguments[i];
        a[i] = argument->value + (argument->buffer < 0 ? 0 : (int64_t)buffers[argument->buffer].memory);
    }
    switch (call->entry) {
    case 0:
        return run_steps(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14],
                         a[15], a[16], a[17]);
    case 1: return log_mel(a[0], a[1], a[2], a[3], a[4]);
    case 2: return check_plan(a[0], a[1], a[2]);
    default: return digest(a[0], a[1], a[2]);
    }
}

static void *found(void *library, const char *name) {
    void *symbol = FIND(library, name);
    if (!symbol) fail(name, -1, -1);
    return symbol;
}

/* Find the entries of a lowering; returns whether it runs here. */
static int enter(const char *path, const char *wanted) {
    void *library = OPEN(path);
    if (!library) fail("the library cannot be loaded", -1, -1);
    int32_t (*count)(void) = (int32_t(*)(void))found(library, "yamjit_lowering_count");
    const char *(*name)(int32_t) = (const char *(*)(int32_t))found(library, "yamjit_lowering_name");
    int32_t (*runs)(int32_t) = (int32_t(*)(int32_t))found(library, "yamjit_lowering_runs");
    void *(*entry)(int32_t, const char *) = (void *(*)(int32_t, const char *))found(library, "yamjit_entry");
    int32_t lowering = 0;
    while (lowering < count() && strcmp(name(lowering), wanted)) lowering++;
    if (lowering == count()) fail("the library has no such lowering", -1, -1);
    run_steps = (RunSteps *)entry(lowering, "run_steps");
    log_mel = (LogMel *)entry(lowering, "log_mel");
    check_plan = (OfBytes *)entry(lowering, "check_plan");
    digest = (OfBytes *)entry(lowering, "digest");
    return runs(lowering);
}

int main(int argc, char **argv) {
    if (argc != 3) fail("harness LIBRARY LOWERING", -1, -1);
    if (!enter(argv[1], argv[2])) return 3;
#if defined(_WIN32)
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    int64_t counts[2];
    take(counts, sizeof counts);
    Buffer *buffers = calloc(counts[0], sizeof *buffers);
    Call *calls = calloc(counts[1], sizeof *calls);
    if (!buffers || !calls) fail("no memory", -1, -1);
    for (int64_t b = 0; b < counts[0]; b++) take(&buffers[b].size, sizeof buffers[b].size);
    take(calls, counts[1] * sizeof *calls);
    for (int64_t b = 0; b < counts[0]; b++) take(buffers[b].memory = guarded(buffers[b].size), buffers[b].size);
    for (int64_t c = 0; c < counts[1]; c++) {
        if (run(&calls[c], buffers)) fail("stopped", c, -1);
        for (int64_t b = 0; b < counts[0]; b++) {
            if (!is_whole(buffers[b].memory - GUARD)) fail("wrote before", c, b);
            if (!is_whole(buffers[b].memory + buffers[b].size)) fail("wrote behind", c, b);
        }
        const Buffer *result = &buffers[calls[c].result];
        fwrite(result->memory, 1, result->size, stdout);
    }
    return 0;
}
