"""yamjit: names the sounds in audio with Google's quantized YAMNet, in NumPy and Numba.

>>> import yamjit
>>> model = yamjit.load()
>>> model.classify("street.mp3").top(3)

Importing this package imports NumPy at most; readers, decoders and compilers are loaded when they are first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, which takes longer to load than all of this

if TYPE_CHECKING:
    from typing import Any

    from yamjit.audio import Microphone, RawPcm
    from yamjit.classification import Classification
    from yamjit.classifier import Classifier
    from yamjit.errors import (
        AudioError,
        AudioNotFoundError,
        DependencyError,
        DownloadError,
        InputError,
        LimitError,
        ModelError,
        ModelNotFoundError,
        OutputError,
        UnknownArgumentError,
        YamjitError,
    )
    from yamjit.events import Event, EventOptions
    from yamjit.labels import ScoredLabel
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions
    from yamjit.reading import ReadOptions
    from yamjit.recording import WindowStream
    from yamjit.results import Row, Summary
    from yamjit.scoring import Windows
    from yamjit.streaming import Stream

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "AudioNotFoundError",
    "Classification",
    "Classifier",
    "ClassifierOptions",
    "DependencyError",
    "DownloadError",
    "Event",
    "EventOptions",
    "InputError",
    "LimitError",
    "Microphone",
    "ModelError",
    "ModelNotFoundError",
    "OutputError",
    "RawPcm",
    "ReadOptions",
    "Row",
    "ScoredLabel",
    "Stream",
    "Summary",
    "UnknownArgumentError",
    "WindowStream",
    "Windows",
    "YamjitError",
    "__version__",
    "load",
]

_HOMES = {
    "Classifier": "yamjit.classifier",
    "load": "yamjit.loading",
    **dict.fromkeys(("Microphone", "RawPcm"), "yamjit.audio"),
    **dict.fromkeys(("Event", "EventOptions"), "yamjit.events"),
    **dict.fromkeys(("Row", "Summary"), "yamjit.results"),
    "Classification": "yamjit.classification",
    "ClassifierOptions": "yamjit.options",
    "ReadOptions": "yamjit.reading",
    "WindowStream": "yamjit.recording",
    **dict.fromkeys((name for name in __all__ if name.endswith("Error")), "yamjit.errors"),
    "ScoredLabel": "yamjit.labels",
    "Stream": "yamjit.streaming",
    "Windows": "yamjit.scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
