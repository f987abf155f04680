"""A TFLite runtime in an interpreter of its own: ``python -m benchmarks.worker FOLDER KERNELS``.

Reads a line of JSON for each question from standard input, and answers with one. Needs NumPy and the runtime.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.contenders import InProcess, theirs


def main() -> None:
    """Answer until there are no more questions."""
    folder, kernels = sys.argv[1:]
    contender = InProcess("worker", theirs(Path(folder), kernels))
    for line in sys.stdin:
        request = json.loads(line)
        if "answer" in request:
            np.save(request["answer"], contender.answer(request["question"]))
            print("{}", flush=True)
        else:
            print(json.dumps({"seconds": contender.seconds(request["question"], request["repeats"])}), flush=True)


if __name__ == "__main__":
    main()
