"""The peak memory of this process, which answers a question: ``python -m benchmarks.memory NAME FOLDER QUESTION``.

Prints it in MB, and what it was once the contender's libraries were imported. It needs NumPy and the contender.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from benchmarks.contenders import load

__all__ = ["peak_mb"]

#: What is loaded before memory is looked at for the first time.
_LIBRARIES = {
    "yamjit": "numpy, yamjit",
    "LiteRT": "numpy, ai_edge_litert.interpreter",
    "tflite-runtime": "numpy, tflite_runtime.interpreter",
    "OpenVINO": "numpy, openvino",
    "MediaPipe": "numpy, mediapipe",
}


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent had when it made this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _main(name: str, folder: str, question: str) -> None:
    exec(f"import {_LIBRARIES[name.split()[0]]}")
    libraries = peak_mb()
    load(name, Path(folder))[0].answer(question)
    print(peak_mb(), libraries)
    sys.stdout.flush()
    os._exit(0)  # a runtime that is slow to end does not matter here


if __name__ == "__main__":
    _main(*sys.argv[1:])
