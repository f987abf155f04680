"""``yamjit info``: what a model is, on one screen; its parts, if they are asked for."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from yamjit.cli.arguments import add_roles
from yamjit.cli.card import card_lines
from yamjit.cli.classes import add_heads, heads_of, output_of
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.model_notes import kind_of, provenance_facts
from yamjit.cli.options import add_flag
from yamjit.cli.outputs import Reads
from yamjit.cli.unrunnable import Unrunnable, end_text, load_or_describe
from yamjit.spec import OFFICIAL_MODEL, PACKAGED_MODELS
from yamjit.text import json_text, plural, printable

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.heads import HeadInfo, HeadRecord
    from yamjit.plan import Plan, Slot
    from yamjit.store import ResolvedModel
    from yamjit.tflite import Graph
    from yamjit.tflite.graph import Tensor
    from yamjit.tflite.patching import Described

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "model_document", "run"]

HELP = "describe a model"
DESCRIPTION = (
    "Describe a model: whose it is, what it takes, its calibration and its labels. In full: metadata, front end, "
    "operators and quantization as well, and the whole card of a model that comes with the package."
)

_LABELS_SHOWN = 5

#: Who applies a calibration, by the place where it is.
_APPLIED = {
    "metadata": "yamjit, the Task Library and MediaPipe apply it, an interpreter alone does not",
    "network": "every interpreter applies it",
}

#: What is said of names of classes that are not in the metadata.
_NAMED_BY = {
    "file": "those of the file of labels beside the head",
    "weights": "YAMNet's, since the last layer is that of a published YAMNet: the file itself names no classes",
    "nothing": "none: the file names no classes",
}

#: What the first screen says; the empty key goes on with the one before it.
_FIRST = (
    *("model", "status", "runs", "would run", "from", "size", "sha256", "base", "made on", "trained on", "name"),
    *("author", "license", "description", "calibration", "input", "", "output", "head", "labels"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "a .tflite file, or starter (default: the model in use)"
    parser.add_argument("model", nargs="?", type=Reads("a model"), metavar="MODEL", help=text)
    add_roles(parser)
    add_heads(parser, "all of them")
    add_flag(parser, "--labels", "list every label")
    add_flag(parser, "--full", "describe the network, metadata and training as well")
    add_flag(parser, "--json", "print a JSON object, with all of it")
    parser.epilog = "\n".join(_known_models())


def _known_models() -> Iterator[str]:
    yield "known models:"
    for name, known in PACKAGED_MODELS.items():
        yield f"  {name:<14} {known.name}: {known.size:,} bytes, part of the package"
    known = OFFICIAL_MODEL
    yield f"  {known.file_name:<14} {known.name}: {known.size:,} bytes, downloaded by `yamjit fetch`"


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.head_names import choose_heads
    from yamjit.store import read_card

    model = load_or_describe(args.model, roles=args.roles, heads=heads_of(args))
    heads = choose_heads(model.heads, output_of(args))
    if args.json:
        print(json_text(model_document(model, heads), indent=1))
        return EXIT_OK
    card = read_card(model.source.known)
    for key, value in _facts(model) if args.full else _first_facts(model, card):
        print(f"{key:<12}{printable(value)}")
    for line in card_lines(card, full=args.full) if card else ():
        print(line)
    if args.full:
        print("\noperators")
        for line in _operators(model):
            print(f"  {printable(line)}")
    _print_labels(heads, every=args.labels)
    if not args.full:
        print("\n--full describes the network, metadata and training as well")
    return EXIT_OK


def _print_labels(heads: Sequence[HeadInfo], *, every: bool) -> None:
    for head in heads:
        of_head = f" of {printable(head.name)}" if len(heads) > 1 else ""
        print(f"\nlabels{of_head} ({len(head.labels)})")
        shown = len(head.labels) if every else _LABELS_SHOWN
        for index, label in enumerate(head.labels[:shown]):
            print(f"  {index:>4}  {printable(label)}")
        if shown < len(head.labels):
            print("   ...  (--labels lists them all)")
    if not heads:
        print("\nlabels (0)")


def _first_facts(model: Classifier | Unrunnable, card: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield what is asked of a model before all else, but for what was said already or is in its card."""
    said = {card["description"]} if card else set()
    for key, value in _facts(model):
        if key in _FIRST and value not in said:
            said.add(value)
            yield key, value


