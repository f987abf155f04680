"""When a recording began: by names of recorders, by headers, and by hostile ones of either."""

from __future__ import annotations

import io
import struct
from datetime import datetime, timedelta, timezone

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.field import audio_moth, bext, chunk, guano, wamd, wav
from yamjit.audio.recorded_at import begin_of, time_in_header, time_in_name
from yamjit.reading import ReadOptions

FIVE = datetime(2026, 5, 12, 5)


def ahead(hours: float) -> datetime:
    """Return five o'clock in a zone that is some hours ahead of UTC."""
    return FIVE.replace(tzinfo=timezone(timedelta(hours=hours)))


NAMES = {
    # AudioMoth: as it is, triggered, with the device; until 2019, seconds since 1970 in hexadecimal.
    "20260512_050000.WAV": FIVE,
    "20260512_050000T.WAV": FIVE,
    "24F31901603DC5A4_20260512_050000.WAV": FIVE,
    "5E90A4D0.WAV": datetime(2020, 4, 10, 16, 54, 40, tzinfo=timezone.utc),
    # Song Meter: SM2 to SM4 and Mini; $ is a time by satellite.
    "SITE_20260512_050000.wav": FIVE,
    "SITE_20260512$050000.wav": FIVE,
    "SM2_0+1_20260512_050000.wav": FIVE,
    "SM304290__0__20260512_050000_1.wav": FIVE,
    "SITE_20260512_050000+0200.wav": ahead(2),
    "SITE_20260512_050000-0330.wav": ahead(-3.5),
    # Frontier Labs, Swift, SoundTrap, PAMGuard, BirdNET-Pi.
    "20260512T050000+1000_REC.flac": ahead(10),
    "S20260512T050000.000+1000_E20260512T055958.000+1000_+12.34567-78.98102.flac": ahead(10),
    "SWIFT_20260512_050000+0200.wav": ahead(2),
    "6075.260512050000.wav": FIVE,
    "PAM_20260512_050000_000.wav": FIVE,
    "2026-05-12-birdnet-05:00:00.wav": FIVE,
    "2026-05-12-birdnet-RTSP_1-05:00:00.wav": FIVE,
    # Telephones and programs.
    "20260512 050000-096B2196.m4a": FIVE,
    "20260512050000.m4a": FIVE,
    "REC-20260512-050000.mp3": FIVE,
    "2026-05-12T05-00-00Z.wav": ahead(0),
    "2026-05-12T05:00:00.500+02:00.wav": ahead(2).replace(microsecond=500_000),
    "20260512_050000_UTC.wav": ahead(0),
    "20260512_050000+10.wav": ahead(10),
    "2026-05-12 05.00.00": FIVE,
    "2026-05-12 - 05.00.00.wav": FIVE,
    "2026_05_12_05_00_00.ogg": FIVE,
    "2026-05-12_05h00.wav": FIVE,
    "2026-05-12_05h00m00s.wav": FIVE,
    "20260512T0500Z.wav": ahead(0),
    # Numbers beside the time.
    "67403784_20260512_050000.wav": FIVE,
    "Chan_1-24bps.1277236867.2026-05-12-05-00-00.wav": FIVE,
    "20260512_050000_20260512_050000.wav": FIVE,
    # What may be a number as well as a zone: the time of day is certain.
    "SITE_20260512_050000-0012.wav": FIVE,
    "2026-05-12-05-00-00-0100.wav": FIVE,
    "20260512_050000-05.wav": FIVE,
    # Segments that were cut out of recordings, one of them out of a segment.
    "SITE_20260512_045956_000004.000_Bird.flac": FIVE,
    "SITE_20260512_045956_000003.500_Bird_000000.500_Bird.wav": FIVE,
    "5E90A4D0_000003.500_Bird.flac": datetime(2020, 4, 10, 16, 54, 43, 500_000, tzinfo=timezone.utc),
    # Folders do not count.
    "2020-01-01T00-00-00/20260512_050000.wav": FIVE,
    "D:\\20200101_000000\\20260512_050000.wav": FIVE,
    "\udcff20260512_050000.wav": FIVE,
}

