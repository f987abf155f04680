"""Sound files of the kinds that phones, cameras and dictation machines write, made with PyAV.

They stand for recordings in tests and in ``python -m tools.checks.fuzz_audio --av``: every container that PyAV writes
and libsndfile does not read, with the encodings that are found in it.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping
from typing import Any

import av
import numpy as np
import numpy.typing as npt

__all__ = ["KINDS", "add_sound", "encode_av", "phone_files"]

_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "100000"}

#: Per kind: format and encoder as PyAV calls them, sample rate in Hz, channels, options of the container.
KINDS: dict[str, tuple[str, str, int, int, Mapping[str, str]]] = {
    "m4a aac": ("ipod", "aac", 44_100, 1, {}),
    "m4a alac": ("ipod", "alac", 16_000, 2, {}),
    "mp4 aac": ("mp4", "aac", 48_000, 2, {}),
    "mp4 aac in fragments": ("mp4", "aac", 44_100, 2, _FRAGMENTS),
    "mp4 opus": ("mp4", "libopus", 48_000, 1, {}),
    "mov pcm": ("mov", "pcm_s16be", 44_100, 2, {}),
    "mov adpcm": ("mov", "adpcm_ima_qt", 44_100, 1, {}),
    "3gp aac": ("3gp", "aac", 16_000, 1, {}),
    "3gp amr": ("3gp", "libopencore_amrnb", 8_000, 1, {}),
    "amr": ("amr", "libopencore_amrnb", 8_000, 1, {}),
    "aac": ("adts", "aac", 44_100, 2, {}),
    "loas": ("latm", "aac", 44_100, 1, {}),
    "webm opus": ("webm", "libopus", 48_000, 1, {}),
    "mka flac": ("matroska", "flac", 44_100, 1, {}),
    "mka vorbis": ("matroska", "vorbis", 44_100, 2, {}),
    "wma 2": ("asf", "wmav2", 44_100, 2, {}),
    "wma 1": ("asf", "wmav1", 22_050, 1, {}),
    "ac3": ("ac3", "ac3", 48_000, 2, {}),
    "eac3": ("eac3", "eac3", 48_000, 2, {}),
    "wavpack": ("wv", "wavpack", 44_100, 2, {}),
    "tta": ("tta", "tta", 44_100, 1, {}),
    "mpegts aac": ("mpegts", "aac", 44_100, 2, {}),
    "mpeg mp2": ("mpeg", "mp2", 44_100, 1, {}),
    "avi mp3": ("avi", "libmp3lame", 44_100, 1, {}),
    "flv aac": ("flv", "aac", 44_100, 1, {}),
    "wav g722": ("wav", "g722", 16_000, 1, {}),
}


def encode_av(
    samples: npt.NDArray[Any], rate: int, form: str, encoder: str, options: Mapping[str, str] | None = None
) -> bytes:
    """Return samples in [-1, 1], (n, channels), as a file.

    Parameters
    ----------
    samples : np.ndarray [shape=(n, channels)]
    rate : int
        In Hz.
    form, encoder : str
        As PyAV calls them.
    options : mapping, optional
        Name of the container.
    """
    file = io.BytesIO()
    with av.open(file, "w", format=form, options={"fflags": "+bitexact", **(options or {})}) as container:
        write = add_sound(container, samples, rate, encoder)
        write()
    return file.getvalue()


def add_sound(container: Any, samples: npt.NDArray[Any], rate: int, encoder: str) -> Callable[[], None]:
    """Add a stream for samples, (n, channels), and return what encodes them: all streams have to be added before."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    stream = container.add_stream(encoder, rate=rate, layout=layout, options={"strict": "-2", "flags": "+bitexact"})
    if encoder.startswith("wma"):
        stream.bit_rate = 64_000
    if encoder in ("tta", "wavpack"):  # whose first choice has 8 bits
        stream.codec_context.format = {"tta": "s16", "wavpack": "s16p"}[encoder]
    packed = np.clip(samples * 2**15, -(2**15), 2**15 - 1).astype(np.int16).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
    frame.sample_rate = rate
    frame.pts = 0

    def write() -> None:
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    return write


@functools.cache
def phone_files() -> dict[str, bytes]:
    """Return half a second of noise of every kind that this PyAV writes."""
    found = {}
    for kind, (form, encoder, rate, channels, options) in KINDS.items():
        noise = np.random.default_rng(channels).uniform(-0.5, 0.5, (rate // 2, channels))
        try:
            found[kind] = encode_av(noise, rate, form, encoder, options)
        except (av.error.FFmpegError, ValueError):
            continue
    return found
