/* yamjit without Python: a plan file, which `yamjit export --deploy` writes, and one library name sounds.
 *
 *     size_t need = yamjit_memory_size(plan, size);
 *     yamjit *model;
 *     int32_t code = yamjit_open(plan, size, NULL, malloc(need), need, &model);
 *     if (code) puts(yamjit_message(code));
 *
 *     yamjit_run(model, samples);         // yamjit_window(model) samples
 *     yamjit_scores(model, 0, scores);    // yamjit_classes(model, 0) scores, with the bits that Python gives
 *
 * C99 and C++. Nothing is allocated, there is no global state, and no C library is needed. A plan is read only and may
 * be shared by threads; each thread opens a model of its own on it. Functions that can fail return a code, 0 for
 * success, of which yamjit_message makes a sentence; NULL for a model gives an error, 0 or "".
 */
#ifndef YAMJIT_H
#define YAMJIT_H

#include <stddef.h>
#include <stdint.h>

#ifndef YAMJIT_API
#define YAMJIT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
    YAMJIT_WINDOW = -1, /* no error: a stream has run a window, whose results can be read */
    YAMJIT_OK = 0,
    /* What is wrong with a plan file. */
    YAMJIT_NOT_A_PLAN = 1,
    YAMJIT_OTHER_VERSION = 2,
    YAMJIT_OTHER_FAMILY = 3,
    YAMJIT_OTHER_SIZE = 4,
    YAMJIT_DAMAGED = 5,
    YAMJIT_NOT_ALIGNED = 6,
    YAMJIT_BAD_HEADER = 7,
    YAMJIT_BAD_STEP = 8,
    YAMJIT_BAD_TABLES = 9,
    YAMJIT_BAD_HEAD = 10,
    /* What is wrong with a call. */
    YAMJIT_BAD_ARGUMENT = 100,
    YAMJIT_SMALL_MEMORY = 101,
    YAMJIT_NO_LOWERING = 102,
    YAMJIT_TAKES_PATCHES = 103,
    YAMJIT_BAD_SAMPLE = 104,
    YAMJIT_NOTHING_RUN = 105,
    YAMJIT_ENDED = 106
};

/* A sentence in English, without a full stop, for every code. */
YAMJIT_API const char *yamjit_message(int32_t code);

/* Lowerings that the library holds, the best first, and whether this processor and system run them. */
YAMJIT_API int32_t yamjit_lowering_count(void);
YAMJIT_API const char *yamjit_lowering_name(int32_t lowering);
YAMJIT_API int32_t yamjit_lowering_runs(int32_t lowering);

/* Ask the system for what a lowering needs of it, as yamjit_open does for the one that it takes: 0, or an error number of
 * the system. Only "amx" needs anything. Linux lets a process use its registers that asks, for as long as it lives; its
 * threads and forks are included. That is refused where a thread has an alternate signal stack (sigaltstack) of less
 * than 12 KB, and such a stack is refused afterwards. The lowering "-amx" never asks. */
YAMJIT_API int32_t yamjit_lowering_refused(int32_t lowering);

/* -- A model ------------------------------------------------------------------------------------------------------ */

typedef struct yamjit yamjit;

/* Bytes of memory that yamjit_open wants; 0 for what is not a plan, of which yamjit_open says why. */
YAMJIT_API size_t yamjit_memory_size(const void *plan, size_t size);

/* Prove a plan and open it. `plan` begins at a multiple of 64, as a mapped file does; it and `memory`, which may begin
 * anywhere, stay as they are until the model is not used any more: nothing has to be closed. `lowering` is NULL for the
 * best that runs here, a name to force one, or names to forbid, such as "-amx,-avx512vnni".
 */
YAMJIT_API int32_t yamjit_open(const void *plan, size_t size, const char *lowering, void *memory, size_t memory_size,
                               yamjit **opened);

YAMJIT_API const char *yamjit_lowering(const yamjit *model);
YAMJIT_API int32_t yamjit_sample_rate(const yamjit *model); /* Hz */
YAMJIT_API int32_t yamjit_window(const yamjit *model);      /* samples; 0 for a model that takes patches */
YAMJIT_API int32_t yamjit_frames(const yamjit *model);      /* of a patch, each of yamjit_bands floats: samples, each of
                                                               one, for a network that takes samples itself */
YAMJIT_API int32_t yamjit_bands(const yamjit *model);
YAMJIT_API int32_t yamjit_embedding_size(const yamjit *model); /* 0 where there is none */

/* Heads are the outputs of a model, from 0: YAMNet has one. */
YAMJIT_API int32_t yamjit_heads(const yamjit *model);
YAMJIT_API const char *yamjit_head_name(const yamjit *model, int32_t head);
YAMJIT_API int32_t yamjit_classes(const yamjit *model, int32_t head);
YAMJIT_API const char *yamjit_label(const yamjit *model, int32_t head, int32_t index);
YAMJIT_API double yamjit_threshold(const yamjit *model, int32_t head); /* least score to be shown; NaN without one */

/* Run one window of samples in [-1, 1]; a sample that is not finite or beyond 16 is an error. */
YAMJIT_API int32_t yamjit_run(yamjit *model, const float *window);
/* Run one log-mel patch: frame after frame, natural logarithms; a network that takes samples itself takes these. */
YAMJIT_API int32_t yamjit_run_patch(yamjit *model, const float *patch);

/* Results of the latest run. */
YAMJIT_API int32_t yamjit_scores(const yamjit *model, int32_t head, float *scores);
YAMJIT_API int32_t yamjit_embedding(const yamjit *model, float *embedding);

/* -- A stream ----------------------------------------------------------------------------------------------------- */

/* Blocks of any size become windows, `hop` samples from one to the next. Streams may share a model in one thread.
 *
 *     for (size_t at = 0, taken; at < count; at += taken) {
 *         int32_t code = yamjit_stream_push(stream, samples + at, count - at, &taken);
 *         if (code == YAMJIT_WINDOW) yamjit_scores(model, 0, scores);
 *         else if (code) return code;
 *     }
 */
typedef struct yamjit_stream yamjit_stream;

YAMJIT_API size_t yamjit_stream_memory_size(const yamjit *model);
YAMJIT_API int32_t yamjit_stream_open(yamjit *model, int64_t hop, void *memory, size_t memory_size,
                                      yamjit_stream **opened);

/* Take samples up to the end of the next window, at least one; YAMJIT_WINDOW says that it was run. After an error, none
 * are taken. */
YAMJIT_API int32_t yamjit_stream_push(yamjit_stream *stream, const float *samples, size_t count, size_t *taken);
/* End a stream: YAMJIT_WINDOW for each window that is left, the last one padded with zeros, then YAMJIT_OK. A stream to
 * which nothing was pushed has no windows. */
YAMJIT_API int32_t yamjit_stream_flush(yamjit_stream *stream);
/* Begin again, at time 0. */
YAMJIT_API int32_t yamjit_stream_reset(yamjit_stream *stream);
/* Where the latest window begins, in seconds. */
YAMJIT_API double yamjit_stream_time(const yamjit_stream *stream);

/* Integers of 16 bits as samples in [-1, 1): divided by 32768. */
YAMJIT_API void yamjit_from_int16(const int16_t *integers, size_t count, float *samples);

#ifdef __cplusplus
}
#endif
#endif
