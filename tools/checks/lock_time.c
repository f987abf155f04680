/* What `tools.checks.lock_time` loads before Python: it counts how long, and how often, threads hold the interpreter's
   lock. Extension modules give the lock up and take it again by the two functions below, which stand in front of
   Python's own. Times are processor time of the thread, so that waiting, and what other programs do, does not count. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <time.h>

typedef struct PyThreadState PyThreadState;

static int64_t held_ns, released_ns, given_up;
static __thread int64_t since; /* when this thread began to hold the lock, or gave it up; a thread begins at 0 */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void add(int64_t *total)
{
    int64_t end = now();
    __atomic_add_fetch(total, end - since, __ATOMIC_RELAXED);
    since = end;
}

PyThreadState *PyEval_SaveThread(void)
{
    static PyThreadState *(*original)(void);
    if (!original)
        original = (PyThreadState * (*)(void)) dlsym(RTLD_NEXT, "PyEval_SaveThread");
    add(&held_ns);
    __atomic_add_fetch(&given_up, 1, __ATOMIC_RELAXED);
    return original();
}

void PyEval_RestoreThread(PyThreadState *state)
{
    static void (*original)(PyThreadState *);
    if (!original)
        original = (void (*)(PyThreadState *)) dlsym(RTLD_NEXT, "PyEval_RestoreThread");
    add(&released_ns);
    original(state);
}

/* Write the nanoseconds with the lock and without it, and how often it was given up. Called with the lock held. */
void lock_time_read(int64_t out[3])
{
    add(&held_ns);
    out[0] = __atomic_load_n(&held_ns, __ATOMIC_RELAXED);
    out[1] = __atomic_load_n(&released_ns, __ATOMIC_RELAXED);
    out[2] = __atomic_load_n(&given_up, __ATOMIC_RELAXED);
}
