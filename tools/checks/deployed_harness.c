/* Plan files damaged at random are opened and run, in memory between pages that may not be touched:
 *
 *     cc -DSTEP_COLUMNS=N deployed_harness.c libyamjit.a; a.out PLAN COUNT SEED
 *
 * Every second file gets a digest that is right again. Prints how often each code was returned, and "unrepaired N", the
 * number of files with a wrong digest that were opened all the same. yamjit.c is part of this program, so that sanitizers
 * see it, and each part of a model's memory gets pages of its own.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "yamjit.c"

enum { PAGE = 65536, MOST_CODE = 128 };

/* -- Memory between pages that may not be touched ------------------------------------------------------------------ */

typedef struct {
    uint8_t *pages, *begin;
    size_t size;
} guarded;

/* Return memory that ends, or begins, where a page begins that may not be touched. */
static guarded guard(int64_t size, int at_end) {
    size_t inner = ((size_t)size + PAGE - 1) / PAGE * PAGE;
    guarded made = {.size = inner + 2 * PAGE};
    made.pages = mmap(NULL, made.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made.pages == MAP_FAILED || (inner && mprotect(made.pages + PAGE, inner, PROT_READ | PROT_WRITE))) {
        perror("mmap");
        exit(3);
    }
    made.begin = made.pages + PAGE + (at_end ? inner - (size_t)size : 0);
    return made;
}

static void release(guarded made) { munmap(made.pages, made.size); }

/* -- Damage -------------------------------------------------------------------------------------------------------- */

static uint64_t state;

static uint64_t draw(uint64_t below) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
    return below ? (state >> 8) % below : 0;
}

static int64_t odd_number(int64_t before, int64_t size) {
    uint64_t bits = (uint64_t)before; /* which may overflow */
    switch (draw(12)) {
    case 0: return 0;
    case 1: return -1;
    case 2: return (int64_t)(bits + 1);
    case 3: return (int64_t)(bits - 1);
    case 4: return (int64_t)(bits * 2);
    case 5: return (int64_t)(bits ^ (uint64_t)1 << draw(64));
    case 6: return INT64_MIN;
    case 7: return INT64_MAX;
    case 8: return size - (int64_t)draw(200);
    case 9: return (int64_t)(bits + 64 * draw(64));
    case 10: return (int64_t)draw(4096);
    default: return (int64_t)(draw(1 << 24) << draw(40));
    }
}

/* Change an integer of the header, the steps, a head, the places of its labels, or the tables of the front end. */
static void damage_field(uint8_t *plan, const int64_t *sound) {
    static const int parts[] = {-1, -1, STEPS_AT, STEPS_AT, HEADS_AT, HEAD_LABELS_AT, TABLES_AT};
    int part = parts[draw(7)];
    int64_t begin = 0, count = MODEL;
    if (part == STEPS_AT) begin = sound[STEPS_AT], count = sound[STEPS] * STEP_COLUMNS;
    if (part == HEADS_AT) begin = sound[HEADS_AT], count = sound[HEADS] * HEAD_FIELDS;
    if (part == TABLES_AT) begin = sound[TABLES_AT], count = draw(2) ? 22 : sound[TABLES_SIZE] / 8;
    if (part == HEAD_LABELS_AT) {
        const int64_t *head = (const int64_t *)((const uint8_t *)sound + sound[HEADS_AT]);
        begin = head[HEAD_LABELS_AT], count = head[HEAD_CLASSES];
    }
    if (!count) return;
    int64_t *place = (int64_t *)(plan + begin) + (part < 0 ? SIZE + draw((uint64_t)(count - SIZE)) : draw((uint64_t)count));
    *place = odd_number(*place, sound[SIZE]);
}

static void damage(uint8_t *plan, const int64_t *sound, int repaired) {
    uint64_t count = 1 + draw(3);
    while (count--) {
        if (repaired && draw(8)) damage_field(plan, sound);
        else plan[repaired ? 512 + draw((uint64_t)sound[SIZE] - 512) : draw((uint64_t)sound[SIZE])] ^= (uint8_t)(1 + draw(255));
    }
}

static void repair(uint8_t *plan, int64_t size) {
    union { void *found; int32_t (*digest)(int64_t, int64_t, int64_t); } entry = {yamjit_entry(0, "digest")};
    entry.digest(address(plan) + 8 * SIZE, size - 8 * SIZE, address(plan) + 8 * DIGEST);
}

