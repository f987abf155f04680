/* What compiled code takes from a C library: a shared library without one brings it along. */
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#define ITSELF __attribute__((no_builtin, visibility("hidden")))
#else
#define ITSELF __attribute__((optimize("no-tree-loop-distribute-patterns"), visibility("hidden")))
#endif

enum { STRIDE = 16 };
typedef uint8_t Vector __attribute__((vector_size(STRIDE), aligned(1), may_alias));

ITSELF void *memset(void *to, int value, size_t size) {
    uint8_t *out = to, *end = out + size;
    Vector filled = (Vector){0} + (uint8_t)value;
    for (; end - out >= STRIDE; out += STRIDE) *(Vector *)out = filled;
    for (; out < end; out++) *out = (uint8_t)value;
    return to;
}

ITSELF void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    uint8_t *out = to, *end = out + size;
    const uint8_t *in = from;
    for (; end - out >= STRIDE; out += STRIDE, in += STRIDE) *(Vector *)out = *(const Vector *)in;
    for (; out < end; out++, in++) *out = *in;
    return to;
}

ITSELF void *memmove(void *to, const void *from, size_t size) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)out - (uintptr_t)in >= size) return memcpy(to, from, size);
    while (size--) out[size] = in[size];
    return to;
}

#if defined(__APPLE__)
/* What LLVM calls there in place of memset with zeros: on Arm, and on x86-64. */
ITSELF void bzero(void *to, size_t size) { memset(to, 0, size); }
ITSELF void __bzero(void *to, size_t size) { memset(to, 0, size); }
#endif

#if defined(_WIN32)
/* Where Windows enters a library that is loaded. */
int __stdcall DllMainCRTStartup(void *library, uint32_t reason, void *reserved) {
    (void)library, (void)reason, (void)reserved;
    return 1;
}
#endif
