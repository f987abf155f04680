"""Models whose network takes samples: what `load` makes of them, and that scores are those of the runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from reference.runtime import Runtime, runtime_available
from tests.support.sample_model import CLASSES, SAMPLES, sample_model
from yamjit.cli import main
from yamjit.compiled.from_graph import compile_model
from yamjit.errors import InputError, ModelError
from yamjit.network import Network
from yamjit.tflite import Op, write_graph

RATE = 16_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("samples") / "samples.tflite"
    file.write_bytes(write_graph(sample_model()))
    return file


@pytest.fixture(scope="module")
def model(path: Path) -> yamjit.Classifier:
    return yamjit.load(path, backend="numpy")


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return np.random.Generator(np.random.PCG64(1)).normal(0, 0.2, 5 * SAMPLES + 70).astype(np.float32)


def test_a_recording_is_cut_into_windows_of_samples(model: yamjit.Classifier, waveform: np.ndarray) -> None:
    result = model.classify(waveform, RATE)
    windows = np.zeros((6, SAMPLES), np.float32)
    windows.reshape(-1)[: waveform.size] = waveform
    expected = model.network.run(windows)
    np.testing.assert_array_equal(result.scores, expected.scores)
    np.testing.assert_array_equal(result.logits, expected.logits)
    np.testing.assert_array_equal(result.embeddings, expected.embeddings)
    assert (result.scores.dtype, result.scores.shape, result.embeddings.shape) == (np.float32, (6, CLASSES), (6, 24))
    np.testing.assert_allclose(result.times_s, np.arange(6) * SAMPLES / RATE)


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("last", [Op.LOGISTIC, Op.SOFTMAX])
@pytest.mark.parametrize("batch", [(), (1,)])
def test_scores_have_the_bits_of_the_reference_kernels(last: Op, batch: tuple[int, ...], waveform: np.ndarray) -> None:
    graph = sample_model(last, batch)
    runtime = Runtime(write_graph(graph), kernels="reference")
    windows = waveform[: 5 * SAMPLES].reshape(5, SAMPLES)
    expected = np.concatenate([runtime.run(window.reshape(*batch, SAMPLES))[0] for window in windows])
    found = Network(compile_model(graph).plan, "numpy").run(windows)
    np.testing.assert_array_equal(found.scores.view(np.int32), expected.view(np.int32))


def test_streams_and_threads_give_the_same(path: Path, model: yamjit.Classifier, waveform: np.ndarray) -> None:
    reading = yamjit.ReadOptions(hop_s=150 / RATE)
    whole = model.classify(waveform, RATE, reading=reading).scores
    threaded = yamjit.load(path, backend="numpy", threads=2).classify(waveform, RATE, reading=reading).scores
    np.testing.assert_array_equal(threaded, whole)
    stream = model.stream(reading=reading)
    parts = [stream.push(waveform[start : start + 333]).scores for start in range(0, waveform.size, 333)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush().scores]), whole)
    np.testing.assert_array_equal(model.score_window(waveform[:SAMPLES]).scores[0], whole[0])


def test_there_is_no_log_mel(model: yamjit.Classifier, waveform: np.ndarray) -> None:
    assert next(iter(model.windows(waveform, RATE))).log_mel.size == 0
    with pytest.raises(ModelError, match="takes samples: there is no log-mel"):
        model.log_mel(waveform, RATE)
    with pytest.raises(InputError, match=r"patches of shape \(n, 400\) are accepted, found \(2, 3\)"):
        model.network.run(np.zeros((2, 3), np.float32))
    with pytest.raises(InputError, match="patches of type float32 are accepted, found int8"):
        model.network.run(np.zeros((2, SAMPLES), np.int8))


def test_log_mel_that_the_network_gives_is_that_of_every_window(waveform: np.ndarray) -> None:
    model = yamjit.load(write_graph(sample_model(gives_log_mel=True)), backend="numpy")
    found = model.log_mel(waveform, RATE)
    assert (found.dtype, found.shape) == (np.float32, (60, 16))
    padded = np.zeros(60 * 40, np.float32)
    padded[: waveform.size] = waveform
    for start in (0, 7, 23, 50):
        window = padded[40 * start :][np.newaxis, :SAMPLES]
        expected = model.network.run(window, ["log_mel"]).tensors["log_mel"]
        np.testing.assert_array_equal(found[start : start + 10], expected.reshape(10, 16))
    np.testing.assert_array_equal(model.classify(waveform, RATE).log_mel, found)
    reading = yamjit.ReadOptions(hop_s=150 / RATE)
    np.testing.assert_array_equal(model.log_mel(waveform, RATE, reading=reading)[:50], found[:50])
    assert not np.array_equal(model.log_mel(waveform[20:], RATE)[:50], found[:50])


def test_frames_that_depend_on_their_place_in_a_window_are_no_spectrogram(waveform: np.ndarray) -> None:
    model = yamjit.load(write_graph(sample_model(gives_log_mel=True, fades=True)), backend="numpy")
    with pytest.raises(ModelError, match="takes samples: there is no log-mel"):
        model.log_mel(waveform, RATE)


def test_a_spectrogram_is_written_by_the_command(tmp_path: Path, waveform: np.ndarray) -> None:
    path, sound, out = (tmp_path / name for name in ("samples.tflite", "sound.wav", "log_mel.npy"))
    path.write_bytes(write_graph(sample_model(gives_log_mel=True)))
    soundfile.write(sound, waveform, RATE, subtype="FLOAT")
    assert main(["spectrogram", str(sound), "--model", str(path), "--backend", "numpy", "-o", str(out)]) == 0
    np.testing.assert_array_equal(np.load(out), yamjit.load(path, backend="numpy").log_mel(waveform, RATE))


def test_weights_are_there(model: yamjit.Classifier) -> None:
    weights = model.weights()
    kinds = ("00_dense", "01_dense", "02_dense", "03_conv", "04_depthwise", "05_dense")
    assert [name for name in weights if name.endswith("/weights")] == [f"{kind}/weights" for kind in kinds]


def test_pictures_of_spectrograms_are_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spectrogram", "--model", str(path), "none.wav", "-o", "none.png"]) == 1
    assert "takes samples: there is no log-mel" in capsys.readouterr().err


def test_info_says_what_it_takes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(path)]) == 0
    out = capsys.readouterr().out
    assert "0.025 s of mono audio at 16000 Hz" in out
    assert "float32 (1, 5): scores, since LOGISTIC computes it" in out
