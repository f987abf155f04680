"""Whose results are in a folder: recordings replaced, moved, named alike, beside their results; damage of any kind."""

from __future__ import annotations

import csv
import errno
import functools
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePath

import numpy as np
import pytest
import soundfile

from yamjit.cli import main
from yamjit.errors import AudioError, InputError, OutputError
from yamjit.runs.folder import ResultFolder
from yamjit.runs.inputs import Recording, find_recordings
from yamjit.runs.outcomes import outcomes
from yamjit.runs.whole import whole_file, whole_folder

posix = pytest.mark.skipif(os.name == "nt", reason="links and names of POSIX")
Run = Callable[..., int]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)


def tone(path: str | Path, pitch_hz: float = 440.0, mtime_ns: int = 10**18, seconds: float = 0.3) -> Path:
    """Write a recording; two of different pitch have the same size."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * pitch_hz * time_s), 16_000, subtype="PCM_16")
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def run(*arguments: object, verb: str = "classify") -> int:
    more = [] if verb in ("plot",) else ["--format", "csv"] if verb != "segments" else []
    return main([verb, *(str(argument) for argument in arguments), "--backend", "numpy", *more])


def rows(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(folder: str | Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.yamjit.*"))


def names(*inputs: str) -> list[str]:
    return [Path(recording.name).as_posix() for recording in find_recordings(inputs)]


# -- What a recording was ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["classify", "events", "segments", "embed", "plot", "spectrogram"])
def test_a_replaced_recording_is_read_anew(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    if verb == "plot":
        pytest.importorskip("matplotlib")
    more = ["--on", "0.02"] if verb in ("events", "segments") else []
    tone("arch/r.wav", 300)
    tone("arch/kept.wav", 500)
    assert run("arch", "-o", "out", *more, verb=verb) == 0
    first = content("out")
    tone("arch/r.wav", 3000, mtime_ns=10**17)  # of the same size, and older
    capsys.readouterr()
    assert run("arch", "-o", "out", "--resume", *more, verb=verb) == 0
    assert "1 of 2 files are done already" in capsys.readouterr().err
    resumed = content("out")
    assert {name for name in first if "r.wav" in name and first[name] != resumed.get(name)}
    assert {name: first[name] for name in first if "kept" in name} == {n: resumed[n] for n in resumed if "kept" in n}
    assert run("arch", "-o", "anew", *more, verb=verb) == 0
    assert content("anew") == resumed


def content(folder: str) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    whole = {name: path.read_bytes() for name, path in found.items()}
    for name, data in whole.items():  # pictures may bear the time of their making
        if name.endswith(".png"):
            whole[name] = data[data.index(b"IDAT") :]
    return whole


@pytest.mark.parametrize("what", ["older", "newer by a nanosecond", "longer", "same"])
def test_size_and_time_to_the_nanosecond_count(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tone("arch/r.wav")
    tone("arch/s.wav")
    assert run("arch", "-o", "out") == 0
    before = recording.stat()
    if what == "older":
        os.utime(recording, ns=(0, before.st_mtime_ns - 10**15))
    elif what == "newer by a nanosecond":
        os.utime(recording, ns=(0, before.st_mtime_ns + 1))
        if recording.stat().st_mtime_ns == before.st_mtime_ns:
            pytest.skip("this file system has coarser times")
    elif what == "longer":
        tone(recording, seconds=0.4, mtime_ns=before.st_mtime_ns)
    assert run("arch", "-o", "out", "--resume") == 0
    assert f"{2 if what == 'same' else 1} of 2 files are done already" in capsys.readouterr().err


def test_a_result_does_not_outlive_its_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replaced by no audio: there is no result. Away for now: the result stays, and the run fails."""
    tone("arch/r.wav")
    tone("arch/s.wav")
    assert run("arch", "-o", "out") == 0
    Path("arch/r.wav").write_bytes(b"no audio")
    assert run("arch", "-o", "out", "--resume") == 3
    assert results("out") == ["s.wav.yamjit.csv"]
    Path("arch/s.wav").rename("away.wav")
    monkeypatch.chdir("arch")
    assert run("s.wav", "-o", "../out", "--resume") == 3
    assert "s.wav: cannot be opened" in capsys.readouterr().err
    assert results("../out") == ["s.wav.yamjit.csv"]


