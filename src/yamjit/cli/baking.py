"""Where the calibration of a new model is: in its metadata, or in its network."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from yamjit.cli.options import add_flag
from yamjit.cli.streams import tell
from yamjit.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yamjit.calibration import Calibration
    from yamjit.learn import Dataset

__all__ = ["APPLIED_BY_SOME", "add_bake", "baked", "tell_of_kept"]

#: A line about a model whose calibration is in the metadata.
APPLIED_BY_SOME = (
    "calibration: in the metadata. yamjit, the Task Library and MediaPipe apply it; an interpreter alone, such as "
    "LiteRT's, does not: for that, --bake writes it into the network\n"
)

#: Parameters of a class whose scores stay as they are.
_KEPT = [1.0, 1.0, 0.0, 0.0]

#: Largest difference of scores that is not remarkable: what the steps of int8 scores come to.
_REMARKABLE = 16 / 256


def add_bake(parser: Any) -> None:
    """Add ``--bake``."""
    add_flag(parser, "--bake", "write the calibration into the network, so that an interpreter alone applies it too")


def tell_of_kept(args: argparse.Namespace, labels: Sequence[str], calibration: Calibration | None) -> None:
    """Say which classes a calibration leaves as they are."""
    if calibration is None or args.quiet:
        return
    kept = [name for name, row in zip(labels, calibration.parameters.tolist(), strict=True) if row == _KEPT]
    if kept:
        names = ", ".join([*map(repr, kept[:3]), *(["..."] if len(kept) > 3 else [])])
        tell(
            f"note: the recordings do not suffice to calibrate {len(kept)} of {plural(len(labels), 'class')}, whose "
            f"scores stay as they are: {names}"
        )


def baked(args: argparse.Namespace, data: bytes, dataset: Dataset, head: int = -1) -> tuple[bytes, str]:
    """Return a model with the calibration of an output in its network, and a line about it."""
    from yamjit.learn import bake_calibration
    from yamjit.learn.baking import difference_of
    from yamjit.loading import load

    changed = bake_calibration(data, head=head)
    before, after = (load(one, backend=args.backend, threads=args.threads) for one in (data, changed))
    found = difference_of(before, after, dataset, head=head)
    if found.largest > _REMARKABLE and not args.quiet:
        tell(
            f"warning: --bake changes calibrated scores by up to {found.largest:.3f}: scores of 0 no longer stay 0, "
            "and those near 1 have finer steps; compare both by yamjit evaluate"
        )
    return changed, (
        f"calibration: in the network. {found.scores} scores of windows differ from those calibrated afterwards by "
        f"{found.largest:.3f} at most, {found.mean:.4f} in the mean\n"
    )
