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
from yamjit.plan.plan import Plan, Slot
from yamjit.scoring import Windows

__all__ = ["computed_at_once", "ends_apart"]

_AT_A_TIME = 4


def ends_apart(plan: Plan) -> bool:
    """Return whether a model has scores that are computed like those of TFLite's optimised kernels."""
    return any(_is_by_fours(plan, head.scores) for head in plan.heads)


def _is_by_fours(plan: Plan, scores: Slot) -> bool:
    return bool(plan.program.steps[scores.step, Column.OP] == StepOp.LOGISTIC_OPTIMISED)


def computed_at_once(
    results: Iterable[tuple[int, Windows]], tracks: Sequence[PatchStream], plan: Plan
) -> Iterator[tuple[int, Windows]]:
    """Yield tracks and their windows, the last scores of each track as if all of it had been computed at once.

    The last windows of a track come when `results` have ended; all others as soon as later ones are there.
    """
    held: dict[int, list[Windows]] = {}
    for track, windows in results:
        if len(windows):
            yield from ((track, earlier) for earlier in held.pop(track, ()))
        held.setdefault(track, []).append(windows)
    for track, (last, *frames) in held.items():
        heads = tuple(_ended(head, plan, tracks[track].windows) for head in last.heads)
        yield track, dataclasses.replace(last, heads=heads)
        yield from ((track, later) for later in frames)


def _ended(output: HeadOutput, plan: Plan, windows: int) -> HeadOutput:
    """Return what a head says of the last of all `windows`, its last scores computed one by one."""
    from yamjit.kernels.float32.functions import logistic_alone

    scores, logits = output.quantized_scores, output.quantized_logits
    count = windows * scores.integers.shape[-1] % _AT_A_TIME
    if not (count and len(scores.integers) and _is_by_fours(plan, scores.slot)):
        return output
    values = scores.integers.copy()
    values.reshape(-1)[-count:] = logistic_alone(logits.real().reshape(-1)[-count:])
    return dataclasses.replace(output, quantized_scores=scores._replace(integers=values))
