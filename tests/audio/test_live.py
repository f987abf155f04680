"""Samples as they come: pipes without a header, and a microphone that is played by the test."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.opening import open_audio
from yamjit.audio import RAW_ENCODINGS, AudioLimits, Microphone, RawPcm, input_devices
from yamjit.audio import microphone as room
from yamjit.errors import AudioError, DependencyError, InputError

pytest.importorskip("soxr")

# --- pipes


def written(samples, encoding):
    """Return samples in [-1, 1) as bytes."""
    kind, width = RAW_ENCODINGS[encoding]
    if encoding.startswith("f"):
        return samples.astype(kind).tobytes()
    scale = {1: 2.0**7, 2: 2.0**15, 3: 2.0**31, 4: 2.0**31}[width]
    values = (samples.astype(np.float64) * scale + (128 if encoding == "u8" else 0)).astype(kind)
    if width == 3:
        octets = values.view(np.uint8).reshape(-1, 4)
        return octets[:, 1:].tobytes() if encoding.endswith("le") else octets[:, :3].tobytes()
    return values.tobytes()


def read(source, **options):
    with open_audio(source, **options) as audio:
        assert audio.live
        blocks = list(audio.blocks())
        return np.concatenate(blocks, axis=1), audio


def steps(n, channels=1):
    """Return samples that 8 bits hold."""
    return np.random.default_rng(n).integers(-128, 128, (n, channels)).astype(np.float32) / 128


@pytest.mark.parametrize("encoding", [name for name in RAW_ENCODINGS if not name.endswith("law")])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_raw_samples_of_every_encoding(encoding, channels):
    samples = steps(1_000, channels)
    file = io.BytesIO(written(samples, encoding))
    source = RawPcm(file, encoding=encoding, sample_rate=16_000, channels=channels)
    got, audio = read(source, channel="each")
    np.testing.assert_array_equal(got, samples.T)
    assert audio.format == f"RAW {encoding}"
    assert audio.damage is None
    assert not file.closed


@pytest.mark.parametrize(
    ("encoding", "data", "values"),
    [
        ("s16le", b"\x01\x00\xff\xff\x00\x80\xff\x7f", [2**-15, -(2**-15), -1, 1 - 2**-15]),
        ("s16be", b"\x00\x01\xff\xff\x80\x00\x7f\xff", [2**-15, -(2**-15), -1, 1 - 2**-15]),
        ("s24le", b"\x01\x00\x00\xff\xff\xff\x00\x00\x80\xff\xff\x7f", [2**-23, -(2**-23), -1, 1 - 2**-23]),
        ("s24be", b"\x00\x00\x01\xff\xff\xff\x80\x00\x00\x7f\xff\xff", [2**-23, -(2**-23), -1, 1 - 2**-23]),
        ("s32le", b"\x01\x00\x00\x00\x00\x00\x00\x80", [2**-31, -1]),
        ("u8", b"\x00\x80\xff", [-1, 0, 127 / 128]),
        ("s8", b"\x80\x00\x7f", [-1, 0, 127 / 128]),
        ("f32le", b"\x00\x00\x80\x3f\x00\x00\x80\xbf", [1, -1]),
        ("f64be", b"\x3f\xf0\x00\x00\x00\x00\x00\x00", [1]),
    ],
)
def test_raw_samples_are_scaled_by_their_type(encoding, data, values):
    got, _ = read(RawPcm(io.BytesIO(data), encoding=encoding, sample_rate=16_000))
    np.testing.assert_array_equal(got[0], np.array(values, np.float32))


class Chopped(io.RawIOBase):
    """Gives at most as many bytes a time as it was told; for None it says that there are none at present."""

    def __init__(self, data, sizes):
        self.data = io.BytesIO(data)
        self.sizes = iter(sizes)

    def readable(self):
        return True

    def readinto(self, buffer):
        size = next(self.sizes, len(buffer))
        return None if size is None else self.data.readinto(memoryview(buffer)[:size])


@given(
    st.lists(st.none() | st.integers(1, 7_000), max_size=40),
    st.sampled_from(["u8", "s24be", "f64le"]),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=40)
def test_raw_samples_do_not_depend_on_how_they_come(sizes, encoding, channels):
    samples = steps(4_000, channels)
    data = written(samples, encoding)
    options = {"encoding": encoding, "sample_rate": 44_100, "channels": channels}
    whole, _ = read(RawPcm(io.BytesIO(data), **options), channel="each")
    np.testing.assert_array_equal(read(RawPcm(Chopped(data, sizes), **options), channel="each")[0], whole)
    buffered = io.BufferedReader(Chopped(data, filter(None, sizes)))
    np.testing.assert_array_equal(read(RawPcm(buffered, **options), channel="each")[0], whole)


def test_a_file_that_does_not_wait_gives_empty_blocks():
    sizes = [None, 640, None, None, 3, 1]
    blocks = [len(block) for block in RawPcm(Chopped(bytes(700), sizes), sample_rate=16_000, channels=2).frames()]
    assert blocks == [0, 160, 0, 0, 1, 14]  # three bytes are no frame


def test_raw_samples_are_handed_on_at_once():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        audio = open_audio(RawPcm(source, sample_rate=16_000))
        blocks = audio.blocks()
        for n in (1, 160, 1_600):  # each is read while the pipe stays open
            sink.write(np.full(n, n, "<i2").tobytes())
            np.testing.assert_array_equal(next(blocks), np.full((1, n), n / 32_768, np.float32))
        sink.write(b"\x01")
        sink.write(b"\x00")
        np.testing.assert_array_equal(next(blocks), [[2.0**-15]])
        sink.close()
        assert list(blocks) == []
        assert audio.damage is None


@pytest.mark.parametrize(("encoding", "channels", "odd"), [("s16le", 1, 1), ("s16le", 2, 3), ("f64le", 1, 7)])
def test_an_odd_end_is_reported(encoding, channels, odd):
    samples = steps(16_000, channels)
    data = written(samples, encoding) + b"\x01" * odd
    got, audio = read(RawPcm(io.BytesIO(data), encoding=encoding, sample_rate=16_000, channels=channels))
    assert got.shape == (1, 16_000)
    size = RAW_ENCODINGS[encoding][1] * channels
    assert audio.damage == f"<file object>: ends at 1 s with {odd} of the {size} bytes of a frame"


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_a_pipe_without_samples(data):
    with pytest.raises(AudioError, match="holds no samples"):
        read(RawPcm(io.BytesIO(data), sample_rate=16_000))


def test_raw_samples_that_are_not_finite():
    data = np.array([0.5, np.nan, 1e300], "<f8").tobytes()
    with pytest.raises(AudioError, match="sample 1 of channel 0"):
        read(RawPcm(io.BytesIO(data), encoding="f64le", sample_rate=16_000))
    got, audio = read(RawPcm(io.BytesIO(data), encoding="f64le", sample_rate=16_000), non_finite="zero")
    np.testing.assert_array_equal(got, [[0.5, 0, 0]])
    assert audio.warnings[0].startswith("2 samples that are not finite")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"encoding": "s16"}, "encoding is 's16'; accepted are u8, s8, s16le"),
        ({"encoding": "int16"}, "did you mean 's16le'?"),
        ({"encoding": None}, "encoding"),
        ({"encoding": ["s16le"]}, "encoding"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": "16000"}, "sample_rate"),
        ({"channels": 0}, "channels is 0; whole numbers from 1 to 64 are accepted"),
        ({"channels": 65}, "channels"),
        ({"channels": True}, "channels"),
        ({"channels": 1.0}, "channels"),
        ({"channels": None}, "channels"),
    ],
)
def test_other_raw_arguments_are_refused(options, match):
    with pytest.raises(InputError, match=match):
        RawPcm(io.BytesIO(bytes(10)), **{"sample_rate": 16_000, **options})


@pytest.mark.parametrize("file", ["a.raw", io.StringIO("x"), b"ab", None, 3])
def test_raw_samples_come_from_a_binary_file_object(file):
    with pytest.raises(InputError, match="is not a binary file object"):
        RawPcm(file, sample_rate=16_000)


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_pipe_that_does_not_wait_is_refused():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.close(writing)
    with os.fdopen(reading, "rb") as source, pytest.raises(AudioError, match="O_NONBLOCK"):
        RawPcm(source, sample_rate=16_000)


@pytest.fixture
def pipe():
    if os.name == "nt":
        pytest.skip("POSIX pipes")
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", 0) as sink:
        yield source, sink


def test_a_pipe_is_stopped_while_it_is_waited_for(pipe):
    source, sink = pipe
    raw = RawPcm(source, sample_rate=16_000)
    sink.write(bytes(6_400))
    threading.Timer(0.2, raw.stop).start()
    got, audio = read(raw)
    assert got.shape == (1, 3_200)
    assert audio.damage is None


def test_a_pipe_is_closed_while_it_is_waited_for(pipe):
    source, sink = pipe
    raw = RawPcm(source, sample_rate=16_000)
    sink.write(bytes(6_400))
    threading.Timer(0.2, raw.close).start()
    assert read(raw)[0].shape == (1, 3_200)
    assert not source.closed


@pytest.mark.parametrize("before", [0, 44, 4_000])
def test_what_has_arrived_is_read_after_a_stop(pipe, before):
    """Also what somebody who read before has left in the buffer, and without the half of a sample."""
    source, sink = pipe
    sink.write(bytes(12_001))
    assert len(source.read(before)) == before
    raw = RawPcm(source, sample_rate=16_000)
    frames = raw.frames()
    first = next(frames)
    raw.stop()
    sink.write(bytes(7))
    rest = list(frames)
    assert len(first) + sum(map(len, rest)) == (12_001 - before + 7) // 2
    raw.stop()
    raw.close()
    raw.stop()


def test_a_stop_ends_what_never_waits(tmp_path):
    path = tmp_path / "samples"
    path.write_bytes(bytes(1_000_000))
    for file in (path.open("rb"), io.BytesIO(bytes(1_000_000))):
        with file:
            raw = RawPcm(file, sample_rate=16_000)
            frames = raw.frames()
            next(frames)
            raw.stop()
            assert list(frames) == []


def test_a_pipe_that_falls_silent(pipe):
    source, sink = pipe
    sink.write(bytes(6_400))
    raw = RawPcm(source, sample_rate=16_000, patience_s=0.1)
    assert raw.waiting_s == 0.2
    with pytest.raises(AudioError, match=r"nothing has arrived for 0\.\d s"):
        read(raw)
    with pytest.raises(InputError, match="patience_s"):
        RawPcm(source, sample_rate=16_000, patience_s=0)


class Odd:
    """Gives what no file gives."""

    def __init__(self, value):
        self.value = value

    def read(self, count):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.mark.parametrize("value", ["ab", 3, KeyError("k"), OSError(5, "Input/output error")])
def test_a_file_object_that_fails(value):
    with pytest.raises(AudioError, match="<file object>: reading the file object"):
        read(RawPcm(Odd(value), sample_rate=16_000))


def test_a_contradicting_rate_is_refused():
    with pytest.raises(InputError, match="16000 Hz, but 8000 Hz was given"):
        open_audio(RawPcm(io.BytesIO(bytes(4)), sample_rate=16_000), 8_000)


# --- a microphone that the test plays


class PortAudioError(Exception):
    pass


class InputStream:
    """Calls back from a thread, as PortAudio does."""

    made: list

    def __init__(self, *, samplerate, blocksize, device, channels, dtype, callback):
        if self.fault == "open":
            raise PortAudioError("Error opening InputStream: Device unavailable [PaErrorCode -9985]")
        assert dtype == "float32"
        self.settings = (samplerate, blocksize, device, channels)
        self.blocksize, self.channels, self.callback = blocksize, channels, callback
        self.active = self.closed = False
        self.made.append(self)

    def start(self):
        if self.fault == "start":
            raise PortAudioError("Error starting stream: Unanticipated host error [PaErrorCode -9999]")
        self.active = True
        threading.Thread(target=self.play, daemon=True).start()

    def play(self):
        buffer = np.empty((self.blocksize, self.channels), np.float32)  # one for all blocks, as PortAudio's is
        for n, overflow in enumerate(self.script):
            if self.closed:
                return
            buffer[:] = n / 100
            self.callback(buffer, len(buffer), None, types.SimpleNamespace(input_overflow=overflow))
        if self.fault == "gone":
            self.active = False

    def close(self, ignore_errors=True):
        assert not self.closed
        self.closed, self.active = True, False


DEVICES = [
    {"name": "speaker", "index": 0, "hostapi": 0, "max_input_channels": 0, "default_samplerate": 48_000.0},
    {"name": "usb\nmic", "index": 1, "hostapi": 0, "max_input_channels": 1, "default_samplerate": 44_100.0},
    {"name": "array", "index": 2, "hostapi": 0, "max_input_channels": 4, "default_samplerate": 16_000.0},
]


@pytest.fixture
def portaudio(monkeypatch):
    """Put a sounddevice in place that knows three devices; its stream plays `script`."""
    fake = types.ModuleType("sounddevice")
    stream = type("Stream", (InputStream,), {"script": [False] * 20, "made": [], "fault": None})

    def query_devices(device=None, kind=None):
        if kind is None and device is None:
            return fake.devices
        if not fake.devices:
            raise PortAudioError("Error querying device -1")
        if isinstance(device, str):
            found = [d for d in fake.devices if device in d["name"]]
            if len(found) != 1:
                raise ValueError(f"No input device matching {device!r}")
            return found[0]
        index = 1 if device is None else device
        if not 0 <= index < len(fake.devices):
            raise PortAudioError(f"Error querying device {index}")
        if not fake.devices[index]["max_input_channels"]:
            raise ValueError(f"Not an input device: {fake.devices[index]['name']!r}")
        return fake.devices[index]

    def check_input_settings(*, device, channels, dtype, samplerate):
        if channels > fake.devices[device]["max_input_channels"] or channels in fake.refused_channels:
            raise PortAudioError("Invalid number of channels [PaErrorCode -9998]")
        if samplerate != fake.devices[device]["default_samplerate"]:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    fake.devices, fake.refused_channels = list(DEVICES), ()
    fake.PortAudioError, fake.InputStream = PortAudioError, stream
    fake.query_devices, fake.check_input_settings = query_devices, check_input_settings
    fake.query_hostapis = lambda: ({"name": "ALSA"},)
    fake.default = types.SimpleNamespace(device=[1, 0])
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(room, "_LOOK_S", 0.01)
    return fake


def test_a_microphone_gives_its_blocks(portaudio):
    microphone = Microphone()
    assert (microphone.sample_rate, microphone.channels) == (44_100, 1)
    assert portaudio.InputStream.made == []  # nothing is recorded before it is wanted
    with open_audio(microphone, target_rate=44_100, end_s=2) as audio:
        assert audio.live
        assert audio.name == r"microphone usb\nmic"
        blocks = list(audio.blocks())
        assert not any("overruns" in line for line in audio.warnings)
        assert audio.damage is None
    (stream,) = portaudio.InputStream.made
    assert stream.settings == (44_100, 4_410, 1, 1)
    assert stream.closed
    expected = np.repeat(np.arange(20, dtype=np.float32) / 100, 4_410)
    np.testing.assert_allclose(np.concatenate(blocks, axis=1)[0], expected, rtol=1e-6)


def test_a_microphone_is_resampled(portaudio):
    with open_audio(Microphone(1), end_s=2) as audio:
        assert sum(block.shape[1] for block in audio.blocks()) == 32_000


@pytest.mark.parametrize("device", [2, "2", "array"])
def test_a_microphone_by_number_and_by_name(portaudio, device):
    assert Microphone(device).sample_rate == 16_000


def test_the_channels_of_a_microphone(portaudio):
    assert Microphone(2).channels == 1
    assert Microphone(2, channels=4).channels == 4
    portaudio.refused_channels = (1,)
    assert Microphone(2).channels == 4
    with pytest.raises(InputError, match="5 channels were requested; it has 4"):
        Microphone(2, channels=5)
    with open_audio(Microphone(2, channels=4), channel="each", end_s=0.1) as audio:
        assert [block.shape for block in audio.blocks()] == [(4, 1_600)]


def test_a_rate_that_the_device_lacks(portaudio):
    with pytest.raises(
        InputError, match=r"does not record at 16000 Hz \(Invalid sample rate.*its own rate is 44100 Hz"
    ):
        Microphone(1, sample_rate=16_000)
    assert Microphone(1, sample_rate=44_100).sample_rate == 44_100


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"device": 0}, AudioError, r"Not an input device.*there are: 1 usb\\nmic; 2 array"),
        ({"device": 9}, AudioError, "no such microphone: Error querying device 9"),
        ({"device": "none"}, AudioError, "No input device matching 'none'; there are"),
        ({"device": 1.5}, InputError, "device is 1.5"),
        ({"device": True}, InputError, "device is True"),
        ({"sample_rate": 0}, InputError, "sample_rate"),
        ({"channels": 0}, InputError, "channels"),
        ({"block_s": 0}, InputError, r"block_s is 0; seconds from 0\.001 to 10 are accepted"),
        ({"block_s": float("nan")}, InputError, "block_s"),
        ({"block_s": "1"}, InputError, "block_s"),
        ({"queue_s": 0.01}, InputError, r"queue_s is 0\.01; seconds from 0\.1 to 600 are accepted"),
        ({"queue_s": None}, InputError, "queue_s"),
    ],
)
def test_other_microphones_are_refused(portaudio, arguments, error, match):
    with pytest.raises(error, match=match) as caught:
        Microphone(**arguments)
    assert str(caught.value).isprintable()


def test_no_microphone_at_all(portaudio):
    portaudio.devices = []
    assert input_devices() == ()
    with pytest.raises(AudioError, match=r"there is no microphone: .*arecord .* \| yamjit listen --raw s16le -"):
        Microphone()


def test_a_device_that_another_program_holds(portaudio):
    portaudio.refused_channels = (1,)
    with pytest.raises(AudioError, match="cannot be opened: Invalid number of channels"):
        Microphone(1)


@pytest.mark.parametrize("fault", ["open", "start"])
def test_a_microphone_that_does_not_start(portaudio, fault):
    portaudio.InputStream.fault = fault
    with pytest.raises(AudioError, match=rf"microphone array: does not record: Error {fault}ing"):
        read(Microphone(2))
    assert all(stream.closed for stream in portaudio.InputStream.made)


def test_a_microphone_that_is_pulled_out(portaudio):
    portaudio.InputStream.fault = "gone"
    with open_audio(Microphone(2)) as audio:
        blocks = audio.blocks()
        for _ in range(20):
            next(blocks)
        with pytest.raises(AudioError, match=r"microphone array: has delivered nothing for .* unplugged"):
            next(blocks)
    assert portaudio.InputStream.made[0].closed


def test_a_microphone_that_falls_silent(portaudio):
    with pytest.raises(AudioError, match="has delivered nothing"):
        read(Microphone(2, patience_s=0.1))


def test_what_is_lost_is_counted(portaudio):
    portaudio.InputStream.script = [False] * 20
    microphone = Microphone(2, queue_s=1.0)  # ten blocks wait, the others are lost
    with open_audio(microphone, end_s=1) as audio:
        blocks = audio.blocks()
        first = next(blocks)
        deadline = time.monotonic() + 5
        while microphone.overruns < 9 and time.monotonic() < deadline:
            time.sleep(0.001)
        got = np.concatenate([first, *blocks], axis=1)
        assert got.shape == (1, 16_000)
        assert 9 <= microphone.overruns <= 10  # the first block may have made room
        assert microphone.lost_s == pytest.approx(0.1 * microphone.overruns)
        lost = f"{microphone.lost_s:.3g}"
        assert audio.warnings[-1] == (
            f"overruns: {microphone.overruns}, with {lost} s lost; the machine is too slow or too busy"
        )


def test_what_the_system_lost_is_counted(portaudio):
    portaudio.InputStream.script = [False, True, False, True, False]
    microphone = Microphone(2)
    with open_audio(microphone, end_s=0.5) as audio:
        assert sum(block.shape[1] for block in audio.blocks()) == 8_000
        assert (microphone.overruns, microphone.lost_s) == (2, 0.0)
        assert audio.warnings[-1].startswith("overruns: 2, with 0 s lost")


def test_a_microphone_is_closed_from_another_thread(portaudio):
    microphone = Microphone(2)
    threading.Timer(0.1, microphone.close).start()
    got, audio = read(microphone)  # ends although nothing more comes
    assert got.shape == (1, 32_000)
    assert audio.damage is None
    assert portaudio.InputStream.made[0].closed
    microphone.close()
    with pytest.raises(InputError, match="is closed"):
        read(microphone)


def test_what_was_recorded_is_given_after_a_stop(portaudio):
    microphone = Microphone(2)
    blocks = microphone.frames()
    first = next(blocks)
    while microphone._blocks.qsize() < 5:
        time.sleep(0.001)
    microphone.stop()
    assert len(first) + sum(map(len, blocks)) >= 6 * 1_600
    assert portaudio.InputStream.made[0].closed


def test_an_interrupted_microphone_is_closed(portaudio):
    def listen():
        with open_audio(Microphone(2)) as audio:
            for _ in audio.blocks():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        listen()
    assert portaudio.InputStream.made[0].closed


def test_a_microphone_may_be_used_by_with(portaudio):
    with Microphone(2) as microphone:
        blocks = microphone.frames()
        assert next(blocks).shape == (1_600, 1)
    assert portaudio.InputStream.made[0].closed
    assert len(list(blocks)) == 0


def test_a_microphone_may_run_beyond_the_limit_of_time(portaudio):
    limits = AudioLimits(seconds=0.5)
    assert read(Microphone(2), end_s=2, limits=limits)[0].shape == (1, 32_000)


def test_the_devices_that_record(portaudio):
    first, second = input_devices()
    assert (first.index, first.name, first.host_api, first.channels, first.sample_rate, first.default) == (
        1,
        r"usb\nmic",
        "ALSA",
        1,
        44_100,
        True,
    )
    assert (second.index, second.default) == (2, False)


def test_missing_sounddevice_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for wanted in (Microphone, input_devices):
        with pytest.raises(DependencyError, match=r'install "yamjit\[mic\]".*arecord'):
            wanted()


@pytest.mark.parametrize(
    ("body", "error", "match"),
    [
        ("raise OSError('PortAudio library not found')", DependencyError, "sudo apt install libportaudio2"),
        ("raise RuntimeError('Error initializing PortAudio')", AudioError, "the sound system does not answer"),
    ],
)
def test_missing_portaudio_is_named(tmp_path, monkeypatch, body, error, match):
    (tmp_path / "sounddevice.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(error, match=match):
        Microphone()