def test_what_changes_while_it_is_read_is_not_done(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = find_recordings([str(tone("arch/r.wav")), str(tone("arch/s.wav"))])

    def write(folder: ResultFolder, recording: Recording) -> None:
        with whole_file(folder.places.target(recording)) as file:
            file.write(b"result")
            if recording == one:
                tone(one.name, seconds=0.5)

    with ResultFolder("out", ".csv", {}) as folder:
        assert folder.todo([one, other]) == [one, other]
        job = folder.keeping(lambda place: lambda recording: write(folder, recording))
        assert [outcome.failure for outcome in outcomes([one, other], job)] == [None, None]
    with ResultFolder("out", ".csv", {}, resume=True) as folder:
        assert folder.todo([one, other]) == [one]


# -- Whose results they are -------------------------------------------------------------------------------------


def test_cards_with_the_same_names_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Same names, sizes and times: recorders whose clocks were never set."""
    tone("cardA/DCIM/0001.wav", 300)
    tone("cardB/DCIM/0001.wav", 3000)
    assert run("cardA", "-o", "out") == 0
    before = content("out")
    assert run("cardB", "-o", "out", "--resume") == 1
    said = capsys.readouterr().err
    for word in ("cardA", "cardB", "choose another folder", "--overwrite", "yamjit-run.json"):
        assert word in said
    assert content("out") == before
    Path("out/yamjit-run.journal").write_bytes(b"damaged")
    assert run("cardB", "-o", "out", "--resume") == 1
    assert content("out") == before | {"yamjit-run.journal": b""}
    assert run("cardB", "-o", "out", "--overwrite") == 0
    assert content("out") != before
    assert run("cardA", "-o", "out", "--resume") == 1


def test_two_cards_at_once_are_refused_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    tone("cardA/DCIM/0001.wav")
    tone("cardB/DCIM/0001.wav")
    assert run("cardA", "cardB", "-o", "out") == 1
    assert "would have the same result" in capsys.readouterr().err
    assert not Path("out").exists()
    assert run("cardA", "-o", "out") == 0
    assert run(Path("cardB/DCIM/0001.wav").absolute(), "-o", "out", "--resume") == 0  # has another place
    assert results("out") == ["0001.wav.yamjit.csv", "DCIM/0001.wav.yamjit.csv"]


@posix
def test_one_folder_under_many_names_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tone("data/arch/day/a.wav")
    tone("data/arch/b.wav")
    Path("link").symlink_to("data/arch")
    Path("elsewhere").mkdir()
    assert run("data/arch", "-o", "out") == 0
    ways = [
        (".", "./data/arch/"),
        (".", tmp_path / "data" / "arch"),
        (".", "link"),
        (".", "data/../data/arch/day/.."),
        ("data", "arch"),
        ("data/arch", "."),
        ("elsewhere", "../data/arch"),
    ]
    for folder, given in ways:
        monkeypatch.chdir(tmp_path / folder)
        capsys.readouterr()
        assert run(given, "-o", tmp_path / "out", "--resume") == 0
        assert "2 of 2 files are done already" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path / "data" / "arch")
    assert run("day/a.wav", "-o", tmp_path / "out", "--resume") == 0  # a part of it, by the same place
    assert "1 of 1 files are done already" in capsys.readouterr().err
    assert results(tmp_path / "out") == ["b.wav.yamjit.csv", "day/a.wav.yamjit.csv"]


def test_more_recordings_and_more_folders_are_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("arch/05/a.wav", "arch/06/b.wav"):
        tone(name)
    assert run("arch/05", "-o", "out") == 0
    assert run("arch/05", "arch/06", "-o", "out", "--resume") == 0
    assert "1 of 2 files are done already" in capsys.readouterr().err
    tone("arch/06/c.wav")
    assert run("arch/06", "-o", "out", "--resume") == 0
    assert "1 of 2 files are done already" in capsys.readouterr().err
    assert results("out") == ["a.wav.yamjit.csv", "b.wav.yamjit.csv", "c.wav.yamjit.csv"]
    assert run("arch", "-o", "out", "--resume") == 1  # the same recordings, at other places
    assert "in another place" in capsys.readouterr().err


def test_a_moved_archive_has_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    tone("old/day/a.wav")
    assert run("old", "-o", "out") == 0
    Path("old").rename("new")
    assert run("new", "-o", "out", "--resume") == 1
    assert "if the recordings were moved" in capsys.readouterr().err
    manifest = Path("out/yamjit-run.json")
    known = json.loads(manifest.read_text())
    assert known["inputs"] == [str(Path("old").resolve())]
    known["inputs"] = [str(Path("new").resolve())]
    manifest.write_text(json.dumps(known))
    assert run("new", "-o", "out", "--resume") == 0
    assert "1 of 1 files are done already" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["rec", "rec/results", "."])
def test_results_and_recordings_move_together(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    tone("disk/rec/a.wav")
    assert run("disk/rec", "-o", f"disk/{where}/") == 0
    Path("disk").rename("moved")
    assert run("moved/rec", "-o", f"moved/{where}/", "--resume") == 0
    assert "1 of 1 files are done already" in capsys.readouterr().err


# -- Results beside recordings ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("where", ["rec", "rec/results", "."])
@pytest.mark.parametrize("verb", ["classify", "segments"])
def test_recordings_beside_results_are_heard(where: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    recordings = ["rec/a.wav", "rec/day/b.wav"]
    for name in recordings:
        tone(name)
    more = ["--on", "0.02"] if verb == "segments" else []
    assert run("rec", "-o", where, *more, verb=verb) == 0
    recordings.append(tone("rec/results/late.wav").as_posix())
    for given in ("rec", ".", "rec/**/*.wav", "*"):
        assert sorted(name for name in names(given) if name.endswith(".wav")) == sorted(recordings), given
    assert run("rec", "-o", where, "--resume", *more, verb=verb) == 0
    assert "2 of 3 files are done already" in capsys.readouterr().err
    assert run("rec", "-o", where, "--overwrite", *more, verb=verb) == 0
    assert sorted(names(".")) == sorted(recordings)
    assert "skipped" not in capsys.readouterr().err


def test_segments_are_heard_where_they_are_named() -> None:
    tone("rec/a.wav", 1000, seconds=1.0)
    assert run("rec", "-o", "rec", "--on", "0.02", verb="segments") == 0
    folder = "rec/a.wav.yamjit.segments"
    clips = sorted(path.as_posix() for path in Path(folder).iterdir())
    assert clips
    assert names(folder) == clips
    assert names(f"{folder}/*.flac") == names(clips[0], *clips) == clips
    assert names("rec") == names("rec/*") == names("rec/**") == ["rec/a.wav"]
    Path("rec/yamjit-run.json").unlink()  # nothing says that these are results
    assert names("rec") == ["rec/a.wav", *clips]


def test_a_recording_among_segments_is_heard_and_never_removed(capsys: pytest.CaptureFixture[str]) -> None:
    tone("rec/a.wav", 1000, seconds=1.0)
    command = ["rec", "-o", "rec", "--on", "0.02"]
    assert run(*command, verb="segments") == 0
    mine = tone("rec/a.wav.yamjit.segments/mine.wav")
    assert names("rec") == ["rec/a.wav", mine.as_posix()]
    tone("rec/a.wav", 900)
    assert run(*command, "--resume", verb="segments") == 3
    assert "which is read" in capsys.readouterr().err
    assert run("rec/*.wav", "-o", "rec", "--on", "0.02", "--overwrite", verb="segments") == 1
    assert "'mine.wav' in it is not a segment" in capsys.readouterr().err
    assert mine.is_file()


def test_overwriting_spares_recordings_that_are_named_like_results() -> None:
    tone("rec/a.yamjit.wav")
    tone("rec/b.yamjit.segments/c.wav")
    Path("rec/notes.yamjit").touch()
    before = sorted(Path("rec").rglob("*"))
    assert names("rec") == ["rec/a.yamjit.wav", "rec/b.yamjit.segments/c.wav"]
    assert run("rec/a.yamjit.wav", "-o", "rec") == 0
    assert run("rec/a.yamjit.wav", "-o", "rec", "--overwrite", "--top", "2") == 1  # says that it may not remove c.wav
    assert set(before) <= set(Path("rec").rglob("*"))
    shutil.move("rec/b.yamjit.segments", "rec/b")
    assert run("rec/a.yamjit.wav", "-o", "rec", "--overwrite", "--top", "2") == 0
    assert names("rec") == ["rec/a.yamjit.wav", "rec/b/c.wav"]


def test_results_of_another_run_are_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    tone("rec/a.wav")
    assert run("rec", "-o", "rec/results") == 0
    tone("rec/results/a.wav", 3000)
    before = Path("rec/results/a.wav.yamjit.csv").read_bytes()
    assert run("rec", "-o", "rec") == 3
    assert "among the results of another run" in capsys.readouterr().err
    assert run("rec", "-o", "rec", "--overwrite") == 3
    assert Path("rec/results/a.wav.yamjit.csv").read_bytes() == before


@posix
def test_what_is_read_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    tone("rec/a.wav")
    mine = tone("mine.wav").rename("rec/a.wav.yamjit.csv")
    linked = tone("rec/b.wav")
    Path("rec/c.wav.yamjit.csv").symlink_to("b.wav")
    tone("rec/c.wav")
    before = mine.read_bytes(), linked.read_bytes()
    assert run("rec", mine, "-o", "rec") == 1
    assert "has the name of a result" in capsys.readouterr().err
    assert (mine.read_bytes(), linked.read_bytes()) == before
    assert run("rec", "-o", "rec") == 3
    assert capsys.readouterr().err.count("which is read") == 1
    assert linked.read_bytes() == before[1]


def test_folders_without_recordings_and_no_name_at_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tone("in/a.wav")
    for name in ("one/sub", "two/sub"):
        Path(name).mkdir(parents=True)
    assert run("*/sub", "", "in", "-o", "out") == 3
    said = capsys.readouterr().err
    assert said.count("the folder holds no recordings") == 2
    assert "'' is not the name of a file" in said
    assert results("out") == ["a.wav.yamjit.csv"]
    monkeypatch.chdir("one")
    assert run(".", "-o", ".") == 3


# -- Names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["m", "\u00fc", "\u97f3"])
def test_a_long_name_does_not_end_the_run(letter: str) -> None:
    size = len(letter.encode())
    longest = letter * (250 // size)
    for name in ("a", longest, longest[:-1] + "n", "z"):
        tone(f"in/{name}.wav", 300 if name == longest else 600)
    assert run("in", "-o", "out") == 0
    assert len(results("out")) == 4
    assert {rows(f"out/{result}")[0]["file"] for result in results("out")} == {
        str(path) for path in Path("in").iterdir()
    }
    before = content("out")
    assert run("in", "-o", "out", "--resume") == 0
    assert content("out") == before


@posix
def test_names_that_look_like_patterns() -> None:
    odd = ["[2024] trip/Title [dQw4w9WgXcQ].wav", "a*b/what?.wav", "{x}/[!a].wav", "[a-z]/**/y.wav", "2 trip/no.wav"]
    for name in odd:
        tone(name)
    for name in odd:
        assert names(name) == [name]
        assert names(str(PurePath(name).parent)) == [name]
        assert names(f"{PurePath(name).parent}/*.wav") == [name]
    assert names("[2024] trip/Title [dQw4w9WgXcQ]*") == [odd[0]]
    assert names("*/Title [dQw4w9WgXcQ].wav") == [odd[0]]
    assert names("[[]2024] trip/*") == [odd[0]]
    assert names("[0-9] trip/*") == [odd[4]]
    tone("[2] trip/yes.wav")
    assert names("[2]*/*.wav") == [odd[4], "[2] trip/yes.wav"]


@pytest.mark.parametrize("pattern", ["no*thing", "day/*.mp3", "[2023] trip/*.wav"])
def test_a_pattern_that_stands_for_nothing_says_so(pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
    tone("day/a.wav")
    assert run(pattern, "day") == 3
    assert f"{pattern}: there is no such file, and nothing matches it as a pattern" in capsys.readouterr().err


def test_names_that_a_file_system_takes_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("R.wav", "r.wav", "caf\u00e9.wav", "cafe\u0301.wav"):
        tone(f"in/{name}")
    if len(list(Path("in").iterdir())) < 4:
        pytest.skip("so does this one, and the recordings are fewer")
    assert run("in", "-o", "out") == 0
    monkeypatch.setattr("yamjit.runs.clashes._Folder.folds_names", True)
    assert run("in", "-o", "folded") == 3
    assert capsys.readouterr().err.count("does not tell their names apart") == 2
    assert len(results("folded")) == 2


@posix
def test_what_is_passed_over_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.WAV", "b.wAv", ".hidden.wav", ".cards/c.wav", "._a.WAV"):
        tone(f"in/{name}.wav").rename(f"in/{name}")
    for name in ("notes.txt", "CONFIG.TXT", "cover.jpg", "README", ".DS_Store"):
        Path("in", name).touch()
    passed_over: Counter[str] = Counter()
    assert [one.name for one in find_recordings(["in"], passed_over)] == ["in/a.WAV", "in/b.wAv"]
    assert passed_over == {".txt": 2, ".jpg": 1, "without a suffix": 1, "hidden": 2}
    assert run("in", "-o", "out") == 0
    said = capsys.readouterr().err
    told = "skipped, because they are not named like recordings: 2 hidden, 2 .txt, 1 without a suffix, 1 .jpg"
    assert said.count(told) == 1
    assert run("in", "-o", "out", "--resume", "-q") == 0
    assert capsys.readouterr().err == ""


@posix
def test_links_that_lead_nowhere_fail(capsys: pytest.CaptureFixture[str]) -> None:
    tone("in/a.wav")
    Path("in/unmounted").symlink_to("nowhere")
    Path("in/circle").symlink_to("circle")
    Path("in/gone.wav").symlink_to("gone.flac")
    assert run("in") == 3
    said = capsys.readouterr().err
    assert "3 of 4 files failed" in said
    assert all(name in said for name in ("in/unmounted", "in/circle", "in/gone.wav"))


@posix
def test_deep_folders_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = sys.getrecursionlimit() + 50
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.wav").touch()
    monkeypatch.chdir(tmp_path)
    (found,) = find_recordings(["d"])
    assert (found.problem, len(found.place.parts)) == (None, depth)
    while depth:  # what pytest would remove by recursion
        depth -= 1
        Path("d/d").rename("below") if depth else Path("d/x.wav").unlink()
        Path("d").rmdir()
        Path("below").rename("d") if depth else None


# -- Trouble ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", [b"[" * 100_000, b"nonsense", b"[]", b'{"inputs": 3}', b'{"inputs": [3]}', b"\xff\xfe", b"", b"9" * 5000]
)
def test_damaged_settings_are_named_and_can_be_overwritten(damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    tone("in/a.wav")
    assert run("in", "-o", "out") == 0
    Path("out/yamjit-run.json").write_bytes(damage)
    assert run("in", "-o", "out", "--resume") == 1
    said = capsys.readouterr().err
    assert "yamjit-run.json': is not a list of settings" in said
    assert "--overwrite" in said
    assert run("in", "-o", "out", "--overwrite") == 0
    assert run("in", "-o", "out", "--resume") == 0


def test_a_damaged_journal_costs_time_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its bytes are: a result stays where it is right, and is made anew else."""
    recordings = find_recordings([str(tone(f"in/{number}.wav", mtime_ns=10**18 + number)) for number in range(6)])
    journal = Path("out/yamjit-run.journal")

    def go_on() -> int:
        with ResultFolder("out", ".csv", {}, resume=True) as folder:
            todo = folder.todo(recordings)
            for one in todo:
                folder.keeping(lambda place: functools.partial(write_what_it_is, folder))(one)
        for one in recordings:
            assert folder.places.target(one).read_text() == what_it_is(one)
        return len(todo)

    assert go_on() == 6
    whole = journal.read_bytes()
    assert go_on() == 0
    chance = random.Random(0)
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 20)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'0123456789{}[]",:\n\x00\xff a')
        journal.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        changed = chance.choice(recordings)
        os.utime(changed.name, ns=(0, 10**18 + chance.randrange(10**6)))
        go_on()
        whole = journal.read_bytes()
        assert go_on() == 0
    for bytes_ in (b"", b"[" * 200_000, b'{"place": 3}\n' + whole, whole.replace(b'"root": 0', b'"root": 7')):
        journal.write_bytes(bytes_)
        go_on()
        assert journal.read_bytes() == whole
    journal.unlink()
    assert go_on() == 6
    journal.unlink()
    journal.mkdir()
    with pytest.raises(InputError, match="journal': is not a file"):
        go_on()


