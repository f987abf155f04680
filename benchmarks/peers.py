"""How OpenVINO and MediaPipe answer.

MediaPipe has no choice of the hop, and is given every window by itself.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.inputs import SAMPLE_RATE, array
from benchmarks.runtimes import recording_questions

__all__ = ["import_mediapipe", "import_openvino", "mediapipe", "openvino"]

Float32 = npt.NDArray[np.float32]
Questions = Mapping[str, Callable[[], Float32]]


def import_openvino() -> Path:
    """Load OpenVINO with its plugin for processors, and return the folder of its package."""
    import openvino

    package = Path(openvino.__file__).resolve().parent
    ctypes.CDLL(str(package / "libs" / "libopenvino_intel_cpu_plugin.so"))
    return package


def openvino(folder: Path) -> Questions:
    """Return OpenVINO's answers: one stream of one thread, as its documentation has it for latency."""
    import openvino as module

    core = module.Core()
    owned = threading.local()

    def load(name: str) -> Callable[[Float32], Float32]:
        settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
        compiled = core.compile_model(str(folder / f"{name}.tflite"), "CPU", settings)
        request, shape = compiled.create_infer_request(), tuple(compiled.inputs[0].get_shape())
        return lambda values: np.asarray(request.infer({0: values.reshape(shape)})[0])

    def run(name: str, values: Float32) -> Float32:
        if not hasattr(owned, name):
            setattr(owned, name, load(name))
        return getattr(owned, name)(values)  # type: ignore[no-any-return]

    patch, window = array(folder / "patch.npy"), array(folder / "window.npy")
    return recording_questions(folder, lambda values: run("model", values).reshape(-1)) | {
        "network": lambda: run("network", patch()).reshape(-1),
        "front end": lambda: run("front_end", window()).reshape(96, 64),
    }


def import_mediapipe() -> Path:
    """Load MediaPipe with its library, and return the folder of its package."""
    import mediapipe

    package = Path(mediapipe.__file__).resolve().parent
    ctypes.CDLL(str(package / "tasks" / "c" / "libmediapipe.so"))
    return package


def mediapipe(folder: Path) -> Questions:
    """Return MediaPipe's answers, by its classifier of audio."""
    from mediapipe.tasks import python
    from mediapipe.tasks.python import audio
    from mediapipe.tasks.python.components.containers import AudioData

    owned = threading.local()

    def classifier() -> Any:
        if not hasattr(owned, "classifier"):
            base = python.BaseOptions(model_asset_path=str(folder / "model.tflite"))
            owned.classifier = audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base))
        return owned.classifier

    def score(window: Float32) -> Float32:
        result = classifier().classify(AudioData.create_from_array(window, SAMPLE_RATE))[0]
        listed = result.classifications[0].categories
        scores = np.zeros(len(listed), np.float32)
        for category in listed:
            scores[category.index] = category.score
        return scores

    return recording_questions(folder, score)
