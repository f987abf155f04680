"""Events cut out of recordings: the samples are the recording's, names are safe, files whole or not there."""

from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from yamjit import segments
from yamjit.audio.limits import BLOCK_SAMPLES
from yamjit.audio.writing import AudioFileWriter, encoding_for
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.events import Event
from yamjit.results import Row
from yamjit.segments import SegmentOptions, cut_segments, segment_name

RATE = 22_050


def event(start_s: float, end_s: float, label: str = "Dog", score: float = 0.5) -> Event:
    return Event(label, 0, "", score, score, start_s, end_s)


def noise(frames: int, channels: int, bits: int = 16) -> npt.NDArray[np.int32]:
    """Return samples of all magnitudes that fill the upper bits of int32."""
    rng = np.random.default_rng(0)
    samples = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (frames, channels), dtype=np.int64)
    samples[:2] = [[-(2 ** (bits - 1))], [2 ** (bits - 1) - 1]]
    return (samples << (32 - bits)).astype(np.int32)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "street.flac"
    soundfile.write(path, noise(10 * RATE, 2), RATE, "PCM_16")
    return path


def samples(path: Path) -> npt.NDArray[np.int32]:
    return soundfile.read(path, dtype="int32", always_2d=True)[0]


def test_a_segment_holds_the_recordings_own_samples(recording: Path, tmp_path: Path) -> None:
    whole = samples(recording)
    events = [event(1.0, 2.5), event(2.0, 9.99, "Speech"), event(0.0, 10.0, "Wind")]
    done = cut_segments(recording, events, tmp_path / "out")
    assert [s.event for s in done] == [events[2], events[0], events[1]]
    for segment in done:
        first, last = round(segment.event.start_s * RATE), round(segment.event.end_s * RATE)
        assert np.array_equal(samples(segment.path), whole[first:last])
        assert (segment.start_s, segment.end_s) == (first / RATE, last / RATE)
        info = soundfile.info(segment.path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (RATE, 2, "FLAC", "PCM_16")
    assert done[1].path == tmp_path / "out" / "street_000001.000_Dog.flac"


@pytest.mark.parametrize("container", ["flac", "wav"])
@pytest.mark.parametrize(
    ("form", "subtype", "bits"),
    [
        ("WAV", "PCM_U8", 8),
        ("WAV", "PCM_16", 16),
        ("WAV", "PCM_24", 24),
        ("AIFF", "PCM_S8", 8),
        ("FLAC", "PCM_24", 24),
        ("WAV", "ULAW", 16),
        ("CAF", "ALAC_24", 24),
    ],
)
def test_no_bit_is_lost(tmp_path: Path, form: str, subtype: str, bits: int, container: Any) -> None:
    path = tmp_path / "a.x"
    soundfile.write(path, noise(3000, 1, bits), RATE, subtype, format=form)
    (segment,) = cut_segments(path, [event(0.05, 0.1)], tmp_path, SegmentOptions(container=container))
    first, last = round(0.05 * RATE), round(0.1 * RATE)
    assert np.array_equal(samples(segment.path), samples(path)[first:last])
    assert segment.path.suffix == f".{container}"


def test_floats_stay_floats_in_wav_and_are_clipped_to_24_bits_in_flac(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wild = np.array([0.1, -3.0, 3.0, np.nan, np.inf, -np.inf, 2.0**-23, 1e-9], np.float32)
    soundfile.write(path, wild, RATE, "FLOAT")
    (wav,) = cut_segments(path, [event(0, 1)], tmp_path, SegmentOptions(container="wav"))
    assert np.array_equal(soundfile.read(wav.path, dtype="float32")[0], wild, equal_nan=True)
    (flac,) = cut_segments(path, [event(0, 1)], tmp_path)
    top = 1 - 2.0**-23
    read = soundfile.read(flac.path)[0]
    assert read[1:].tolist() == [-1, top, 0, top, -1, 2.0**-23, 0]
    assert abs(read[0] - wild[0]) <= 2.0**-24


def test_padding_stays_within_the_recording(recording: Path, tmp_path: Path) -> None:
    whole = samples(recording)
    events = [event(0.25, 1.0), event(4.0, 5.0), event(9.5, 9.9)]
    done = cut_segments(recording, events, tmp_path, SegmentOptions(padding_s=0.5))
    cuts = [(0, 1.5), (3.5, 5.5), (9.0, 10.0)]
    assert [(s.start_s, s.end_s) for s in done] == [(a, pytest.approx(b, abs=1 / RATE)) for a, b in cuts]
    for segment, (start, _) in zip(done, cuts, strict=True):
        first = round(start * RATE)
        part = samples(segment.path)
        assert np.array_equal(part, whole[first : first + len(part)])


def test_the_highest_of_each_class_are_chosen(recording: Path, tmp_path: Path) -> None:
    events = [
        event(0, 1, "Dog", 0.5),
        event(1, 2, "Dog", 0.9),
        event(2, 3, "Dog", 0.7),
        event(3, 4, "Dog", 0.7),
        event(4, 5, "Cat", 0.1),
    ]
    done = cut_segments(recording, events, tmp_path, SegmentOptions(most_per_class=2))
    assert [s.event for s in done] == [events[1], events[2], events[4]]


def test_rows_are_cut_as_well(recording: Path, tmp_path: Path) -> None:
    row = Row(str(recording), 1.0, 2.0, "Dog", 0.5, 69)
    assert [s.event for s in cut_segments(str(recording), iter([row]), str(tmp_path))] == [row]


@pytest.mark.slow
def test_more_segments_at_a_time_than_files_are_open(recording: Path, tmp_path: Path) -> None:
    whole = samples(recording)
    events = [event(i / 100, 9 + i / 200, f"class {i}") for i in range(3 * segments._MOST_OPEN + 1)]
    done = cut_segments(recording, events, tmp_path / "out")
    assert [s.event for s in done] == events
    for segment in done:
        first, last = round(segment.event.start_s * RATE), round(segment.event.end_s * RATE)
        assert np.array_equal(samples(segment.path), whole[first:last])


def test_nothing_is_overwritten(recording: Path, tmp_path: Path) -> None:
    """Not what was cut before, not the recording, which may even have a segment's name."""
    path = tmp_path / "a_000000.000_Dog.flac"
    own = Path(segment_name("a.flac", event(0, 1), "flac"))
    assert path.name == own.name
    recording.rename(path)
    before = path.read_bytes()
    names = []
    for _ in range(2):
        done = cut_segments(path, [event(0, 1), event(0, 1)], tmp_path)
        names += [s.path.name for s in done]
    stem = "a_000000_000_Dog_000000.000_Dog"
    assert names == [f"{stem}.flac", f"{stem}-2.flac", f"{stem}-3.flac", f"{stem}-4.flac"]
    assert path.read_bytes() == before
    assert len({(tmp_path / name).read_bytes() for name in names}) == 1


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Dog, bark", "Dog_bark"),
        ("../../etc/passwd", "etc_passwd"),
        ('a\\b:c*?"<>|d\0\n', "a_b_c_d"),
        ("-rf", "rf"),
        (".", "unnamed"),
        ("", "unnamed"),
        ("\N{DOG FACE}", "unnamed"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "Stra\N{LATIN SMALL LETTER SHARP S}e"),
        ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}\N{ARABIC LETTER KAF}", "\N{ARABIC LETTER KAF}"),
        ("lone \udcff", "lone"),
        ("x" * 300, "x" * 80),
        ("\N{CJK UNIFIED IDEOGRAPH-72AC}" * 300, "\N{CJK UNIFIED IDEOGRAPH-72AC}" * 26),
    ],
)
def test_names_are_safe(label: str, name: str) -> None:
    assert segment_name("dir/a.b.wav", event(12.3456, 13, label), "wav") == f"a_b_000012.346_{name}.wav"


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(min_size=1).filter(lambda s: "\0" not in s), st.floats(0, 1e9))
def test_any_name_is_safe(label: str, stem: str, start: float) -> None:
    name = segment_name(f"{stem}.wav", event(start, start + 1, label), "flac")
    assert len(name.encode()) < 240
    assert not set(name) & set('/\\:*?"<>|\0\n ')
    assert name.isprintable()
    assert name[0] not in ".-~"
    assert name.count(".") == 2
    assert name.endswith(".flac")