/* -- What a program does ------------------------------------------------------------------------------------------- */

static float *last_scores;

/* Run a model in memory whose parts have pages of their own, and read everything that it says. */
static void use(yamjit *model, int at_end) {
    const int64_t *plan = model->plan;
    guarded parts[] = {guard(padded(plan[ARENA] + ALIGNMENT), at_end), guard(padded(plan[SCRATCH]), at_end),
                       guard(padded(plan[LOG_MEL_SCRATCH]), at_end), guard(4 * plan[WINDOW], at_end)};
    float *window = (float *)parts[3].begin;
    model->arena = parts[0].begin, model->scratch = parts[1].begin, model->log_mel_scratch = parts[2].begin;
    memset(model->scratch, 0x5A, (size_t)plan[SCRATCH] < 1 << 24 ? (size_t)plan[SCRATCH] : 1 << 24);
    for (int32_t index = 0; index < yamjit_window(model); index++) window[index] = (float)((index * 7919) % 2001 - 1000) / 1000;
    if (yamjit_window(model)) {
        yamjit_run(model, window);
    } else {
        float *patch = calloc((size_t)(plan[FRAMES] * plan[BANDS]), sizeof *patch);
        yamjit_run_patch(model, patch);
        free(patch);
    }
    free(last_scores);
    last_scores = NULL;
    size_t letters = 0;
    for (int32_t head = 0; head < yamjit_heads(model); head++) {
        float *scores = malloc(sizeof *scores * (size_t)yamjit_classes(model, head) + 1);
        yamjit_scores(model, head, scores);
        for (int32_t index = 0; index < yamjit_classes(model, head); index++) letters += strlen(yamjit_label(model, head, index));
        letters += strlen(yamjit_head_name(model, head)) + (yamjit_threshold(model, head) > 0);
        if (head) free(scores);
        else last_scores = scores;
    }
    float *embedding = malloc(sizeof *embedding * (size_t)yamjit_embedding_size(model) + 1);
    yamjit_embedding(model, embedding);
    free(embedding);
    for (int index = 0; index < 4; index++) release(parts[index]);
    if (letters == SIZE_MAX) puts("");
}

static int32_t open_and_use(const void *plan, size_t size, int at_end) {
    size_t need = yamjit_memory_size(plan, size);
    void *memory = malloc(need + 1);
    yamjit *model = NULL;
    int32_t code = memory ? yamjit_open(plan, size, NULL, memory, need, &model) : YAMJIT_SMALL_MEMORY;
    if (!code) use(model, at_end);
    free(memory);
    return code;
}

int main(int count, char **arguments) {
    FILE *file = count == 4 ? fopen(arguments[1], "rb") : NULL;
    if (!file) return 2;
    fseek(file, 0, SEEK_END);
    int64_t size = ftell(file), codes[MOST_CODE] = {0}, unrepaired = 0;
    int64_t *sound = aligned_alloc(64, (size_t)padded(size));
    rewind(file);
    if (fread(sound, 1, (size_t)size, file) != (size_t)size) return 2;
    state = strtoull(arguments[3], NULL, 10) * 2 + 0x9E3779B97F4A7C15u;
    for (long number = 0; number < atol(arguments[2]); number++) {
        int repaired = number % 2, at_end = number / 2 % 2;
        fprintf(stderr, "%ld\n", number);
        alarm(60);
        int64_t cut = draw(16) ? size : 64 * (int64_t)draw((uint64_t)size / 64);
        guarded place = guard(cut, at_end);
        memcpy(place.begin, sound, (size_t)cut);
        if (cut == size) damage(place.begin, sound, repaired);
        if (repaired && cut > HEADER_BYTES) {
            if (cut < size) ((int64_t *)place.begin)[SIZE] = cut;
            repair(place.begin, cut);
        }
        int is_sound = cut == size && !memcmp(place.begin, sound, (size_t)size);
        mprotect(place.pages + PAGE, place.size - 2 * PAGE, PROT_READ);
        int32_t code = open_and_use(place.begin, (size_t)cut, at_end);
        codes[code]++;
        unrepaired += !repaired && !is_sound && !code;
        release(place);
    }
    for (int code = 0; code < MOST_CODE; code++)
        if (codes[code]) printf("%lld %s\n", (long long)codes[code], yamjit_message(code));
    printf("unrepaired %lld\n", (long long)unrepaired);
    return 0;
}