def what_it_is(recording: Recording) -> str:
    return str(Path(recording.name).stat().st_mtime_ns)


def write_what_it_is(folder: ResultFolder, recording: Recording) -> None:
    with whole_file(folder.places.target(recording)) as file:
        file.write(what_it_is(recording).encode())


def test_a_result_without_a_line_is_made_anew_and_a_line_without_a_result_too() -> None:
    """Killed between the two, or with the last line torn."""
    for name in ("a", "b", "c"):
        tone(f"in/{name}.wav")
    assert run("in", "-o", "out") == 0
    before = content("out")
    journal = Path("out/yamjit-run.journal")
    Path("out/b.wav.yamjit.csv").write_text("of something else")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[2] + lines[1][:20])
    Path("out/c.wav.yamjit.csv").unlink()
    assert run("in", "-o", "out", "--resume") == 0
    assert content("out") == before


def test_one_place_that_cannot_be_written_fails_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.wav", "day/b.wav", "c.wav", "night/d.wav"):
        tone(f"in/{name}")
    Path("out").mkdir()
    Path("out/day").touch()  # a file where a folder should be
    Path("out/c.wav.yamjit.csv").mkdir()
    assert run("in", "-o", "out") == 3
    said = capsys.readouterr().err
    assert "2 of 4 files failed" in said
    assert said.count("cannot be written") == 2
    assert run("in", "-o", "out", "--resume", "--jobs", "2") == 3
    assert "2 of 4 files are done already" in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_a_full_disk_ends_the_run_and_one_place_does_not(number: int) -> None:
    recordings = find_recordings([str(tone(f"in/{name}.wav")) for name in "abc"])
    done = []

    def write(recording: Recording) -> None:
        done.append(recording)
        target = folder.places.target(recording)
        with whole_file(target):
            raise OSError(number, os.strerror(number), str(target))

    with ResultFolder("out", ".csv", {}) as folder:
        found = outcomes(folder.todo(recordings), folder.keeping(lambda place: write))
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            with pytest.raises(OutputError, match="cannot be written"):
                list(found)
            assert len(done) == 1
        else:
            assert all("cannot be written" in str(outcome.failure) for outcome in found)
            assert done == recordings


