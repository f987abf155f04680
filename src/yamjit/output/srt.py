"""SRT: captions for video players."""

from __future__ import annotations

from yamjit.output.captions import CaptionWriter

__all__ = ["SrtWriter"]


class SrtWriter(CaptionWriter):
    """Writes numbered cues, with date and time on a second line if they are known.

    The format has no escapes: an arrow in a name is written as ``->``.
    """

    name = "srt"
    decimal_mark = ","

    def _cue(self, number: int, times: str, text: str, time: str) -> str:
        second = f"{time}\n" if time else ""
        return f"{number}\n{times}\n{text.replace('-->', '->')}\n{second}\n"
