"""What a file is, and which library reads it: libsndfile, else PyAV, else the program ffmpeg."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from yamjit.audio.layout import Layout
from yamjit.audio.opening import reading_failed
from yamjit.audio.scanning import after_tags, grammar_of
from yamjit.audio.sndfile import SndfileReader
from yamjit.errors import AudioError, DependencyError
from yamjit.installing import how_to_install
from yamjit.signatures import FLAC_MARK, HEAD_BYTES, OGG_MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from yamjit.audio.containers import Container
    from yamjit.audio.ffmpeg import FfmpegReader
    from yamjit.audio.limits import AudioLimits
    from yamjit.audio.opening import OpenedFile
    from yamjit.audio.pyav import PyAvReader

__all__ = ["open_recording"]

#: The beginning of MIDI sample dumps. libsndfile prints what is wrong with one to stdout, among our results.
_SAMPLE_DUMP = re.compile(rb"\xf0\x7e.\x01", re.DOTALL)


def open_recording(opened: OpenedFile, limits: AudioLimits) -> SndfileReader | PyAvReader | FfmpegReader:
    """Open a file with the first library that reads it.

    Raises `AudioError` if none does, nothing in it can be decoded, or its sample rate or channels are absurd;
    `DependencyError` if soundfile is not installed.
    """
    if opened.size == 0:
        raise AudioError(f"{opened.name}: is empty")
    head = _read_head(opened)
    walk = _walk_of(head)
    container = None
    if walk is None:
        from yamjit.audio.containers import libav_container

        with contextlib.suppress(OSError):  # the decoder meets it as well, and reports it
            container = libav_container(opened)
    if container is not None:
        return _open_libav(opened, container, limits)
    if _SAMPLE_DUMP.match(head):
        raise AudioError(
            f"{opened.name}: a MIDI sample dump (SDS) is not supported; convert it first, for example with sox"
        )
    try:
        layout = walk(opened) if walk else _lay_out_after_tags(opened, head)
    except OSError:  # a bad sector, say: decoded up to where it can be read
        layout = Layout()
    try:
        return SndfileReader(opened, head, layout, limits)
    except AudioError:
        reader = _open_unknown_encoding(opened, layout, limits)
        if reader is None:
            raise
        return reader


def _read_head(opened: OpenedFile) -> bytes:
    try:
        return opened.read_at(0, HEAD_BYTES)
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise reading_failed(opened.name, cause) from error


def _walk_of(head: bytes) -> Callable[[OpenedFile], Layout] | None:
    """Return the walk that finds the layout of a file, if its first bytes tell its container."""
    if head.startswith(FLAC_MARK):
        from yamjit.audio.flac import lay_out_flac

        return lay_out_flac
    if head.startswith(OGG_MARK):
        from yamjit.audio.ogg import lay_out_ogg

        return lay_out_ogg
    if grammar_of(head[:32]):
        from yamjit.audio.chunks import lay_out_chunks

        return lay_out_chunks
    return None


def _lay_out_after_tags(opened: OpenedFile, head: bytes) -> Layout:
    """Return the layout of a file that begins with tags or with MPEG audio; else a layout of one part."""
    from yamjit.audio.mpeg import lay_out_mpeg
    from yamjit.audio.mpeg_frames import begins_mpeg

    after = after_tags(opened, 0)
    found = opened.read_at(after, 32) if after else b""
    if found.startswith((FLAC_MARK, OGG_MARK)) and (walk := _walk_of(found)):
        return walk(opened)
    return (lay_out_mpeg(opened) if after or begins_mpeg(head) else None) or Layout()


def _open_libav(opened: OpenedFile, container: Container, limits: AudioLimits) -> PyAvReader | FfmpegReader:
    if _has_pyav():
        from yamjit.audio.pyav import PyAvReader

        return PyAvReader(opened, container, limits)
    from yamjit.audio.ffmpeg import FfmpegReader, find_ffmpeg

    program = find_ffmpeg()
    if program is None:
        raise AudioError(
            f"{opened.name}: {container.name} cannot be read by libsndfile: {how_to_install('yamjit[av]')}, "
            "or install ffmpeg so that it is found on the PATH"
        )
    return FfmpegReader(opened, container, limits, program)


def _open_unknown_encoding(opened: OpenedFile, layout: Layout, limits: AudioLimits) -> PyAvReader | FfmpegReader | None:
    """Return a reader for a file whose container libsndfile knows but whose encoding it does not, such as Speex."""
    from yamjit.audio.containers import sndfile_container

    try:
        container = None if opened.callbacks.fault else sndfile_container(opened)
        reader = None if container is None else _open_libav(opened, container, limits)
    except (AudioError, OSError):
        return None
    if reader is None:
        return None
    if reader.encoding.startswith("pcm_"):  # libsndfile knows these: the header is wrong
        reader.release()
        return None
    remarks = layout.remarks
    if joined := len(layout.parts) > 1:
        remarks += (f"{len(layout.parts)} recordings are joined in it, not all of which may have been read",)
    reader.losses.note(remarks, lost=layout.lost or joined)
    return reader


def _has_pyav() -> bool:
    """Return whether PyAV is installed and works."""
    from yamjit.audio.pyav import import_av

    try:
        import_av()
    except DependencyError:
        return False
    return True