NO_TIMES = (
    "",
    "rec.wav",
    # Two readings: day and year in either order, a time or a number.
    "260512_0500.mp3",
    "260512_050000.WAV",
    "20260512_0500.wav",
    "2026-05-12_05-00.wav",
    "12-05-2026_05-00-00.wav",
    "5e90a4d0.wav",
    "59012345.WAV",
    "20260512_050000_20260512_060000.wav",
    # A date alone.
    "20260512.wav",
    "20260512_SITE.wav",
    # No such day, time of day or year.
    "20260230_050000.wav",
    "20261312_050000.wav",
    "20260512_250000.wav",
    "20260512_056000.wav",
    "19700101_000000.wav",
    "DEADBEEF.WAV",
    "6075.261312050000.wav",
    # Numbers that go on.
    "120260512_050000.wav",
    "20260512_0500001.wav",
    "20260512050000123.wav",
    "2026-05-1205-00-00.wav",
    # Endless.
    "_000000.000_" * 1000 + "20260512_050000.wav",
    # Half of a day.
    "2026-05-12 05.00.00 PM.wav",
    "2026-05-12 05:00\u202fpm.wav",
    # Of folders.
    "20260512_050000/rec.wav",
    # Digits of other scripts.
    "\u0662\u0660\u0662\u0666\u0660\u0665\u0661\u0662_050000.wav",
)


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    moment = time_in_name(name)
    assert moment == NAMES[name]
    assert moment is not None
    assert moment.utcoffset() == NAMES[name].utcoffset()


@pytest.mark.parametrize("name", NO_TIMES)
def test_names_that_tell_no_time(name: str) -> None:
    assert time_in_name(name) is None


@settings(deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)), st.sampled_from(("%Y%m%d_%H%M%S", "%Y-%m-%d %H.%M.%S"))
)
def test_every_time_is_found_in_a_name(moment: datetime, pattern: str) -> None:
    assert time_in_name(f"SITE7_{moment.strftime(pattern)}.wav") == moment.replace(microsecond=0)


@settings(deadline=None)
@given(st.text(st.sampled_from("0123456789_-T+Z.$: hEPMS/"), max_size=60))
def test_no_name_is_too_much(name: str) -> None:
    moment = time_in_name(name)
    assert moment is None or 1990 <= moment.year <= 2100


# -- Headers


def found(data: bytes) -> tuple[datetime, str] | None:
    return time_in_header(lambda place, count: data[place : place + count], len(data))


HEADERS = {
    "GUANO with a zone": (guano("2026-05-12T05:00:00+02:00"), "GUANO", ahead(2)),
    "GUANO without": (guano("2026-05-12T05:00:00"), "GUANO", FIVE),
    "GUANO in UTC": (guano("2026-05-12T05:00:00.123456Z"), "GUANO", ahead(0).replace(microsecond=123_456)),
    "GUANO with a space": (guano("2026-05-12 05:00 +0200"), "GUANO", ahead(2)),
    "GUANO with hours alone": (guano("2026-05-12T05:00:00+02"), "GUANO", ahead(2)),
    "GUANO in small letters": (guano("2026-05-12t05:00:00z"), "GUANO", ahead(0)),
    "GUANO without signs": (guano("20260512T050000-0330"), "GUANO", ahead(-3.5)),
    "GUANO with a mark of UTF-8": (chunk(b"guan", b"\xef\xbb\xbfTimestamp: 2026-05-12T05:00:00\n"), "GUANO", FIVE),
    "AudioMoth": (audio_moth("05:00:00 12/05/2026 (UTC) by AudioMoth 24F31901603DC5A4"), "AudioMoth", ahead(0)),
    "AudioMoth ahead": (audio_moth("05:00:00 12/05/2026 (UTC+2) by AudioMoth 24F3"), "AudioMoth", ahead(2)),
    "AudioMoth behind": (audio_moth("05:00:00 12/05/2026 (UTC-3:30) by AudioMoth 24F3"), "AudioMoth", ahead(-3.5)),
    "AudioMoth, half an hour behind": (
        audio_moth("05:00:00 12/05/2026 (UTC-0:30) during deployment 0123456789ABCDEF"),
        "AudioMoth",
        ahead(-0.5),
    ),
    "AudioMoth of 2017": (audio_moth("05:00:00 12/05/2026 by AudioMoth 24F3"), "AudioMoth", ahead(0)),
    "Wildlife Acoustics": (wamd("2026-05-12 05:00:00-05:00"), "Wildlife Acoustics", ahead(-5)),
    "Wildlife Acoustics without": (wamd("2026-05-12 05:00:00"), "Wildlife Acoustics", FIVE),
    "bext": (bext("2026-05-12", "05:00:00"), "bext", FIVE),
    "bext otherwise": (bext("2026:05:12", "05-00-00"), "bext", FIVE),
}


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("case", HEADERS)
def test_headers(case: str, before: bool) -> None:
    extra, source, moment = HEADERS[case]
    odd = chunk(b"iXML", b"odd")
    for data in (wav(extra, before=before), wav(odd, extra, before=before), wav(odd[:-1], extra, before=before)):
        assert found(data) == (moment, source)
        begin, _ = found(data) or (FIVE, "")
        assert begin.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        guano("yesterday"),
        guano("2026-02-30T05:00:00"),
        guano("1970-01-01T00:00:00Z"),
        guano("2026-05-12T05:00:00+99:00"),
        bext("0000-00-00", "00:00:00"),
        bext("2026-05-12", ""),
        audio_moth("05:00:00 31/02/2026 (UTC) by AudioMoth 24F3"),
        wamd("2026"),
        chunk(b"wamd", b"\5\0\xff\xff\xff\xff2026"),
        chunk(b"bext", b"short"),
        chunk(b"guan", b""),
    ],
)
def test_headers_that_tell_no_time(extra: bytes) -> None:
    assert found(wav(extra)) is None


