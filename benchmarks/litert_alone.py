"""The sounds in a WAV by LiteRT, as a script of a few lines: ``python litert_alone.py MODEL WAV``.

Needs numpy, soundfile and ai-edge-litert, and nothing of this repository: it is what `benchmarks.cold` measures beside
``yamjit classify``. Windows are cut as yamjit cuts them, the last one padded.
"""

from __future__ import annotations

import sys

import numpy as np
import soundfile
from ai_edge_litert.interpreter import Interpreter

WINDOW, HOP, TOP = 15_600, 7_680, 5


def main(model: str, recording: str) -> None:
    """Print the highest mean scores."""
    interpreter = Interpreter(model_path=model, num_threads=1)  # XNNPACK by default
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    samples, _ = soundfile.read(recording, dtype="float32")
    scores = []
    for start in range(0, max(1, samples.size - WINDOW + HOP), HOP):
        window = samples[start : start + WINDOW]
        interpreter.set_tensor(given, np.pad(window, (0, WINDOW - window.size)))
        interpreter.invoke()
        scores.append(interpreter.get_tensor(answer)[0].copy())
    mean = np.mean(scores, axis=0)
    for index in np.argsort(-mean)[:TOP]:
        print(f"  {mean[index]:.3f}  {index}")


if __name__ == "__main__":
    main(*sys.argv[1:])
