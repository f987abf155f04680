"""Checks of every sample, and warnings about recordings that sound wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from yamjit.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Inspector"]

#: From here on a sample may be clipped; mu-law ends at 0.980.
FULL_SCALE = 0.98
#: Share of the samples from which on clipping is reported.
CLIPPED_SHARE = 1e-4
#: Lossy codecs exceed full scale by less than 3 dB.
LOUD_PEAK = 2.0**0.5
#: Levels in dBFS. Of 29 recordings scaled to an RMS of -40 dBFS, 15 had the same top class as at -20 dBFS.
QUIET_RMS = -40.0
QUIET_PEAK = -26.0
#: Peak, as a share of full scale, from which on nothing is too quiet, rounding included.
NOT_QUIET = 1.01 * 10 ** (QUIET_PEAK / 20)
#: Mean of the samples, as a share of full scale, and the shortest sound for which it means anything.
DC_OFFSET = 0.05
DC_LEAST_S = 0.1
#: Energy of the mean, relative to that of channels that have nothing in common.
CANCELLED = 0.1


class Inspector:
    """Looks at every sample of the channels that were chosen; for its arguments, see `Conditioner`."""

    def __init__(
        self, name: str, sample_rate: int, channels: Sequence[int], *, is_mean: bool, peak: float, zero: bool
    ) -> None:
        self._name = name
        self._sample_rate = sample_rate
        self._channels = channels
        self._is_mean = is_mean
        self._limit = peak
        self._zero = zero
        self._zeroed = 0
        self._first_zeroed = 0
        self._peak = 0.0
        self._energy = 0.0
        self._clipping = _Clipping(len(channels))
        self._levels = [_Level(sample_rate, is_mean=is_mean) for _ in (channels[:1] if is_mean else channels)]
        self._silent = set(channels) if is_mean else set()

    def look(self, frames: NDArray[np.float32], first: int) -> None:
        """Take the next block, (n > 0, channels), whose first frame is number `first`; NaN and infinity may become 0.

        Raises `AudioError` at a sample beyond `peak`, or one that is not finite, naming it and its time.
        """
        high, low = _extremes(frames)
        if not (high <= self._limit and low >= -self._limit):  # so for NaN
            self._mend(frames, first)
            high, low = _extremes(frames)
        peak = max(high, -low)
        self._peak = max(self._peak, peak)
        self._clipping.add(frames, first, loud=peak >= FULL_SCALE)

    def measure(self, frames: NDArray[np.float32], tracks: NDArray[np.float32]) -> None:
        """Take the same block again, (n, channels), and the tracks that were made of it, (tracks, n)."""
        if len(tracks) == 1:
            self._levels[0].add(tracks[0], self._peak)
        else:
            for level, track, peak in zip(self._levels, tracks, np.abs(tracks).max(axis=1).tolist(), strict=True):
                level.add(track, peak)
        if self._is_mean:
            self._energy += _energy(frames.reshape(-1))
            self._silent = {number for number in self._silent if not frames[:, number].any()}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong so far, a line each."""
        lines = [self._zeroed_line()] if self._zeroed else []
        if self._clipping.count:
            lines.append(self._clipped_line())
        if self._peak > LOUD_PEAK:
            lines.append(f"samples go up to {self._peak:.3g}; full scale is 1")
        if len(self._levels) == 1:
            lines += self._mixed_lines(self._levels[0])
        else:
            for number, level in zip(self._channels, self._levels, strict=True):
                lines += [f"channel {number}: {line}" for line in level.lines()]
        return tuple(line for line in lines if line)

    def _zeroed_line(self) -> str:
        seconds = self._first_zeroed / self._sample_rate
        what = "1 sample that is" if self._zeroed == 1 else f"{self._zeroed} samples that are"
        return f"{what} not finite became 0, the first at {seconds:.6g} s"

    def _clipped_line(self) -> str:
        share = self._clipping.count / max(1, self._levels[0].count * len(self._channels))
        if share < CLIPPED_SHARE:
            return ""
        seconds = self._clipping.first / self._sample_rate
        return f"clipped: {100 * share:.2g} % of the samples are flat at full scale, the first at {seconds:.6g} s"

    def _mixed_lines(self, level: _Level) -> list[str]:
        """Return what is said of the only track, which may be a mean."""
        channels = len(self._channels)
        if not self._energy:
            return level.lines()
        mixed = level.energy * channels**2  # channels with nothing in common: as much as theirs together
        if mixed >= CANCELLED * self._energy:
            silent = ", ".join(str(number) for number in sorted(self._silent))
            return [f"silent channel: {silent}; it makes the mean quieter" if silent else "", *level.lines()]
        loss = 10 * math.log10(channels * self._energy / mixed) if mixed else math.inf
        return [
            f"the channels cancel each other: their mean is {loss:.1f} dB quieter than they are; "
            "take one of them or each (channel)"
        ]

    def _mend(self, frames: NDArray[np.float32], first: int) -> None:
        if self._zero:
            self._zero_in(frames, first)
        bad = ~(np.abs(frames) <= self._limit)
        if bad.any():
            self._refuse(frames, bad, first)

    def _zero_in(self, frames: NDArray[np.float32], first: int) -> None:
        odd = ~np.isfinite(frames)
        if not odd.any():
            return
        if not self._zeroed:
            self._first_zeroed = first + int(odd.any(axis=1).argmax())
        self._zeroed += int(odd.sum())
        frames[odd] = 0

    def _refuse(self, frames: NDArray[np.float32], bad: NDArray[np.bool_], first: int) -> None:
        row = int(bad.any(axis=1).argmax())
        column = int(bad[row].argmax())
        value = float(frames[row, column])
        frame = first + row
        seconds = frame / self._sample_rate
        where = f"{self._name}: sample {frame} of channel {self._channels[column]}, at {seconds:.6g} s,"
        if not np.isfinite(value):
            raise AudioError(f"{where} is {value}; samples must be finite")
        raise AudioError(
            f"{where} is {value:.6g}; floats are taken as [-1, 1] and accepted up to {self._limit:g}: "
            "these look like integers stored as floats; divide them by their full scale (32768 for 16 bits)"
        )


