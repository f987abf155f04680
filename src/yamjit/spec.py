"""Constants and small frozen records that every storey may use: limits, window geometry, known files."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_RESULTS",
    "KNOWN_MODELS",
    "MOST_THREADS",
    "OFFICIAL_MODEL",
    "PACKAGED_MODELS",
    "STARTER_MODEL",
    "KnownModel",
    "Limits",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model file may ask for; a file beyond a limit is refused before anything is allocated.

    Parameters
    ----------
    file_bytes : int
        Size of the file.
    tensors, operators : int
        Number of tensors and of operators.
    rank : int
        Dimensions of a tensor.
    elements : int
        Elements of a tensor.
    arena_bytes : int
        Memory for the activations of one patch.
    multiply_adds : int
        Multiply-adds of one inference.
    archive_bytes : int
        Uncompressed size of all associated files together.
    depth : int
        Nesting of tables in the file.
    """

    file_bytes: int = 64 * 2**20
    tensors: int = 2_000
    operators: int = 2_000
    rank: int = 6
    elements: int = 2**26
    arena_bytes: int = 512 * 2**20
    multiply_adds: int = 2**33
    archive_bytes: int = 16 * 2**20
    depth: int = 64


DEFAULT_LIMITS = Limits()

#: Greatest number of threads for one recording.
MOST_THREADS = 256

#: Categories of each output that are listed by default.
DEFAULT_MAX_RESULTS = 5


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A published model file that is recognised by its hash.

    Parameters
    ----------
    name : str
        Name to be shown.
    file_name : str
        Name in the cache, or in the package.
    size : int
        Size in bytes.
    sha256 : str
        Checksum in hexadecimal.
    url : str, optional
        Address from which it is downloaded.
    """

    name: str
    file_name: str
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
