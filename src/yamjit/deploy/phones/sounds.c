/* What Sounds.kt calls: yamjit.h for Java's native interface. */
#include <jni.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "yamjit.h"

typedef struct {
    yamjit *model;
    unsigned char memory[];
} sounds;

static yamjit *model_of(jlong handle) {
    return ((sounds *)(intptr_t)handle)->model;
}

static void refuse(JNIEnv *env, const char *type, int32_t code) {
    jclass exception = (*env)->FindClass(env, type);
    if (exception) (*env)->ThrowNew(env, exception, yamjit_message(code));
}

/* `plan` is a direct buffer, such as FileChannel.map gives, which is kept as long as the model. */
JNIEXPORT jlong JNICALL Java_sounds_Sounds_open(JNIEnv *env, jobject self, jobject plan) {
    const void *at = (*env)->GetDirectBufferAddress(env, plan);
    size_t size = at ? (size_t)(*env)->GetDirectBufferCapacity(env, plan) : 0;
    size_t need = yamjit_memory_size(at, size);
    sounds *opened = malloc(sizeof(sounds) + need);
    int32_t code = opened ? yamjit_open(at, size, NULL, opened->memory, need, &opened->model) : YAMJIT_SMALL_MEMORY;
    (void)self;
    if (!code) return (jlong)(intptr_t)opened;
    free(opened);
    refuse(env, "java/io/IOException", code);
    return 0;
}

JNIEXPORT void JNICALL Java_sounds_Sounds_close(JNIEnv *env, jobject self, jlong handle) {
    (void)env, (void)self;
    free((sounds *)(intptr_t)handle);
}

JNIEXPORT jint JNICALL Java_sounds_Sounds_sampleRate(JNIEnv *env, jobject self, jlong handle) {
    (void)env, (void)self;
    return yamjit_sample_rate(model_of(handle));
}

JNIEXPORT jint JNICALL Java_sounds_Sounds_window(JNIEnv *env, jobject self, jlong handle) {
    (void)env, (void)self;
    return yamjit_window(model_of(handle));
}

JNIEXPORT jint JNICALL Java_sounds_Sounds_classes(JNIEnv *env, jobject self, jlong handle) {
    (void)env, (void)self;
    return yamjit_classes(model_of(handle), 0);
}

/* In UTF-8: Java's own strings in C are of another kind. */
JNIEXPORT jbyteArray JNICALL Java_sounds_Sounds_label(JNIEnv *env, jobject self, jlong handle, jint index) {
    const char *label = yamjit_label(model_of(handle), 0, index);
    jsize length = (jsize)strlen(label);
    jbyteArray text = (*env)->NewByteArray(env, length);
    (void)self;
    if (text) (*env)->SetByteArrayRegion(env, text, 0, length, (const jbyte *)label);
    return text;
}

/* Run a window of `window` samples, and write `classes` scores. */
JNIEXPORT void JNICALL Java_sounds_Sounds_run(JNIEnv *env, jobject self, jlong handle, jfloatArray window, jfloatArray scores) {
    yamjit *model = model_of(handle);
    int32_t code = YAMJIT_BAD_ARGUMENT;
    (void)self;
    if ((*env)->GetArrayLength(env, window) == yamjit_window(model) &&
        (*env)->GetArrayLength(env, scores) == yamjit_classes(model, 0)) {
        jfloat *samples = (*env)->GetFloatArrayElements(env, window, NULL);
        jfloat *found = (*env)->GetFloatArrayElements(env, scores, NULL);
        if (samples && found) {
            code = yamjit_run(model, samples);
            if (!code) code = yamjit_scores(model, 0, found);
        }
        if (samples) (*env)->ReleaseFloatArrayElements(env, window, samples, JNI_ABORT);
        if (found) (*env)->ReleaseFloatArrayElements(env, scores, found, 0);
    }
    if (code && !(*env)->ExceptionCheck(env)) refuse(env, "java/lang/IllegalArgumentException", code);
}
