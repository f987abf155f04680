"""Constants and small frozen records that every storey may use: limits, window geometry, known files."""

from __future__ import annotations

import sys
from typing import NamedTuple

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_RESULTS",
    "DEFAULT_SAMPLE_RATE",
    "EMBEDDING",
    "KNOWN_MODELS",
    "MOST_THREADS",
    "OFFICIAL_MODEL",
    "PACKAGED_MODELS",
    "SAMPLE_RATES",
    "STARTER_MODEL",
    "KnownModel",
    "Limits",
    "own_version",
]


class Limits(NamedTuple):
    """What a model file may ask for; a file beyond a limit is refused before anything is allocated."""

    #: Size of the file.
    file_bytes: int = 64 * 2**20
    tensors: int = 2_000
    operators: int = 2_000
    #: Dimensions of a tensor.
    rank: int = 6
    #: Elements of a tensor.
    elements: int = 2**26
    #: Memory for the activations of one patch.
    arena_bytes: int = 512 * 2**20
    #: Multiply-adds of one inference.
    multiply_adds: int = 2**33
    #: Uncompressed size of all associated files together.
    archive_bytes: int = 16 * 2**20
    #: Nesting of tables in the file.
    depth: int = 64


DEFAULT_LIMITS = Limits()

#: Sample rates that a model may ask for, in Hz.
SAMPLE_RATES = range(1000, 768_001)
#: Sample rate of models that do not say theirs, in Hz: YAMNet's.
DEFAULT_SAMPLE_RATE = 16_000

#: Name of the feature that scores are computed from, and that heads take unless they say another.
EMBEDDING = "embedding"

#: Greatest number of threads for one recording.
MOST_THREADS = 256

#: Categories of each output that are listed by default.
DEFAULT_MAX_RESULTS = 5


class KnownModel(NamedTuple):
    """A published model file that is recognised by its hash."""

    name: str
    #: Name in the cache, or in the package.
    file_name: str
    #: Size in bytes.
    size: int
    sha256: str
    url: str | None = None


OFFICIAL_MODEL = KnownModel(
    name="YAMNet/classification (quantized)",
    file_name="yamnet.tflite",
    size=4_126_810,
    sha256="10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de",
    url=(
        "https://storage.googleapis.com/download.tensorflow.org/models/tflite/task_library/"
        "audio_classification/android/lite-model_yamnet_classification_tflite_1.tflite"
    ),
)

#: The small model in the package, trained by this project on synthetic sounds.
STARTER_MODEL = KnownModel(
    name="yamjit/starter",
    file_name="starter.tflite",
    size=377_696,
    sha256="cf0f20f2f254a8b6d2419564ea260e4aa97bd4dddbee40e33d59118fc5a7c0db",
)

#: Models that are part of the package, by the name that `load` takes.
PACKAGED_MODELS = {"starter": STARTER_MODEL}

#: Published files, by SHA-256.
KNOWN_MODELS = {known.sha256: known for known in (OFFICIAL_MODEL, *PACKAGED_MODELS.values())}


def own_version() -> str:
    """Return the version of this package."""
    return str(sys.modules["yamjit"].__version__)
