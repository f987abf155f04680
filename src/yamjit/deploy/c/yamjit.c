/* What yamjit.h declares. Freestanding; `yamjit_open` lets check_plan, which is compiled from the Python sources, prove
 * everything that kernels touch later, and so nothing else here looks at a plan with distrust.
 */
#if defined(_WIN32)
#define YAMJIT_API __declspec(dllexport)
#elif defined(__GNUC__)
#define YAMJIT_API __attribute__((visibility("default")))
#endif
#include "yamjit.h"

/* Integers of the header and of a head's record, as `yamjit.kernels.plan_file.layout` numbers them. */
enum {
    MAGIC, VERSION, FAMILY, DIGEST, SIZE, STEPS_AT, STEPS, CONSTANTS_AT, CONSTANTS_SIZE, TABLES_AT, TABLES_SIZE, HEADS_AT,
    HEADS, TEXT_AT, TEXT_SIZE, DESCRIPTION_AT, DESCRIPTION_SIZE, ARENA, SCRATCH, ACCUMULATORS, IMAGE, PANEL, BORDER,
    LOG_MEL_SCRATCH, PATCH_AT, FRAMES, BANDS, SAMPLE_RATE, WINDOW, HOP, FRAME, EMBEDDING_AT, EMBEDDING_SIZE,
    EMBEDDING_BYTES, EMBEDDING_SCALE, EMBEDDING_ZERO_POINT, MODEL
};
enum { HEAD_NAME_AT, HEAD_CLASSES, HEAD_LABELS_AT, HEAD_SCORES_AT, HEAD_VALUES_AT, HEAD_VALUES_STRIDE, HEAD_THRESHOLD,
       HEAD_LOGITS_AT, HEAD_SCORES_BYTES, HEAD_LOGITS_BYTES, HEAD_FIELDS };
enum { HEADER_BYTES = 512, ALIGNMENT = 64 };

/* Bytes of each part of memory that check_plan accepts; the largest sample, full scale being 1; the longest hop. */
#define MOST_BYTES ((int64_t)1 << 30)
#define PEAK 16.0f
#define LONGEST_HOP ((int64_t)1 << 31)

/* Entries of a lowering (`yamjit.kernels.machine_code.entry`); addresses are integers. */
typedef int32_t (*steps_entry)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                               int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef int32_t (*log_mel_entry)(int64_t, int64_t, int64_t, int64_t, int64_t);
typedef int32_t (*check_entry)(int64_t, int64_t, int64_t);
typedef union {
    void *found;
    steps_entry run_steps;
    log_mel_entry log_mel;
    check_entry check_plan;
} entry;

YAMJIT_API void *yamjit_entry(int32_t lowering, const char *name); /* dispatch.c */

struct yamjit {
    const int64_t *plan;
    steps_entry run_steps;
    log_mel_entry log_mel;
    const char *lowering;
    uint8_t *arena, *scratch, *log_mel_scratch;
    int32_t has_run;
};

struct yamjit_stream {
    yamjit *model;
    float *samples; /* of the next window */
    float *patch;   /* of the latest window */
    int64_t hop;
    int64_t held, skipped; /* samples of the next window that are there, and samples to come before it */
    int64_t pushed, done;  /* samples, and windows, so far */
    int64_t total;         /* windows of an ended stream, else -1 */
};

static int64_t address(const void *pointer) { return (int64_t)(intptr_t)pointer; }

