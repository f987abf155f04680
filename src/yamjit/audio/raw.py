"""Samples without a header, as they arrive through a pipe."""

from __future__ import annotations

import contextlib
import functools
import io
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.audio.arrays import to_float32
from yamjit.audio.inflow import Inflow
from yamjit.audio.limits import BLOCK_SAMPLES, DEFAULT_AUDIO_LIMITS, AudioLimits, check_channels, check_rate
from yamjit.audio.opening import can_seek, object_name
from yamjit.audio.raw_header import HeaderWatch
from yamjit.audio.reader import Reader
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.text import plural

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

__all__ = ["RAW_ENCODINGS", "RawPcm"]

#: Type and bytes of a sample, by the names of ffmpeg. 24 bits are widened; bytes of telephones (G.711) are looked up.
RAW_ENCODINGS = {
    "u8": ("u1", 1),
    "s8": ("i1", 1),
    "s16le": ("<i2", 2),
    "s16be": (">i2", 2),
    "s24le": ("<i4", 3),
    "s24be": (">i4", 3),
    "s32le": ("<i4", 4),
    "s32be": (">i4", 4),
    "f32le": ("<f4", 4),
    "f32be": (">f4", 4),
    "f64le": ("<f8", 8),
    "f64be": (">f8", 8),
    "mulaw": ("u1", 1),
    "alaw": ("u1", 1),
}

#: What other programs call them.
_ALSO_CALLED = {
    "s16le": ("s16", "int16", "i16", "pcm16", "short"),
    "s24le": ("s24", "int24"),
    "s32le": ("s32", "int32"),
    "f32le": ("f32", "float32", "float", "flt"),
    "f64le": ("f64", "float64", "double", "dbl"),
    "mulaw": ("ulaw", "pcmu"),
    "alaw": ("pcma",),
}