class _Level:
    """Level of a track. For a mean, all that it sums up counts, else only what a warning may still depend on."""

    def __init__(self, sample_rate: int, *, is_mean: bool) -> None:
        self._sample_rate = sample_rate
        self._is_mean = is_mean
        self.count = 0
        self.sum = 0.0
        self.energy = 0.0
        self.peak = 0.0

    def add(self, track: NDArray[np.float32], peak: float) -> None:
        """Take the next samples, float32 (n,), and the largest absolute value that was read."""
        self.count += len(track)
        self.sum += float(np.add.reduce(track))
        self.peak = max(self.peak, peak)
        if self._is_mean or self.peak < NOT_QUIET:
            self.energy += _energy(track)

    def lines(self) -> list[str]:
        """Return what is wrong with it."""
        if not self.count:
            return []
        if not self.peak:
            return ["silent: every sample is 0"]
        lines = []
        mean = self.sum / self.count
        if abs(mean) > DC_OFFSET and self.count >= DC_LEAST_S * self._sample_rate:
            lines.append(f"DC offset: the mean of the samples is {mean:+.2g} of full scale")
        if self.peak < NOT_QUIET:
            peak = 20 * math.log10(self.peak)
            rms = 10 * math.log10(max(self.energy / self.count - mean**2, 1e-30))
            if rms < QUIET_RMS and peak < QUIET_PEAK:
                levels = f"RMS {rms:.1f} dBFS, peak {peak:.1f} dBFS"
                lines.append(f"too quiet: {levels}; below {QUIET_RMS:g} dBFS little is recognised")
        return lines


class _Clipping:
    """Samples at full scale that are equal to the two before them, channel by channel."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.first = 0
        self._channels = channels
        self._last: NDArray[np.float32] | None = None  # two frames, interleaved

    def add(self, frames: NDArray[np.float32], first: int, *, loud: bool) -> None:
        """Take the next block, float32 (n, channels), which begins with frame `first`."""
        if loud:
            samples = frames.reshape(-1)
            border = 2 * self._channels  # samples whose two before them lie in the block before
            self._search(np.concatenate((self._before(), samples[:border])), first)
            self._search(samples, first + 2)
        last = frames[-2:].flatten()
        self._last = last if len(frames) > 1 else np.concatenate((self._before()[len(last) :], last))

    def _before(self) -> NDArray[np.float32]:
        return np.full(2 * self._channels, np.nan, np.float32) if self._last is None else self._last

    def _search(self, samples: NDArray[np.float32], first: int) -> None:
        """Look at interleaved samples from the third frame on, whose number is `first`."""
        step = self._channels
        equal = samples[step:] == samples[:-step]
        flat = np.flatnonzero(equal[step:] & equal[:-step])
        flat = flat[np.abs(samples[flat]) >= FULL_SCALE]
        if flat.size and not self.count:
            self.first = first + int(flat[0]) // step
        self.count += int(flat.size)


def _extremes(frames: NDArray[np.float32]) -> tuple[float, float]:
    return float(np.maximum.reduce(frames, None)), float(np.minimum.reduce(frames, None))


def _energy(samples: NDArray[np.float32]) -> float:
    # Not BLAS, whose threads would spin beside those of the network.
    return float(np.einsum("i,i->", samples, samples))
