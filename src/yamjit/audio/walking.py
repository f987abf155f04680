"""Which walk finds out what a file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.audio.chunks import lay_out_chunks
from yamjit.audio.flac import FLAC_MARK, lay_out_flac
from yamjit.audio.grammars import grammar_of
from yamjit.audio.layout import Layout, after_tags
from yamjit.audio.mpeg import lay_out_mpeg
from yamjit.audio.mpeg_frames import begins_mpeg
from yamjit.audio.ogg import OGG_MARK, lay_out_ogg

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile

__all__ = ["lay_out"]


def lay_out(file: OpenedFile, head: bytes) -> Layout:
    """Return the layout of a file; that of one part where the container is not walked.

    Parameters
    ----------
    file : OpenedFile
    head : bytes
        Its first 32 bytes.

    Raises
    ------
    OSError
        If reading fails.
    """
    if grammar_of(head) is not None:
        return lay_out_chunks(file, grammar_of)
    after = after_tags(file, 0)
    head = file.read_at(after, 32) if after else head
    if head.startswith(FLAC_MARK):
        return lay_out_flac(file)
    if head.startswith(OGG_MARK):
        return lay_out_ogg(file)
    if after or begins_mpeg(head):
        return lay_out_mpeg(file) or Layout()
    return Layout()
