"""What a walk finds in a file: parts that decoders read one after the other, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from yamjit.audio.opening import Piece

__all__ = ["MOST_PARTS", "Layout", "Part", "Pcm"]

#: Greatest number of parts, such as files that are joined in one: what follows counts as lost.
MOST_PARTS = 10_000


class Pcm(NamedTuple):
    """Where 16-bit little-endian samples are, from one offset to another, in whole frames; the rate is in Hz."""

    sample_rate: int
    channels: int
    start: int
    end: int


class Part(NamedTuple):
    """What one decoder reads, from start to end."""

    #: Pieces as in `FileCallbacks`; None for the file as it is.
    pieces: tuple[Piece, ...] | None = None
    #: Whether a decoder that seeks a frame reaches exactly that frame.
    steady: bool = True
    #: Number of frames that the header claims, if the decoder does not get to see it.
    claimed: int | None = None
    #: Number of bytes of samples, and the larger number that the header claims.
    cut: tuple[int, int] | None = None
    #: Number of frames that the walk counted, and their rate in Hz.
    counted: tuple[int, int] | None = None
    #: Whether the decoder's number of frames is an estimate, which may be far too large.
    estimated: bool = False
    #: The samples of a file that holds little else, and whose header is right.
    pcm: Pcm | None = None


class Layout(NamedTuple):
    """The parts of a file, at least one, in their order."""

    parts: tuple[Part, ...] = (Part(),)
    #: What is wrong, in words, without the name of the file.
    remarks: tuple[str, ...] = ()
    #: Whether something that may be sound is in none of the parts.
    lost: bool = False
    #: Whether it is certain that nothing was joined; if not, the file is searched where the decoder ends.
    searched: bool = True
