/* The lowerings of the kernels that a library holds: their names, whether they run here, and their functions. */
#ifndef YAMJIT_DISPATCH_H
#define YAMJIT_DISPATCH_H

#include <stdint.h>

#if defined(_WIN32)
#define YAMJIT_EXPORT __declspec(dllexport)
#else
#define YAMJIT_EXPORT __attribute__((visibility("default")))
#endif

/* How many there are; the best is number 0, the last one runs everywhere. */
YAMJIT_EXPORT int32_t yamjit_lowering_count(void);

/* NULL where there is none of this number. */
YAMJIT_EXPORT const char *yamjit_lowering_name(int32_t lowering);

/* 1 if this processor has all instructions of a lowering and this system saves their registers, else 0. */
YAMJIT_EXPORT int32_t yamjit_lowering_runs(int32_t lowering);

/* Ask the system for what a lowering needs of it: 0 if this process has that, else an error number; see yamjit.h. */
YAMJIT_EXPORT int32_t yamjit_lowering_refused(int32_t lowering);

/* A function of a lowering, such as "run_steps"; NULL where there is none of this number or name. */
YAMJIT_EXPORT void *yamjit_entry(int32_t lowering, const char *name);

/* Digest of the sources that the library was built from, hexadecimal. */
YAMJIT_EXPORT const char *yamjit_sources(void);

/* Family of processors whose packed constants the kernels take: "x86" or "arm". */
YAMJIT_EXPORT const char *yamjit_family(void);

#endif