def _facts(model: Classifier | Unrunnable) -> Iterator[tuple[str, str]]:
    source = model.source
    if isinstance(model, Unrunnable):
        yield "model", "one that cannot be run"
    else:
        yield "model", model.name or "without a name"
        yield "status", kind_of(model)
    yield "from", f"{source.path} ({source.origin})" if source.path else source.origin
    yield "size", f"{len(source.data):,} bytes"
    yield "sha256", source.sha256
    if isinstance(model, Unrunnable):
        yield from _metadata(model.described)
        yield from model.facts()
    else:
        yield from provenance_facts(model.provenance)
        yield from _metadata(model.graph)
        yield from _calibrations(model)
        yield from _plan_facts(model)
        yield from _head_facts(model)
        yield from _names(model)


def _calibrations(model: Classifier) -> Iterator[tuple[str, str]]:
    """Yield where the calibration of each output is that has one."""
    for head in model.heads:
        of_head = f"{head.name}: " if len(model.heads) > 1 else ""
        if place := _calibration_place(model, head):
            yield "calibration", f"{of_head}in the {place}: {_APPLIED[place]}"


def _calibration_place(model: Classifier | Unrunnable, head: HeadInfo) -> str | None:
    """Return "metadata" or "network", whichever holds the calibration of an output; None if it has none."""
    if head.calibration is not None:
        return "metadata"
    record = None if isinstance(model, Unrunnable) or model.head_sources else model.provenance
    return "network" if record and head.index in record.baked else None


def _plan_facts(model: Classifier) -> Iterator[tuple[str, str]]:
    from yamjit.plan.roles import find_outputs, read_roles
    from yamjit.tflite.patching import read_described

    plan, graph, described = model.plan, model.graph, read_described(model.source.data)
    source_tensor, given = graph.tensors[graph.inputs[0]], described.inputs[0]
    yield "input", end_text(given)
    front_end = plan.front_end
    if plan.takes_embeddings:
        yield "", f"embeddings of {plan.patch_shape[0]} values: a head alone, which --head gives to a model"
    elif front_end is None and not plan.takes_samples:
        yield "front end", "none: the model takes patches that are not YAMNet's (96, 64)"
    else:
        window, audio = f"{model.window_samples / model.sample_rate:g} s", f"mono audio at {model.sample_rate} Hz"
        yield "", f"{audio} of any length, heard in windows of {window}" if given.any_length else f"{window} of {audio}"
    if front_end is not None:
        takes_patches = math.prod(source_tensor.shape) == math.prod(plan.patch_shape)
        yield (
            "front end",
            f"{'that of YAMNet, computed for the model: ' if takes_patches else ''}{front_end.n_frames} frames of "
            f"{front_end.frame_length} samples every {front_end.hop_length}, "
            f"transform of {front_end.n_fft}, {front_end.mel_basis.shape[0]} mel bands",
        )
    elif plan.takes_samples:
        yield "front end", "none: the network takes samples"
    for output, end in zip(find_outputs(graph, read_roles(model.roles)), described.outputs, strict=True):
        yield "output", f"{end_text(end)}: {output}"
    kind = _values(plan.quantized_patch) if plan.quantized_patch else "float32"
    yield "patch", f"{'x'.join(map(str, plan.patch_shape))}, {kind}"
    program = plan.program
    yield (
        "network",
        f"{len(program.steps)} steps, {program.constants.size:,} bytes of constants, "
        f"{program.arena_bytes:,} bytes of activations a patch",
    )
    if plan.embedding is not None:
        yield "embeddings", f"{math.prod(plan.embedding.shape)} values, {_values(plan.embedding)}"
    if layers := [name for name in model.features if name.endswith("_mean")]:
        yield "features", f"{layers[0]} to {layers[-1]}, and the same with _max: maps of layers, pooled over time"
    for head in plan.heads:
        yield "logits", f"{head.logits.shape[-1]} values, {_values(head.logits)}"
        yield "scores", f"{math.prod(head.scores.shape)} values, {_values(head.scores)}"


def _head_facts(model: Classifier) -> Iterator[tuple[str, str]]:
    """Yield what is known of the heads in files of their own, whose outputs stand in place of the model's."""
    for source, plan, records in _given_heads(model):
        yield "head", f"{source.path or 'bytes'}: {len(source.data):,} bytes, SHA-256 {source.sha256}"
        outputs = ", ".join(f"{record.name} ({plural(len(record.labels), 'class')})" for record in records)
        yield "", f"embeddings of {plan.patch_shape[0]} values, which the model computes, to {outputs}"


