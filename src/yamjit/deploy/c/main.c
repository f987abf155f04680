/* Names the sounds in a WAV, or in what a microphone hears:
 *
 *     classify model-arm.plan siren.wav
 *     arecord -q -f S16_LE -r 16000 -c 1 -t raw | classify model-arm.plan -
 *
 * A line for each window says where it begins, in seconds, and the highest classes; after a file, a line has their means.
 * It exits with 0, or with 1 after a sentence about what is wrong, or with 2 if the arguments are.
 */
#define _POSIX_C_SOURCE 200809L
#include "yamjit.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#elif defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#endif

static const char USAGE[] =
    "usage: classify PLAN FILE.wav|- [--top N] [--hop SECONDS] [--all FILE]\n"
    "\n"
    "  FILE.wav       PCM of 8, 16, 24 or 32 bits or float32, at the rate of the model; channels are mixed\n"
    "  -              samples from standard input as they come: 16-bit integers, little-endian, one channel\n"
    "  --top N        classes that are named for each window (default: 3)\n"
    "  --hop SECONDS  time from one window to the next (default: 0.48)\n"
    "  --all FILE     write all scores of each window there, float32\n"
    "\n"
    "YAMJIT_LOWERING=NAME forces the code for one kind of processor, -NAME forbids it.\n";

typedef struct {
    const char *plan, *input, *all;
    int top;
    double hop_s;
} options;

/* Samples as they lie in a file. */
typedef struct {
    FILE *file;
    const char *name;
    int channels, bytes, is_float; /* bytes of a sample */
    uint64_t claimed, heard;       /* frames; nothing is claimed where the file does not know */
    uint32_t rest;                 /* bytes between the samples and the next chunk */
    size_t block;                  /* frames that are read at once */
    int problem;                   /* why reading failed; 0 if it did not */
} source;

typedef struct {
    yamjit *model;
    yamjit_stream *stream;
    float *scores; /* of all heads */
    double *sums;
    int64_t windows;
    int top, is_live;
    FILE *all;
    const char *all_name;
} listener;

static int fail(const char *name, const char *format, ...) {
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "classify: %s: ", name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return 1;
}

/* -- The plan ----------------------------------------------------------------------------------------------------- */