def test_recordings_that_vanish_or_turn_into_folders_fail_alone() -> None:
    recordings = find_recordings([str(tone(f"in/{name}.wav")) for name in "abc"])
    Path("in/b.wav").unlink()
    Path("in/c.wav").unlink()
    Path("in/c.wav").mkdir()
    assert run("in/a.wav", *(recording.name for recording in recordings), "-o", "out") == 3
    assert results("out") == ["in/a.wav.yamjit.csv"]


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_folders_that_may_not_be_read_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.wav", "closed/b.wav", "blind/c.wav"):
        tone(f"in/{name}")
    Path("in/closed").chmod(0)
    Path("in/blind").chmod(0o600)
    try:
        assert run("in") == 3
        assert "2 of 3 files failed" in capsys.readouterr().err
    finally:
        Path("in/closed").chmod(0o700)
        Path("in/blind").chmod(0o700)


def test_an_earlier_folder_stays_until_the_new_one_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("out/a.wav.yamjit.segments")
    with whole_folder(path) as folder:
        (folder / "first.txt").touch()
    with pytest.raises(AudioError), whole_folder(path) as folder:  # noqa: PT012
        (folder / "second.txt").touch()
        assert [file.name for file in path.iterdir()] == ["first.txt"]
        raise AudioError("breaks off")
    assert [file.name for file in path.iterdir()] == ["first.txt"]
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == path and any(self.glob("second.txt")):
            raise OSError(errno.EIO, "a bad disk")
        return rename(self, target)

    with monkeypatch.context() as patch:  # not undone as a whole: that would leave the folder of the test
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(OutputError, match="a bad disk"), whole_folder(path) as folder:
            (folder / "second.txt").touch()
    assert [file.name for file in path.iterdir()] == ["first.txt"]
    with whole_folder(Path("out").absolute() / path.name) as folder:
        pass
