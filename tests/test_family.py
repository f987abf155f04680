"""Small models of every float and hybrid operator, of any length, with float or mixed weights: loaded, told, run."""

from __future__ import annotations

import numpy as np
import pytest

import yamjit
from reference.runtime import Runtime, runtime_available
from tests.support.family import family_models
from tests.support.graphs import GraphBuilder
from tools.checks.fuzz_models import print_info
from yamjit.errors import AudioError, ModelError
from yamjit.tflite import Op, write_graph
from yamjit.tflite.graph import Arithmetic
from yamjit.tflite.operators.binary import AddOptions

MODELS = family_models()


#: With this the last scores are those of TFLite's optimised kernels, too.
WHOLE = yamjit.ReadOptions(pad_end="original")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_each_operator_runs(name: str) -> None:
    data = write_graph(MODELS[name])
    print_info(data)
    model = yamjit.load(data, backend="numpy")
    window = np.random.default_rng(0).uniform(-0.5, 0.5, model.window_samples).astype(np.float32)
    scores = model.classify(window, model.sample_rate, reading=WHOLE).scores
    assert scores.shape == (1, len(model.labels))
    if runtime_available():
        optimised = model.graph.arithmetic == Arithmetic.OPTIMISED
        runtime = Runtime(data, kernels="optimised" if optimised else "reference")
        rates = [np.full(info.shape, model.sample_rate, info.dtype) for info in runtime.inputs[1:]]
        (expected,) = runtime.run(window, *rates)
        # TANH is correctly rounded, as not every C library's is; optimised kernels add up a single row in an order of
        # its own.
        if name == "tanh" or optimised:
            np.testing.assert_allclose(scores, expected, rtol=1e-5)
        else:
            np.testing.assert_array_equal(scores, expected)


def test_scores_of_what_nothing_computes_are_refused() -> None:
    graph = GraphBuilder()
    samples, constant = graph.activation((1, 50), name="samples"), graph.constant(np.ones((1, 50), np.float32))
    total = graph.operator(Op.ADD, [samples, constant], graph.activation((1, 50)), AddOptions())
    scores = graph.operator(Op.LOGISTIC, [samples], graph.activation((1, 50), name="scores"))
    data = write_graph(graph.build([samples], [scores, total]))
    with pytest.raises(ModelError, match="'samples': is scores, logits or embeddings, and not computed"):
        yamjit.load(data, backend="numpy")


#: Windows of a number of samples that are hard to compute with.
HOSTILE = {
    "silence": lambda n: np.zeros(n),
    "negative zeros": lambda n: -np.zeros(n),
    "full scale": lambda n: np.where(np.arange(n) // 40 % 2, 1.0, -1.0),
    "offset": lambda n: np.full(n, 0.5),
    "denormal": lambda n: np.random.default_rng(1).uniform(-1e-40, 1e-40, n),
    "smallest": lambda n: np.full(n, 1e-45),
    "impulse": lambda n: np.eye(1, n, n // 2)[0],
    "loudest": lambda n: np.random.default_rng(2).uniform(-16, 16, n),
}


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("name", ["samples", "samples, softmax", "float", "dynamic", "hybrid rows", "hybrid conv"])
def test_hostile_sound_has_the_scores_of_the_runtime(name: str) -> None:
    data = write_graph(MODELS[name])
    model, runtime = yamjit.load(data, backend="numpy"), Runtime(data)
    for make in HOSTILE.values():
        window = make(model.window_samples).astype(np.float32)
        scores = model.classify(window, model.sample_rate).scores
        np.testing.assert_array_equal(scores, runtime.run(window)[0].reshape(scores.shape))
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_sound_that_is_none_is_refused(value: float) -> None:
    model = yamjit.load(write_graph(MODELS["samples"]), backend="numpy")
    window = np.zeros(model.window_samples, np.float32)
    window[7] = value
    with pytest.raises(AudioError, match="sample 7 of channel 0"):
        model.classify(window, model.sample_rate)
