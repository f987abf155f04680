"""Windows to results: what is kept of a recording as it is scored."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.classification import Classification, HeadResult
from yamjit.network import HeadOutput, Quantized
from yamjit.recording import WindowStream

__all__ = ["collect"]

Float32 = npt.NDArray[np.float32]

_Scalar = TypeVar("_Scalar", bound=np.generic)


def collect(
    stream: WindowStream,
    *,
    windows: bool,
    frames: bool = False,
    log_mel: functools.partial[Float32] | None = None,
) -> tuple[Classification, ...]:
    """Read a stream that was just opened to its end; one result per channel that is scored.

    `windows` keeps scores, logits and embeddings of each window, `frames` the log-mel spectrogram; `log_mel` reads that
    again, with a `reading` in which a channel can be named.
    """
    found: dict[int | None, list[Any]] = {channel: [] for channel in stream.channels}
    for part in stream:
        outputs = (part.heads, part.quantized_embeddings) if windows else (None, None)
        found[part.channel].append((part.times_s, part.level_dbfs, part.log_mel if frames else None, *outputs))
    return tuple(
        _result(stream, track, channel, parts, _of_channel(log_mel, channel))
        for track, (channel, parts) in enumerate(found.items())
    )


def _of_channel(log_mel: functools.partial[Float32] | None, channel: int | None) -> functools.partial[Float32] | None:
    if log_mel is None or channel is None:
        return log_mel
    return functools.partial(log_mel, reading=dataclasses.replace(log_mel.keywords["reading"], channel=channel))


def _result(
    stream: WindowStream,
    track: int,
    channel: int | None,
    parts: Sequence[Any],
    log_mel: functools.partial[Float32] | None,
) -> Classification:
    """Return the result for a track of a stream that has ended, from what was kept of it."""
    times, levels, frames, heads, embeddings = zip(*parts, strict=True)
    source = stream.source
    result = Classification(
        name=source.name,
        heads=tuple(
            HeadResult(
                info,
                categories,
                stream.clip(track, k),
                None if heads[0] is None else HeadOutput.joined([one[k] for one in heads]),
            )
            for k, (info, categories) in enumerate(zip(stream.heads, stream.categories, strict=True))
        ),
        times_s=_joined(times),
        window_s=stream.window_s,
        start_s=source.start_s,
        duration_s=stream.duration_s,
        channel=channel,
        warnings=source.warnings,
        damage=source.damage,
        lost=source.lost,
        quantized_embeddings=None if embeddings[0] is None else Quantized.joined(embeddings),
        levels=None if levels[0] is None else _joined(levels),
        read_log_mel=log_mel,
        clock=source.clock,
    )
    if frames[0] is not None:
        result.__dict__["log_mel"] = np.concatenate(frames)
    return result


def _joined(parts: Sequence[npt.NDArray[_Scalar]]) -> npt.NDArray[_Scalar]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