static int64_t padded(int64_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* Take an aligned part of memory; the rest begins after it. */
static uint8_t *part(uint8_t **rest, int64_t size) {
    uint8_t *begin = *rest;
    *rest += padded(size);
    return begin;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static uint8_t *aligned(void *memory) {
    return (uint8_t *)memory + (ALIGNMENT - (uintptr_t)memory % ALIGNMENT) % ALIGNMENT;
}

static const uint8_t *bytes(const yamjit *model) { return (const uint8_t *)model->plan; }

static double as_double(int64_t bits) {
    union { int64_t bits; double value; } both = {bits};
    return both.value;
}

const char *yamjit_message(int32_t code) {
    switch (code) {
    case YAMJIT_WINDOW: return "a window was run";
    case YAMJIT_OK: return "nothing is wrong";
    case YAMJIT_NOT_A_PLAN: return "not a plan file; yamjit export --deploy writes one";
    case YAMJIT_OTHER_VERSION: return "a plan file of another version of yamjit than the library: export both together";
    case YAMJIT_OTHER_FAMILY: return "a plan file for another family of processors: x86 and Arm have files of their own";
    case YAMJIT_OTHER_SIZE: return "a plan file that is cut, or longer than its header says";
    case YAMJIT_DAMAGED: return "a damaged plan file: its digest differs";
    case YAMJIT_NOT_ALIGNED: return "the plan does not begin at a multiple of 64 bytes in memory";
    case YAMJIT_BAD_HEADER: return "a malformed plan file: its header has a place, size or number that is not possible";
    case YAMJIT_BAD_STEP: return "a malformed plan file: a step would touch memory that is not its own";
    case YAMJIT_BAD_TABLES: return "a malformed plan file: the front end would touch memory that is not its own";
    case YAMJIT_BAD_HEAD: return "a malformed plan file: a head would touch memory that is not its own";
    case YAMJIT_BAD_ARGUMENT: return "an argument is NULL or out of range";
    case YAMJIT_SMALL_MEMORY: return "the memory is NULL, or less than yamjit_memory_size says";
    case YAMJIT_NO_LOWERING: return "the library does not hold this lowering, or this machine does not run it";
    case YAMJIT_TAKES_PATCHES: return "the model takes log-mel patches, not samples";
    case YAMJIT_BAD_SAMPLE: return "a sample is not finite, or far beyond full scale: [-1, 1] is expected";
    case YAMJIT_NOTHING_RUN: return "there are no results: nothing has been run yet";
    case YAMJIT_ENDED: return "the stream has ended; yamjit_stream_reset begins a new one";
    default: return "an unknown code";
    }
}

/* -- Lowerings ---------------------------------------------------------------------------------------------------- */

static int is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Take the next word of those between commas, without spaces around it; return its length, 0 where there is none. */
static size_t next_word(const char **rest, const char **word) {
    const char *end = *rest;
    while (*end == ',' || is_space(*end)) end++;
    *word = end;
    while (*end && *end != ',') end++;
    *rest = end;
    while (end > *word && is_space(end[-1])) end--;
    return (size_t)(end - *word);
}

/* Return the number of a lowering, -1 if there is none of this name. */
static int32_t lowering_named(const char *word, size_t length) {
    for (int32_t number = 0; number < yamjit_lowering_count(); number++) {
        const char *name = yamjit_lowering_name(number);
        size_t same = 0;
        while (same < length && name[same] == word[same]) same++; /* a word holds no zero */
        if (same == length && !name[same]) return number;
    }
    return -1;
}

static entry entry_of(int32_t lowering, const char *name) {
    entry wanted = {yamjit_entry(lowering, name)};
    return wanted;
}

/* Return the number of the lowering that is forced, or that is best without those forbidden; -1 for none. The system is
 * asked for what a lowering needs if that would be chosen. `yamjit.kernels.lowering_choice` chooses in the same way. */
static int32_t chosen_lowering(const char *wish) {
    uint32_t forced = 0, forbidden = 0;
    const char *word;
    int words = 0;
    for (size_t length; wish && (length = next_word(&wish, &word)); words++) {
        int is_forbidden = *word == '-';
        int32_t number = lowering_named(word + is_forbidden, length - (size_t)is_forbidden);
        if (number < 0) return -1;
        *(is_forbidden ? &forbidden : &forced) |= (uint32_t)1 << number;
    }
    if (forced && words > 1) return -1;
    for (int32_t number = 0; number < yamjit_lowering_count(); number++) {
        uint32_t bit = (uint32_t)1 << number;
        if (forbidden & bit || (forced && !(forced & bit))) continue;
        if (yamjit_lowering_runs(number) && !yamjit_lowering_refused(number)) return number;
    }
    return -1;
}

/* -- A model ------------------------------------------------------------------------------------------------------ */

size_t yamjit_memory_size(const void *plan, size_t size) {
    static const int parts[] = {ARENA, SCRATCH, LOG_MEL_SCRATCH};
    const int64_t *header = (const int64_t *)plan;
    /* Memory may begin anywhere, and kernels may read beyond the end of the arena. */
    int64_t total = padded((int64_t)sizeof(yamjit)) + 2 * ALIGNMENT;
    if (!plan || (uintptr_t)plan % ALIGNMENT || size < HEADER_BYTES || header[SIZE] != (int64_t)size) return 0;
    for (int number = 0; number < 3; number++) {
        int64_t wanted = header[parts[number]];
        if (wanted < 0 || wanted > MOST_BYTES) return 0;
        total += padded(wanted);
    }
    return (size_t)total;
}

int32_t yamjit_open(const void *plan, size_t size, const char *lowering, void *memory, size_t memory_size,
                    yamjit **opened) {
    const int64_t *header = (const int64_t *)plan;
    int64_t fault[4] = {YAMJIT_NOT_A_PLAN};
    if (opened) *opened = NULL;
    if (!opened || !plan) return YAMJIT_BAD_ARGUMENT;
    if ((uintptr_t)plan % ALIGNMENT) return YAMJIT_NOT_ALIGNED;
    int32_t number = chosen_lowering(lowering);
    if (number < 0) return YAMJIT_NO_LOWERING;
    entry_of(number, "check_plan").check_plan(address(plan), (int64_t)size, address(fault));
    if (fault[0]) return (int32_t)fault[0];
    if (!memory || memory_size < yamjit_memory_size(plan, size)) return YAMJIT_SMALL_MEMORY;
    uint8_t *rest = aligned(memory);
    yamjit *model = (yamjit *)part(&rest, (int64_t)sizeof(yamjit));
    model->plan = header;
    model->run_steps = entry_of(number, "run_steps").run_steps;
    model->log_mel = entry_of(number, "log_mel").log_mel;
    model->lowering = yamjit_lowering_name(number);
    model->log_mel_scratch = part(&rest, header[LOG_MEL_SCRATCH]);
    model->scratch = part(&rest, header[SCRATCH]);
    model->arena = part(&rest, header[ARENA] + ALIGNMENT);
    model->has_run = 0;
    *opened = model;
    return YAMJIT_OK;
}

static int32_t number_of(const yamjit *model, int field) { return model ? (int32_t)model->plan[field] : 0; }

const char *yamjit_lowering(const yamjit *model) { return model ? model->lowering : ""; }
int32_t yamjit_sample_rate(const yamjit *model) { return number_of(model, SAMPLE_RATE); }
int32_t yamjit_window(const yamjit *model) { return number_of(model, WINDOW); }
int32_t yamjit_frames(const yamjit *model) { return number_of(model, FRAMES); }
int32_t yamjit_bands(const yamjit *model) { return number_of(model, BANDS); }
int32_t yamjit_embedding_size(const yamjit *model) { return number_of(model, EMBEDDING_SIZE); }
int32_t yamjit_heads(const yamjit *model) { return number_of(model, HEADS); }

/* Return the record of a head, NULL if there is none. */
static const int64_t *record(const yamjit *model, int32_t head) {
    if (!model || head < 0 || head >= model->plan[HEADS]) return NULL;
    return (const int64_t *)(bytes(model) + model->plan[HEADS_AT]) + (int64_t)head * HEAD_FIELDS;
}

static const char *text(const yamjit *model, int64_t place) {
    return (const char *)bytes(model) + model->plan[TEXT_AT] + place;
}

const char *yamjit_head_name(const yamjit *model, int32_t head) {
    const int64_t *found = record(model, head);
    return found ? text(model, found[HEAD_NAME_AT]) : "";
}

int32_t yamjit_classes(const yamjit *model, int32_t head) {
    const int64_t *found = record(model, head);
    return found ? (int32_t)found[HEAD_CLASSES] : 0;
}

const char *yamjit_label(const yamjit *model, int32_t head, int32_t index) {
    const int64_t *found = record(model, head);
    if (!found || index < 0 || index >= found[HEAD_CLASSES]) return "";
    return text(model, ((const int64_t *)(bytes(model) + found[HEAD_LABELS_AT]))[index]);
}

double yamjit_threshold(const yamjit *model, int32_t head) {
    const int64_t *found = record(model, head);
    return as_double(found ? found[HEAD_THRESHOLD] : (int64_t)0x7FF8 << 48);
}

/* -- A run -------------------------------------------------------------------------------------------------------- */

/* Return whether all numbers are in -most .. most: no comparison with NaN is true. */
static int are_within(const float *numbers, size_t count, float most) {
    int within = 1;
    for (size_t index = 0; index < count; index++) within &= numbers[index] >= -most && numbers[index] <= most;
    return within;
}

static void copy(float *to, const float *from, int64_t count) {
    for (int64_t index = 0; index < count; index++) to[index] = from[index];
}

/* Compute log-mel frames of samples; a network that takes samples has one of each. */
static void compute_frames(yamjit *model, const float *samples, int64_t frames, float *out) {
    const uint8_t *tables = bytes(model) + model->plan[TABLES_AT];
    if (!model->plan[TABLES_SIZE]) {
        copy(out, samples, frames);
        return;
    }
    model->log_mel(address(tables), address(samples), frames, address(model->log_mel_scratch), address(out));
}

/* Run the network over a patch; results stay in the arena. */
static void run_network(yamjit *model, const float *patch) {
    const int64_t *plan = model->plan;
    model->run_steps(address(bytes(model) + plan[STEPS_AT]), 0, plan[STEPS], address(bytes(model) + plan[CONSTANTS_AT]),
                     address(model->arena), address(model->scratch), plan[ACCUMULATORS], plan[IMAGE], plan[PANEL],
                     plan[BORDER], 1, address(patch), 0, 1, 0, 0, 0, 0);
    model->has_run = 1;
}

int32_t yamjit_run(yamjit *model, const float *window) {
    if (!model || !window) return YAMJIT_BAD_ARGUMENT;
    if (!model->plan[WINDOW]) return YAMJIT_TAKES_PATCHES;
    if (!are_within(window, (size_t)model->plan[WINDOW], PEAK)) return YAMJIT_BAD_SAMPLE;
    float *patch = (float *)(model->arena + model->plan[PATCH_AT]);
    compute_frames(model, window, model->plan[FRAMES], patch);
    run_network(model, patch);
    return YAMJIT_OK;
}

int32_t yamjit_run_patch(yamjit *model, const float *patch) {
    if (!model || !patch) return YAMJIT_BAD_ARGUMENT;
    int64_t size = model->plan[FRAMES] * model->plan[BANDS];
    if (!are_within(patch, (size_t)size, 3.402823466e38f)) return YAMJIT_BAD_SAMPLE;
    run_network(model, patch);
    return YAMJIT_OK;
}

int32_t yamjit_scores(const yamjit *model, int32_t head, float *scores) {
    const int64_t *found = record(model, head);
    if (!found || !scores) return YAMJIT_BAD_ARGUMENT;
    if (!model->has_run) return YAMJIT_NOTHING_RUN;
    if (found[HEAD_SCORES_BYTES] == sizeof(float)) {
        copy(scores, (const float *)(model->arena + found[HEAD_SCORES_AT]), found[HEAD_CLASSES]);
        return YAMJIT_OK;
    }
    const float *values = (const float *)(bytes(model) + found[HEAD_VALUES_AT]) + 128;
    const int8_t *integers = (const int8_t *)model->arena + found[HEAD_SCORES_AT];
    for (int64_t index = 0; index < found[HEAD_CLASSES]; index++)
        scores[index] = values[index * found[HEAD_VALUES_STRIDE] + integers[index]];
    return YAMJIT_OK;
}

int32_t yamjit_embedding(const yamjit *model, float *embedding) {
    if (!model || !embedding) return YAMJIT_BAD_ARGUMENT;
    if (!model->has_run) return YAMJIT_NOTHING_RUN;
    if (model->plan[EMBEDDING_BYTES] == sizeof(float)) {
        copy(embedding, (const float *)(model->arena + model->plan[EMBEDDING_AT]), model->plan[EMBEDDING_SIZE]);
        return YAMJIT_OK;
    }
    float scale = (float)as_double(model->plan[EMBEDDING_SCALE]);
    float zero_point = (float)model->plan[EMBEDDING_ZERO_POINT];
    const int8_t *integers = (const int8_t *)model->arena + model->plan[EMBEDDING_AT];
    for (int64_t index = 0; index < model->plan[EMBEDDING_SIZE]; index++)
        embedding[index] = ((float)integers[index] - zero_point) * scale;
    return YAMJIT_OK;
}

/* -- A stream ----------------------------------------------------------------------------------------------------- */

static int64_t stream_memory(const yamjit *model) {
    return padded((int64_t)sizeof(yamjit_stream)) + padded(4 * model->plan[WINDOW]) +
           padded(4 * model->plan[FRAMES] * model->plan[BANDS]) + ALIGNMENT;
}

size_t yamjit_stream_memory_size(const yamjit *model) { return model ? (size_t)stream_memory(model) : 0; }

int32_t yamjit_stream_open(yamjit *model, int64_t hop, void *memory, size_t memory_size, yamjit_stream **opened) {
    if (opened) *opened = NULL;
    if (!opened || !model || hop < 1 || hop > LONGEST_HOP) return YAMJIT_BAD_ARGUMENT;
    if (!model->plan[WINDOW]) return YAMJIT_TAKES_PATCHES;
    if (!memory || memory_size < yamjit_stream_memory_size(model)) return YAMJIT_SMALL_MEMORY;
    uint8_t *rest = aligned(memory);
    yamjit_stream *stream = (yamjit_stream *)part(&rest, (int64_t)sizeof(yamjit_stream));
    stream->model = model;
    stream->hop = hop;
    stream->samples = (float *)part(&rest, 4 * model->plan[WINDOW]);
    stream->patch = (float *)part(&rest, 4 * model->plan[FRAMES] * model->plan[BANDS]);
    *opened = stream;
    return yamjit_stream_reset(stream);
}

int32_t yamjit_stream_reset(yamjit_stream *stream) {
    if (!stream) return YAMJIT_BAD_ARGUMENT;
    stream->held = stream->skipped = stream->pushed = stream->done = 0;
    stream->total = -1;
    return YAMJIT_OK;
}

double yamjit_stream_time(const yamjit_stream *stream) {
    if (!stream || !stream->done) return 0;
    return (double)(stream->done - 1) * ((double)stream->hop / (double)stream->model->plan[SAMPLE_RATE]);
}

/* Run the window that is complete, and keep what the next one shares with it: samples, and frames where the hop is a
 * whole number of them. */
static void run_window(yamjit_stream *stream) {
    yamjit *model = stream->model;
    const int64_t *plan = model->plan;
    int64_t hop = stream->hop, bands = plan[BANDS], kept = 0;
    if (stream->done && hop % plan[HOP] == 0 && hop / plan[HOP] < plan[FRAMES]) {
        kept = plan[FRAMES] - hop / plan[HOP];
        copy(stream->patch, stream->patch + hop / plan[HOP] * bands, kept * bands);
    }
    compute_frames(model, stream->samples + kept * plan[HOP], plan[FRAMES] - kept, stream->patch + kept * bands);
    run_network(model, stream->patch);
    stream->done++;
    stream->held = stream->skipped = 0;
    if (hop < plan[WINDOW]) {
        stream->held = plan[WINDOW] - hop;
        copy(stream->samples, stream->samples + hop, stream->held);
    } else {
        stream->skipped = hop - plan[WINDOW];
    }
}

int32_t yamjit_stream_push(yamjit_stream *stream, const float *samples, size_t count, size_t *taken) {
    if (taken) *taken = 0;
    if (!stream || !taken || (count && !samples) || count > PTRDIFF_MAX / sizeof(float)) return YAMJIT_BAD_ARGUMENT;
    if (stream->total >= 0) return YAMJIT_ENDED;
    int64_t missing = stream->model->plan[WINDOW] - stream->held;
    int64_t passed = least((int64_t)count, stream->skipped), added = least((int64_t)count - passed, missing);
    if (!are_within(samples, (size_t)(passed + added), PEAK)) return YAMJIT_BAD_SAMPLE;
    if (added) copy(stream->samples + stream->held, samples + passed, added);
    stream->held += added;
    stream->skipped -= passed;
    stream->pushed += passed + added;
    *taken = (size_t)(passed + added);
    if (added < missing) return YAMJIT_OK;
    run_window(stream);
    return YAMJIT_WINDOW;
}

/* Return how many windows cover samples: none begins after the last sample. */
static int64_t count_windows(int64_t samples, int64_t window, int64_t hop) {
    if (samples <= window) return samples > 0;
    return least(1 + (samples - window + hop - 1) / hop, (samples + hop - 1) / hop);
}

int32_t yamjit_stream_flush(yamjit_stream *stream) {
    if (!stream) return YAMJIT_BAD_ARGUMENT;
    int64_t window = stream->model->plan[WINDOW];
    if (stream->total < 0) stream->total = count_windows(stream->pushed, window, stream->hop);
    if (stream->done >= stream->total) return YAMJIT_OK;
    while (stream->held < window) stream->samples[stream->held++] = 0;
    run_window(stream);
    return YAMJIT_WINDOW;
}

void yamjit_from_int16(const int16_t *integers, size_t count, float *samples) {
    for (size_t index = 0; integers && samples && index < count; index++) samples[index] = (float)integers[index] / 32768;
}