@explained
class RawPcm(Reader):
    """Samples without a header: what has arrived is passed on at once, and the end of the file is the end.

    Parameters
    ----------
    file : binary file object
        File to read, such as ``sys.stdin.buffer``; it stays open. A file object may return None, as raw files of Python
        do that do not wait: an empty block is passed on, and the next one is asked for when it is wanted.
    encoding : str
        Format of a sample, named as in ffmpeg: "s16le" (as ``arecord -f S16_LE`` writes it), "s16be", "u8", "s8",
        "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be", "mulaw", "alaw". Integers are divided
        by their full scale.
    sample_rate : int
        Sample rate in Hz.
    channels : int
        Number of channels, interleaved.
    patience_s : float in [0.1, 86400], optional
        Seconds without a sample after which the source counts as gone, such as a camera that hangs; by default it is
        waited for. Heeded where the system can tell: POSIX, and an open file that is not a regular one.
    limits : AudioLimits
        Limits of the sample rate and the number of channels.

    Attributes
    ----------
    damage : str or None
        Once read: the line that says that the last frame was not whole.
    warnings : tuple of str
        From the first samples on: the line that says that they begin with the header of a file. That of a WAV file is
        left out.

    Raises
    ------
    InputError
        If an argument is wrong.
    AudioError
        If reading the file does not block (O_NONBLOCK); as it is read: if it fails, or nothing comes for `patience_s`.

    Examples
    --------
    >>> open_audio(RawPcm(sys.stdin.buffer, encoding="s16le", sample_rate=16_000))
    """

    live = True
    damage: str | None = None

    def __init__(
        self,
        file: Any,
        *,
        encoding: str = "s16le",
        sample_rate: int,
        channels: int = 1,
        patience_s: float | None = None,
        limits: AudioLimits = DEFAULT_AUDIO_LIMITS,
    ) -> None:
        if not hasattr(file, "read") or isinstance(file, io.TextIOBase):
            raise InputError(
                f"{checks.shown(file)} is not a binary file object (an open file, or standard input: sys.stdin.buffer)"
            )
        checks.choice(encoding, "encoding", RAW_ENCODINGS, _ALSO_CALLED)
        if patience_s is not None:
            patience_s = checks.number(patience_s, "patience_s", 0.1, 86_400, kind="seconds")
        self.channels = check_channels(channels, limits)
        self.name = object_name(file)
        self.sample_rate = check_rate(sample_rate, "sample_rate", limits)
        self.format = f"RAW {encoding}"
        self._encoding = encoding
        self._width = RAW_ENCODINGS[encoding][1]
        self._inflow = Inflow(file, self.name, patience_s)
        try:
            self._is_stored = can_seek(file)
        except Exception:  # noqa: BLE001 - a stranger's object; reading it will tell what is wrong
            self._is_stored = False
        self._header = HeaderWatch(self.name, encoding, self.sample_rate, self.channels)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The line that says that the samples begin with the header of a file, as soon as it has arrived."""
        return (self._header.warning,) if self._header.warning else ()

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels), as they arrive; n is 0 where there are none at present."""
        size = self._width * self.channels
        most = BLOCK_SAMPLES // self.channels * size
        held, done, over = b"", 0, False
        with contextlib.closing(self._inflow):
            while not over:
                if (more := self._inflow.read(most - len(held))) is None:
                    yield np.empty((0, self.channels), np.float32)
                    continue
                over = not more
                held += self._header.rest() if over else self._header.take(more)
                whole = len(held) - len(held) % size
                if whole:
                    yield _decode(held[:whole], self._encoding).reshape(-1, self.channels)
                done += whole // size
                held = held[whole:]
            if held and not self._inflow.stopped:
                seconds = done / self.sample_rate
                self.damage = f"{self.name}: ends at {seconds:.6g} s with {len(held)} of the {size} bytes of a frame"

    def arrival(self) -> tuple[float, float] | None:
        """Return the time; None if this is a file that can be read at any time, and not a pipe."""
        return None if self._is_stored else (time.monotonic(), 0.0)

    @property
    def waiting_s(self) -> float:
        """Length of the sound that has arrived in a pipe and was not read yet, in seconds."""
        return self._inflow.waiting() / (self._width * self.channels * self.sample_rate)

    def stop(self) -> None:
        """End after the samples that have arrived already. A signal handler may call this, or any thread."""
        self._inflow.stop()

    def close(self) -> None:
        """Release what was opened; closing the file is up to the caller."""
        self._inflow.close()

    def __repr__(self) -> str:
        return f"<RawPcm {self.name}: {self.format}, {self.sample_rate} Hz, {plural(self.channels, 'channel')}>"


def _decode(data: bytes, encoding: str) -> NDArray[np.float32]:
    """Return the samples, float32 (n,)."""
    kind, width = RAW_ENCODINGS[encoding]
    if width == 3:
        data = _widened(data, little=kind.startswith("<"))
    samples = np.frombuffer(data, kind)
    if encoding in ("mulaw", "alaw"):
        samples = _telephone_levels(encoding)[samples]
    return to_float32(samples)


@functools.cache
def _telephone_levels(encoding: str) -> NDArray[np.int16]:
    """Return the sample that each byte stands for, in 16 bits (ITU-T G.711)."""
    codes = np.arange(256)
    bits = codes ^ (0xFF if encoding == "mulaw" else 0x55)
    exponent, mantissa = bits >> 4 & 7, bits & 15
    if encoding == "mulaw":
        levels = np.where(bits & 0x80, -1, 1) * (((mantissa << 3) + 132 << exponent) - 132)
    else:
        steps = (mantissa << 4) + np.where(exponent, 264, 8)
        levels = np.where(bits & 0x80, 1, -1) * (steps << np.maximum(exponent - 1, 0))
    return levels.astype(np.int16)


def _widened(data: bytes, *, little: bool) -> bytes:
    """Return integers of 24 bits as the upper ones of 32."""
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    narrow = np.frombuffer(data, np.uint8).reshape(-1, 3)
    wide[:, slice(1, 4) if little else slice(0, 3)] = narrow
    return wide.tobytes()
