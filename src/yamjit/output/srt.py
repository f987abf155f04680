"""SRT: captions for video players."""

from __future__ import annotations

from yamjit.output.captions import CaptionWriter

__all__ = ["SrtWriter"]


class SrtWriter(CaptionWriter):
    """Writes numbered cues; the format has no escapes, so an arrow in a name is written as ``->``."""

    name = "srt"
    decimal_mark = ","

    def _cue(self, number: int, times: str, text: str) -> str:
        return f"{number}\n{times}\n{text.replace('-->', '->')}\n\n"
