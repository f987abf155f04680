"""Many windows as log-mel patches, made by several processes; the same for any number of them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from starter.catalogue import LABELS
from starter.scenes import NOTHING, Setting, held_out_setting, make_scene, training_setting
from starter.speech import HELD_OUT_VOICES, VOICES, SpeechBank
from tests.support.synthetic import synthetic_yamnet
from yamjit.frontend import FrontEnd
from yamjit.plan import compile_plan

__all__ = ["HELD_OUT", "TRAINING", "Dataset", "Split", "make_dataset", "scene_label", "standard_front_end"]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Split:
    """One of the two sets.

    Parameters
    ----------
    number : int
        Part of every seed of its windows.
    sentences : int
        How many are spoken.
    voices : sequence of str
    """

    number: int
    sentences: int
    voices: Sequence[str]

    def setting(self, speech: SpeechBank) -> Setting:
        """Return where its scenes are set."""
        return training_setting(speech) if self is TRAINING else held_out_setting(speech)


TRAINING = Split(1, 700, VOICES)
HELD_OUT = Split(2, 160, HELD_OUT_VOICES)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Patches and what is in them.

    Parameters
    ----------
    patches : np.ndarray [shape=(n, 96, 64), float16]
        Natural logarithm of mel magnitudes; a sixteen-bit float is finer than the network's int8.
    targets : np.ndarray [shape=(n, classes), bool]
    """

    patches: npt.NDArray[np.float16]
    targets: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.patches)


def scene_label(seed: int, split: Split, index: int) -> str | None:
    """Return what a window is made for: each class in turn, nothing now and then."""
    nothing = np.random.default_rng([seed, split.number, index, 1]).random() < NOTHING
    return None if nothing else LABELS[index % len(LABELS)]


@cache
def standard_front_end() -> FrontEnd:
    """Return YAMNet's log-mel front end."""
    front_end = compile_plan(synthetic_yamnet(classes=2, width=0.125)).front_end
    if front_end is None:
        raise RuntimeError("the synthetic model takes samples")
    return FrontEnd(front_end, "numpy")


def make_dataset(seed: int, split: Split, windows: int, *, processes: int | None = None) -> Dataset:
    """Make the windows of a set.

    Parameters
    ----------
    seed : int
        Seed of sounds, scenes and splits.
    split : Split
    windows : int
    processes : int, optional
        By default as many as there are processors.

    Raises
    ------
    FileNotFoundError
        If espeak-ng is not installed.
    """
    speech = SpeechBank.spoken([seed, split.number], min(split.sentences, max(4, windows // 20)), split.voices)
    processes = processes or os.cpu_count() or 1
    chunks = [range(start, min(start + 250, windows)) for start in range(0, windows, 250)]
    jobs = [(seed, split.number, chunk) for chunk in chunks]
    context = multiprocessing.get_context("spawn")
    with (
        _single_threaded(),
        ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(split.number, speech)) as pool,
    ):
        parts = list(pool.map(_make_chunk, jobs))
    patches, targets = zip(*parts, strict=True)
    return Dataset(np.concatenate(patches), np.concatenate(targets))


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let processes that begin here multiply matrices in one thread: more might round sums another way."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


# -- In a process of its own ------------------------------------------------------------------------------------

_speech: dict[int, SpeechBank] = {}


def _begin(number: int, speech: SpeechBank) -> None:
    _speech[number] = speech


def _make_chunk(job: tuple[int, int, range]) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.bool_]]:
    """Make some windows, each from a seed of its own."""
    seed, number, indices = job
    split = TRAINING if number == TRAINING.number else HELD_OUT
    setting, front_end = split.setting(_speech[number]), standard_front_end()
    patches = np.empty((len(indices), 96, 64), np.float16)
    targets = np.zeros((len(indices), len(LABELS)), np.bool_)
    for row, index in enumerate(indices):
        scene = make_scene(np.random.default_rng([seed, number, index]), scene_label(seed, split, index), setting)
        patches[row] = front_end.frames(scene.waveform)
        targets[row] = [name in scene.labels for name in LABELS]
    return patches, targets
