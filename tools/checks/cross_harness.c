/* Runs calls of the compiled kernels, as tools/checks/cross.py describes them on standard input, all in 64-bit integers:
 *
 *   buffers, calls, the sizes of all buffers, the calls, then the contents of all buffers.
 *
 * Writes to standard output what the buffer that a call names holds after it. Every buffer lies between guards, which
 * are looked at after every call. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 4096, FILL = 0xA5, ALIGNMENT = 64, ARGUMENTS = 12 };

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

int32_t run_steps(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                  int64_t);
int32_t log_mel(int64_t, int64_t, int64_t, int64_t, int64_t);

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
    if (call->entry == 0) return run_steps(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
    return log_mel(a[0], a[1], a[2], a[3], a[4]);
}

int main(void) {
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