def test_what_states_a_zone_is_believed_first() -> None:
    everything = (
        bext("2026-05-12", "05:00:00"),
        audio_moth("05:00:00 12/05/2026 (UTC+2) by AudioMoth 2"),
        wamd("nothing"),
    )
    assert found(wav(*everything)) == (ahead(2), "AudioMoth")


def test_long_files_in_rf64_and_w64() -> None:
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))
    wide = chunk(b"ds64", struct.pack("<QQQI", 0, 2**33, 0, 0))
    head = b"RF64\xff\xff\xff\xffWAVE" + wide + form + b"data\xff\xff\xff\xff"
    tail = guano("2026-05-12T05:00:00")
    reads: list[int] = []

    def read_at(place: int, count: int) -> bytes:
        reads.append(count)
        behind = place - len(head) - 2**33
        return head[place : place + count] if behind < 0 else tail[behind : behind + count]

    assert time_in_header(read_at, len(head) + 2**33 + len(tail)) == (FIVE, "GUANO")
    assert sum(reads) < 1000

    kind = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
    body = tail[8:]
    w64 = b"".join(
        name + kind + struct.pack("<Q", 24 + len(content)) + content + bytes(-len(content) % 8)
        for name, content in ((b"fmt ", form[8:]), (b"data", bytes(3200)), (b"guan", body))
    )
    start = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + struct.pack("<Q", 40 + len(w64)) + b"wave" + kind
    assert found(start + w64) == (FIVE, "GUANO")


def flac(*blocks: tuple[int, bytes]) -> bytes:
    """Return a FLAC file with blocks of metadata after its first."""
    file = io.BytesIO()
    soundfile.write(file, [0.0] * 1600, 16_000, format="FLAC")
    data = file.getvalue()
    extra = b"".join(bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in blocks)
    return data[:4] + bytes([data[4] & 0x7F]) + data[5:42] + extra + b"\x81\0\0\0" + data[42:]


def comments(*lines: str) -> bytes:
    texts = ["Frontier Labs", *lines]
    packed = [struct.pack("<I", len(text)) + text.encode() for text in texts]
    return packed[0] + struct.pack("<I", len(lines)) + b"".join(packed[1:])


