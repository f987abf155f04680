"""The model's card: what it knows, how it was made, what it scores, where it ends."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import yamjit
from starter import evaluate
from starter.dataset import Dataset
from starter.export import AUTHOR, DESCRIPTION, NAME, VERSION
from starter.scenes import AUDIBLE_CELLS, AUDIBLE_DB, HIDDEN_CELLS, LOUDER
from yamjit.tflite.graph import Graph, Op

__all__ = ["describe_training", "make_card"]

LIMITS = (
    "Trained on synthesised sounds only, in synthetic rooms. It serves tests, examples and machines without a network. "
    "It misses many real recordings, and hears classes that are not there: real recordings want the official "
    "YAMNet (yamjit fetch)."
)
_LABELS = (
    f"A sound is labelled if it is louder by {20 * math.log10(LOUDER):.0f} dB than all the rest together in at least "
    f"{AUDIBLE_CELLS} of the 96 x 64 mel cells, and its loudest 25 ms are at most {-AUDIBLE_DB:.0f} dB below those of "
    f"the window; not if it is louder in {HIDDEN_CELLS} cells or fewer; windows in between are drawn again."
)
_TRAINING = (
    "Windows of 0.975 s, each made from a seed of its own: one synthesised sound or two, mixed at -6 to 6 dB, each in "
    "a room (noise that dies away) or none, before noise of other colours, recorded at any level, some through MP3, "
    "Vorbis, Opus, ADPCM or mu-law. Speech is espeak-ng's. Broad noises have next to no background, and "
    f"are not mixed with each other; weather is in no room. {_LABELS} Independent sigmoids, binary cross-entropy, "
    "AdamW. Batch normalisation is folded into the weights; these are then rounded to int8 per output channel."
)
_HELD_OUT = (
    "Other seeds; backgrounds (air in a duct, scratched record), rooms (mirror images in a box) and voices of kinds "
    "that the training has not; labels by the same rule. Average precision of the scores of the int8 network as "
    "yamjit runs it."
)
_REAL = (
    "Scores are means over a recording, then over the clips of the class. Top 3: among the starter's classes. No "
    "recording was used for training."
)


def describe_training(seed: int, windows: int, epochs: int, seconds: float, threads: int) -> dict[str, Any]:
    """Return what the card says of a training that was just done."""
    return {
        "command": f"python -m starter --seed {seed} --windows {windows} --epochs {epochs} --threads {threads}",
        "seed": seed,
        "windows": windows,
        "epochs": epochs,
        "seconds": round(seconds),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "numpy", "soundfile", "soxr")},
        "machine": f"{platform.machine()}, {threads} thread{'s' if threads > 1 else ''} of PyTorch",
        "how": _TRAINING,
    }


def make_card(
    data: bytes, labels: Sequence[str], training: Mapping[str, Any], held_out: Dataset, recordings: Path | None
) -> dict[str, Any]:
    """Measure a model and describe it.

    Parameters
    ----------
    data : bytes
        The ``.tflite``.
    labels : sequence of str
    training : mapping
        From `describe_training`.
    held_out : Dataset
    recordings : Path or None
        Folder of real recordings; without it the card keeps none of their scores.
    """
    model = yamjit.load(data)
    precisions = evaluate.class_precisions(model, held_out)
    return {
        "name": NAME,
        "version": VERSION,
        "description": DESCRIPTION,
        "author": AUTHOR,
        "licence": "Apache-2.0",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "sample_rate_hz": model.sample_rate,
        "window_s": 0.975,
        **_size(model.graph),
        "mean_average_precision": round(float(np.mean(list(precisions.values()))), 4),
        "classes": [{"label": label, "average_precision": round(precisions[label], 4)} for label in labels],
        "held_out": {"windows": len(held_out), "how": _HELD_OUT},
        "training": dict(training),
        "real_recordings": _real(model, labels, recordings),
        "limits": LIMITS,
    }


def _size(graph: Graph) -> dict[str, int]:
    """Return how many parameters the integer network has, and multiply-adds a window."""
    parameters = multiply_adds = 0
    for operator in graph.operators:
        output = graph.tensors[operator.outputs[0]]
        if operator.op in (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED) and output.dtype == np.int8:
            weights, bias = (graph.tensors[index].shape for index in operator.inputs[1:])
            parameters += int(np.prod(weights) + bias[0])
            multiply_adds += int(np.prod(output.shape) * np.prod(weights) // bias[0])
    return {"parameters": parameters, "multiply_adds": multiply_adds}


def _real(model: yamjit.Classifier, labels: Sequence[str], recordings: Path | None) -> dict[str, Any] | None:
    """Return the scores on real recordings, beside those of the official model."""
    if recordings is None or "YAMJIT_MODEL" not in os.environ:
        return None
    models = {"starter": model, "yamnet": yamjit.load(os.environ["YAMJIT_MODEL"])}
    return {"note": _REAL, "classes": [_row(c) for c in evaluate.hear_recordings(models, labels, recordings)]}


def _row(heard: evaluate.RealClass) -> dict[str, Any]:
    row: dict[str, Any] = {"label": heard.label, "source": heard.source, "clips": heard.clips}
    row |= {f"{name}_mean_score": round(score, 4) for name, score in heard.mean_scores.items()}
    return row | {f"{name}_in_top_3": count for name, count in heard.in_top_3.items()}