/* Return the content of a file, mapped where systems do that; NULL after a sentence. */
static const void *read_plan(const char *name, size_t *size) {
#if defined(__unix__) || defined(__APPLE__)
    struct stat status;
    void *content = MAP_FAILED;
    int file = open(name, O_RDONLY);
    if (file >= 0 && fstat(file, &status) == 0) {
        *size = (size_t)status.st_size;
        if (!S_ISREG(status.st_mode) || !*size) errno = EINVAL;
        else content = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    if (content != MAP_FAILED) return content;
#else
    FILE *file = fopen(name, "rb");
    long end = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *memory = end > 0 ? malloc((size_t)end + 63) : NULL;
    if (!end) errno = EINVAL;
    if (memory) {
        char *content = memory + (64 - (uintptr_t)memory % 64) % 64;
        rewind(file);
        *size = fread(content, 1, (size_t)end, file);
        if (*size == (size_t)end) return content;
    }
#endif
    fail(name, "cannot be read: %s", strerror(errno));
    return NULL;
}

static int open_model(const char *name, yamjit **model) {
    const char *lowering = getenv("YAMJIT_LOWERING");
    size_t size, wanted;
    const void *plan = read_plan(name, &size);
    if (!plan) return 1;
    wanted = yamjit_memory_size(plan, size);
    void *memory = malloc(wanted + 1);
    if (!memory) return fail(name, "the model wants %zu bytes of memory, which are not to be had", wanted);
    int32_t code = yamjit_open(plan, size, lowering, memory, wanted, model);
    if (code == YAMJIT_NO_LOWERING) {
        fail("YAMJIT_LOWERING", "%s: %s; there are:", lowering ? lowering : "", yamjit_message(code));
        for (int32_t number = 0; number < yamjit_lowering_count(); number++)
            fprintf(stderr, "  %s%s\n", yamjit_lowering_name(number), yamjit_lowering_runs(number) ? "" : " (not here)");
        return 1;
    }
    return code ? fail(name, "%s", yamjit_message(code)) : 0;
}

/* -- Samples ------------------------------------------------------------------------------------------------------ */

static uint32_t little(const uint8_t *bytes, int count) {
    uint32_t number = 0;
    while (count--) number = number << 8 | bytes[count];
    return number;
}

static float sample_at(const uint8_t *bytes, const source *from) {
    uint32_t number = little(bytes, from->bytes);
    float value;
    if (from->is_float) {
        memcpy(&value, &number, sizeof value);
        return value;
    }
    if (from->bytes == 1) return ((float)number - 128) / 128;
    return (float)(int32_t)(number << (32 - 8 * from->bytes)) / 2147483648.0f;
}

/* Read frames and mix their channels, in the order of the channels; return how many there were. */
static size_t read_frames(source *from, float *samples) {
    static uint8_t content[65536];
    size_t frame = (size_t)(from->channels * from->bytes), most = from->block;
    if (from->claimed - from->heard < most) most = (size_t)(from->claimed - from->heard);
    size_t count = fread(content, 1, most * frame, from->file) / frame;
    if (ferror(from->file)) from->problem = errno;
    for (size_t index = 0; index < count; index++) {
        const uint8_t *bytes = content + index * frame;
        float total = sample_at(bytes, from);
        for (int channel = 1; channel < from->channels; channel++) total += sample_at(bytes + channel * from->bytes, from);
        samples[index] = from->channels > 1 ? total / (float)from->channels : total;
    }
    from->heard += count;
    return count;
}

static int skip(FILE *file, uint64_t count) {
    uint8_t content[4096];
    while (count) {
        size_t part = count < sizeof content ? (size_t)count : sizeof content;
        if (fread(content, 1, part, file) != part) return 0;
        count -= part;
    }
    return 1;
}

/* Take what a format chunk says; return 0, or 1 after a sentence. */
static int take_format(source *from, const uint8_t *format, size_t size, int32_t rate) {
    uint32_t kind = little(format, 2), channels = little(format + 2, 2), bits = little(format + 14, 2);
    uint32_t frame = little(format + 12, 2), found = little(format + 4, 4);
    if (kind == 0xFFFE && size >= 40) kind = little(format + 24, 2); /* extensible: the first bytes of a GUID */
    int is_pcm = kind == 1 && (bits == 8 || bits == 16 || bits == 24 || bits == 32), is_float = kind == 3 && bits == 32;
    if (!is_pcm && !is_float)
        return fail(from->name, "holds format %u of %u bits; PCM of 8, 16, 24 or 32 bits and float32 are read: ffmpeg -i "
                    "IN.wav -ar %d -ac 1 -c:a pcm_s16le OUT.wav converts it", kind, bits, (int)rate);
    if (channels < 1 || channels > 64 || frame != channels * bits / 8)
        return fail(from->name, "has a malformed header: %u channels, %u bytes in a frame", channels, frame);
    if (found != (uint32_t)rate)
        return fail(from->name, "is at %u Hz, the model takes %d: ffmpeg -i IN.wav -ar %d -ac 1 -c:a pcm_s16le OUT.wav "
                    "converts it", found, (int)rate, (int)rate);
    from->channels = (int)channels;
    from->bytes = (int)bits / 8;
    from->is_float = is_float;
    from->block = 65536 / frame;
    return 0;
}

/* Read a WAV up to its samples; return 0, or 1 after a sentence. */
static int open_wav(source *from, int32_t rate) {
    uint8_t head[12], format[40];
    from->file = fopen(from->name, "rb");
    if (!from->file) return fail(from->name, "cannot be read: %s", strerror(errno));
    size_t found = fread(head, 1, 12, from->file);
    if (ferror(from->file)) return fail(from->name, "cannot be read: %s", strerror(errno));
    if (found != 12 || (memcmp(head, "RIFF", 4) && memcmp(head, "RF64", 4)) ||
        memcmp(head + 8, "WAVE", 4))
        return fail(from->name, "is not a WAV file");
    while (fread(head, 1, 8, from->file) == 8) {
        uint32_t size = little(head + 4, 4), taken = 0;
        if (!memcmp(head, "data", 4)) {
            if (!from->channels) return fail(from->name, "has samples before it says their format");
            /* A recorder that was cut off left the size open. */
            if (size && size != 0xFFFFFFFF) from->claimed = size / (uint32_t)(from->channels * from->bytes);
            from->rest = size % (uint32_t)(from->channels * from->bytes) + (size & 1);
            return 0;
        }
        if (!memcmp(head, "fmt ", 4) && size >= 16) {
            taken = size < sizeof format ? size : sizeof format;
            if (fread(format, 1, taken, from->file) != taken) break;
            if (take_format(from, format, taken, rate)) return 1;
        }
        if (!skip(from->file, (uint64_t)size - taken + (size & 1))) break;
    }
    return fail(from->name, "ends before its samples begin");
}

/* Return whether chunks follow the samples, or nothing: else the header is wrong about their number. */
static int ends_well(const source *from) {
    uint8_t head[8];
    size_t count = skip(from->file, from->rest) ? fread(head, 1, 8, from->file) : 0;
    for (; count == 8; count = fread(head, 1, 8, from->file)) {
        uint32_t size = little(head + 4, 4);
        for (int index = 0; index < 4; index++)
            if (head[index] < ' ' || head[index] > '~') return 0;
        if (!skip(from->file, (uint64_t)size + (size & 1))) return 0;
    }
    return !count;
}

static void open_raw(source *from) {
    from->file = stdin;
    from->name = "standard input";
    from->channels = 1;
    from->bytes = 2;
    from->block = 512;
    setvbuf(stdin, NULL, _IONBF, 0);
#if defined(_WIN32)
    _setmode(_fileno(stdin), _O_BINARY);
#endif
}

/* -- Windows ------------------------------------------------------------------------------------------------------ */

/* Print a name of the model's, which strangers may have written: without what controls terminals, in ASCII or in the two
 * bytes that UTF-8 has for U+0080 to U+009F. */
static void print_name(const char *name) {
    for (; *name; name++) {
        unsigned char byte = (unsigned char)*name, next = (unsigned char)name[1];
        int is_long = byte == 0xC2 && next >= 0x80 && next < 0xA0;
        putchar(byte < ' ' || byte == 127 || is_long ? '?' : byte);
        name += is_long;
    }
}

/* Print the highest classes of each head, a line for each. */
static void name_classes(const listener *to, const char *when, const double *scores) {
    for (int32_t head = 0; head < yamjit_heads(to->model); head++) {
        int32_t classes = yamjit_classes(to->model, head);
        double last = INFINITY, least = yamjit_threshold(to->model, head);
        int32_t last_index = -1;
        printf("%8s", when);
        if (yamjit_heads(to->model) > 1) {
            fputs("  ", stdout);
            print_name(yamjit_head_name(to->model, head));
            putchar(':');
        }
        for (int rank = 0; rank < to->top && rank < classes; rank++) {
            int32_t best = -1;
            for (int32_t index = 0; index < classes; index++) {
                int is_later = scores[index] < last || (scores[index] == last && index > last_index);
                if (is_later && (best < 0 || scores[index] > scores[best])) best = index;
            }
            if (best < 0 || scores[best] < least) break;
            fputs("  ", stdout);
            print_name(yamjit_label(to->model, head, best));
            printf(" %.3f", scores[best]);
            last = scores[best];
            last_index = best;
        }
        putchar('\n');
        scores += classes;
    }
}

static int32_t all_classes(const yamjit *model) {
    int32_t count = 0;
    for (int32_t head = 0; head < yamjit_heads(model); head++) count += yamjit_classes(model, head);
    return count;
}

/* Take the results of a window; return 0, or 1 after a sentence. */
static int take_window(listener *to) {
    int32_t count = all_classes(to->model);
    double *scores = to->sums + count;
    char when[32];
    for (int32_t head = 0, at = 0; head < yamjit_heads(to->model); at += yamjit_classes(to->model, head++))
        yamjit_scores(to->model, head, to->scores + at);
    for (int32_t index = 0; index < count; index++) to->sums[index] += scores[index] = to->scores[index];
    to->windows++;
    if (to->all && fwrite(to->scores, sizeof *to->scores, (size_t)count, to->all) != (size_t)count)
        return fail(to->all_name, "cannot be written: %s", strerror(errno));
    snprintf(when, sizeof when, "%.2f", yamjit_stream_time(to->stream));
    name_classes(to, when, scores);
    if (ferror(stdout) || (to->is_live && fflush(stdout)))
        return fail("standard output", "cannot be written: %s", strerror(errno));
    return 0;
}

/* Let a stream hear all samples; return 0, or 1 after a sentence. */
static int listen(listener *to, source *from) {
    static float samples[65536];
    size_t count;
    int32_t code;
    while ((count = read_frames(from, samples)) > 0) {
        for (size_t at = 0, taken; at < count; at += taken) {
            code = yamjit_stream_push(to->stream, samples + at, count - at, &taken);
            if (code == YAMJIT_WINDOW ? take_window(to) : code != YAMJIT_OK)
                return code == YAMJIT_WINDOW ? 1 : fail(from->name, "%s", yamjit_message(code));
        }
    }
    while ((code = yamjit_stream_flush(to->stream)) == YAMJIT_WINDOW)
        if (take_window(to)) return 1;
    return 0;
}

/* Say what a whole file amounts to, and whether all of it was heard. */
static int conclude(listener *to, const source *from) {
    int32_t count = all_classes(to->model);
    if (!to->windows)
        return from->problem ? fail(from->name, "cannot be read: %s", strerror(from->problem))
                             : fail(from->name, "holds no samples");
    for (int32_t index = 0; index < count; index++) to->sums[index] /= (double)to->windows;
    if (!to->is_live) name_classes(to, "mean", to->sums);
    if (fflush(stdout) || ferror(stdout)) return fail("standard output", "cannot be written: %s", strerror(errno));
    if (to->all && fclose(to->all)) return fail(to->all_name, "cannot be written: %s", strerror(errno));
    if (from->problem) return fail(from->name, "cannot be read to its end: %s", strerror(from->problem));
    if (from->claimed != UINT64_MAX && from->heard < from->claimed)
        return fail(from->name, "ends after %llu of %llu samples", (unsigned long long)from->heard,
                    (unsigned long long)from->claimed);
    if (from->claimed != UINT64_MAX && !ends_well(from))
        return fail(from->name, "has a wrong header: more follows than the %llu samples that it tells of",
                    (unsigned long long)from->claimed);
    return 0;
}

/* -- The program -------------------------------------------------------------------------------------------------- */

static int run(const options *given) {
    source from = {.name = given->input, .claimed = UINT64_MAX};
    listener to = {.top = given->top, .all_name = given->all, .is_live = !strcmp(given->input, "-")};
    if (open_model(given->plan, &to.model)) return 1;
    int32_t rate = yamjit_sample_rate(to.model), count = all_classes(to.model);
    if (to.is_live) open_raw(&from);
    else if (open_wav(&from, rate)) return 1;
    size_t wanted = yamjit_stream_memory_size(to.model);
    void *memory = malloc(wanted);
    to.scores = malloc((size_t)count * sizeof *to.scores);
    to.sums = calloc(2 * (size_t)count, sizeof *to.sums);
    if (!memory || !to.scores || !to.sums) return fail(given->plan, "there is not enough memory");
    double hop = given->hop_s * rate + 0.5;
    if (!(hop >= 1 && hop <= 2147483648.0)) return fail("--hop", "at least one sample and at most 2^31 are accepted");
    int32_t code = yamjit_stream_open(to.model, (int64_t)hop, memory, wanted, &to.stream);
    if (code) return fail(given->plan, "%s", yamjit_message(code));
    if (given->all && !(to.all = fopen(given->all, "wb")))
        return fail(given->all, "cannot be written: %s", strerror(errno));
    return listen(&to, &from) || conclude(&to, &from);
}

/* Give the numbers of standard streams that are closed away: else the next file that is opened, such as the plan, would
 * be taken for what is heard. Reading and writing them fails, as it should. */
static void hold_standard_streams(void) {
#if defined(__unix__) || defined(__APPLE__)
    for (int number = 0; number < 3; number++)
        if (fcntl(number, F_GETFD) < 0 && open("/dev/null", number ? O_RDONLY : O_WRONLY) < 0) exit(1);
#endif
}

static int misused(const char *what, const char *why) {
    fprintf(stderr, "classify: %s: %s\n\n%s", what, why, USAGE);
    return 2;
}

int main(int count, char **arguments) {
    options given = {.top = 3, .hop_s = 0.48};
    hold_standard_streams();
#if defined(SIGPIPE)
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone is an error of writing */
#endif
    for (int index = 1; index < count; index++) {
        const char *argument = arguments[index], *value = index + 1 < count ? arguments[index + 1] : NULL;
        char *end;
        if (!strcmp(argument, "--help"))
            return fputs(USAGE, stdout) < 0 || fflush(stdout) ? fail("standard output", "cannot be written: %s", strerror(errno)) : 0;
        if (strncmp(argument, "--", 2)) {
            if (given.input) return misused(argument, "a plan and one input are accepted");
            *(given.plan ? &given.input : &given.plan) = argument;
            continue;
        }
        if (!value) return misused(argument, "is not an option, or has no value");
        if (!strcmp(argument, "--all")) {
            given.all = value;
        } else if (!strcmp(argument, "--top")) {
            long number = strtol(value, &end, 10);
            if (*end || end == value || number < 1 || number > 100000) return misused("--top", "a number of classes is accepted");
            given.top = (int)number;
        } else if (!strcmp(argument, "--hop")) {
            given.hop_s = strtod(value, &end);
            if (*end || end == value || !(given.hop_s > 0)) return misused("--hop", "seconds above 0 are accepted");
        } else {
            return misused(argument, "is not an option");
        }
        index++;
    }
    return given.input ? run(&given) : misused("arguments", "a plan and an input are needed");
}
