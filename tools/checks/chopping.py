"""Streams against whole files: every recording, chopped at random, has to give the bits of the whole.

::

    YAMJIT_MODEL=... YAMJIT_TEST_DATA=... python -m tools.checks.chopping --choppings 200

Each recording is pushed twice: as it is, through the resampler, and at the model's rate. Prints a line of JSON; the
exit code is 1 if a bit differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

import yamjit
from tools.recordings import list_recordings, read_waveform

__all__ = ["chop", "count_differences", "main"]

Float32 = npt.NDArray[np.float32]

KEPT = ("scores", "logits", "embeddings", "log_mel")

#: Where frames and windows begin and end.
EDGES = (0, 1, 159, 160, 399, 400, 15_599, 15_600, 15_601)


def chop(size: int, rng: np.random.Generator) -> list[int]:
    """Return where a recording of `size` samples is cut: some edges, and places of a random number and density."""
    count = int(10 ** rng.uniform(0, 2.5))
    reach = max(1, int(size * 10 ** rng.uniform(-3, 0)))
    start = int(rng.integers(0, max(1, size - reach + 1)))
    places = start + rng.integers(0, reach + 1, count)
    edges = rng.choice(EDGES, 3)
    return sorted(int(place) for place in (*places, *edges) if place <= size)


def count_differences(model: yamjit.Classifier, samples: Float32, rate: int, cuts: Sequence[int]) -> int:
    """Return how many values of a stream differ from those of the whole recording."""
    whole = model.classify(samples, sample_rate=rate)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    stream = model.stream(rate, channels)
    parts = [*map(stream.push, np.split(samples, cuts)), stream.flush()]
    differ = 0
    for name in ("times_s", *KEPT):
        found, expected = np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name)
        differ += max(found.size, expected.size) if found.shape != expected.shape else int((found != expected).sum())
    return differ


def _versions(path: Path) -> Iterator[tuple[Float32, int]]:
    """Yield a recording as it is, and at the model's rate."""
    samples, rate = soundfile.read(path, dtype="float32")
    yield samples, rate
    yield read_waveform(path), 16_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choppings", type=int, default=200, help="of each recording (default: %(default)s)")
    parser.add_argument("--folder", default="audio/clips", help="below $YAMJIT_TEST_DATA (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="taken of each at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    data = Path(os.environ["YAMJIT_TEST_DATA"])
    model = yamjit.load()
    paths = [path for path in list_recordings(data) if path.is_relative_to(data / options.folder)]
    report = {"recordings": len(paths), "choppings": 0, "resampled": 0, "blocks": 0, "different": 0}
    for path in paths:
        for samples, rate in _versions(path):
            part = samples[: int(options.seconds * rate)]
            rng = np.random.default_rng([options.seed, len(part), rate])
            for _ in range(options.choppings):
                cuts = chop(len(part), rng)
                report["choppings"] += 1
                report["resampled"] += rate != model.sample_rate
                report["blocks"] += len(cuts) + 1
                report["different"] += count_differences(model, part, rate, cuts) > 0
    print(json.dumps(report))
    return 1 if report["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