def test_any_name_can_be_written(recording: Path, tmp_path: Path) -> None:
    labels = ["\N{CJK UNIFIED IDEOGRAPH-72AC}" * 300, "a/b", "", "CON", "\udcff"]
    done = cut_segments(recording, [event(0, 1, label) for label in labels], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(s.path.name for s in done)
    assert len(done) == len(labels)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFaults:
    """What cannot be done is said, and leaves nothing half done."""

    def test_an_event_after_the_end(self, recording: Path, tmp_path: Path) -> None:
        with pytest.raises(AudioError, match=r"street\.flac: ends at 10 s, and 'Cat' begins at 11 s"):
            cut_segments(recording, [event(8, 12), event(11, 12, "Cat")], tmp_path / "out")
        assert left(tmp_path / "out") == ["street_000008.000_Dog.flac"]
        assert len(samples(tmp_path / "out" / "street_000008.000_Dog.flac")) == 2 * RATE

    def test_a_damaged_recording(self, recording: Path, tmp_path: Path) -> None:
        path = tmp_path / "cut.flac"
        path.write_bytes(recording.read_bytes()[: recording.stat().st_size // 2])
        (segment,) = cut_segments(path, [event(1, 9)], tmp_path / "out")
        part = samples(segment.path)
        assert 2 * RATE < len(part) < 5 * RATE
        assert np.array_equal(part, samples(recording)[RATE : RATE + len(part)])
        assert segment.end_s == 1 + len(part) / RATE

    @pytest.mark.parametrize("container", ["flac", "wav"])
    @pytest.mark.parametrize("missing", [1, 100, 5000, 40_000, -1])
    def test_a_full_disk(self, recording: Path, tmp_path: Path, container: Any, missing: int) -> None:
        """The file is refused, whichever of its bytes was the first for which there was no room."""
        resource = pytest.importorskip("resource", reason="wants limits of POSIX")
        options = SegmentOptions(container=container)
        (segment,) = cut_segments(recording, [event(0, 1)], tmp_path / "out", options)
        size = segment.path.stat().st_size
        segment.path.unlink()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing if missing > 0 else 20, hard))
        try:
            with pytest.raises(AudioError, match=rf"Dog\.{container}: cannot be written: "):
                cut_segments(recording, [event(0, 1)], tmp_path / "out", options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert left(tmp_path / "out") == []

    def test_an_interruption(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        recording, real = tmp_path / "street.flac", AudioFileWriter.write
        soundfile.write(recording, noise(2 * BLOCK_SAMPLES, 1), RATE, "PCM_16")

        def interrupt(self: AudioFileWriter, frames: npt.NDArray[np.float32]) -> None:
            real(self, frames)
            if self._frames > BLOCK_SAMPLES:
                raise KeyboardInterrupt

        monkeypatch.setattr(AudioFileWriter, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cut_segments(recording, [event(0, 1), event(0, 1.5 * BLOCK_SAMPLES / RATE, "Cat")], tmp_path / "out")
        assert left(tmp_path / "out") == ["street_000000.000_Dog.flac"]

    @pytest.mark.parametrize("failing", [True, False])
    def test_a_file_system_without_links(
        self, recording: Path, tmp_path: Path, failing: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_links(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        if failing:
            monkeypatch.setattr(Path, "replace", no_links)
            with pytest.raises(AudioError, match="Operation not permitted"):
                cut_segments(recording, [event(0, 1)], tmp_path / "out")
            assert left(tmp_path / "out") == []
            return
        cut_segments(recording, [event(0, 1), event(0, 1)], tmp_path / "out")
        assert left(tmp_path / "out") == ["street_000000.000_Dog-2.flac", "street_000000.000_Dog.flac"]

    def test_flac_has_no_more_than_8_channels(self, tmp_path: Path) -> None:
        path = tmp_path / "many.wav"
        soundfile.write(path, noise(1000, 9), RATE, "PCM_16")
        with pytest.raises(AudioError, match=r"many_000000\.000_Dog\.flac: cannot be written"):
            cut_segments(path, [event(0, 1)], tmp_path / "out")
        assert left(tmp_path / "out") == []
        (segment,) = cut_segments(path, [event(0, 1)], tmp_path / "out", SegmentOptions(container="wav"))
        assert np.array_equal(samples(segment.path), samples(path))

    def test_wav_has_no_more_than_4_gib(self, tmp_path: Path) -> None:
        writer = AudioFileWriter(tmp_path / "a.wav", RATE, 1, "FLOAT")
        endless = np.broadcast_to(np.float32(0), (2**30, 1))
        with pytest.raises(LimitError, match="a WAV file holds at most 4 GiB; a FLAC file holds more"):
            writer.write(endless)
        writer.discard()
        writer.discard()
        assert left(tmp_path) == []

    def test_no_folder(self, recording: Path, tmp_path: Path) -> None:
        with pytest.raises(AudioError, match=r"street\.flac: cannot be created: "):
            cut_segments(recording, [event(0, 1)], recording)
        with pytest.raises(AudioError, match="No such file"):
            cut_segments(tmp_path / "nowhere.wav", [event(0, 1)], tmp_path / "out")

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"padding_s": -1}, "padding_s is -1; seconds from 0 to 1e\\+12 are accepted"),
            ({"padding_s": float("nan")}, "padding_s is nan"),
            ({"padding_s": None}, "padding_s is None"),
            ({"most_per_class": 0}, "most_per_class is 0; whole numbers from 1 up, or None for all, are accepted"),
            ({"most_per_class": True}, "most_per_class is True"),
            ({"most_per_class": 1.5}, r"most_per_class is 1\.5"),
            ({"container": "mp3"}, "container is 'mp3'; accepted are flac, wav"),
        ],
    )
    def test_nonsense(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(InputError, match=said):
            SegmentOptions(**options)

    @pytest.mark.parametrize("times", [(-1, 1), (1, 1), (2, 1), (0, float("inf")), (float("nan"), 1)])
    def test_events_that_are_none(self, recording: Path, tmp_path: Path, times: tuple[float, float]) -> None:
        with pytest.raises(InputError, match="times in order, from 0 up, are accepted"):
            cut_segments(recording, [event(*times)], tmp_path)

    def test_what_is_no_path(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="the path of a recording is accepted, found ndarray"):
            cut_segments(np.zeros(10), [event(0, 1)], tmp_path)  # type: ignore[arg-type]


def test_no_events_write_nothing(recording: Path, tmp_path: Path) -> None:
    assert cut_segments(recording, [], tmp_path / "out") == ()
    assert left(tmp_path / "out") == []


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    peaks = []
    for minutes in (1, 2, 20):  # the first loads what the others need as well
        path = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(np.zeros(16_000 * 60, np.int16))
        tracemalloc.start()
        try:
            (segment,) = cut_segments(path, [event(1, minutes * 60 - 1)], tmp_path / "out")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert soundfile.info(segment.path).frames == (minutes * 60 - 2) * 16_000
    assert peaks[2] < peaks[1] + 200_000


def test_what_is_written_for_each_format() -> None:
    assert encoding_for("OGG VORBIS", "flac") == "PCM_16"
    assert encoding_for("WAV DOUBLE", "wav") == "FLOAT"
    assert encoding_for("WAV PCM_32", "flac") == "PCM_24"
