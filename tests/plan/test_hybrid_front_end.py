"""Front ends whose mel basis is int8: magnitudes are quantized frame by frame, and logarithms are the runtime's."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from reference import hybrid
from reference.runtime import runtime_available, runtime_module
from tests.support.backends import FAST_BACKENDS
from yamjit import ReadOptions
from yamjit.audio.source import open_audio
from yamjit.errors import ModelError
from yamjit.frontend import FrontEnd, count_windows
from yamjit.plan.front_end import read_front_end
from yamjit.plan.plan import FrontEndConstants
from yamjit.plan.seam import find_seam
from yamjit.plan.yamnet_front_end import yamnet_front_end
from yamjit.tflite import Graph, Op, read_graph

Float32 = npt.NDArray[np.float32]


def int8_front_end() -> FrontEndConstants:
    """Return YAMNet's front end with its mel basis as int8, a scale for each band."""
    basis = yamnet_front_end().mel_basis
    scale = (basis.max(axis=1) / np.float32(127)).astype(np.float32)
    whole = np.rint(basis / scale[:, np.newaxis]).astype(np.float32)
    return replace(yamnet_front_end(), mel_basis=whole, mel_scale=scale, float_patch=True)


def test_magnitudes_are_quantized_frame_by_frame() -> None:
    constants = int8_front_end()
    rng = np.random.default_rng(0)
    samples = (rng.standard_normal(400 + 160 * 5) * np.repeat([0.5, 0.001, 0.0, 0.2], 300)).astype(np.float32)
    frames = FrontEnd(constants).frames(samples)
    assert constants.mel_scale is not None
    for row, start in zip(frames, range(0, samples.size, 160), strict=False):
        windowed = (samples[start : start + 400] * constants.window).astype(np.float64)
        spectrum = np.fft.rfft(windowed, 512).astype(np.complex64)
        magnitudes = np.hypot(spectrum.real, spectrum.imag)[np.newaxis]
        basis = constants.mel_basis.astype(np.int8)
        mel = hybrid.fully_connected(magnitudes, basis, constants.mel_scale, constants.log_offset, asymmetric=True)
        np.testing.assert_allclose(row, [math.log(value) for value in mel[0]], rtol=1e-7, atol=0)
    alone = FrontEnd(constants).frames(samples[320 : 320 + 400])
    np.testing.assert_array_equal(alone[0], frames[2])


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("constants", [int8_front_end(), replace(yamnet_front_end(), float_patch=True)])
def test_compiled_front_ends_give_the_bits_of_numpy(constants: FrontEndConstants, backend: str) -> None:
    rng = np.random.default_rng(1)
    samples = (rng.standard_normal(160 * 100 + 400) * np.repeat([0.5, 1e-3, 0.0, 0.2], 4100)).astype(np.float32)
    expected = FrontEnd(constants).frames(samples)
    np.testing.assert_array_equal(FrontEnd(constants, backend).frames(samples).view(np.int32), expected.view(np.int32))


# -- A published file ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dynamic_path(test_data: Path) -> Path:
    path = test_data / "models" / "yamnet_dynamic_hybrid.tflite"
    if not path.exists():
        pytest.skip("yamnet_dynamic_hybrid is not at hand")
    return path


@pytest.fixture(scope="module")
def graph(dynamic_path: Path) -> Graph:
    return read_graph(dynamic_path)


@pytest.mark.recordings
def test_the_front_end_is_read_from_a_graph_of_any_length(graph: Graph) -> None:
    found = read_front_end(graph, find_seam(graph))
    assert found is not None
    assert found.mel_scale is not None
    assert found.float_patch
    assert (found.window_samples, found.hop_length, found.n_fft, found.n_frames) == (15_600, 160, 512, 96)
    ours = yamnet_front_end()
    np.testing.assert_array_equal(found.window, ours.window)
    np.testing.assert_array_equal(found.log_offset, ours.log_offset)
    np.testing.assert_allclose(found.mel_basis * found.mel_scale[:, np.newaxis], ours.mel_basis, atol=0.005)


@pytest.mark.recordings
def test_symmetric_magnitudes_are_refused(graph: Graph) -> None:
    mel = next(operator for operator in graph.operators if operator.op == Op.FULLY_CONNECTED)
    options = replace(mel.options, asymmetric_quantize_inputs=False)  # type: ignore[type-var]
    operators = tuple(replace(o, options=options) if o is mel else o for o in graph.operators)
    changed = replace(graph, operators=operators)
    with pytest.raises(ModelError, match="quantized symmetrically"):
        read_front_end(changed, find_seam(changed))


@pytest.mark.recordings
@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("clip", ["minetest_mobs_kitten.ogg", "tflite_speech.wav", "tflite_silence_1000ms.wav"])
def test_whole_recordings_have_the_log_mel_of_the_runtime(
    dynamic_path: Path, graph: Graph, test_data: Path, clip: str
) -> None:
    constants = read_front_end(graph, find_seam(graph))
    assert constants is not None
    with open_audio(test_data / "audio" / "clips" / clip, None, ReadOptions(), target_rate=16_000) as source:
        samples = np.concatenate([block.ravel() for block in source.blocks()])
    for length in (samples.size, 15_600, 7_000):
        heard = samples[:length]
        windows = count_windows(heard.size, 15_600, 7_680, original=True)
        padded = np.pad(heard, (0, 15_600 + 7_680 * (windows - 1) - heard.size))
        found = FrontEnd(constants).frames(padded)[: 48 * (windows + 1)]
        wanted = log_mel_of_the_runtime(dynamic_path, heard)
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found.view(np.int32), wanted.view(np.int32))


def log_mel_of_the_runtime(path: Path, samples: Float32) -> Float32:
    """Return the log-mel output of a model for a whole recording, by the built-in kernels without delegates."""
    module = runtime_module()
    kernels = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(str(path), experimental_op_resolver_type=kernels)
    interpreter.resize_tensor_input(0, [samples.size])
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, samples)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    return next(output for output in outputs if output.shape[1] == 64)
