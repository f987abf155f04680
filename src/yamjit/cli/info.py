"""``yamjit info``: what a model is made of."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from yamjit.cli.card import card_lines
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.outputs import Reads
from yamjit.spec import OFFICIAL_MODEL, PACKAGED_MODELS

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.plan import Slot
    from yamjit.tflite import Graph
    from yamjit.tflite.graph import Tensor

__all__ = ["add_parser"]

_LABELS_SHOWN = 5


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "info",
        help="describe a model",
        description="Describe a model: hash, metadata, front end, operators, quantization, labels, "
        "and the card of a model of the package.",
        epilog="\n".join(_known_models()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model",
        nargs="?",
        type=Reads("a model"),
        metavar="MODEL",
        help="a .tflite file, or starter; by default the one in use",
    )
    parser.add_argument("--labels", action="store_true", help="list every label")
    parser.add_argument("--json", action="store_true", help="print an object of JSON, labels and all")
    parser.set_defaults(run=_run)


def _known_models() -> Iterator[str]:
    yield "known models:"
    for name, known in PACKAGED_MODELS.items():
        yield f"  {name:<14} {known.name}: {known.size:,} bytes, part of the package"
    known = OFFICIAL_MODEL
    yield f"  {known.file_name:<14} {known.name}: {known.size:,} bytes, downloaded by `yamjit fetch`"


def _run(args: argparse.Namespace) -> int:
    from yamjit.classifier import load
    from yamjit.store import read_card

    model = load(args.model, backend="numpy")
    if args.json:
        print(json.dumps(_document(model), indent=1, ensure_ascii=False))
        return EXIT_OK
    for key, value in _facts(model):
        print(f"{key:<12}{value}")
    card = read_card(model.source.known)
    for line in card_lines(card) if card else ():
        print(line)
    print("\noperators")
    for line in _operators(model.graph):
        print(f"  {line}")
    print(f"\nlabels ({len(model.labels)})")
    shown = len(model.labels) if args.labels else _LABELS_SHOWN
    for index, label in enumerate(model.labels[:shown]):
        print(f"  {index:>4}  {label}")
    if shown < len(model.labels):
        print("   ...  (--labels lists them all)")
    return EXIT_OK


def _facts(model: Classifier) -> Iterator[tuple[str, str]]:
    source, plan, graph = model.source, model.plan, model.graph
    yield "model", source.known.name if source.known else "unknown"
    yield "verified", "yes: a published file" if source.verified else "no: not a published file"
    yield "from", f"{source.path} ({source.origin})" if source.path else source.origin
    yield "size", f"{len(source.data):,} bytes"
    yield "sha256", source.sha256
    yield from _metadata(graph)
    source_tensor = graph.tensors[graph.inputs[0]]
    yield "input", f"{source_tensor.name} {_shape(source_tensor)}"
    front_end = plan.front_end
    if front_end is None:
        yield "front end", "none: the model takes log-mel patches"
    else:
        yield (
            "",
            f"{front_end.window_samples / model.sample_rate:g} s of mono audio at {model.sample_rate} Hz",
        )
        yield (
            "front end",
            f"{front_end.n_frames} frames of {front_end.frame_length} samples every {front_end.hop_length}, "
            f"transform of {front_end.n_fft}, {front_end.mel_basis.shape[0]} mel bands",
        )
    yield "patch", f"{plan.patch_shape[0]}x{plan.patch_shape[1]}, {_quantization(plan.quantized_patch)}"
    program = plan.program
    yield (
        "network",
        f"{len(program.steps)} steps, {program.constants.size:,} bytes of constants, "
        f"{program.arena_bytes:,} bytes of activations a patch",
    )
    if plan.embedding is not None:
        yield "embeddings", f"{plan.embedding.shape[-1]} values, {_quantization(plan.embedding)}"
    for head in plan.heads:
        yield "logits", f"{head.logits.shape[-1]} values, {_quantization(head.logits)}"
        yield "scores", f"{head.scores.shape[-1]} values, {_quantization(head.scores)}"


def _document(model: Classifier) -> dict[str, Any]:
    """Return all that is said of a model, as values of JSON."""
    from yamjit.store import read_card

    known = model.source.known
    return {
        "model": known.name if known else None,
        "verified": model.verified,
        "path": str(model.source.path) if model.source.path else None,
        "origin": model.source.origin,
        "bytes": len(model.source.data),
        "sha256": model.source.sha256,
        "sample_rate": model.sample_rate,
        "takes_samples": model.plan.front_end is not None,
        "facts": {key: value for key, value in _facts(model) if key},
        "files": {name: len(data) for name, data in model.graph.files.items()},
        "operators": [line.split(maxsplit=1)[1] for line in _operators(model.graph)],
        "heads": [
            {
                "name": head.name,
                "score_threshold": head.score_threshold,
                "calibrated": head.calibration is not None,
                "labels": head.labels,
                "display_names": head.display_names,
                "audioset_ids": head.audioset_ids,
            }
            for head in model.heads
        ],
        "card": read_card(known),
    }


def _metadata(graph: Graph) -> Iterator[tuple[str, str]]:
    metadata = graph.metadata
    if metadata is None:
        yield "metadata", "none"
        return
    for key in ("name", "version", "author", "license", "description"):
        text = " ".join(getattr(metadata, key).split())
        if text:
            yield key, text
    for name, data in graph.files.items():
        yield "file", f"{name} ({len(data):,} bytes)"


def _operators(graph: Graph) -> Iterator[str]:
    for operator in graph.operators:
        output = graph.tensors[operator.outputs[0]]
        quantization = output.quantization
        scale = f"  scale {quantization.scale[0]:.7g}, zero point {quantization.zero_point[0]}" if quantization else ""
        yield f"{operator.index:>3}  {operator.op.name:<18}{_shape(output):<28}{scale}".rstrip()


def _shape(tensor: Tensor) -> str:
    return f"{tensor.dtype} ({', '.join(map(str, tensor.shape))})"


def _quantization(slot: Slot) -> str:
    return f"int8, scale {slot.scale:.7g}, zero point {slot.zero_point}"
