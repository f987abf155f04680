"""Records of what was heard: a row for each class in a stretch of time, a summary for each recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Row", "Summary"]


class Row(NamedTuple):
    """A class heard in a stretch of a recording: a window, an event, or the whole.

    Parameters
    ----------
    file : str
        Name of the recording.
    start_s, end_s : float
        In seconds from the start of the recording.
    label : str
        Name of the class, or of a group of classes.
    score : float
        In [0, 1]; of an event, the highest of its windows.
    class_index : int
        In the head's list of classes; -1 for a group.
    audioset_id : str
        Such as "/m/0bt9lr"; empty where the class has none.
    channel : int or None
        From 0; None where the channels were mixed.
    head : str
        Name of the model's output that said so.
    """

    file: str
    start_s: float
    end_s: float
    label: str
    score: float
    class_index: int
    audioset_id: str = ""
    channel: int | None = None
    head: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a recording once it has been read to its end.

    Parameters
    ----------
    file : str
        Name of the recording.
    duration_s : float
        Of what was read, in seconds.
    windows : int
        How many were scored, over all channels.
    window_s : float
        Length of a window, in seconds.
    top : tuple of Row
        The highest classes of the whole, the highest first; of each channel in turn where they are scored apart.
    warnings : tuple of str
        What is wrong with the audio, such as clipping; a line each.
    damage : str or None
        What is wrong with the recording: it ended too early, say.
    lost : bool
        Whether it holds sound that could not be read.
    length_s : float or None
        Of the whole recording where a stretch of it was read, in seconds; infinite if nobody knows. None where that is
        `duration_s`.
    """

    file: str
    duration_s: float
    windows: int
    window_s: float
    top: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    damage: str | None = None
    lost: bool = False
    length_s: float | None = None
