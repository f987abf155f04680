"""Write ``reference/goldens``: what a TFLite runtime answers, kept so that exactness is tested without one.

::

    python -m tools.make_goldens [--model yamnet.tflite] [--out reference/goldens]

- ``conv.npz``, ``fully_connected.npz``, ``max_pool.npz``, ``mean.npz``, ``logistic.npz``, ``quantize.npz``: problems
  of one operator (`reference.problems`) and the answers.
- ``chain.npz``: the synthetic model (``synthetic_yamnet(seed=0, width=0.125)``) over `golden_waveforms`:
  patches, embeddings, logits and scores, and the SHA-256 of every integer tensor.
- ``official.json``: SHA-256 of patches, embeddings, logits and scores of the official model over the same
  waveforms; nothing of the model itself. Written only where ``--model`` is given.

Every file names the runtime, its version and its kernels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.cases import edge_problems, random_problems
from reference.problems import (
    PROBLEMS,
    ConvProblem,
    FullyConnectedProblem,
    LogisticProblem,
    MaxPoolProblem,
    MeanProblem,
    Problem,
    save,
)
from reference.runtime import Runtime, runtime_version
from reference.waveforms import golden_waveforms
from tests.support.graphs import GraphBuilder, output_size, quantization
from tests.support.synthetic import synthetic_yamnet
from yamjit.tflite.graph import Activation, Graph, Op, Padding
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.writer import write_graph

__all__ = ["digest", "golden_model", "operator_graph", "runtime_answer"]

GOLDENS = Path(__file__).parent.parent / "reference" / "goldens"
RANDOM_SEED, RANDOM_COUNT = 2026, 150

#: Tensors of the official model whose values are hashed, by what they hold.
OFFICIAL_TENSORS = {"patch": 28, "embeddings": 115, "logits": 118, "scores": 119}


def golden_model() -> bytes:
    """Return the synthetic model of ``chain.npz``."""
    return write_graph(synthetic_yamnet(seed=0, width=0.125))


def digest(values: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an int8 array's bytes, in C order, as hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(values, np.int8).tobytes()).hexdigest()


def runtime_answer(problem: Problem, kernels: str = "reference") -> npt.NDArray[np.int8]:
    """Return what the installed runtime answers to a problem."""
    runtime = Runtime(write_graph(operator_graph(problem)), kernels=kernels)
    return np.asarray(runtime.run(problem.input)[0])


def operator_graph(problem: Problem) -> Graph:
    """Return a graph of one operator that poses the problem."""
    if isinstance(problem, ConvProblem):
        return _conv_graph(problem)
    if isinstance(problem, FullyConnectedProblem):
        return _fully_connected_graph(problem)
    if isinstance(problem, MaxPoolProblem):
        return _max_pool_graph(problem)
    if isinstance(problem, MeanProblem):
        return _mean_graph(problem)
    graph = GraphBuilder()
    shape = problem.input.shape
    if isinstance(problem, LogisticProblem):
        x = graph.activation(shape, np.int8, quantization(problem.input_scale, problem.input_zero_point))
        y = graph.activation(shape, np.int8, quantization(1 / 256, problem.output_zero_point))
        return graph.build([x], [graph.operator(Op.LOGISTIC, [x], y)])
    x = graph.activation(shape, np.float32)
    y = graph.activation(shape, np.int8, quantization(problem.scale, problem.zero_point))
    return graph.build([x], [graph.operator(Op.QUANTIZE, [x], y)])


def _conv_graph(problem: ConvProblem) -> Graph:
    op = Op.DEPTHWISE_CONV_2D if problem.depthwise else Op.CONV_2D
    padding, activation = Padding[problem.padding], Activation[problem.activation]
    window = (*problem.stride, *problem.dilation)
    batch, *image, in_channels = problem.input.shape
    options: Conv2DOptions | DepthwiseConv2DOptions
    if problem.depthwise:
        multiplier = problem.channels // in_channels
        options = DepthwiseConv2DOptions(padding, *window, multiplier, activation)
    else:
        options = Conv2DOptions(padding, *window, activation)
    size = [
        output_size(image[axis], problem.filter.shape[1 + axis], problem.stride[axis], problem.dilation[axis],
                    padding == Padding.SAME)
        for axis in (0, 1)
    ]  # fmt: skip
    graph = GraphBuilder()
    x = graph.activation(problem.input.shape, np.int8, quantization(problem.input_scale, problem.input_zero_point))
    channel_axis = 3 if problem.depthwise else 0
    inputs = [x, graph.constant(problem.filter, quantization(problem.filter_scale, 0, channel_axis))]
    if problem.bias is not None:
        inputs.append(graph.constant(problem.bias, _bias_quantization(problem)))
    y = graph.activation(
        (batch, *size, problem.channels),
        np.int8,
        quantization(problem.output_scale, problem.output_zero_point),
    )
    return graph.build([x], [graph.operator(op, inputs, y, options)])


def _fully_connected_graph(problem: FullyConnectedProblem) -> Graph:
    graph = GraphBuilder()
    x = graph.activation(problem.input.shape, np.int8, quantization(problem.input_scale, problem.input_zero_point))
    weights = quantization(problem.filter_scale, problem.filter_zero_point, 0)
    inputs = [x, graph.constant(problem.filter, weights)]
    if problem.bias is not None:
        inputs.append(graph.constant(problem.bias, _bias_quantization(problem)))
    shape = (problem.input.shape[0], problem.filter.shape[0])
    y = graph.activation(shape, np.int8, quantization(problem.output_scale, problem.output_zero_point))
    options = FullyConnectedOptions(Activation[problem.activation])
    return graph.build([x], [graph.operator(Op.FULLY_CONNECTED, inputs, y, options)])


def _bias_quantization(problem: ConvProblem | FullyConnectedProblem) -> Any:
    return quantization(problem.filter_scale * problem.input_scale)


def _max_pool_graph(problem: MaxPoolProblem) -> Graph:
    padding, activation = Padding[problem.padding], Activation[problem.activation]
    options = Pool2DOptions(padding, *problem.stride, *problem.filter_size, activation)
    graph = GraphBuilder()
    quantized = quantization(problem.scale, problem.zero_point)
    x = graph.activation(problem.input.shape, np.int8, quantized)
    y = graph.activation(problem.answer().shape, np.int8, quantized)
    return graph.build([x], [graph.operator(Op.MAX_POOL_2D, [x], y, options)])


def _mean_graph(problem: MeanProblem) -> Graph:
    graph = GraphBuilder()
    batch, _, _, channels = problem.input.shape
    x = graph.activation(problem.input.shape, np.int8, quantization(problem.input_scale, problem.input_zero_point))
    axes = graph.constant(np.array([1, 2], np.int32))
    y = graph.activation(
        (batch, 1, 1, channels), np.int8, quantization(problem.output_scale, problem.output_zero_point)
    )
    return graph.build([x], [graph.operator(Op.MEAN, [x, axes], y, ReducerOptions(keep_dims=True))])


def write_problems(folder: Path, origin: str) -> None:
    """Write a file for each kind of problem."""
    problems = [*edge_problems(), *random_problems(RANDOM_SEED, RANDOM_COUNT)]
    for name, kind in PROBLEMS.items():
        chosen = [problem for problem in problems if isinstance(problem, kind)]
        save(folder / f"{name}.npz", chosen, [runtime_answer(problem) for problem in chosen], origin)


def write_chain(folder: Path, origin: str) -> None:
    """Write what the runtime computes with the synthetic model."""
    model = golden_model()
    runtime = Runtime(model)
    names = [info.name for info in runtime.tensors if info.name and info.dtype == np.int8]
    kept = {"patch": "patch", "embeddings": "embedding", "logits": "logits", "scores": "scores/int8"}
    rows: dict[str, list[npt.NDArray[Any]]] = {key: [] for key in kept}
    digests = []
    waveforms = golden_waveforms()
    for waveform in waveforms.values():
        values = runtime.record(waveform, names=names)
        digests.append([bytes.fromhex(digest(values[name])) for name in names])
        for key, name in kept.items():
            rows[key].append(values[name][0])
    columns: dict[str, Any] = {
        key: np.stack(values).reshape(len(waveforms), *values[0].shape) for key, values in rows.items()
    }
    np.savez_compressed(
        folder / "chain.npz",
        origin=np.array(origin),
        model_sha256=np.array(hashlib.sha256(model).hexdigest()),
        waveforms=np.array(list(waveforms)),
        tensors=np.array(names),
        digests=np.frombuffer(b"".join(b"".join(row) for row in digests), np.uint8).reshape(
            len(waveforms), len(names), 32
        ),
        **columns,
    )


def write_official(folder: Path, origin: str, model: Path) -> None:
    """Write the hashes of what the runtime computes with the official model."""
    runtime = Runtime(model)
    hashes: dict[str, dict[str, str]] = {}
    for name, waveform in golden_waveforms().items():
        values = runtime.record(waveform, names=list(OFFICIAL_TENSORS.values()))
        hashes[name] = {key: digest(values[index]) for key, index in OFFICIAL_TENSORS.items()}
    content = {
        "origin": origin,
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "int8_sha256": hashes,
    }
    text = json.dumps(content, indent=2) + "\n"
    (folder / "official.json").write_text(text, encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the goldens."""
    parser = argparse.ArgumentParser(prog="python -m tools.make_goldens", description="Write the goldens.")
    parser.add_argument("--model", type=Path, help="the official model, to hash its scores as well")
    parser.add_argument("--out", type=Path, default=GOLDENS, help="folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    origin = f"{runtime_version()}, reference kernels"
    options.out.mkdir(parents=True, exist_ok=True)
    write_problems(options.out, origin)
    write_chain(options.out, origin)
    if options.model:
        write_official(options.out, origin, options.model)
    for path in sorted(options.out.iterdir()):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
