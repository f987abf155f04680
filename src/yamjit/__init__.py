"""yamjit: names the sounds in audio with Google's quantized YAMNet, in NumPy and compiled kernels.

>>> import yamjit
>>> model = yamjit.load()
>>> model.classify("street.mp3").top(3)

Importing this package imports NumPy at most; readers, decoders and compilers are loaded when they are first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, which takes longer to load than all of this

if TYPE_CHECKING:
    from typing import Any

    from yamjit.audio import AudioLimits, Microphone, RawPcm
    from yamjit.calibration import Calibration
    from yamjit.classification import Classification
    from yamjit.classifier import Classifier
    from yamjit.clock import Clock
    from yamjit.embedding import FeatureStream
    from yamjit.errors import (
        AudioError,
        AudioNotFoundError,
        ClusterError,
        DependencyError,
        DownloadError,
        InputError,
        LimitError,
        ModelError,
        ModelNotFoundError,
        OutputError,
        YamjitError,
    )
    from yamjit.events import Event, EventDetector, EventOptions, Watcher
    from yamjit.labels import ScoredLabel
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions
    from yamjit.output.embedding_files import EmbeddingTable, read_embeddings
    from yamjit.reading import ReadOptions
    from yamjit.recording import FrameStream, WindowStream
    from yamjit.results import Row, Summary
    from yamjit.scoring import Windows
    from yamjit.segments import Segment, SegmentOptions, cut_segments
    from yamjit.streaming import Stream

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "AudioLimits",
    "AudioNotFoundError",
    "Calibration",
    "Classification",
    "Classifier",
    "ClassifierOptions",
    "Clock",
    "ClusterError",
    "DependencyError",
    "DownloadError",
    "EmbeddingTable",
    "Event",
    "EventDetector",
    "EventOptions",
    "FeatureStream",
    "FrameStream",
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
    "Segment",
    "SegmentOptions",
    "Stream",
    "Summary",
    "Watcher",
    "WindowStream",
    "Windows",
    "YamjitError",
    "__version__",
    "cut_segments",
    "load",
    "read_embeddings",
]

_MODULES = {
    "audio": "AudioLimits Microphone RawPcm",
    "calibration": "Calibration",
    "classification": "Classification",
    "classifier": "Classifier",
    "clock": "Clock",
    "embedding": "FeatureStream",
    "errors": " ".join(name for name in __all__ if name.endswith("Error")),
    "events": "Event EventDetector EventOptions Watcher",
    "labels": "ScoredLabel",
    "loading": "load",
    "options": "ClassifierOptions",
    "output.embedding_files": "EmbeddingTable read_embeddings",
    "reading": "ReadOptions",
    "recording": "FrameStream WindowStream",
    "results": "Row Summary",
    "scoring": "Windows",
    "segments": "Segment SegmentOptions cut_segments",
    "streaming": "Stream",
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
