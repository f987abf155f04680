"""WebVTT: captions for the ``<track>`` of a web page."""

from __future__ import annotations

from html import escape

from yamjit.output.captions import CaptionWriter

__all__ = ["VttWriter"]


class VttWriter(CaptionWriter):
    """Writes cues whose text has no markup: ``&``, ``<`` and ``>`` are escaped."""

    name = "vtt"
    decimal_mark = "."

    def _open(self) -> None:
        self._stream.write("WEBVTT\n")

    def _cue(self, number: int, times: str, text: str) -> str:
        return f"\n{times}\n{escape(text, quote=False)}\n"
