"""All samples that a file holds are heard, or what is not heard is told."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

import soundfile

from tests.support.opening import open_audio
from tools.checks import whole as check_whole
from tools.checks.fuzz_audio import encode, mend_ogg
from tools.checks.whole import mp3_frames, printed
from yamjit.errors import AudioError, InputError

RATE = 16_000


def noise(n, seed=0, channels=1):
    return np.round(np.random.default_rng(seed).uniform(-0.3, 0.3, (n, channels)) * 32_768) / 32_768


def hear(data, rate=RATE, **options):
    """Return the samples, (n, channels), and what is said of the file, and whether something is lost."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    with open_audio(source, target_rate=rate, channel="each", **options) as audio:
        samples = np.concatenate([block.copy() for block in audio.blocks()], axis=1).T
        return samples, audio.damage, audio.lost


def mp3(samples, rate=RATE, mode="CONSTANT"):
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", rate, samples.shape[1], format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode
    ) as sound:
        sound.write(samples)
    return file.getvalue()


def bare_mp3(samples, rate=RATE, mode="VARIABLE"):
    """Return an MP3 as it comes through a pipe, without the frame that counts the others."""
    data = mp3(samples, rate, mode)
    return data[mp3_frames(data)[1][0] :]


def flac(samples, total=None):
    data = bytearray(encode(samples, RATE, "FLAC", "PCM_16"))
    if total is not None:
        data[21:26] = (int.from_bytes(data[21:26], "big") >> 36 << 36 | total).to_bytes(5, "big")
    return bytes(data)


def flac_frames(data):
    """Return where the frames of a FLAC file with fewer than 128 begin."""
    place = 4
    while not data[place] & 0x80:
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    starts = [place]
    while (after := data.find(b"\xff\xf8" + data[place + 2 : place + 4] + bytes([len(starts)]), place)) > 0:
        starts.append(after)
    return starts


def wav(data, claimed, *, riff=None, before=b"", after=b"", magic=b"RIFF"):
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + before + form + b"data" + struct.pack("<I", claimed) + data + after
    return magic + struct.pack("<I", len(body) if riff is None else riff) + body


def pcm(samples):
    return np.round(samples * 32_768).astype("<i2").tobytes()


