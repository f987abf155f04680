"""A model that cannot be run: its metadata, inputs, outputs and operators."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.heads import HeadInfo
    from yamjit.plan.roles import Output
    from yamjit.store import ResolvedModel
    from yamjit.tflite.patching import Described, EndPoint

__all__ = ["Unrunnable", "end_text", "load_or_describe"]

_RUNNING = "YAMNet, and networks like it: samples or log-mel patches in, convolutions, a score for each class out"


class Unrunnable(NamedTuple):
    """A model that cannot be run, and why.

    `heads` are the outputs whose classes have names; `outputs` says what each output is, if the graph can be read.
    """

    source: ResolvedModel
    described: Described
    heads: tuple[HeadInfo, ...]
    problem: str
    outputs: tuple[Output, ...]

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield why the model cannot be run, and its inputs and outputs."""
        yield "runs", f"no: {self.problem}"
        yield "would run", _RUNNING
        for end in self.described.inputs:
            yield "input", end_text(end)
        for index, end in enumerate(self.described.outputs):
            yield "output", end_text(end) + "".join(f": {output}" for output in self.outputs[index : index + 1])

    def operators(self) -> Iterator[str]:
        """Yield the names of the operators and the number of each, in the order in which they first occur."""
        for name, count in collections.Counter(self.described.operators).items():
            yield f"{count:>3}  {name}"


def end_text(end: EndPoint) -> str:
    """Return name, type and shape of an input or output, "any" for a size that is not fixed."""
    shape = ", ".join("any" if size < 0 else str(size) for size in end.shape)
    return f"{end.name} {end.dtype} ({shape})"


def _outputs(data: bytes, roles: Sequence[str] | None) -> tuple[Output, ...]:
    """Return what the outputs are of a model that can be read, and none of another."""
    from yamjit.errors import LimitError, ModelError
    from yamjit.plan.roles import find_outputs, read_roles
    from yamjit.tflite.reader import read_graph

    try:
        return find_outputs(read_graph(data), read_roles(roles))
    except (ModelError, LimitError):
        return ()


def load_or_describe(
    model: Any, locale: str = "en", roles: Sequence[str] | None = None, heads: Sequence[Any] = ()
) -> Classifier | Unrunnable:
    """Load a model, or describe one that cannot be run; a damaged file, or one of another kind, is a `ModelError`.

    With heads, so is a model that cannot be run, or does not go with them.
    """
    from yamjit.classifier import Classifier
    from yamjit.errors import LimitError, ModelError, of_model_file
    from yamjit.head_metadata import read_labelled_outputs
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions
    from yamjit.store import resolve_model
    from yamjit.tflite.patching import DESCRIBED_LIMITS, read_described

    options = ClassifierOptions(display_names_locale=locale)
    if heads:
        return load(model, backend="numpy", options=options, roles=roles, heads=heads)
    source = resolve_model(model, limits=DESCRIBED_LIMITS)
    try:
        return Classifier(source, backend="numpy", options=options, roles=roles)
    except (ModelError, LimitError) as error:
        with of_model_file(source.name):
            described = read_described(source.data)
            heads = read_labelled_outputs(described, locale)
            return Unrunnable(source, described, heads, str(error), _outputs(source.data, roles))
