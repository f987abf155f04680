"""Sound of one rate and number of channels among sound of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yamjit.audio.resample import TrackResampler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["conformed"]


def conformed(
    blocks: Iterable[NDArray[np.float32]], source: tuple[int, int], target: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Yield blocks of samples, float32 (n, channels), at another rate or with another number of channels.

    Mono goes to every channel; where the numbers differ otherwise, each channel is the mean of all.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(n, channels), float32]
    source, target : (int, int)
        Sample rate in Hz and number of channels, of the blocks and of what is yielded.
    """
    if source == target:
        yield from blocks
        return
    tracks = source[1] if source[1] == target[1] else 1
    resampler = TrackResampler(source[0], target[0], tracks)
    for block in blocks:
        mixed = block if tracks == block.shape[1] else block.mean(axis=1, dtype=np.float32, keepdims=True)
        # A copy: what the block holds is overwritten while the resampler may hand it through.
        yield _spread(resampler.push(np.ascontiguousarray(mixed.T)), target[1])
    yield _spread(resampler.flush(), target[1])


def _spread(tracks: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.broadcast_to(tracks.T, (tracks.shape[1], channels)))
