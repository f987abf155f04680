"""Files that libsndfile does not read, through the program ffmpeg, in a process of its own."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from yamjit.audio.containers import cut_short, more_streams, refusal, tells_end
from yamjit.audio.libav import LibavReader
from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits
from yamjit.audio.losses import Losses
from yamjit.disk import describe
from yamjit.errors import AudioError
from yamjit.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from yamjit.audio.containers import Container
    from yamjit.audio.opening import OpenedFile

__all__ = ["FfmpegReader", "ffmpeg_version", "find_ffmpeg"]

_STREAM = re.compile(r"^\[info\] +Stream #0:(\d+).*?: (Audio|Video): (\w+)")
_CHOICE = re.compile(r"^\[info\] +Stream #0:(\d+) -> #0:0 ")
_DURATION = re.compile(r"^\[info\] +Duration: (\d+):(\d\d):(\d\d\.\d+),")
_FRAME = re.compile(r"^\[Parsed_ashowinfo.* pts_time:(\S+) .*rate:(\d+) nb_samples:(\d+) ")
_FAULT = re.compile(r"^(?:\[[^\]]*\] )?\[(?:error|fatal|panic)\] ")
_CORRUPT = re.compile(r"\[warning\].*corrupt (?:input packet|decoded frame)")

#: Lengths in the log are rounded, and a decoder drops what its encoder put before and after the sound.
_ROUNDED_S = 0.1

#: The longest line of the log, and how much of a file object is copied at a time, in bytes.
_LINE_BYTES, _COPY_BYTES = 4_096, 2**20


class _Log:
    """The log of ffmpeg, read by a thread that ends with it; of many faults, only the first one is kept."""

    def __init__(self, pipe: IO[bytes], losses: Losses) -> None:
        self.encodings: dict[int, str] = {}
        self.has_video = False
        self.chosen = -1
        self.seconds: float | None = None
        self.fault: str | None = None
        self.started = threading.Event()
        self._decoding = False
        self._rate: str | None = None
        self._losses = losses
        self._pipe = pipe
        self.thread = threading.Thread(target=self._read, name="yamjit-ffmpeg-log", daemon=True)
        self.thread.start()

    @property
    def holds_one_sound(self) -> bool:
        """Whether the length of the file is the length of the sound."""
        return len(self.encodings) == 1 and not self.has_video

    def _read(self) -> None:
        with self._pipe:
            while line := self._pipe.readline(_LINE_BYTES):
                self._take(line.decode("utf-8", "replace").rstrip())
        self.started.set()

    def _take(self, line: str) -> None:
        if found := _FRAME.match(line):
            self._take_frame(*found.groups())
            self.started.set()
        elif fault := _FAULT.match(line):
            self.fault = self.fault or line[fault.end() :]
            if self._decoding:
                self._losses.add("fault of decoding", line[fault.end() :])
        elif not self._decoding:
            self._take_header(line)
        elif found := _CHOICE.match(line):
            self.chosen = int(found[1])
        elif _CORRUPT.search(line):
            self._losses.add("damaged packet")

    def _take_frame(self, pts: str, rate: str, samples: str) -> None:
        if self._rate not in (None, rate):
            self._losses.add("change of the sample rate", f"{rate} Hz, converted to the first one")
        self._rate = rate
        self._losses.follow(math.nan if pts == "NOPTS" else float(pts), int(samples) / max(1, int(rate)))

    def _take_header(self, line: str) -> None:
        if line.startswith("[info] Stream mapping:"):
            self._decoding = True
        elif found := _DURATION.match(line):
            self.seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
        elif found := _STREAM.match(line):
            if found[2] == "Audio":
                self.encodings[int(found[1])] = found[3]
            else:
                self.has_video = True


class FfmpegReader(LibavReader):
    """A file decoded by the program ffmpeg, whose path is `program`; the process ends with the reader.

    A file object, which has no path, is copied to a temporary file.
    """

    def __init__(self, opened: OpenedFile, container: Container, limits: AudioLimits, program: str) -> None:
        super().__init__(opened, container, limits)
        with contextlib.ExitStack() as stack:
            self._process = _start(program, container, self._place(stack))
            self._log = _Log(_pipe(self._process.stderr), self.losses)
            stack.callback(_end, self._process, self._log.thread)
            self._held = stack.pop_all()
        self._dropped = weakref.finalize(self, _drop, self._held, opened)
        try:
            self._read_header()
        except BaseException:
            self.release()
            raise

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels); a block is overwritten by the next one."""
        size = 4 * self.channels
        most = max(1, BLOCK_SAMPLES // self.channels) * size
        while data := self._read(most):
            count = len(data) // size * self.channels
            yield np.frombuffer(data, ">f4", count).reshape(-1, self.channels).astype(np.float32)
        with contextlib.suppress(OSError):
            self._note_end()

    def release(self) -> None:
        """End the process; the file stays open."""
        self._dropped.detach()
        self._held.close()

    def _place(self, stack: contextlib.ExitStack) -> str:
        """Return a path of the file."""
        if self._opened.path is not None:
            return os.path.abspath(os.fsdecode(self._opened.path))  # noqa: PTH100 - keeps ".." after a link
        try:
            return stack.enter_context(_copied(self._opened))
        except OSError as error:
            raise AudioError(f"{self.name}: cannot be copied for ffmpeg: {describe(error)}") from error

    def _read_header(self) -> None:
        header = self._read(24)
        if len(header) < 24:
            self._refuse()
        offset, _, _, sample_rate, channels = np.frombuffer(header, ">u4")[1:].tolist()
        self._read(offset - 24)
        self._log.started.wait()  # by then, the log has named the streams
        streams = sorted(self._log.encodings)
        if len(streams) > 1 and self._log.chosen in streams:
            self.warnings = (more_streams(self.name, len(streams), streams.index(self._log.chosen)),)
        self._introduce(sample_rate, channels, self._log.encodings.get(self._log.chosen, "audio"))
        seconds = self._log.seconds if self._kind.tells_length else None
        # The log has hundredths of a second: one more, lest a start within the last one be refused.
        self.claimed_frames = round((seconds + 0.01) * self.sample_rate) if seconds else None

    def _refuse(self) -> None:
        self._process.wait()
        self._log.thread.join()
        if self._log.has_video and not self._log.encodings:
            raise AudioError(f"{self.name}: {self._kind.name} that holds video but no sound")
        reason = printable(self._log.fault or f"ffmpeg ended with {self._process.returncode}")
        raise refusal(self._opened, self._kind, reason)

    def _read(self, count: int) -> bytes:
        """Return `count` bytes, fewer only at the end."""
        return _pipe(self._process.stdout).read(count)

    def _note_end(self) -> None:
        code = self._process.wait()
        self._log.thread.join()
        missing = cut_short(self._opened, self._kind)
        if missing:
            self.losses.end(missing, cut=True)
        elif code and not self.losses.describe():
            self.losses.end(f", where ffmpeg ended with {code}")
        elif self._log.holds_one_sound and tells_end(self._opened, self._kind):
            claimed_s = self._log.seconds or 0.0
            if self.losses.reached_s < claimed_s - _ROUNDED_S:
                self.losses.end(f", but its header claims {claimed_s:.6g} s")


def find_ffmpeg() -> str | None:
    """Return the path of the program ffmpeg, None if there is none; one in the current directory is ignored."""
    found = shutil.which("ffmpeg")
    return found if found and os.path.isabs(found) else None  # noqa: PTH117


def ffmpeg_version(program: str) -> str:
    """Return the version that the program states, in one line."""
    try:
        done = subprocess.run(  # noqa: S603
            [program, "-nostdin", "-version"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"does not run: {describe(error)}"
    words = done.stdout.decode("utf-8", "replace").split()
    return printable(words[2]) if len(words) > 2 else f"does not run: it ended with {done.returncode}"


def _start(program: str, container: Container, place: str) -> subprocess.Popen[bytes]:
    # Only the file itself is opened, whatever its content refers to.
    reading = ["-protocol_whitelist", "file", "-format_whitelist", container.demuxers, "-threads", "1"]
    if "," not in container.demuxers:
        reading += ["-f", container.demuxers]
    sound = ["-vn", "-sn", "-dn", "-map_metadata", "-1", "-af", "ashowinfo", "-c:a", "pcm_f32be"]
    talking = ["-nostdin", "-hide_banner", "-nostats", "-v", "level+info"]
    command = [program, *talking, *reading, "-i", f"file:{place}", *sound, "-f", "au", "pipe:1"]
    unwanted = ("FFREPORT", "AV_LOG_FORCE")  # reports in files, colours
    environment = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    try:
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a Ctrl-C is ours to handle
        )
    except OSError as error:
        raise AudioError(f"{printable(program)}: cannot be started: {describe(error)}") from error


def _end(process: subprocess.Popen[bytes], thread: threading.Thread) -> None:
    process.kill()
    _pipe(process.stdout).close()
    process.wait()
    thread.join()


def _drop(held: contextlib.ExitStack, opened: OpenedFile) -> None:
    held.close()
    opened.close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


@contextlib.contextmanager
def _copied(opened: OpenedFile) -> Generator[str, None, None]:
    """Lend the path of a copy of a file object."""
    opened.rewind()
    descriptor, place = tempfile.mkstemp(prefix="yamjit-")
    try:
        with os.fdopen(descriptor, "wb") as copy:
            while data := opened.callbacks.read(_COPY_BYTES):
                copy.write(data)
        opened.raise_fault()
        yield place
    finally:
        Path(place).unlink(missing_ok=True)
