"""``tflite_model_maker.config``: what is exported, and how its weights are written."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained

__all__ = ["ExportFormat", "QuantizationConfig"]


@enum.unique
class ExportFormat(enum.Enum):
    """Kinds of files; TFLITE and LABEL can be written."""

    TFLITE = "TFLITE"
    SAVED_MODEL = "SAVED_MODEL"
    LABEL = "LABEL"
    VOCAB = "VOCAB"
    TFJS = "TFJS"


#: Why the others cannot be written.
_REFUSED = {
    ExportFormat.SAVED_MODEL: "a SavedModel runs in TensorFlow only",
    ExportFormat.TFJS: "a layers model runs in TensorFlow.js only",
    ExportFormat.VOCAB: "a vocabulary is for texts",
}


def export_formats(given: Any) -> frozenset[ExportFormat]:
    """Return the formats of a list, or the one that was given, if they can be written; TFLITE for None."""
    if given is None:
        return frozenset({ExportFormat.TFLITE})
    listed: Sequence[Any] = (given,) if isinstance(given, (ExportFormat, str)) else checks.elements(given, "formats")
    for one in listed:
        checks.instance(one, "export_format", ExportFormat)
        if one in _REFUSED:
            raise InputError(
                f"Export format {one.name} is not allowed: {_REFUSED[one]}; TFLITE, for any program with a TFLite "
                "runtime, and LABEL are accepted"
            )
    return frozenset(listed)


@explained
class QuantizationConfig:
    """How the weights of an exported model are written.

    Parameters
    ----------
    kind : {"int8", "dynamic"}
        Integers throughout, as in the quantized YAMNet; or int8 weights, with activations that are float32.
    """

    def __init__(self, kind: str = "int8") -> None:
        self.kind = checks.choice(kind, "kind", ("int8", "dynamic"))

    @classmethod
    def for_int8(cls, representative_data: object = None) -> QuantizationConfig:
        """Return integers throughout, also in the head, whose softmax becomes sigmoids that come close to it.

        Parameters
        ----------
        representative_data : object, optional
            Not used: the ranges of values are those of the training data.
        """
        del representative_data
        return cls("int8")

    @classmethod
    def for_dynamic(cls) -> QuantizationConfig:
        """Return int8 weights with float32 activations: dynamic-range quantization."""
        return cls("dynamic")

    def __repr__(self) -> str:
        return f"QuantizationConfig(kind={self.kind!r})"
