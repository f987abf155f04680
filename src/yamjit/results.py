"""Records of results: a row for each class in a span of time, a summary for each recording."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from yamjit.reprs import brief_repr

__all__ = ["Row", "Summary"]


class Row(NamedTuple):
    """A class found in a part of a recording: a window, an event, or the whole.

    Parameters
    ----------
    file : str
        Name of the recording.
    start_s, end_s : float
        Times in seconds from the start of the recording.
    label : str
        Name of the class, or of a group of classes.
    score : float
        Score in [0, 1]; for an event, the highest of its windows.
    class_index : int
        Index in the head's list of classes; -1 for a group.
    audioset_id : str
        Identifier such as "/m/0bt9lr"; empty if the class has none.
    channel : int or None
        Number of the channel, from 0; None if the channels were mixed.
    head : str
        Name of the model's output that gave the score.
    time : datetime.datetime or None
        When it begins, by the clock; without a zone if that is not known, None if the time is not known.
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
    time: datetime | None = None


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """What is known of a recording once it has been read to its end.

    Parameters
    ----------
    file : str
        Name of the recording.
    duration_s : float
        Length of what was read, in seconds.
    windows : int
        Number of windows that were scored, over all channels.
    window_s : float
        Length of a window, in seconds.
    top : tuple of Row
        Classes with the highest scores over the whole recording, the highest first; for each channel in turn if they
        are scored separately.
    warnings : tuple of str
        What sounds wrong with the recording, such as clipping; a line each.
    damage : str or None
        What is wrong with the file, such as that it ended too early.
    lost : bool
        Whether it holds sound that could not be read.
    length_s : float or None
        Length of the whole recording in seconds, if only a part of it was read; infinite if it is not known. None if it
        is `duration_s`.
    recorded_at : datetime.datetime or None
        Second 0 of the recording, by the clock; without a zone if that is not known, None if the time is not known.
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
    recorded_at: datetime | None = None
