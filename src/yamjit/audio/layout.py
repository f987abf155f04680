"""What a walk finds in a file: parts that decoders read one after the other, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yamjit.audio.opening import Piece

__all__ = ["MOST_PARTS", "Layout", "Part"]

#: Greatest number of parts, such as files that are joined in one: what follows counts as lost.
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """What one decoder reads, from start to end.

    Parameters
    ----------
    pieces : tuple of bytes or (int, int), optional
        As in `FileCallbacks`; None for the file as it is.
    steady : bool
        Whether a decoder that seeks a frame reaches exactly that frame.
    claimed : int, optional
        Number of frames that the header claims, if the decoder does not get to see it.
    cut : (int, int), optional
        Number of bytes of samples, and the larger number that the header claims.
    counted : (int, int), optional
        Number of frames that the walk counted, and their rate in Hz.
    estimated : bool
        Whether the decoder's number of frames is an estimate, which may be far too large.
    """

    pieces: tuple[Piece, ...] | None = None
    steady: bool = True
    claimed: int | None = None
    cut: tuple[int, int] | None = None
    counted: tuple[int, int] | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a file.

    Parameters
    ----------
    parts : tuple of Part
        Parts in their order, at least one.
    remarks : tuple of str
        What is wrong, in words, without the name of the file.
    lost : bool
        Whether something that may be sound is in none of the parts.
    searched : bool
        Whether it is certain that nothing was joined to the file; if not, it is searched where the decoder ends.
    """

    parts: tuple[Part, ...] = (Part(),)
    remarks: tuple[str, ...] = ()
    lost: bool = False
    searched: bool = True
