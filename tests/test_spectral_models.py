"""Models that compute a spectrum themselves: their scores are those of the runtime, and so are those of recordings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from reference.runtime import Runtime, runtime_available
from tests.support.backends import BACKENDS, FAST_BACKENDS
from tests.support.spectral_graphs import COMMANDS, RATE, commands_model, stft_model
from yamjit.cli import main
from yamjit.compiled.from_graph import compile_model
from yamjit.errors import ModelError
from yamjit.kernels.program import Column, StepOp
from yamjit.network import Network
from yamjit.tflite import Graph, Op, read_graph, write_graph
from yamjit.tflite.metadata import AudioProperties, Metadata, SubgraphMetadata, TensorMetadata

MODELS = {
    "magnitudes": stft_model(),
    "real parts": stft_model(part=Op.REAL),
    "imaginary parts": stft_model(part=Op.IMAG),
    "coefficients": commands_model(),
    "coefficients, with a rate": commands_model(asks_for_rate=True),
}


def network_of(graph: Graph, backend: str = "numpy") -> Network:
    return Network(compile_model(read_graph(write_graph(graph))).plan, backend)


def windows_for(network: Network, count: int = 6) -> np.ndarray:
    (samples,) = network.plan.patch_shape
    dice = np.random.Generator(np.random.PCG64(2))
    found = dice.normal(0, 0.2, (count, samples)) * 10.0 ** dice.integers(-3, 1, (count, 1))
    found[0] = 0
    return found.astype(np.float32)


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("name", MODELS)
def test_scores_have_the_bits_of_the_reference_kernels(name: str) -> None:
    graph = MODELS[name]
    network, runtime = network_of(graph), Runtime(write_graph(graph))
    windows = windows_for(network)
    rate = [np.array([RATE], np.int32)] * (len(graph.inputs) - 1)
    expected = np.concatenate([runtime.run(window, *rate)[0] for window in windows])
    np.testing.assert_array_equal(network.run(windows).scores, expected)


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_compiled_networks_give_the_bits_of_numpy(name: str, backend: str) -> None:
    networks = [network_of(MODELS[name], kind) for kind in ("numpy", backend)]
    windows = windows_for(networks[0])
    expected, found = (network.run(windows).scores for network in networks)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_models_are_loaded_and_give_inner_tensors(backend: str) -> None:
    """From a plan file, where the backend is that of a library."""
    graph = MODELS["magnitudes"]
    model = yamjit.load(write_graph(graph), backend=backend)
    (window,) = windows_for(model.network, 2)[1:]
    (spectrum,) = (operator.outputs[0] for operator in graph.operators if operator.op == Op.RFFT2D)
    name = graph.tensors[spectrum].name
    found = model.network.run(window[np.newaxis], tensors=[name]).tensors[name]
    assert (found.dtype, found.shape) == (np.complex64, (1, 30, 1, 129))
    expected = network_of(graph).run(window[np.newaxis], tensors=[name]).tensors[name]
    np.testing.assert_array_equal(found, expected)


def test_a_recording_is_classified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, sound = tmp_path / "commands.tflite", tmp_path / "yes.wav"
    model.write_bytes(write_graph(commands_model(asks_for_rate=True)))
    waveform = np.random.Generator(np.random.PCG64(1)).normal(0, 0.1, 9000).astype(np.float32)
    soundfile.write(sound, waveform, RATE, subtype="FLOAT")
    loaded = yamjit.load(model, backend="numpy")
    result = loaded.classify(sound)
    assert result.scores.shape == (3, COMMANDS)
    padded = np.zeros((3, 4000), np.float32)
    padded.reshape(-1)[:9000] = waveform
    np.testing.assert_array_equal(result.scores, loaded.network.run(padded).scores)
    assert main(["classify", "--model", str(model), "--backend", "numpy", str(sound)]) == 0
    assert main(["info", "--full", str(model)]) == 0
    told = capsys.readouterr().out
    assert "the network takes samples" in told
    assert "decoded_sample_data float32 (4000, 1)" in told


def test_the_rate_is_that_of_the_metadata() -> None:
    graph = commands_model(asks_for_rate=True)
    told = TensorMetadata(audio=AudioProperties(22_050, 1))
    metadata = Metadata(subgraphs=(SubgraphMetadata(inputs=(told,)),))
    found = read_graph(write_graph(dataclasses.replace(graph, metadata=metadata)))
    (rate,) = (tensor for tensor in found.tensors if tensor.name == "rate")
    assert rate.data is not None
    assert rate.data.tolist() == [22_050]
    assert len(found.inputs) == 1


def test_an_input_that_others_read_is_no_rate() -> None:
    graph = commands_model(asks_for_rate=True)
    reshape = next(operator for operator in graph.operators if operator.op == Op.RESHAPE)
    inputs = (reshape.inputs[0], graph.inputs[1])
    operators = [
        dataclasses.replace(operator, inputs=inputs) if operator is reshape else operator
        for operator in graph.operators
    ]
    with pytest.raises(ModelError):
        yamjit.load(write_graph(dataclasses.replace(graph, operators=tuple(operators))), backend="numpy")


def test_roots_are_taken_where_squares_are_not_wanted() -> None:
    graph = commands_model()
    first = graph.operators[0]
    options = dataclasses.replace(first.options, magnitude_squared=False)
    graph = dataclasses.replace(graph, operators=(dataclasses.replace(first, options=options), *graph.operators[1:]))
    steps = network_of(graph).plan.program.steps[:, Column.OP].tolist()
    assert steps[:4] == [StepOp.SPECTROGRAM, StepOp.SQRT, StepOp.LOG_BANDS, StepOp.COSINES]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (b"window_sizE", "custom options: window_size is missing"),
        (b"window_siz\0", "window_size is missing|does not end"),
    ],
)
def test_hostile_options_are_refused(change: bytes, message: str) -> None:
    data = write_graph(commands_model())
    assert data.count(b"window_size") == 1
    with pytest.raises(ModelError, match=message):
        read_graph(data.replace(b"window_size", change))
