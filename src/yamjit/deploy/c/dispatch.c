/* Which lowerings there are and where they run. Nothing here needs a C library.
 *
 * What differs from library to library is in build.h, which tools/libraries writes: YAMJIT_SOURCES, the digest of the
 * sources, YAMJIT_FAMILY, YAMJIT_LOWERINGS(X), which is X(symbol, "name") for each lowering, the best first, and
 * YAMJIT_LAST(X), which is X(symbol) for the last one. */
#include "dispatch.h"

#include <stddef.h>

#include "build.h"

/* A library lists some of what follows. */
#define CHECK static __attribute__((unused))

/* -- What runs here ------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

enum { EAX, EBX, ECX, EDX };
enum { LEAF_1, LEAF_7, LEAF_7_1, LEAF_EXTENDED, LEAVES };

/* A bit of what CPUID returns. */
typedef struct {
    uint8_t leaf, reg, bit;
} Feature;

/* All that LLVM may use in a lowering, by its names, beyond what every x86-64 processor has. */
static const Feature AVX2[] = {
    {LEAF_1, ECX, 0},         /* sse3 */
    {LEAF_1, ECX, 9},         /* ssse3 */
    {LEAF_1, ECX, 19},        /* sse4.1 */
    {LEAF_1, ECX, 20},        /* sse4.2 */
    {LEAF_1, ECX, 23},        /* popcnt */
    {LEAF_1, ECX, 28},        /* avx */
    {LEAF_7, EBX, 5},         /* avx2 */
    {LEAF_1, ECX, 12},        /* fma */
    {LEAF_1, ECX, 29},        /* f16c */
    {LEAF_7, EBX, 3},         /* bmi */
    {LEAF_7, EBX, 8},         /* bmi2 */
    {LEAF_EXTENDED, ECX, 5},  /* lzcnt */
    {LEAF_1, ECX, 22},        /* movbe */
};
static const Feature AVXVNNI[] = {
    {LEAF_7_1, EAX, 4},       /* avxvnni */
};
static const Feature AVX512VNNI[] = {
    {LEAF_7, EBX, 16},        /* avx512f */
    {LEAF_7, EBX, 30},        /* avx512bw */
    {LEAF_7, EBX, 28},        /* avx512cd */
    {LEAF_7, EBX, 17},        /* avx512dq */
    {LEAF_7, EBX, 31},        /* avx512vl */
    {LEAF_7, ECX, 11},        /* avx512vnni */
};
static const Feature AMX[] = {
    {LEAF_7, EDX, 24},        /* amx-tile */
    {LEAF_7, EDX, 25},        /* amx-int8 */
};

/* Registers that the system saves when it switches between threads, by the bits of XCR0: those of SSE and AVX, those of
 * AVX-512 as well, and tiles as well. */
enum { OSXSAVE = 27, YMM = 0x06, ZMM = 0xE6, TILES = 0x600E6 };

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t found[4]) {
    __asm__ volatile("cpuid"
                     : "=a"(found[EAX]), "=b"(found[EBX]), "=c"(found[ECX]), "=d"(found[EDX])
                     : "a"(leaf), "c"(subleaf));
}

static int saves(const uint32_t leaf_1[4], uint32_t registers) {
    uint32_t low, high;
    if (!(leaf_1[ECX] >> OSXSAVE & 1)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & registers) == registers;
}

static int has_all(uint32_t leaves[LEAVES][4], const Feature *features, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(leaves[features[i].leaf][features[i].reg] >> features[i].bit & 1)) return 0;
    return 1;
}

/* Whether there is AVX2 with all that belongs to it, and `more`. */
static int has(uint32_t registers, const Feature *more, size_t count) {
    uint32_t leaves[LEAVES][4] = {{0}}, highest[4];
    cpuid(0, 0, highest);
    if (highest[EAX] < 7) return 0;
    cpuid(1, 0, leaves[LEAF_1]);
    cpuid(7, 0, leaves[LEAF_7]);
    if (leaves[LEAF_7][EAX] >= 1) cpuid(7, 1, leaves[LEAF_7_1]);
    cpuid(0x80000000u, 0, highest);
    if (highest[EAX] >= 0x80000001u) cpuid(0x80000001u, 0, leaves[LEAF_EXTENDED]);
    return saves(leaves[LEAF_1], registers) && has_all(leaves, AVX2, sizeof AVX2 / sizeof *AVX2) &&
           has_all(leaves, more, count);
}

#define MORE(features) features, sizeof features / sizeof *features
CHECK int runs_amx(void) { return has(ZMM, MORE(AVX512VNNI)) && has(TILES, MORE(AMX)); }
CHECK int runs_avx512vnni(void) { return has(ZMM, MORE(AVX512VNNI)); }
CHECK int runs_avxvnni(void) { return has(YMM, MORE(AVXVNNI)); }
CHECK int runs_avx2(void) { return has(YMM, NULL, 0); }
CHECK int runs_plain(void) { return 1; }

#if defined(__linux__)

/* Ask for tiles by the system call arch_prctl; returns 0 or an error number. */
static int32_t request_tiles(void) {
    enum { ARCH_PRCTL = 158, ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    int64_t result = ARCH_PRCTL;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"((int64_t)ARCH_REQ_XCOMP_PERM), "S"((int64_t)XTILEDATA)
                     : "rcx", "r11", "memory");
    return (int32_t)-result;
}

