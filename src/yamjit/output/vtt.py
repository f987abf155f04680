"""WebVTT: captions for the ``<track>`` of a web page."""

from __future__ import annotations

from html import escape

from yamjit.output.captions import CaptionWriter

__all__ = ["VttWriter"]


class VttWriter(CaptionWriter):
    """Writes cues, each after a comment with date and time if they are known.

    The text has no markup: ``&``, ``<`` and ``>`` are escaped.
    """

    name = "vtt"
    decimal_mark = "."

    def _open(self) -> None:
        self._stream.write("WEBVTT\n")

    def _cue(self, number: int, times: str, text: str, time: str) -> str:
        note = f"\nNOTE {time}\n" if time else ""
        return f"{note}\n{times}\n{escape(text, quote=False)}\n"
