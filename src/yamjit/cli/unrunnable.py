"""A model that cannot be run: its metadata, inputs, outputs and operators."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.heads import HeadInfo
    from yamjit.store import ResolvedModel
    from yamjit.tflite.patching import Described

__all__ = ["Unrunnable", "load_or_describe"]

_RUNNING = "YAMNet, and networks like it: samples or log-mel patches in, convolutions, a score for each class out"


class Unrunnable(NamedTuple):
    """A model that cannot be run, and why; `heads` are the outputs whose classes have names."""

    source: ResolvedModel
    described: Described
    heads: tuple[HeadInfo, ...]
    problem: str

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield why the model cannot be run, and its inputs and outputs."""
        yield "runs", f"no: {self.problem}"
        yield "would run", _RUNNING
        for what, ends in (("input", self.described.inputs), ("output", self.described.outputs)):
            for end in ends:
                shape = ", ".join("any" if size < 0 else str(size) for size in end.shape)
                yield what, f"{end.name} {end.dtype} ({shape})"

    def operators(self) -> Iterator[str]:
        """Yield the names of the operators and the number of each, in the order in which they first occur."""
        for name, count in collections.Counter(self.described.operators).items():
            yield f"{count:>3}  {name}"


def load_or_describe(model: Any, locale: str = "en") -> Classifier | Unrunnable:
    """Load a model, or describe one that cannot be run; a damaged file, or one of another kind, is a `ModelError`."""
    from yamjit.classifier import Classifier
    from yamjit.errors import LimitError, ModelError, of_model_file
    from yamjit.head_metadata import read_labelled_outputs
    from yamjit.options import ClassifierOptions
    from yamjit.store import resolve_model
    from yamjit.tflite.patching import DESCRIBED_LIMITS, read_described

    source = resolve_model(model, limits=DESCRIBED_LIMITS)
    try:
        return Classifier(source, backend="numpy", options=ClassifierOptions(display_names_locale=locale))
    except (ModelError, LimitError) as error:
        with of_model_file(source.name):
            described = read_described(source.data)
            return Unrunnable(source, described, read_labelled_outputs(described, locale), str(error))
