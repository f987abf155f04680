"""Weights in floating point: those of the file, in files that others read, enough to build the network anew."""

from __future__ import annotations

import json
import runpy
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from yamjit.errors import InputError
from yamjit.loading import load
from yamjit.weights import FORMATS, layers, write_weights

ROOT = Path(__file__).resolve().parents[1]


def test_weights_are_those_of_the_file(real_model_path: Path) -> None:
    model = load(real_model_path, backend="numpy")
    weights = model.weights()
    assert len(weights) == 2 * len(layers(model.graph)) + 3
    for layer in layers(model.graph):
        array = weights[f"{layer.name}/weights"]
        assert array.ndim == (2 if layer.kind == "dense" else 4)
        outputs = array.shape[3 if layer.kind == "depthwise" else 0]
        assert weights[f"{layer.name}/bias"].shape == (outputs,)
    first = layers(model.graph)[0]
    tensor = next(t for t in model.graph.tensors if t.data is not None and t.shape == first.weights.shape)
    assert tensor.quantization is not None
    scale = tensor.quantization.scale.reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(first.weights, tensor.data * scale, rtol=1e-6)  # type: ignore[operator]
    assert (first.kind, first.padding, first.activation) == ("conv", "SAME", "RELU6")
    assert layers(model.graph)[-1].weights.shape[0] == len(model.labels)


def test_the_last_layer_gives_the_logits(real_model_path: Path) -> None:
    model = load(real_model_path, backend="numpy")
    windows = model.score_window(np.random.default_rng(0).uniform(-0.5, 0.5, model.window_samples).astype(np.float32))
    last = layers(model.graph)[-1]
    logits = windows.embeddings @ last.weights.T + last.bias
    step = model.plan.heads[0].logits.scale
    inside = np.abs(windows.logits - windows.logits.mean()) < 100 * step
    assert np.abs(logits - windows.logits)[inside].max() < step


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_read_back(small_model_path: Path, form: str) -> None:
    weights = load(small_model_path, backend="numpy").weights()
    data = write_weights(weights, form, {"source": "鳥"})
    assert data == write_weights(weights, form, {"source": "鳥"})
    found = dict(np.load(BytesIO(data))) if form == "npz" else read_safetensors(data)
    assert list(found) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)


def read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    length = int.from_bytes(data[:8], "little")
    header, values = json.loads(data[8 : 8 + length]), data[8 + length :]
    assert (8 + length) % 8 == 0
    assert header.pop("__metadata__") == {"source": "鳥"}
    spans = [entry["data_offsets"] for entry in header.values()]
    assert [a for a, _ in spans] == [0, *(b for _, b in spans[:-1])]  # no holes
    assert spans[-1][1] == len(values)
    return {
        name: np.frombuffer(values[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
    }


def test_safetensors_own_reader_agrees(small_model_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    weights = load(small_model_path, backend="numpy").weights()
    found = safetensors.load(write_weights(weights, "safetensors"))
    assert found.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)


def test_other_formats_are_refused() -> None:
    with pytest.raises(InputError, match="accepted are npz, safetensors"):
        write_weights({}, "pickle")


def test_a_network_in_pytorch_gives_the_embeddings(real_model_path: Path, examples: dict[Path, str]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = load(real_model_path, backend="numpy")
    network = runpy.run_path(str(ROOT / "examples" / "pytorch_warm_start.py"))["Embedding"](model)
    frames, _ = model.plan.patch_shape
    for path in examples:
        found = model.classify(path)
        patches = np.stack([found.log_mel[48 * k : 48 * k + frames] for k in range(len(found))])
        with torch.no_grad():
            theirs = network(torch.from_numpy(patches)).numpy()
        lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(found.embeddings, axis=1)
        assert ((theirs * found.embeddings).sum(axis=1) > 0.98 * lengths).all()
