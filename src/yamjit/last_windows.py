"""The last scores of a recording, which TFLite computes in another way where it is given all of it at once.

Its optimised kernels take the logistic function four values at a time, of the scores of all windows in one array. The
last ones, fewer than four, they take one by one, by another function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from yamjit.frontend import PatchStream
from yamjit.kernels.program import Column, StepOp
from yamjit.network import HeadOutput
from yamjit.plan.plan import Plan
from yamjit.scoring import Windows

__all__ = ["computed_at_once", "ends_apart"]

_AT_A_TIME = 4


def ends_apart(plans: Iterable[Plan]) -> tuple[bool, ...]:
    """Return of each output of networks whether its scores are computed like those of TFLite's optimised kernels."""
    return tuple(
        bool(plan.program.steps[head.scores.step, Column.OP] == StepOp.LOGISTIC_OPTIMISED)
        for plan in plans
        for head in plan.heads
    )


def computed_at_once(
    results: Iterable[tuple[int, Windows]], tracks: Sequence[PatchStream], apart: Sequence[bool]
) -> Iterator[tuple[int, Windows]]:
    """Yield tracks and their windows, the last scores of each track as if all of it had been computed at once.

    `apart` says of each head whether that makes a difference. The last windows of a track come when `results` have
    ended; all others as soon as later ones are there.
    """
    held: dict[int, list[Windows]] = {}
    for track, windows in results:
        if len(windows):
            yield from ((track, earlier) for earlier in held.pop(track, ()))
        held.setdefault(track, []).append(windows)
    for track, (last, *frames) in held.items():
        count = tracks[track].windows
        heads = tuple(_ended(head, count) if one else head for head, one in zip(last.heads, apart, strict=True))
        yield track, dataclasses.replace(last, heads=heads)
        yield from ((track, later) for later in frames)


def _ended(output: HeadOutput, windows: int) -> HeadOutput:
    """Return what a head says of the last of all `windows`, its last scores computed one by one."""
    from yamjit.kernels.float32.functions import logistic_alone

    scores, logits = output.quantized_scores, output.quantized_logits
    count = windows * scores.values.shape[-1] % _AT_A_TIME
    if not (count and len(scores.values)):
        return output
    values = scores.values.copy()
    values.reshape(-1)[-count:] = logistic_alone(logits.real().reshape(-1)[-count:])
    return dataclasses.replace(output, quantized_scores=scores._replace(values=values))
