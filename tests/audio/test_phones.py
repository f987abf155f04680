"""What phones, cameras and dictation machines record: through PyAV, and through an ffmpeg on the PATH."""

from __future__ import annotations

import gc
import io
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("soxr")
pytest.importorskip("av", reason="the extra av is not installed")

import av
import soundfile

from tests.support.opening import open_audio
from tools.checks import fuzz_audio
from tools.phone_audio import KINDS, add_sound, encode_av, phone_files
from yamjit.audio import AudioLimits
from yamjit.cli import main
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.installing import how_to_install
from yamjit.runs.inputs import find_recordings

pytestmark = pytest.mark.slow

FFMPEG = shutil.which("ffmpeg")
FILES = phone_files()
LOSSLESS = {"m4a alac", "mov pcm", "mka flac", "wavpack", "tta"}
#: Their decoders give integers.
INTEGERS = {*LOSSLESS, "mov adpcm", "mpeg mp2", "wav g722"}

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="there is no ffmpeg on the PATH")


@pytest.fixture(params=["pyav", pytest.param("ffmpeg", marks=needs_ffmpeg)])
def reader(request, monkeypatch):
    """Who decodes."""
    if request.param == "ffmpeg":
        monkeypatch.setitem(sys.modules, "av", None)
    return request.param


def read(source, rate=None, **options):
    """Return the samples of a path or of a file's bytes, at its own rate, and what is known of it."""
    if rate is None:
        with open_audio(again(source), **options) as audio:
            rate = audio.sample_rate
    with open_audio(again(source), **{"channel": "each", **options, "target_rate": rate}) as audio:
        return np.concatenate([block.copy() for block in audio.blocks()], axis=1), audio


def again(source):
    return io.BytesIO(source) if isinstance(source, bytes) else source


def heard(data):
    """Return how many samples are heard at 8 kHz, None if it is refused, and the damage."""
    try:
        with open_audio(io.BytesIO(data), target_rate=8_000, non_finite="zero") as audio:
            return sum(block.shape[1] for block in audio.blocks()), audio.damage
    except (AudioError, LimitError, InputError) as error:
        return None, str(error)


def noise(rate, seconds=0.5, channels=1):
    return np.random.default_rng(channels).uniform(-0.5, 0.5, (int(rate * seconds), channels))


