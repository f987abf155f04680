"""Which clips a model has learned from: digests of their files, and which part of each.

The digests do not reveal any audio, but they tell those who have the same file that it was used. A copy is recognised
under any name; one that was encoded, cut or tagged anew is another file.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError

__all__ = ["TrainingClips"]

#: A clip: the first 8 bytes of the SHA-256 of its file, and the part of it in milliseconds.
_CLIP = np.dtype([("file", "<u8"), ("start", "<u4"), ("end", "<u4")])
_TO_THE_END = 2**32 - 1

#: Most clips that are kept, in 8 MiB: of more, those with the smallest digests, which are a fair sample.
_MOST = 2**19


class TrainingClips:
    """Digests of clips: 16 bytes each.

    Parameters
    ----------
    clips : iterable of tuple
        SHA-256 of each clip's file in hexadecimal, and where the clip starts and ends in it, in seconds; None for the
        end of the file.
    """

    def __init__(self, clips: Iterable[tuple[str, float, float | None]] = ()) -> None:
        found = sorted({(_short(sha256), _ms(start), _ms(end)) for sha256, start, end in clips})
        self._clips = np.array(found[:_MOST], _CLIP)

    @classmethod
    def from_bytes(cls, data: bytes) -> TrainingClips:
        """Read what `to_bytes` wrote; raises `InputError` if it is something else."""
        if len(data) % _CLIP.itemsize:
            raise InputError(f"{len(data)} bytes are not digests of clips")
        read = cls()
        read._clips = np.sort(np.frombuffer(data, _CLIP), order=("file", "start", "end"))
        return read

    def to_bytes(self) -> bytes:
        """Return the digests; the same clips give the same bytes, in any order."""
        return self._clips.tobytes()

    def __repr__(self) -> str:
        return f"<TrainingClips: {len(self)}>"

    def __len__(self) -> int:
        return len(self._clips)

    def __or__(self, other: TrainingClips) -> TrainingClips:
        joined = TrainingClips()
        joined._clips = np.unique(np.concatenate([self._clips, other._clips]))[:_MOST]
        return joined

    def overlaps(self, sha256: str, start_s: float = 0.0, end_s: float | None = None) -> bool:
        """Return whether a part of a file with this SHA-256 is among the clips, or part of one.

        Parts of one recording that do not overlap are different clips.
        """
        same = self._of_file(sha256)
        return bool(((same["start"] < _ms(end_s)) & (_ms(start_s) < same["end"])).any())

    def _of_file(self, sha256: str) -> npt.NDArray[np.void]:
        digest, files = np.uint64(_short(sha256)), self._clips["file"]
        return self._clips[np.searchsorted(files, digest, "left") : np.searchsorted(files, digest, "right")]


def _short(sha256: str) -> int:
    try:
        return int.from_bytes(bytes.fromhex(sha256)[:8], "little")
    except (ValueError, TypeError) as error:
        raise InputError(f"{sha256!r} is not a SHA-256 in hexadecimal") from error


def _ms(seconds: float | None) -> int:
    return _TO_THE_END if seconds is None else min(round(seconds * 1000), _TO_THE_END - 1)
