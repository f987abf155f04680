"""Which library reads a file: libsndfile, else PyAV, else the ffmpeg of this machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yamjit.audio.containers import find_foreign, find_known
from yamjit.audio.pyav import PyAvReader, import_av
from yamjit.audio.sndfile import SndfileReader
from yamjit.audio.walking import lay_out
from yamjit.errors import AudioError, DependencyError

if TYPE_CHECKING:
    from yamjit.audio.containers import Container
    from yamjit.audio.ffmpeg import FfmpegReader
    from yamjit.audio.limits import AudioLimits
    from yamjit.audio.opening import OpenedFile

__all__ = ["open_recording"]


def open_recording(opened: OpenedFile, limits: AudioLimits) -> SndfileReader | PyAvReader | FfmpegReader:
    """Open a file with the first library that reads it.

    Raises
    ------
    AudioError
        If none does, or its content is absurd.
    DependencyError
        If soundfile is not installed.
    """
    container = None
    with contextlib.suppress(OSError):  # which the first library meets as well, and says
        container = find_foreign(opened)
    if container is not None:
        return _open_foreign(opened, container, limits)
    try:
        return SndfileReader(opened, limits)
    except AudioError:
        reader = _open_unknown_encoding(opened, limits)
        if reader is None:
            raise
        return reader


def _open_foreign(opened: OpenedFile, container: Container, limits: AudioLimits) -> PyAvReader | FfmpegReader:
    if _has_pyav():
        return PyAvReader(opened, container, limits)
    from yamjit.audio.ffmpeg import FfmpegReader, find_ffmpeg

    program = find_ffmpeg()
    if program is None:
        raise AudioError(
            f"{opened.name}: {container.name} is not supported by libsndfile alone: pip install 'yamjit[av]', "
            "or install ffmpeg so that it is found on the PATH"
        )
    return FfmpegReader(opened, container, limits, program)


def _open_unknown_encoding(opened: OpenedFile, limits: AudioLimits) -> PyAvReader | FfmpegReader | None:
    """Return a reader of a file whose container libsndfile knows and whose encoding it does not, such as Speex."""
    try:
        container = None if opened.callbacks.fault else find_known(opened)
        if container is None:
            return None
        layout = lay_out(opened, opened.read_at(0, 32))
        reader = _open_foreign(opened, container, limits)
    except (AudioError, OSError):
        return None
    if reader.encoding.startswith("pcm_"):  # libsndfile knows these: it is the header that is wrong
        reader.release()
        return None
    remarks = layout.remarks
    if joined := len(layout.parts) > 1:
        remarks += (f"{len(layout.parts)} recordings are joined in it, of which not all may be heard",)
    reader.losses.note(remarks, lost=layout.lost or joined)
    return reader


def _has_pyav() -> bool:
    """Return whether PyAV is installed and works."""
    try:
        import_av()
    except DependencyError:
        return False
    return True
