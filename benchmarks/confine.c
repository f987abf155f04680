/* Makes this process look, to whoever asks the CPUID instruction, like a processor with fewer instruction sets; and
   tells, by samples, which instructions are being run. Linux on x86-64; `benchmarks/confine.py` compiles and loads it.

   There are two ways to be asked. Where the kernel lets CPUID fault, each CPUID raises SIGSEGV. Elsewhere the CPUID
   instructions of a library, which a disassembler has found, are overwritten by UD2, which is as long and raises
   SIGILL. Either way the handler asks the processor, takes away bits, and goes on behind the instruction. */

#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum { ARCH_SET_CPUID = 0x1012 };
enum { FEATURES = 7, SUBLEAVES = 2, REGISTERS = 4 }; /* registers: EAX, EBX, ECX, EDX */

static uint32_t hidden[SUBLEAVES][REGISTERS]; /* of leaf 7 */
static volatile unsigned long answered;
static int faulting;

static const unsigned char CPUID[2] = {0x0f, 0xa2}, UD2[2] = {0x0f, 0x0b};

static void answer(int number, siginfo_t *about, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)registers[REG_RIP];
    (void)about;
    if (memcmp(at, faulting ? CPUID : UD2, sizeof CPUID) != 0) {
        signal(number, SIG_DFL); /* not ours: it is raised again, and ends the process */
        return;
    }
    uint32_t leaf = (uint32_t)registers[REG_RAX], subleaf = (uint32_t)registers[REG_RCX], found[REGISTERS];
    if (faulting) syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __asm__ volatile("cpuid"
                     : "=a"(found[0]), "=b"(found[1]), "=c"(found[2]), "=d"(found[3])
                     : "0"(leaf), "2"(subleaf));
    if (faulting) syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    if (leaf == FEATURES && subleaf < SUBLEAVES)
        for (int i = 0; i < REGISTERS; i++) found[i] &= ~hidden[subleaf][i];
    registers[REG_RAX] = found[0], registers[REG_RBX] = found[1];
    registers[REG_RCX] = found[2], registers[REG_RDX] = found[3];
    registers[REG_RIP] += sizeof CPUID;
    answered++;
}

static int listen(int number) {
    struct sigaction action = {0};
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    return sigaction(number, &action, NULL);
}

/* Takes the bits that are hidden: registers of subleaf 0, then of subleaf 1. */
void hide(const uint32_t *bits) { memcpy(hidden, bits, sizeof hidden); }

/* Has every CPUID of this thread, and of those that it starts, raise a signal. Returns 0, or -1 if the kernel refuses. */
int confine_by_fault(void) {
    faulting = 1;
    if (listen(SIGSEGV) == 0 && syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) == 0) return 0;
    faulting = 0;
    signal(SIGSEGV, SIG_DFL);
    return -1;
}

/* Overwrites CPUID instructions at these addresses. Returns how many: fewer than `count` where there was no CPUID, or
   memory could not be written. */
int confine_by_trap(const uintptr_t *addresses, int count) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (listen(SIGILL) != 0) return 0;
    for (int i = 0; i < count; i++) {
        unsigned char *at = (unsigned char *)addresses[i];
        uintptr_t first = addresses[i] & ~(page - 1), end = (addresses[i] + sizeof UD2 + page - 1) & ~(page - 1);
        if (memcmp(at, CPUID, sizeof CPUID) != 0) return i;
        if (mprotect((void *)first, end - first, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return i;
        memcpy(at, UD2, sizeof UD2);
        mprotect((void *)first, end - first, PROT_READ | PROT_EXEC);
    }
    return count;
}

unsigned long times_answered(void) { return answered; }

/* Samples: the bytes at the instruction pointer whenever the process has used another few milliseconds. */

enum { LONGEST = 15, MOST = 8192 }; /* bytes of an instruction; samples */

static unsigned char samples[MOST][LONGEST];
static volatile int taken;

static void take(int number, siginfo_t *about, void *context) {
    (void)number, (void)about;
    int place = __sync_fetch_and_add(&taken, 1);
    if (place < MOST) memcpy(samples[place], (void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP], LONGEST);
}

/* Starts, or with 0 stops, taking samples every so many microseconds of the processor's time. */
int sample_every(long microseconds) {
    struct sigaction action = {0};
    action.sa_sigaction = take;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    if (sigaction(SIGPROF, &action, NULL) != 0) return -1;
    if (microseconds) taken = 0;
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    return setitimer(ITIMER_PROF, &timer, NULL);
}

/* Returns how many samples were taken; each is LONGEST bytes, from `*bytes` on. */
int samples_taken(const unsigned char **bytes) {
    *bytes = &samples[0][0];
    return taken < MOST ? taken : MOST;
}