def decoded_by_ffmpeg(path, encoding):
    command = [FFMPEG, "-nostdin", "-v", "error", "-i", f"file:{path}", "-vn", "-c:a", encoding, "-f", "wav", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return soundfile.read(io.BytesIO(done.stdout), dtype="float32", always_2d=True)[0].T


# --- samples


def test_every_kind_can_be_made_here():
    assert {"m4a aac", "m4a alac", "webm opus", "wma 2", "aac", "ac3", "wavpack", "mov pcm"} <= set(FILES)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_every_kind_is_heard(kind):
    _, _, rate, channels, _ = KINDS[kind]
    got, audio = read(FILES[kind], rate)
    assert (audio.sample_rate, audio.channels, audio.damage) == (rate, channels, None)
    assert abs(got.shape[1] / rate - 0.5) < 0.06
    assert audio.format.isprintable()
    if kind in LOSSLESS:
        integers = np.clip(noise(rate, channels=channels) * 2**15, -(2**15), 2**15 - 1).astype(np.int16)
        np.testing.assert_array_equal(got, integers.T.astype(np.float32) / 2**15)


@needs_ffmpeg
@pytest.mark.parametrize("kind", sorted(FILES))
def test_the_bits_are_those_of_ffmpeg(tmp_path, monkeypatch, kind):
    path = tmp_path / "sound"
    path.write_bytes(FILES[kind])
    rate = KINDS[kind][2]
    by_av, _ = read(path, rate)
    monkeypatch.setitem(sys.modules, "av", None)
    by_ffmpeg, audio = read(path, rate)
    assert audio.damage is None
    np.testing.assert_array_equal(by_ffmpeg, decoded_by_ffmpeg(path, "pcm_f32le"))
    if kind in INTEGERS:
        np.testing.assert_array_equal(by_ffmpeg, decoded_by_ffmpeg(path, "pcm_s16le"))
    # Other versions of FFmpeg transform in another order, and leave more or less of the last packet out; up to 5.1 they
    # decode the second channel of this Vorbis otherwise than libvorbis does.
    count = min(by_av.shape[1], by_ffmpeg.shape[1])
    assert max(by_av.shape[1], by_ffmpeg.shape[1]) - count < 4_096
    tolerance = 0 if kind in INTEGERS else 1e-6
    tracks = slice(1 if kind == "mka vorbis" else None)
    np.testing.assert_allclose(by_av[tracks, :count], by_ffmpeg[tracks, :count], rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["m4a aac", "webm opus", "mov pcm", "wma 2"])
def test_a_stretch_is_exact(kind, reader):
    rate = KINDS[kind][2]
    whole, _ = read(FILES[kind], rate)
    got, _ = read(FILES[kind], rate, start_s=0.1, end_s=0.3)
    np.testing.assert_array_equal(got, whole[:, round(0.1 * rate) : round(0.3 * rate)])
    got, _ = read(FILES[kind], rate, start_s=0.45)
    np.testing.assert_array_equal(got, whole[:, round(0.45 * rate) :])
    with pytest.raises(InputError, match="start_s"):
        read(FILES[kind], rate, start_s=5)


def test_channels_are_heard_alone(reader):
    both, _ = read(FILES["m4a alac"], 16_000)
    with open_audio(io.BytesIO(FILES["m4a alac"]), channel=1) as audio:
        np.testing.assert_array_equal(np.concatenate(list(audio.blocks()), axis=1)[0], both[1])


@pytest.mark.parametrize(("form", "encoder"), [("mp4", "aac"), ("matroska", "flac")])
def test_eight_channels_are_heard(reader, form, encoder):
    """PyAV itself takes what lies behind the eighth for a ninth."""
    levels = np.arange(1, 9) / 16
    tones = levels * np.sin(2 * np.pi * 440 * np.arange(16_000) / 48_000)[:, np.newaxis]
    got, audio = read(encode_av(tones, 48_000, form, encoder))
    assert (audio.channels, audio.damage) == (8, None)
    low_band = {3} if encoder == "aac" else set()  # LFE
    for channel in set(range(8)) - low_band:
        assert np.abs(got[channel, 4_000:12_000]).max() == pytest.approx(levels[channel], abs=0.03)


# --- where it comes from


@posix
@pytest.mark.parametrize("name", ["-i.m4a", "a:b.m4a", "concat:x.m4a", "a%03d.m4a", "x'y\".m4a", "a\nb", "\udcff.m4a"])
def test_odd_names(tmp_path, monkeypatch, name, reader):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(FILES["m4a alac"])
    assert read(name)[0].shape == (2, 8_000)


class Pipe(io.RawIOBase):
    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.data.readinto(buffer)


def test_file_objects(tmp_path, reader):
    data = FILES["m4a alac"]
    behind = io.BytesIO(b"before" + data)
    behind.seek(6)
    path = tmp_path / "a.m4a"
    path.write_bytes(data)
    with path.open("rb") as opened:
        for source in (behind, Pipe(data), opened):
            with open_audio(source) as audio:
                assert sum(block.shape[1] for block in audio.blocks()) == 8_000
        assert not opened.closed


def test_a_file_object_that_fails(reader):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 2_000:
                raise OSError("the card was pulled")
            return super().read(min(size, 1_000))

    with (
        pytest.raises(AudioError, match="reading the file object failed: OSError: the card was pulled"),
        open_audio(Failing(FILES["m4a alac"])) as audio,
    ):
        list(audio.blocks())


@pytest.mark.parametrize("head", ["#EXTM3U\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
def test_lists_of_other_files_are_not_followed(tmp_path, head, reader):
    other = tmp_path / "other.aac"
    other.write_bytes(FILES["aac"])
    path = tmp_path / "list.m4a"
    path.write_text(head.format(other))
    with pytest.raises(AudioError, match=r"not audio|playlist"):
        open_audio(path)


def test_a_tag_before_aac_is_passed_over(reader):
    tag = b"ID3\4\0\0\0\0\0\x14" + bytes(20)
    wanted, _ = read(FILES["aac"], 44_100)
    got, audio = read(tag + FILES["aac"], 44_100)
    np.testing.assert_array_equal(got, wanted)
    assert audio.damage is None


# --- what is in it


def several(*sounds, picture=False):
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        writers = [add_sound(container, noise(16_000, channels=channels), 16_000, "flac") for channels in sounds]
        if picture:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        for write in writers:
            write()
    return file.getvalue()


def test_of_several_streams_the_one_that_ffmpeg_takes_is_heard(reader):
    got, audio = read(several(1, 2))
    assert audio.channels == 2 or "number 1" in audio.warnings[-1]
    (warning,) = (text for text in audio.warnings if "streams" in text)
    assert "holds 2 audio streams" in warning
    assert got.shape[1] == 8_000


def test_pictures_are_passed_over(reader):
    got, audio = read(several(1, picture=True))
    assert got.shape == (1, 8_000)
    assert (audio.damage, audio.warnings) == (None, ())


def test_video_without_sound(reader):
    with pytest.raises(AudioError, match="<file object>: Matroska/WebM that holds video but no sound"):
        read(several(picture=True))


def test_a_change_of_the_rate_is_told():
    first, second = (encode_av(noise(rate), rate, "adts", "aac") for rate in (44_100, 22_050))
    alone, _ = read(first)
    got, audio = read(first + second)
    np.testing.assert_array_equal(got, alone)
    assert "where it changes from 44100 Hz and 1 channels to 22050 Hz and 1 channels" in audio.damage


@needs_ffmpeg
def test_a_change_of_the_rate_is_told_by_ffmpeg(monkeypatch):
    first, second = (encode_av(noise(rate), rate, "adts", "aac") for rate in (44_100, 22_050))
    monkeypatch.setitem(sys.modules, "av", None)
    _, audio = read(first + second)
    assert "change of the sample rate at 0.5" in audio.damage


def test_the_limits(reader):
    for limits, what in (({"max_rate": 16_000}, "sample rate of 44100"), ({"channels": 1}, "claims 2 channels")):
        with pytest.raises(AudioError, match=what):
            open_audio(io.BytesIO(FILES["mov pcm"]), limits=AudioLimits(**limits))
    for kind in ("mov pcm", "aac"):  # one claims a length, one does not
        with pytest.raises(LimitError, match="limit seconds"):
            read(FILES[kind], limits=AudioLimits(seconds=0.2))
    with pytest.raises(InputError, match="44100 Hz, but 8000 Hz was given"):
        open_audio(io.BytesIO(FILES["m4a aac"]), 8_000)


# --- damage


@pytest.mark.parametrize("kind", ["m4a aac", "mov pcm", "3gp aac"])
def test_an_mp4_that_was_not_finished_is_refused(kind, reader):
    data = FILES[kind]
    with pytest.raises(AudioError, match="MP4/M4A/MOV that cannot be read: its index is missing"):
        read(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("kind", ["webm opus", "mka flac", "wma 2", "avi mp3"])
def test_a_file_that_was_cut_says_so(kind, reader):
    data = FILES[kind]
    size = len(data) * 2 // 3
    rate = KINDS[kind][2]
    whole, _ = read(data, rate)
    got, audio = read(data[:size], rate)
    assert 0 < got.shape[1] < whole.shape[1]
    seconds = got.shape[1] / audio.sample_rate
    assert f"ends at {seconds:.6g} s, after {size} of the {len(data)} bytes that its header claims" in audio.damage
    assert not audio.lost  # all that there is was heard


@pytest.mark.parametrize("kind", ["aac", "ac3"])
def test_a_last_packet_that_was_cut_says_so(kind, reader):
    got, audio = read(FILES[kind][:-50])
    assert got.size
    assert "packet" in audio.damage or "fault" in audio.damage


def test_damage_in_the_middle_is_told_with_its_time(reader):
    data = bytearray(FILES["aac"])
    place = data.index(b"\xff\xf1", len(data) // 2)
    data[place + 9 : place + 60] = b"\xff" * 51
    got, audio = read(bytes(data), 44_100)
    whole, _ = read(FILES["aac"], 44_100)
    assert got.shape[1] == whole.shape[1] - 1_024
    assert " at 0.301859 s (" in audio.damage
    assert audio.lost


def test_a_gap_is_told(reader):
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        for second in (0, 3):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), second, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, second * 16_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    got, audio = read(file.getvalue(), 16_000)
    assert got.shape == (1, 32_000)
    assert "gap in the time stamps at 1.0" in audio.damage
    assert audio.lost


@pytest.mark.parametrize("kind", ["m4a aac", "m4a alac", "webm opus", "mka flac", "aac", "wavpack", "tta", "3gp aac"])
@pytest.mark.parametrize("damage", ["cut", "block", "moved"])
def test_nothing_is_lost_in_silence(kind, damage):
    dice = random.Random(f"{kind} {damage}")
    whole, _ = heard(FILES[kind])
    for _ in range(6):
        count, why = heard(fuzz_audio.DAMAGES[damage](bytearray(FILES[kind]), dice))
        assert why is not None or count >= whole - 160  # most of a packet of 20 ms


@posix
@pytest.mark.parametrize("phones", ["pyav", pytest.param("ffmpeg", marks=needs_ffmpeg)])
def test_mutated_files_give_an_error_of_ours_or_finite_samples(phones):
    """A short campaign; ``python -m tools.checks.fuzz_audio --av`` runs long ones."""
    count = len(FILES) if phones == "pyav" else 4
    summary = fuzz_audio.campaign(count, seed=5, phones=phones)
    offenders = [offender for offender in summary["offenders"] if offender[2] in ("foreign", "signal", "hang")]
    assert offenders == []
    assert summary["results"]["accepted"] > 0


def test_nothing_is_printed(capfd, reader):
    data = bytearray(FILES["webm opus"])
    data[600:900] = bytes(300)
    heard(bytes(data))
    heard(FILES["m4a aac"][:3_000])
    assert capfd.readouterr() == ("", "")


# --- release


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("how", ["closed", "dropped", "refused"])
def test_what_is_dropped_is_released(tmp_path, reader, how):
    path = tmp_path / "a.m4a"
    path.write_bytes(encode_av(noise(16_000, seconds=30), 16_000, "ipod", "alac"))
    before = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    gc.disable()
    try:
        for _ in range(3):
            if how == "refused":
                with pytest.raises(AudioError):
                    open_audio(path, limits=AudioLimits(max_rate=8_000), target_rate=8_000)
                continue
            audio = open_audio(path)
            blocks = audio.blocks()
            next(blocks)
            if how == "closed":
                audio.close()
            del audio, blocks
        if how == "refused":
            gc.collect()  # of what pytest keeps of the error
        assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before
    finally:
        gc.enable()


# --- around it


def test_folders_are_searched_for_them(tmp_path):
    names = "a.m4a b.MP4 c.mov d.3gp e.webm f.mkv g.wma h.amr i.awb j.aac k.ac3 l.wv m.m4b n.weba o.avi p.3g2 q.asf"
    for name in names.split():
        (tmp_path / name).touch()
    (tmp_path / "code.ts").touch()
    assert [Path(found.name).name for found in find_recordings([str(tmp_path)])] == sorted(names.split())


def test_a_folder_of_a_phone_is_classified(tmp_path, capsys, reader):
    for kind, name in (("m4a aac", "IMG_1.m4a"), ("webm opus", "clip.webm")):
        (tmp_path / name).write_bytes(FILES[kind])
    (tmp_path / "stub.m4a").write_bytes(b"\0\0\0 ftypM4A " + bytes(40))
    code = main(["classify", str(tmp_path), "--model", "starter", "--backend", "numpy", "--top", "1", "-q"])
    out, err = capsys.readouterr()
    assert code == 3
    assert "IMG_1.m4a" in out
    assert "clip.webm" in out
    assert "stub.m4a: MP4/M4A/MOV that cannot be read" in err


@pytest.mark.parametrize(("path", "told"), [("", "none on the PATH, so M4A"), (None, "ffmpeg")])
def test_doctor_says_what_reads_them(capsys, monkeypatch, path, told):
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    assert main(["doctor"]) == 0
    assert f"PyAV                  {av.__version__} (libavcodec " in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "av", None)
    if path is not None:
        monkeypatch.setenv("PATH", path)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"not installed: {how_to_install('yamjit[av]')}" in out
    assert told in out


def test_an_ffmpeg_of_the_current_folder_is_not_run(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match="or install ffmpeg"):
        open_audio(io.BytesIO(FILES["m4a aac"]))
