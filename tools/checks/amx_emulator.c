/* AMX where the processor has none: carries out the tile instructions that end in SIGILL, on Linux for x86-64.
 *
 *     cc -O3 -march=native -shared -fPIC -o amx_emulator.so amx_emulator.c
 *     LD_PRELOAD=./amx_emulator.so ...         from the start; the system then seems to grant tiles as well
 *
 * What a processor would refuse ends the process with a message: a wrong palette, tiles that are not configured or too
 * large, products of shapes that do not match. So does an instruction that is left out here: all but ldtilecfg,
 * sttilecfg, tilerelease, tilezero, tileloadd, tileloaddt1, tilestored and tdpbusd. Each thread has tiles of its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} Config;

static __thread Config config;
static __thread uint8_t tiles[TILES][ROWS][ROW_BYTES];
static uint64_t counts[256];
static struct sigaction before;

/* How often an instruction was carried out, by its opcode. */
__attribute__((visibility("default"))) uint64_t amx_emulator_count(uint8_t opcode) { return counts[opcode]; }

static void fault(const char *reason) {
    char text[160];
    int length = snprintf(text, sizeof text, "amx_emulator: %s\n", reason);
    if (write(2, text, (size_t)length) < 0) _exit(134);
    _exit(134);
}

/* -- Instructions --------------------------------------------------------------------------------------------- */

static void configure(const uint8_t *memory) {
    Config wanted;
    memcpy(&wanted, memory, sizeof wanted);
    memset(tiles, 0, sizeof tiles);
    if (wanted.palette == 0) {
        memset(&config, 0, sizeof config);
        return;
    }
    if (wanted.palette != 1) fault("ldtilecfg: there is no such palette");
    for (size_t i = 0; i < sizeof wanted.reserved; i++)
        if (wanted.reserved[i]) fault("ldtilecfg: reserved bytes are not zero");
    for (int t = 0; t < 16; t++) {
        if (t >= TILES && (wanted.rows[t] || wanted.row_bytes[t])) fault("ldtilecfg: there are eight tiles");
        if (wanted.rows[t] > ROWS || wanted.row_bytes[t] > ROW_BYTES) fault("ldtilecfg: a tile is too large");
        if (!wanted.rows[t] != !wanted.row_bytes[t]) fault("ldtilecfg: a tile has rows or bytes alone");
    }
    if (wanted.start_row) fault("ldtilecfg: a start row is what interrupted loads alone leave");
    config = wanted;
}

static void has(int tile) {
    if (!config.palette) fault("tiles are used that are not configured");
    if (tile >= TILES || !config.rows[tile]) fault("a tile is used that is not configured");
}

static void zero(int tile) {
    has(tile);
    memset(tiles[tile], 0, sizeof *tiles);
}

static void load(int tile, const uint8_t *memory, int64_t stride) {
    zero(tile);
    for (int row = 0; row < config.rows[tile]; row++)
        memcpy(tiles[tile][row], memory + row * stride, config.row_bytes[tile]);
}

static void store(int tile, uint8_t *memory, int64_t stride) {
    has(tile);
    for (int row = 0; row < config.rows[tile]; row++)
        memcpy(memory + row * stride, tiles[tile][row], config.row_bytes[tile]);
}

/* Add to `sum` the products of unsigned bytes of `a` with signed ones of `b`. */
static void multiply(int sum, int a, int b) {
    has(sum), has(a), has(b);
    if (sum == a || sum == b || a == b) fault("tdpbusd: two of three tiles are the same");
    if (config.row_bytes[sum] % 4 || config.row_bytes[a] % 4 || config.row_bytes[b] % 4)
        fault("tdpbusd: rows are not whole numbers of 32 bits");
    if (config.rows[sum] != config.rows[a] || config.row_bytes[sum] != config.row_bytes[b] ||
        config.row_bytes[a] != 4 * config.rows[b])
        fault("tdpbusd: the shapes of tiles do not match");
    for (int row = 0; row < config.rows[sum]; row++) {
        int32_t out[ROWS];
        memcpy(out, tiles[sum][row], ROW_BYTES);
        for (int quad = 0; quad < config.rows[b]; quad++)
            for (int column = 0; column < ROWS; column++)
                for (int byte = 0; byte < 4; byte++)
                    out[column] = (int32_t)((uint32_t)out[column] + (uint32_t)(tiles[a][row][4 * quad + byte] *
                                                                              (int8_t)tiles[b][quad][4 * column + byte]));
        memset(tiles[sum][row], 0, ROW_BYTES);
        memcpy(tiles[sum][row], out, config.row_bytes[sum]);
    }
}

/* -- Decoding ------------------------------------------------------------------------------------------------- */

