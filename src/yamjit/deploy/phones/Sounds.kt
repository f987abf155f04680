package sounds

import java.nio.ByteBuffer

/**
 * Names the sounds in windows of samples. One thread at a time may use it; several may share a plan.
 *
 * @param plan a plan file as FileChannel.map gives it, which begins at a multiple of 64 bytes in memory.
 */
class Sounds(private val plan: ByteBuffer) : AutoCloseable {
    private var model = open(plan)

    /** Hz. */
    val sampleRate = sampleRate(model)

    /** Samples that [scores] takes. */
    val window = window(model)

    val labels = List(classes(model)) { label(model, it).decodeToString() }

    /** Returns a score for each of the [labels], of samples in [-1, 1]. */
    fun scores(samples: FloatArray): FloatArray {
        check(model != 0L) { "closed" }
        return FloatArray(labels.size).also { run(model, samples, it) }
    }

    override fun close() {
        close(model)
        model = 0
    }

    private external fun open(plan: ByteBuffer): Long
    private external fun close(model: Long)
    private external fun sampleRate(model: Long): Int
    private external fun window(model: Long): Int
    private external fun classes(model: Long): Int
    private external fun label(model: Long, index: Int): ByteArray
    private external fun run(model: Long, window: FloatArray, scores: FloatArray)

    private companion object {
        init {
            System.loadLibrary("sounds")
        }
    }
}
