"""What a file holds, as its own walk finds it: parts that a decoder reads one after the other, and what is amiss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yamjit.audio.opening import Piece

__all__ = ["MOST_PARTS", "Layout", "Part"]

#: Files that are joined in one, and the like, beyond which nobody looks: what follows counts as lost.
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """What one decoder reads, from start to end.

    Parameters
    ----------
    pieces : tuple of bytes or (int, int), optional
        As in `FileCallbacks`; None for the file as it is.
    steady : bool
        Whether a decoder that jumps to a frame gets to that frame.
    claimed : int, optional
        How many frames the header claims, where the decoder is not shown that number.
    cut : (int, int), optional
        How many bytes of samples there are, and how many the header claims, where these are more.
    counted : (int, int), optional
        How many frames there are by what the walk counted, and their rate.
    estimated : bool
        Whether the decoder's number of frames is an estimate, that may be far too large.
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
        At least one.
    remarks : tuple of str
        What is amiss, in words, without the name of the file.
    lost : bool
        Whether something that may be sound is in none of the parts.
    searched : bool
        Whether it is certain that nothing was joined to the file; else that is found out where the decoder ends.
    """

    parts: tuple[Part, ...] = (Part(),)
    remarks: tuple[str, ...] = ()
    lost: bool = False
    searched: bool = True