# -- MPEG


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_an_mp3_without_a_count_is_read_to_its_end(rate, mode):
    samples = noise(rate, channels=1 + rate // 44_100)
    samples[rate // 4 :] *= 0.001  # what the decoder estimates from the first frames is far too short
    data = bare_mp3(samples, rate, mode)
    heard, damage, lost = hear(data, rate)
    assert len(heard) == len(mp3_frames(data)) * (1152 if rate >= 32_000 else 576)
    assert (damage, lost) == (None, False)


@pytest.mark.parametrize(
    "front",
    [bytes(3_000), bytes(600), b"ID3\x03\0\0\0\0\x01\x48" + b"x" * 200, "part"],
    ids=["zeros", "few", "tag", "part"],
)
@pytest.mark.parametrize("back", [b"", b"TAG" + bytes(125), bytes(500)], ids=["", "tag", "zeros"])
def test_what_stands_before_and_behind_an_mp3(front, back):
    data = bare_mp3(noise(30_000))
    front = data[-30:] if front == "part" else front
    heard, damage, _ = hear(front + data + back)
    assert len(heard) == len(mp3_frames(data)) * 576
    assert damage is None


def test_a_stretch_of_an_mp3_without_a_count():
    data = bare_mp3(np.concatenate([noise(8_000), noise(60_000) * 1e-3]))
    whole = hear(data)[0]
    part = hear(data, start_s=3.0, end_s=3.5)[0]
    np.testing.assert_array_equal(part, whole[48_000:56_000])
    with pytest.raises(InputError, match="lasts 4"):
        hear(data, start_s=60)


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\x04\0\0\0\0\0\x64" + b"y" * 100])
@pytest.mark.parametrize("encoded", [mp3, bare_mp3])
def test_joined_mp3s(between, encoded):
    one, two = noise(20_000), noise(30_000, 1)
    heard, damage, lost = hear(mp3(one) + between + encoded(two))
    assert len(heard) >= 50_000
    assert (damage, lost) == (None, False)
    np.testing.assert_allclose(heard[:15_000], hear(mp3(one))[0][:15_000], atol=1e-6)


def test_an_mp3_that_is_joined_to_one_of_another_rate_is_converted():
    data = mp3(noise(32_000)) + mp3(noise(44_100, channels=2), 44_100)
    heard, damage, lost = hear(data)
    assert len(heard) == pytest.approx(48_000, abs=1_500)
    assert "from 2 s on, it holds 2 channels at 44100 Hz, which were converted" in damage
    assert not lost


def test_an_advert_in_an_mp3():
    data, advert = mp3(noise(40_000)), mp3(noise(16_000, 1))
    place = mp3_frames(data)[20][0]
    heard, damage, _ = hear(data[:place] + advert + data[place:])
    assert len(heard) >= 56_000
    assert damage is None


def test_bytes_between_frames_are_told():
    data = mp3(noise(40_000))
    place = mp3_frames(data)[20][0]
    heard, damage, lost = hear(data[:place] + b"no audio" * 500 + data[place:])
    assert len(heard) == 40_000
    assert "4000 bytes between its frames are not MPEG audio and were skipped" in damage
    assert lost


def test_layer_two():
    """Silence, since nothing here encodes layer II: 0xFFFD begins a frame of 64 kbit/s at 48 kHz, mono."""
    frame = bytes.fromhex("fffd44c4") + bytes(188)
    assert len(hear(frame * 100, 48_000)[0]) == 115_200


def test_nothing_is_printed(capfd):
    data = mp3(noise(60_000))
    dice = np.random.default_rng(3)
    with printed() as written:
        for _ in range(40):
            mutant = bytearray(data)
            for place in dice.integers(600, len(data), 20).tolist():
                mutant[place] = int(dice.integers(256))
            for damaged in (bytes(mutant), bytes(mutant[700:]), bytes(mutant) + data):
                with contextlib.suppress(AudioError):
                    hear(damaged)
        assert written() == 0


# -- FLAC


@pytest.mark.parametrize("total", [1, 8_000, 39_999])
def test_a_flac_whose_header_counts_too_few(total):
    samples = noise(40_000)
    heard, damage, lost = hear(flac(samples, total))
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert "all were read" in damage
    assert not lost
    np.testing.assert_array_equal(hear(flac(samples, total), start_s=2)[0], samples[32_000:].astype(np.float32))


def test_a_flac_that_counts_nothing():
    samples = noise(40_000, channels=2)
    heard, damage, _ = hear(flac(samples, 0))
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert damage is None


@pytest.mark.parametrize("first", [1, 3])
@pytest.mark.parametrize("total", [None, 0])
def test_a_stretch_of_a_flac_that_was_cut_out_of_another(first, total):
    samples = noise(40_000)
    data = flac(samples, total)
    starts = flac_frames(data)
    cut = data[: starts[0]] + data[starts[first] :]
    expected = samples[first * 4_096 :].astype(np.float32)
    np.testing.assert_array_equal(hear(cut)[0], expected)
    np.testing.assert_array_equal(hear(cut, start_s=1, end_s=1.5)[0], expected[16_000:24_000])


@pytest.mark.parametrize("lengths", [(20_000, 20_000), (20_000, 5_000, 30_000), (5_000, 70_000, 70_000)])
def test_joined_flacs(tmp_path, lengths):
    each = [noise(length, seed) for seed, length in enumerate(lengths)]
    path = tmp_path / "a.flac"
    path.write_bytes(b"".join(map(flac, each)))
    expected = np.concatenate(each).astype(np.float32)
    heard, damage, _ = hear(path)
    np.testing.assert_array_equal(heard, expected)
    assert damage is None
    np.testing.assert_array_equal(hear(path, start_s=1.4)[0], expected[22_400:])


def test_a_flac_behind_or_before_tags():
    samples = noise(20_000)
    tag = b"ID3\x03\0\0\0\0\x01\x48" + b"x" * 200
    for data in (tag + flac(samples), flac(samples) + b"TAG" + bytes(125), flac(samples, 7) + tag):
        np.testing.assert_array_equal(hear(data)[0], samples.astype(np.float32))


# -- Ogg


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("other_rate", [RATE, 24_000])
def test_a_chain_of_ogg(subtype, other_rate):
    one = mend_ogg(encode(noise(20_000), RATE, "OGG", subtype), serial=1)
    two = mend_ogg(encode(noise(30_000, 1), other_rate, "OGG", subtype), serial=2)
    heard, damage, lost = hear(one + two)
    assert len(heard) == 20_000 + 30_000 * RATE // other_rate
    assert (damage is None) == (other_rate == RATE)
    assert not lost
    np.testing.assert_array_equal(heard[:20_000], hear(one)[0])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_that_was_cut_is_told(subtype):
    data = encode(noise(90_000), RATE, "OGG", subtype)
    pages = check_whole._pages(data)
    for cut, word in (
        (b"".join(pages[:-1]), "the last page of a stream is missing"),
        (data[:-100], "its last page is cut"),
        (b"".join(pages[:3] + pages[4:]), "1 of its pages are missing"),
    ):
        heard, damage, _ = hear(cut)
        assert len(heard) <= 90_000
        assert word in damage


def ogg_flac(samples, serial):
    """Return FLAC in Ogg: a packet a page."""
    data = flac(samples)
    starts = [*flac_frames(data), len(data)]
    first = b"\x7fFLAC\x01\0\0\x01" + data[:42]
    packets = [first, data[42 : starts[0]], *(data[a:b] for a, b in itertools.pairwise(starts))]
    pages = b""
    for number, packet in enumerate(packets):
        flags = 2 if number == 0 else 4 if number == len(packets) - 1 else 0
        position = max(0, min(len(samples), (number - 1) * 4_096))
        segments = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
        head = struct.pack("<4sBBQIII", b"OggS", 0, flags, position, serial, number, 0)
        pages += head + bytes([len(segments)]) + segments + packet
    return mend_ogg(pages)


def test_a_chain_of_flac_in_ogg():
    one, two = noise(20_000), noise(30_000, 1)
    heard, damage, _ = hear(ogg_flac(one, 1) + ogg_flac(two, 2))
    np.testing.assert_array_equal(heard, np.concatenate([one, two]).astype(np.float32))
    assert damage is None


# -- Chunks


CHUNKS = ["WAV", "RF64", "W64", "AIFF", "AU", "CAF"]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("container", CHUNKS)
def test_joined_files(container, subtype):
    each = [noise(length, seed) for seed, length in enumerate((3_001, 5_000, 999))]
    heard, damage, lost = hear(b"".join(encode(one, RATE, container, subtype) for one in each))
    np.testing.assert_array_equal(heard, np.concatenate(each).astype(np.float32))
    assert (damage, lost) == (None, False)


@pytest.mark.parametrize("container", CHUNKS)
def test_truncated_files_are_told(container):
    samples = noise(9_000)
    heard, damage, lost = hear(encode(samples, RATE, container)[:-5_000])
    np.testing.assert_array_equal(heard, samples[:6_500].astype(np.float32))
    assert "ends at 0.40625 s, after 13000 of the 18000 bytes that its header claims" in damage
    assert not lost


@pytest.mark.parametrize("kind", ["size emptied", "size of a stream", "size understated"])
@pytest.mark.parametrize("container", CHUNKS)
def test_sizes_that_are_not_true(container, kind):
    number = list(check_whole.HAPPENINGS[container]).index(kind)
    place = check_whole.FORMATS.index((container, "PCM_16"))
    tried = check_whole.case(5, number * len(check_whole.FORMATS) + place)
    assert tried.what == kind
    assert check_whole.judge(tried)[1] == ""
    _, damage, _ = hear(tried.data, tried.rate)
    assert (damage is None) == (kind == "size of a stream")


@pytest.mark.parametrize("junk", [b"", b"JUNK" + struct.pack("<I", 28) + bytes(28)])
def test_a_recorder_that_was_killed(junk):
    samples = noise(9_000)
    for data in (
        wav(pcm(samples), 0, riff=0, before=junk),
        wav(pcm(samples), 0, riff=4_088, before=junk),
        wav(
            pcm(samples),
            0xFFFF_FFFF,
            riff=0xFFFF_FFFF,
            magic=b"RF64",
            before=struct.pack("<4sI28x", b"ds64", 28) + junk,
        ),
    ):
        heard, damage, lost = hear(data)
        np.testing.assert_array_equal(heard, samples.astype(np.float32))
        assert damage == "<file object>: its header was never finished"
        assert not lost


def test_two_chunks_of_samples():
    samples = noise(9_000)
    data = pcm(samples)
    more = b"data" + struct.pack("<I", 8_000) + data[10_000:]
    heard, damage, lost = hear(wav(data[:10_000], 10_000, after=more))
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert "several chunks of samples (data)" in damage
    assert not lost


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_an_odd_chunk_with_and_without_padding(padding):
    samples = noise(9_000)
    odd = b"guan" + struct.pack("<I", 33) + b"x" * 33 + padding
    form, data = wav(b"", 0)[12:36], pcm(samples)
    body = b"WAVE" + form + odd + b"data" + struct.pack("<I", len(data)) + data
    heard, damage, _ = hear(b"RIFF" + struct.pack("<I", len(body)) + body)
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert damage is None


def test_a_chunk_of_samples_behind_missing_padding_is_told_from_what_looks_like_one():
    data = bytes(0x4F50)  # of whose header all but the first byte reads as a chunk of 79 bytes
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + b"bext" + struct.pack("<I", 3) + b"xxx" + b"data" + struct.pack("<I", len(data)) + data
    heard, damage, lost = hear(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert (len(heard), damage, lost) == (len(data) // 2, None, False)


def test_bw64():
    samples = noise(9_000)
    heard, damage, _ = hear(b"BW64" + encode(samples, RATE, "RF64")[4:])
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert damage is None


@pytest.mark.parametrize(
    "after",
    [b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf60.16.100\0", b"", bytes(64)],
)
def test_what_may_follow_the_samples(after):
    samples = noise(9_000)
    heard, damage, _ = hear(wav(pcm(samples), 18_000, after=after))
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert damage is None


def test_bytes_that_cannot_be_samples_are_not_read_as_some():
    samples = noise(9_000)
    data = encode(samples, RATE, "WAV", "FLOAT") + b"\xff" * 5_000
    heard, damage, lost = hear(data)
    np.testing.assert_array_equal(heard, samples.astype(np.float32))
    assert "5000 bytes after its samples are not a chunk and were not read" in damage
    assert lost


def test_a_file_that_is_joined_to_one_of_a_container_that_is_not_walked():
    data = encode(noise(9_000), RATE, "IRCAM")
    _, damage, lost = hear(encode(noise(9_000), RATE, "NIST") + data)
    assert damage is None or "were not read" in damage
    assert lost == (damage is not None)


# -- Every kind


@pytest.mark.slow
def test_every_happening_to_every_format():
    """A short campaign; ``python -m tools.checks.whole`` runs long ones."""
    summary = check_whole.campaign(200, seed=1)
    assert summary["offenders"] == []
    assert summary["silent"] == 0
    assert summary["whole"] > 120


def test_memory_does_not_grow_with_the_number_of_frames():
    data = bare_mp3(noise(RATE * 10))

    def peak(times):
        file = io.BytesIO(data * times)
        tracemalloc.start()
        open_audio(file).close()  # the walk is done
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(400) < peak(100) + 2**18


def classify(*paths):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "yamjit",
            "classify",
            "--model",
            "starter",
            "--backend",
            "numpy",
            "-q",
            *map(str, paths),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
def test_what_cannot_be_read_gives_exit_code_3(tmp_path):
    data = mp3(noise(40_000))
    place = mp3_frames(data)[20][0]
    lost, cut, killed = (tmp_path / name for name in ("lost.mp3", "cut.wav", "killed.wav"))
    lost.write_bytes(data[:place] + b"no audio" * 500 + data[place:])
    cut.write_bytes(encode(noise(40_000), RATE)[:-5_000])
    killed.write_bytes(wav(pcm(noise(40_000)), 0))
    done = classify(cut, lost, killed)
    assert done.returncode == 3
    assert "were skipped" in done.stderr
    assert "1 of 3 files were read only in part" in done.stderr
    done = classify(cut, killed)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_of_which_nothing_can_be_decoded_is_refused():
    with pytest.raises(AudioError):
        hear(b"OggS" + bytes(23))


@pytest.mark.parametrize(("seed", "index"), [(2026, 419), (4711, 3608), (4711, 4125)])
def test_what_the_campaign_has_found(seed, index):
    outcome, reason = check_whole.judge(check_whole.case(seed, index))
    assert outcome in ("whole", "told"), reason


def test_a_page_that_is_cut_ends_where_another_file_begins_in_it():
    """Also where what follows lies as the next page of the one that is cut would."""
    data = encode(noise(40_000), 48_000, "OGG", "OPUS")
    last = data.rindex(b"OggS")
    for kept in (40, 60, 90):
        _, damage, lost = hear(data[: last + kept] + data, 48_000)
        assert damage is not None
        assert lost