def test_flac() -> None:
    labs = comments("SensorUid=1", "RecordingStart=2026-05-12T05:00:00+1000", "x" * 0x30)
    assert found(flac((4, labs))) == (ahead(10), "RecordingStart")
    old = comments("RecordingStart=2026-05-12 05:00:00", "RecordingEnd=2026-05-12 06:00:00")
    assert found(flac((4, old))) == (FIVE, "RecordingStart")
    # Of the program flac, with --keep-foreign-metadata; of ffmpeg, which keeps comments.
    assert found(flac((2, b"riff" + guano("2026-05-12T05:00:00Z")))) == (ahead(0), "GUANO")
    kept = "comment=Recorded at 05:00:00 12/05/2026 (UTC+2) by AudioMoth 24F31901603DC5A4 at medium gain"
    assert found(flac((4, comments(kept)))) == (ahead(2), "AudioMoth")
    assert found(b"OggS" + bytes(100) + comments(kept) + bytes(1000)) == (ahead(2), "AudioMoth")
    assert found(flac((4, comments("DATE=2026-05-12")))) is None


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 60), st.sampled_from(sorted(HEADERS)))
def test_hostile_headers(noise: bytes, place: int, case: str) -> None:
    data = wav(HEADERS[case][0])
    data = data[: len(data) - place] + noise
    for damaged in (data, noise, data[:12] + noise, b"fLaC" + noise, data[:place] + noise + data[place:]):
        moment = found(damaged)
        assert moment is None or 1990 <= moment[0].year < 2100


def test_what_cannot_be_read_tells_no_time() -> None:
    def read_at(place: int, count: int) -> bytes:
        raise OSError("bad sector")

    assert time_in_header(read_at, 100) is None


# -- Both


@pytest.mark.parametrize(
    ("name", "extra", "begin", "remark"),
    [
        ("rec.wav", b"", None, None),
        ("20260512_050000.wav", b"", FIVE, None),
        ("rec.wav", guano("2026-05-12T05:00:00"), FIVE, None),
        ("20260512_050000.wav", guano("2026-05-12T05:00:07"), FIVE + timedelta(seconds=7), None),
        ("20260512_050000.wav", guano("2026-05-12T05:00:00+02:00"), ahead(2), None),
        ("20260512_050000+0200.wav", bext("2026-05-12", "05:00:00"), ahead(2), None),
        ("20260512_030000Z.wav", guano("2026-05-12T05:00:00+02:00"), ahead(2), None),
        (
            "20260512_050000.wav",
            bext("2026-05-14", "12:00:00"),
            datetime(2026, 5, 14, 12),
            "its name says that it began at 2026-05-12 05:00:00, its header (bext) at 2026-05-14 12:00:00; the header "
            "was believed: recorded_at overrules it",
        ),
        (
            "20260512_030000.WAV",
            audio_moth("05:00:00 12/05/2026 (UTC+2) by AudioMoth 24F3"),
            ahead(2),
            "its name says that it began at 2026-05-12 03:00:00, its header (AudioMoth) at 2026-05-12 05:00:00+02:00, "
            "so the name is in UTC; the header was believed: recorded_at overrules it",
        ),
        (
            "20260512_050000T.WAV",
            audio_moth("05:00:00 12/05/2026 (UTC) by AudioMoth 24F3"),
            ahead(0),
            "it is a triggered recording of AudioMoth (T.WAV), which left out what was quiet: times after its first "
            "gap are too early; expand it first, with AudioMoth's configuration app",
        ),
    ],
)
def test_header_and_name(name: str, extra: bytes, begin: datetime | None, remark: str | None) -> None:
    data = wav(extra)
    heard, said = begin_of(name, lambda place, count: data[place : place + count], len(data))
    assert heard == begin
    assert (heard and heard.utcoffset()) == (begin and begin.utcoffset())
    assert said == remark


@pytest.mark.parametrize(
    ("found", "zone", "begin"),
    [
        (FIVE, None, FIVE),
        (FIVE, "+02:00", ahead(2)),
        (ahead(0), None, ahead(0)),
        (ahead(0), "+02:00", ahead(2) + timedelta(hours=2)),
        (None, "+02:00", None),
        (datetime.max.replace(tzinfo=timezone.utc), "+02:00", datetime.max.replace(tzinfo=timezone.utc)),
    ],
)
def test_times_are_given_in_the_zone_that_is_named(
    found: datetime | None, zone: str | None, begin: datetime | None
) -> None:
    given = ReadOptions(time_zone=zone).begin(found)
    assert given == begin
    assert (given and given.utcoffset()) == (begin and begin.utcoffset())