static const int REGISTERS[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

typedef struct {
    const uint8_t *next; /* what is read next of the instruction */
    const greg_t *registers;
    int short_address;           /* prefix 67 */
    int reg_high, index_high, base_high; /* 8 or 0: the fourth bits of registers' numbers */
    int map, prefix, v, wide, opcode, mod, reg, rm;
    uint8_t *address;
    int64_t stride;
} Instruction;

static int64_t value_of(const Instruction *i, int number) { return i->registers[REGISTERS[number]]; }

/* Take what follows ModRM where an operand is in memory: SIB, displacement. */
static void take_address(Instruction *i) {
    int64_t base, displacement = 0;
    int based_on_next = 0, base_number = i->rm;
    i->stride = 0;
    if (i->rm == 4) {
        uint8_t sib = *i->next++;
        int index = (sib >> 3 & 7) + i->index_high;
        base_number = sib & 7;
        if (index != 4) i->stride = value_of(i, index) << (sib >> 6);
    } else if (i->opcode == 0x4B) {
        fault("a tile is moved without SIB");
    }
    if (base_number == 5 && i->mod == 0) {
        based_on_next = i->rm == 5;
        base = 0;
    } else {
        base = value_of(i, base_number + i->base_high);
    }
    if (i->mod == 1) {
        displacement = (int8_t)*i->next++;
    } else if (i->mod == 2 || (base_number == 5 && i->mod == 0)) {
        int32_t read;
        memcpy(&read, i->next, sizeof read);
        displacement = read, i->next += sizeof read;
    }
    if (based_on_next) base = (int64_t)(intptr_t)i->next;
    base += displacement;
    if (i->short_address) base = (uint32_t)base, i->stride = (int32_t)i->stride;
    i->address = (uint8_t *)(intptr_t)base;
}

/* Return whether there is an instruction with a VEX prefix of three bytes, and take it. */
static int take(Instruction *i) {
    for (;; i->next++) {
        if (*i->next == 0x67) i->short_address = 1;
        else if (*i->next != 0x2E && *i->next != 0x3E) break;
    }
    if (*i->next++ != 0xC4) return 0;
    uint8_t one = *i->next++, two = *i->next++;
    i->reg_high = one & 0x80 ? 0 : 8, i->index_high = one & 0x40 ? 0 : 8, i->base_high = one & 0x20 ? 0 : 8;
    i->map = one & 31, i->wide = two >> 7, i->v = ~(two >> 3) & 15, i->prefix = two & 3;
    if (two & 4) return 0;
    i->opcode = *i->next++;
    uint8_t modrm = *i->next++;
    i->mod = modrm >> 6, i->reg = modrm >> 3 & 7, i->rm = modrm & 7;
    if (i->map != 2 || i->wide) return 0;
    if (i->mod != 3) take_address(i);
    return 1;
}

enum { NONE, P66, PF3, PF2 };

static int carry_out(Instruction *i) {
    int in_memory = i->mod != 3, plain = !i->reg_high && !i->v;
    switch (i->opcode) {
    case 0x49:
        if (i->v) return 0;
        if (in_memory && i->reg == 0 && i->prefix == NONE) return configure(i->address + i->stride), 1;
        if (in_memory && i->reg == 0 && i->prefix == P66) return memcpy(i->address + i->stride, &config, sizeof config), 1;
        if (!in_memory && i->reg == 0 && i->rm == 0 && i->prefix == NONE) {
            memset(&config, 0, sizeof config);
            return 1;
        }
        if (!in_memory && i->rm == 0 && i->prefix == PF2 && plain) return zero(i->reg), 1;
        return 0;
    case 0x4B:
        if (!in_memory || !plain) return 0;
        if (i->prefix == PF2 || i->prefix == P66) return load(i->reg, i->address, i->stride), 1;
        if (i->prefix == PF3) return store(i->reg, i->address, i->stride), 1;
        return 0;
    case 0x5E:
        if (in_memory || i->prefix != P66 || i->reg_high || i->v >= TILES) return 0;
        return multiply(i->reg, i->rm, i->v), 1;
    default: return 0;
    }
}

static void on_illegal(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    Instruction instruction = {.next = (const uint8_t *)registers[REG_RIP], .registers = registers};
    int is_known = take(&instruction) && carry_out(&instruction);
    if (is_known) {
        __atomic_add_fetch(&counts[instruction.opcode], 1, __ATOMIC_RELAXED);
        registers[REG_RIP] = (greg_t)(intptr_t)instruction.next;
    } else if (before.sa_flags & SA_SIGINFO && before.sa_sigaction) {
        before.sa_sigaction(number, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    } else {
        signal(SIGILL, SIG_DFL); /* which ends the process where it goes on */
    }
}

/* Take over SIGILL, from now on. */
__attribute__((constructor, visibility("default"))) void amx_emulator_begin(void) {
    struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO | SA_NODEFER}, now;
    sigemptyset(&action.sa_mask);
    sigaction(SIGILL, &action, &now);
    if (now.sa_sigaction != on_illegal) before = now;
}

/* -- Permission ----------------------------------------------------------------------------------------------- */

/* The C library's `syscall`, which grants tiles; AMX_EMULATOR_REFUSES is the error number where it does not. */
__attribute__((visibility("default"))) long syscall(long number, ...) {
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    static long (*real)(long, ...);
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int n = 0; n < 6; n++) a[n] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_arch_prctl && a[0] == REQUEST && a[1] == TILE_DATA) {
        const char *refused = getenv("AMX_EMULATOR_REFUSES");
        if (refused) errno = atoi(refused);
        return refused ? -1 : 0;
    }
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
