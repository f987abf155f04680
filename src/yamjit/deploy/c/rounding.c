/* Rounding towards zero, which processors without SSE4.1 have no instruction for, by clearing the bits of the fraction. */
#include <stdint.h>

#define OURS __attribute__((visibility("hidden")))

OURS double trunc(double x) {
    union {
        double number;
        uint64_t bits;
    } value = {x};
    int exponent = (int)(value.bits >> 52 & 0x7FF) - 1023;
    if (exponent < 0) value.bits &= UINT64_C(1) << 63;
    else if (exponent < 52) value.bits &= ~(UINT64_MAX >> 12 >> exponent);
    return value.number;
}

OURS float truncf(float x) {
    union {
        float number;
        uint32_t bits;
    } value = {x};
    int exponent = (int)(value.bits >> 23 & 0xFF) - 127;
    if (exponent < 0) value.bits &= UINT32_C(1) << 31;
    else if (exponent < 23) value.bits &= ~(UINT32_MAX >> 9 >> exponent);
    return value.number;
}