#define REQUEST_TILES request_tiles()
#endif

#elif defined(__aarch64__)

#if defined(__linux__)

/* Since 4.11 Linux answers when a program reads a register that describes the processor, with what all cores have;
 * earlier ones end the program. Dot products are told of since 4.15, here and in the auxiliary vector alike; unlike that,
 * reading takes neither a C library nor a file. */
static int reads_registers(void) {
    enum { UNAME = 160, FIELD = 65, RELEASE = 2 * FIELD };
    char name[6 * FIELD];
    register int64_t number __asm__("x8") = UNAME;
    register int64_t result __asm__("x0") = (int64_t)name;
    __asm__ volatile("svc 0" : "+r"(result) : "r"(number) : "memory");
    if (result) return 0;
    int version[2] = {0, 0};
    const char *c = name + RELEASE;
    for (int i = 0; i < 2; i++, c += *c == '.')
        for (; *c >= '0' && *c <= '9' && version[i] < 1000; c++) version[i] = version[i] * 10 + (*c - '0');
    return version[0] > 4 || (version[0] == 4 && version[1] >= 11);
}

CHECK int runs_neon_dot(void) {
    enum { CRC32 = 16, ATOMIC = 20, RDM = 28, DP = 44 };
    uint64_t found;
    if (!reads_registers()) return 0;
    __asm__("mrs %0, ID_AA64ISAR0_EL1" : "=r"(found));
    return (found >> DP & 15) >= 1 && (found >> ATOMIC & 15) >= 2 && (found >> RDM & 15) >= 1 &&
           (found >> CRC32 & 15) >= 1;
}

#elif defined(_WIN32)

__declspec(dllimport) int __stdcall IsProcessorFeaturePresent(uint32_t feature);

CHECK int runs_neon_dot(void) {
    enum { ARM_V82_DP_INSTRUCTIONS = 43 };
    return IsProcessorFeaturePresent(ARM_V82_DP_INSTRUCTIONS) != 0;
}

#elif defined(__ENVIRONMENT_IPHONE_OS_VERSION_MIN_REQUIRED__)

/* An iPhone XS or earlier has none. Systems that do not know the name say so. */
int sysctlbyname(const char *name, void *found, size_t *size, void *set, size_t set_size);

CHECK int runs_neon_dot(void) {
    int32_t found = 0;
    size_t size = sizeof found;
    return !sysctlbyname("hw.optional.arm.FEAT_DotProd", &found, &size, NULL, 0) && found == 1;
}

#elif defined(__APPLE__)

CHECK int runs_neon_dot(void) { return 1; } /* every Mac with such a processor */

#endif

CHECK int runs_neon(void) { return 1; }

#endif

/* -- What there is -------------------------------------------------------------------------------------------- */

typedef void Function(void);

typedef struct {
    const char *name;
    int (*runs)(void);
    Function *run_steps, *log_mel;
} Lowering;

#define DECLARED(symbol, name) Function yamjit_run_steps_##symbol, yamjit_log_mel_##symbol;
YAMJIT_LOWERINGS(DECLARED)

#define DECLARED_ONCE(symbol) Function yamjit_check_plan_##symbol, yamjit_digest_##symbol;
YAMJIT_LAST(DECLARED_ONCE)

#define LISTED(symbol, name) {name, runs_##symbol, yamjit_run_steps_##symbol, yamjit_log_mel_##symbol},
static const Lowering LOWERINGS[] = {YAMJIT_LOWERINGS(LISTED)};
enum { LOWERING_COUNT = sizeof LOWERINGS / sizeof *LOWERINGS };

static const Lowering *lowering_of(int32_t number) {
    return number >= 0 && number < LOWERING_COUNT ? &LOWERINGS[number] : NULL;
}

static int is_same(const char *one, const char *other) {
    while (*one && *one == *other) one++, other++;
    return *one == *other;
}

int32_t yamjit_lowering_count(void) { return LOWERING_COUNT; }

const char *yamjit_lowering_name(int32_t lowering) {
    const Lowering *found = lowering_of(lowering);
    return found ? found->name : NULL;
}

int32_t yamjit_lowering_runs(int32_t lowering) {
    const Lowering *found = lowering_of(lowering);
    return found && found->runs();
}

int32_t yamjit_lowering_refused(int32_t lowering) {
    const Lowering *found = lowering_of(lowering);
#if defined(REQUEST_TILES)
    if (found && is_same(found->name, "amx")) return REQUEST_TILES;
#endif
    return !found;
}

void *yamjit_entry(int32_t lowering, const char *name) {
    const Lowering *found = lowering_of(lowering);
    if (!found || !name) return NULL;
    if (is_same(name, "run_steps")) return (void *)found->run_steps;
    if (is_same(name, "log_mel")) return (void *)found->log_mel;
    /* All lowerings share what follows. */
#define CHECK_PLAN(symbol) yamjit_check_plan_##symbol
    if (is_same(name, "check_plan")) return (void *)YAMJIT_LAST(CHECK_PLAN);
#define DIGEST(symbol) yamjit_digest_##symbol
    if (is_same(name, "digest")) return (void *)YAMJIT_LAST(DIGEST);
    return NULL;
}

const char *yamjit_sources(void) { return YAMJIT_SOURCES; }

const char *yamjit_family(void) { return YAMJIT_FAMILY; }
