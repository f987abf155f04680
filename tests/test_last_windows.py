"""The last scores of a recording, where a model is computed like TFLite's optimised kernels."""

from __future__ import annotations

import numpy as np
import pytest

import yamjit
from reference.runtime import Runtime, runtime_available
from tests.support.float_graphs import constant
from tests.support.graphs import GraphBuilder
from yamjit.kernels.float32.functions import logistic_alone
from yamjit.tflite import Op, write_graph
from yamjit.tflite.operators.binary import AddOptions
from yamjit.tflite.operators.products import FullyConnectedOptions

SAMPLES, CLASSES, RATE = 50, 3, 16_000
WHOLE = yamjit.ReadOptions(pad_end="original", hop_s=SAMPLES / RATE)


def model_bytes(rounding: Op) -> bytes:
    """Return a model with an operator that not all kernel sets have, or with one that all have."""
    graph = GraphBuilder()
    samples = graph.activation((1, SAMPLES), name="samples")
    weights, bias = graph.constant(20 * constant(CLASSES, SAMPLES)), graph.constant(constant(CLASSES, seed=1))
    frames = graph.activation((5, SAMPLES // 5))
    graph.operator(Op.RESHAPE, [samples, graph.constant(np.array([5, -1], np.int32))], frames)
    doubled = graph.operator(Op.ADD, [frames, frames], graph.activation((5, SAMPLES // 5)), AddOptions())
    row = graph.operator(
        Op.RESHAPE, [doubled, graph.constant(np.array([1, -1], np.int32))], graph.activation((1, SAMPLES))
    )
    logits = graph.activation((1, CLASSES))
    graph.operator(Op.FULLY_CONNECTED, [row, weights, bias], logits, FullyConnectedOptions())
    half = graph.constant(np.array([0.5], np.float32))
    whole = graph.operator(rounding, [half], graph.activation((1,)))
    moved = graph.operator(Op.ADD, [logits, whole], graph.activation((1, CLASSES)), AddOptions())
    scores = graph.operator(Op.LOGISTIC, [moved], graph.activation((1, CLASSES), name="scores"))
    return write_graph(graph.build([samples], [scores]))


def waveform(windows: int) -> np.ndarray:
    return np.random.default_rng(windows).normal(0, 0.2, (windows * SAMPLES, 2)).astype(np.float32)


@pytest.mark.parametrize("windows", [1, 2, 3, 4, 70])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_last_scores_are_computed_one_by_one(windows: int, threads: int) -> None:
    model = yamjit.load(model_bytes(Op.CEIL), backend="numpy", threads=threads)
    for channel in (0, "mix"):
        least = yamjit.ReadOptions(hop_s=SAMPLES / RATE, channel=channel)
        reading = yamjit.ReadOptions(pad_end="original", hop_s=SAMPLES / RATE, channel=channel)
        found = model.classify(waveform(windows), RATE, reading=reading)
        expected = model.classify(waveform(windows), RATE, reading=least).scores[: len(found)].copy()
        if rest := expected.size % 4:
            expected.reshape(-1)[-rest:] = logistic_alone(found.logits.reshape(-1)[-rest:])
        np.testing.assert_array_equal(found.scores, expected)
        np.testing.assert_allclose(found.clip_scores, expected.mean(0, np.float64), rtol=1e-12)


def test_channels_end_each_by_itself() -> None:
    model = yamjit.load(model_bytes(Op.CEIL), backend="numpy")
    each = model.classify_channels(
        waveform(7), RATE, reading=yamjit.ReadOptions(pad_end="original", hop_s=SAMPLES / RATE, channel="each")
    )
    for channel, found in enumerate(each):
        alone = model.classify(waveform(7)[:, channel].copy(), RATE, reading=WHOLE)
        np.testing.assert_array_equal(found.scores, alone.scores)
        np.testing.assert_array_equal(found.times_s, alone.times_s)


def test_others_are_left_as_they_are() -> None:
    model = yamjit.load(model_bytes(Op.FLOOR), backend="numpy")
    found = model.classify(waveform(5), RATE, reading=WHOLE)
    usual = model.classify(waveform(5), RATE, reading=yamjit.ReadOptions(hop_s=SAMPLES / RATE))
    np.testing.assert_array_equal(found.scores, usual.scores[: len(found)])


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("windows", [1, 2, 3, 70])
def test_scores_are_the_runtimes_of_all_windows_at_once(windows: int) -> None:
    found = yamjit.load(model_bytes(Op.CEIL), backend="numpy").classify(waveform(windows), RATE, reading=WHOLE)
    graph = GraphBuilder()
    logits = graph.activation((-1, CLASSES))
    runtime = Runtime(
        write_graph(graph.build([logits], [graph.operator(Op.LOGISTIC, [logits], graph.activation((-1, CLASSES)))])),
        kernels="optimised",
    )
    np.testing.assert_array_equal(found.scores, runtime.run(found.logits)[0])
