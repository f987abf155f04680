"""Arrays that arrive one after the other, such as from a generator that captures sound."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.arrays import as_array, as_columns, to_float32
from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits, check_rate
from yamjit.audio.reader import Reader
from yamjit.disk import describe
from yamjit.errors import AudioError, InputError, YamjitError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

__all__ = ["IteratorReader"]

#: Shorter blocks wait for each other: each costs as much as 100 samples.
_GATHERED_S = 0.005


class IteratorReader(Reader):
    """An iterator of arrays as one recording; each is passed on as it arrives.

    Blocks are (n,) or (n, channels), of a type that `ArrayReader` takes; n may be 0 and may change, channels may not.
    The first one that is not empty is fetched at once: it tells the number of channels.
    """

    name = "iterator"
    live = True

    def __init__(self, blocks: Iterator[Any], sample_rate: object, limits: AudioLimits) -> None:
        if sample_rate is None:
            raise InputError("an iterator of arrays does not say its sample rate: give sample_rate, in Hz")
        self.sample_rate = check_rate(sample_rate, "sample_rate", limits)
        self._limits = limits
        self._blocks = blocks
        self._count = 0
        self.channels = 0
        self._arrived, self._rest = 0.0, 0
        first = self._next()
        while first is not None and not len(first):
            first = self._next()
        if first is None:
            raise AudioError(f"{self.name}: holds no samples")
        self._first = first
        self.format = f"iterator of {first.dtype.name}"

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels), as they arrive: tiny blocks once they are `_GATHERED_S` long."""
        block: NDArray[Any] | None = self._first
        step = BLOCK_SAMPLES // self.channels
        least = min(step, max(1, round(_GATHERED_S * self.sample_rate)))
        held: list[NDArray[np.float32]] = []
        count = 0
        fault: YamjitError | None = None
        while block is not None:
            for start in range(0, len(block), step):
                self._rest = max(0, len(block) - start - step)
                held.append(to_float32(block[start : start + step]))
                count += len(held[-1])
                if count >= least:
                    yield held[0] if len(held) == 1 else np.concatenate(held)
                    held, count = [], 0
            try:
                block = self._next()
            except YamjitError as error:  # after what came before it
                block, fault = None, error
        if held:
            yield np.concatenate(held)
        if fault is not None:
            raise fault

    def arrival(self) -> tuple[float, float]:
        """Return when the block that was yielded last came: by its length before the rest of what was fetched."""
        return self._arrived - self._rest / self.sample_rate, 0.0

    def close(self) -> None:
        """Release the iterator; closing it is up to the caller."""
        self._blocks = iter(())

    def _next(self) -> NDArray[Any] | None:
        """Return the next block as (n, channels), None at the end."""
        try:
            block = next(self._blocks)
        except StopIteration:
            return None
        except Exception as error:
            reason = f"{type(error).__name__}: {describe(error)}"
            raise AudioError(f"{self.name}: fetching block {self._count} failed: {reason}") from error
        self._count += 1
        self._arrived = time.monotonic()
        samples = as_array(block)
        if samples.shape == (0,):
            return np.zeros((0, max(1, self.channels)), np.float32)
        known = (self.channels, self.channels) if self.channels else (1, self._limits.channels)
        columns = as_columns(samples, f"{self.name}: block {self._count - 1}", *known)
        self.channels = columns.shape[1]
        return columns