def _names(model: Classifier) -> Iterator[tuple[str, str]]:
    """Yield what names the classes of an output that the metadata leave without names."""
    for head in model.heads:
        of_head = f"{head.name}: " if len(model.heads) > 1 else ""
        if told := _NAMED_BY.get(_named_by(model, head)):
            yield "labels", f"{of_head}{told}"


def _named_by(model: Classifier | Unrunnable, head: HeadInfo) -> str:
    """Return what names the classes of an output; of a model that cannot be run, only metadata do."""
    return "metadata" if isinstance(model, Unrunnable) else model.head_records[head.index].named_by.value


def _given_heads(model: Classifier) -> Iterator[tuple[ResolvedModel, Plan, tuple[HeadRecord, ...]]]:
    """Yield the files of heads that the model was loaded with, the plan of each, and what it says of its outputs."""
    records = iter(model.head_records)
    for source, plan in zip(model.head_sources, model.head_plans, strict=True):
        yield source, plan, tuple(itertools.islice(records, len(plan.heads)))


def model_document(model: Classifier | Unrunnable, heads: Sequence[HeadInfo]) -> dict[str, Any]:
    """Return everything that is known of a model, as values of JSON."""
    from yamjit.store import read_card
    from yamjit.tflite.patching import read_described

    known, described = model.source.known, read_described(model.source.data)
    provenance = None if isinstance(model, Unrunnable) else model.provenance
    if isinstance(model, Unrunnable):
        files = model.described.files
        run = {"runs": False, "problem": model.problem, "sample_rate": None, "takes_samples": None}
    else:
        files = model.graph.files
        takes_samples = model.plan.takes_samples
        run = {"runs": True, "problem": None, "sample_rate": model.sample_rate, "takes_samples": takes_samples}
    return {
        "model": known.name if known else None,
        "provenance": None if provenance is None else provenance.as_dict(),
        "verified": model.source.verified,
        "path": str(model.source.path) if model.source.path else None,
        "origin": model.source.origin,
        "bytes": len(model.source.data),
        "sha256": model.source.sha256,
        **run,
        "facts": {key: value for key, value in _facts(model) if key},
        "files": {name: len(data) for name, data in files.items()},
        "operators": [line.split(maxsplit=1)[1] for line in _operators(model)],
        "outputs": [value for key, value in _facts(model) if key == "output"],
        "inputs": [
            {"name": end.name, "type": end.dtype, "shape": [None if size < 0 else size for size in end.shape]}
            for end in described.inputs
        ],
        "any_length": any(end.any_length for end in described.inputs),
        "given_heads": []
        if isinstance(model, Unrunnable)
        else [
            {
                "path": str(source.path) if source.path else None,
                "bytes": len(source.data),
                "sha256": source.sha256,
                "outputs": [record.name for record in records],
            }
            for source, _, records in _given_heads(model)
        ],
        "heads": [
            {
                "name": head.name,
                "named_by": "metadata"
                if isinstance(model, Unrunnable)
                else model.head_records[head.index].named_by.value,
                "score_threshold": head.score_threshold,
                "calibrated": head.calibration is not None,
                "calibration": _calibration_place(model, head),
                "labels": head.labels,
                "display_names": head.display_names,
                "audioset_ids": head.audioset_ids,
            }
            for head in heads
        ],
        "card": read_card(known),
    }


def _metadata(model: Graph | Described) -> Iterator[tuple[str, str]]:
    metadata = model.metadata
    if metadata is None:
        yield "metadata", "none"
        return
    for key in ("name", "version", "author", "license", "description"):
        text = " ".join(getattr(metadata, key).split())
        if text:
            yield key, text
    for name, data in model.files.items():
        yield "file", f"{name} ({len(data):,} bytes)"


def _operators(model: Classifier | Unrunnable) -> Iterator[str]:
    if isinstance(model, Unrunnable):
        yield from model.operators()
        return
    graph = model.graph
    for operator in graph.operators:
        output = graph.tensors[operator.outputs[0]]
        quantization = output.quantization
        scale = f"  scale {quantization.scale[0]:.7g}, zero point {quantization.zero_point[0]}" if quantization else ""
        yield f"{operator.index:>3}  {operator.op.name:<18}{_shape(output):<28}{scale}".rstrip()


def _shape(tensor: Tensor) -> str:
    return f"{tensor.dtype} ({', '.join(map(str, tensor.shape))})"


def _values(slot: Slot) -> str:
    """Return the type of a tensor's values, and what they mean."""
    if slot.dtype == "float32":
        return "float32"
    return f"int8, scale {slot.scale:.7g}, zero point {slot.zero_point}"
