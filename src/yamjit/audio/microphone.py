"""A microphone, through PortAudio: blocks as they arrive, lost ones counted."""

from __future__ import annotations

import math
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.audio.devices import find_device, import_sounddevice
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits, check_channels, check_rate
from yamjit.audio.reader import Reader
from yamjit.disk import describe
from yamjit.errors import AudioError, InputError
from yamjit.keywords import explained
from yamjit.read_once import ReadOnce
from yamjit.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

__all__ = ["Microphone"]

#: Seconds between checks whether the device is still there.
_LOOK_S = 0.2


@explained
class Microphone(ReadOnce, Reader):
    """A recording device; a source for `open_audio`, and a context manager.

    It is opened at its own rate, for the system may refuse any other or convert it badly; `open_audio` resamples.
    Recording begins when the first block is asked for. PortAudio's thread puts blocks into a queue; when the queue is
    full because its reader is too slow, blocks are lost and counted, and time stamps lag by `lost_s`.

    Parameters
    ----------
    device : int or str, optional
        Index or part of the name, see `input_devices`; by default the system's default device.
    sample_rate : int, optional
        Sample rate in Hz; by default the device's own. One that the device does not support is refused.
    channels : int, optional
        Number of channels; by default one, or all of the device's if it cannot record one.
    block_s : float in [0.001, 10]
        Length of a block, in seconds.
    queue_s : float in [block_s, 600]
        Longest sound that waits to be read, in seconds.
    patience_s : float in [0.1, 86400]
        Seconds without a block after which the device counts as gone, such as one that was unplugged.
    limits : AudioLimits
        Limits of the sample rate and the number of channels.

    Attributes
    ----------
    overruns : int
        Number of losses: blocks for which the queue had no room, and samples that the system dropped earlier.
    lost_s : float
        Length of the blocks that were lost, in seconds; how much the system dropped is not known.

    Raises
    ------
    DependencyError
        If sounddevice or PortAudio is not installed.
    AudioError
        If there is no such device, or it cannot be opened.
    InputError
        If an argument is wrong, or the device does not support that rate or that number of channels.

    Examples
    --------
    >>> for event in model.watch(yamjit.Microphone()):
    ...     print(event)
    """

    live = True

    def __init__(
        self,
        device: int | str | None = None,
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
        block_s: float = 0.1,
        queue_s: float = 10.0,
        patience_s: float = 10.0,
        limits: AudioLimits = DEFAULT_AUDIO_LIMITS,
    ) -> None:
        _check_lengths(block_s, queue_s)
        self._portaudio = import_sounddevice()
        index, found = find_device(self._portaudio, device)
        self.name = f"microphone {printable(str(found['name']))}"
        own_rate = round(found["default_samplerate"])
        self.sample_rate = own_rate if sample_rate is None else check_rate(sample_rate, "sample_rate", limits)
        self.channels = self._choose_channels(index, channels, int(found["max_input_channels"]), limits)
        self._check_settings(index, own_rate)
        self.format = f"microphone float32, {self.channels} of {found['max_input_channels']} channels"
        self.overruns = 0
        self._index = index
        self._lost = 0
        self._block = max(1, round(block_s * self.sample_rate))
        self._blocks: queue.Queue[tuple[NDArray[np.float32], float, int]] = queue.Queue(math.ceil(queue_s / block_s))
        self._arrival: tuple[float, float] | None = None
        self._patience_s = checks.number(patience_s, "patience_s", 0.1, 86_400, kind="seconds")
        self._stopped = False
        self._closed = threading.Event()
        self._stream: Any = None
        self._lock = threading.Lock()

    @property
    def lost_s(self) -> float:
        """Length of the blocks that were lost, in seconds."""
        return self._lost / self.sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was lost, if anything, in one line."""
        if not self.overruns:
            return ()
        return (f"overruns: {self.overruns}, with {self.lost_s:.3g} s lost; the machine is too slow or too busy",)

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Record, and yield the samples, float32 (n, channels), until the microphone is stopped or closed.

        Raises
        ------
        AudioError
            If the device does not record, or delivers nothing for `patience_s`.
        InputError
            If the microphone is closed.
        """
        if self._closed.is_set():
            raise InputError(f"{self.name}: is closed; make a new Microphone")
        try:
            self._start()
            while (block := self._next()) is not None:
                yield block
        finally:
            self.close()

    def arrival(self) -> tuple[float, float] | None:
        """Return when PortAudio brought the block that was yielded last, and how much was lost before it."""
        return self._arrival

    def stop(self) -> None:
        """Stop recording; what was recorded is still given. A signal handler may call this, or any thread."""
        self._stopped = True

    def close(self) -> None:
        """Stop recording; a thread that waits for a block gets the end. Any thread may call this, more than once."""
        self._closed.set()
        self._end_stream()

    def _end_stream(self) -> None:
        with self._lock:
            stream, self._stream = self._stream, None
            if stream is not None:
                stream.close(ignore_errors=True)

    def __enter__(self) -> Microphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _choose_channels(self, index: int, wanted: int | None, most: int, limits: AudioLimits) -> int:
        if wanted is not None:
            if check_channels(wanted, limits) > most:
                raise InputError(f"{self.name}: {wanted} channels were requested; it has {most}")
            return int(wanted)
        if self._refusal(index, 1) is None:
            return 1
        return check_channels(most, limits)

    def _check_settings(self, index: int, own_rate: int) -> None:
        refusal = self._refusal(index, self.channels)
        if refusal is None:
            return
        if self.sample_rate != own_rate:
            raise InputError(
                f"{self.name}: does not record at {self.sample_rate} Hz ({refusal}); its own rate is {own_rate} Hz: "
                "omit sample_rate, and the sound is resampled"
            )
        raise AudioError(
            f"{self.name}: cannot be opened: {refusal}; another program may be using it, or permission is missing"
        )

    def _refusal(self, index: int, channels: int) -> str | None:
        """Return why the device does not record with these settings, None if it does."""
        try:
            self._portaudio.check_input_settings(
                device=index, channels=channels, dtype="float32", samplerate=self.sample_rate
            )
        except (self._portaudio.PortAudioError, ValueError) as error:
            return describe(error)
        return None

    def _start(self) -> None:
        try:
            self._stream = self._portaudio.InputStream(
                samplerate=self.sample_rate,
                blocksize=self._block,
                device=self._index,
                channels=self.channels,
                dtype="float32",
                callback=self._take,
            )
            self._stream.start()
        except (self._portaudio.PortAudioError, ValueError) as error:
            raise AudioError(f"{self.name}: does not record: {describe(error)}") from error

    def _records(self) -> bool:
        with self._lock:
            return self._stream is not None and bool(self._stream.active)

    def _take(self, samples: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        """Keep a block. PortAudio's thread calls this; it must not wait."""
        if status.input_overflow:
            self.overruns += 1
        try:
            self._blocks.put_nowait((samples.copy(), time.monotonic(), self._lost))
        except queue.Full:
            self.overruns += 1
            self._lost += frames

    def _next(self) -> NDArray[np.float32] | None:
        """Return the next block, None once closed, or once stopped and all blocks were given."""
        begun = time.monotonic()
        while not self._closed.is_set():
            stopped = self._stopped
            if stopped:
                self._end_stream()
            block = self._get(0 if stopped else _LOOK_S)
            if block is not None or stopped:
                return block
            waited = time.monotonic() - begun
            if not self._closed.is_set() and (waited > self._patience_s or not self._records()):
                raise AudioError(f"{self.name}: has delivered nothing for {waited:.1f} s; it may have been unplugged")
        return None

    def _get(self, timeout_s: float) -> NDArray[np.float32] | None:
        try:
            block, arrived, lost = self._blocks.get(timeout_s > 0, timeout_s)
        except queue.Empty:
            return None
        self._arrival = arrived, lost / self.sample_rate
        return block

    def __repr__(self) -> str:
        closed = ", closed" if self._closed.is_set() else ""
        return f"<{self.name}: {self.sample_rate} Hz, {plural(self.channels, 'channel')}{closed}>"


def _check_lengths(block_s: object, queue_s: object) -> None:
    least = checks.number(block_s, "block_s", 0.001, 10, kind="seconds")
    checks.number(queue_s, "queue_s", least, 600, kind="seconds")
