"""Runs over many recordings: what is found in files, folders and patterns, and folders of results."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest

from yamjit.errors import InputError, OutputError
from yamjit.runs.folder import ResultFolder
from yamjit.runs.inputs import Recording, check_places, find_recordings
from yamjit.runs.naming import Places
from yamjit.runs.whole import whole_file


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with recordings, and be in it."""
    for name in (
        "day/b.wav",
        "day/a.FLAC",
        "day/B.ogg",
        "day/inner/z.mp3",
        "day/a-b/c.wav",
        "day/a/c.wav",
        "day/.hidden.wav",
        "day/.hidden/x.wav",
        "day/notes.txt",
        "day/phone.m4a",
        "day/out/yamjit-run.json",
        "day/out/clip.wav",
        "night/b.wav",
        "empty/notes.txt",
        "single.raw",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


DAY = ["B.ogg", "a/c.wav", "a-b/c.wav", "a.FLAC", "b.wav", "inner/z.mp3", "out/clip.wav", "phone.m4a"]


def names(*inputs: str) -> list[str]:
    return [recording.name for recording in find_recordings(inputs)]


def test_folders_are_walked_in_order(tree: Path) -> None:
    assert names("day") == [str(Path("day", name)) for name in DAY]
    found = find_recordings(["day"])
    assert [recording.place for recording in found] == [PurePath(name) for name in DAY]
    assert all(recording.problem is None for recording in found)


def test_inputs_keep_their_order_and_count_once(tree: Path) -> None:
    wanted = ["night/b.wav", "single.raw", "nowhere.wav", *(f"day/{name}" for name in DAY)]
    assert names("night", "single.raw", "nowhere.wav", "./day", "day/b.wav", str(tree / "single.raw")) == wanted


def test_patterns(tree: Path) -> None:
    assert names("day/*.wav", "**/b.wav") == ["day/b.wav", "night/b.wav"]
    assert names("d*y") == names("day")
    assert names("no*thing") == ["no*thing"]
    (tree / "really[1].wav").touch()
    assert names("really[1].wav") == ["really[1].wav"]


def test_a_folder_without_recordings_fails_in_its_turn(tree: Path) -> None:
    first, second = find_recordings(["empty", "single.raw"])
    assert first.problem is not None
    assert "empty: the folder holds no recordings" in first.problem
    assert second.problem is None


@pytest.mark.skipif(os.name == "nt", reason="links want rights on Windows")
def test_links_are_followed_once(tree: Path) -> None:
    (tree / "day" / "loop").symlink_to(tree / "day")
    (tree / "day" / "zz.wav").symlink_to(tree / "day" / "b.wav")
    (tree / "day" / "moon").symlink_to(tree / "night")
    assert names("day") == [f"day/{name}" for name in (*DAY[:-2], "moon/b.wav", *DAY[-2:])]


def test_standard_input_stands_alone() -> None:
    assert [recording.name for recording in find_recordings(["-"])] == ["-"]
    with pytest.raises(InputError, match="cannot be combined with other inputs"):
        find_recordings(["a.wav", "-"])


def test_places_of_results(tree: Path) -> None:
    inputs = ["day/b.wav", str(tree / "single.raw"), "night/../night/b.wav"]
    assert [r.place for r in find_recordings(inputs)] == [PurePath(p) for p in ("day/b.wav", "single.raw", "b.wav")]
    check_places(find_recordings(["day/b.wav", "night/b.wav"]))
    with pytest.raises(InputError, match=r"'day/b.wav' and 'night/b.wav' would have the same result"):
        check_places(find_recordings(["day", "night"]))


# -- Folders of results -----------------------------------------------------------------------------------------

SETTINGS = {"model": "abc", "top": 5, "labels": ("Dog", "Cat")}


def recording(tree: Path, name: str = "b.wav") -> Recording:
    return Recording(str(tree / "day" / name), PurePath("inner", name), root=str(tree / "day"))


@dataclass(frozen=True)
class Write:
    """Writes a result."""

    places: Places

    def __call__(self, one: Recording) -> None:
        with whole_file(self.places.target(one)) as file:
            file.write(b"result")


def keep(folder: ResultFolder, one: Recording) -> Path:
    assert folder.todo([one]) == [one]
    folder.keeping(lambda place: Write(folder.places))(one)
    return folder.places.target(one)


def test_results_mirror_recordings(tree: Path) -> None:
    with ResultFolder(tree / "results", ".csv", SETTINGS) as folder:
        path = keep(folder, recording(tree))
    assert path == tree / "results" / "inner" / "b.wav.yamjit.csv"
    assert path.read_bytes() == b"result"
    manifest = json.loads((tree / "results" / "yamjit-run.json").read_text())
    assert manifest == {"model": "abc", "top": 5, "labels": ["Dog", "Cat"], "inputs": [str(tree / "day")]}
    assert names("results") == ["results"]


def test_resume_goes_on_and_nothing_else_does(tree: Path) -> None:
    one, two = recording(tree), recording(tree, "a.FLAC")
    with ResultFolder("results", ".csv", SETTINGS, resume=True) as folder:
        keep(folder, one)
    with ResultFolder("results", ".csv", SETTINGS, resume=True) as folder:
        assert (folder.has(one), folder.has(two)) == (True, False)
        os.utime(one.name, ns=(0, 1))
        assert not folder.has(one)
    with (
        pytest.raises(InputError, match="--resume continues it, --overwrite replaces them"),
        ResultFolder("results", ".csv", SETTINGS),
    ):
        pass
    with (
        pytest.raises(InputError, match="other settings \\(top 5 there, 6 now\\): choose another folder"),
        ResultFolder("results", ".csv", SETTINGS | {"top": 6}, resume=True),
    ):
        pass
    assert (tree / "results/inner/b.wav.yamjit.csv").read_bytes() == b"result"


def test_overwrite_removes_results_alone(tree: Path) -> None:
    with ResultFolder("results", ".csv", SETTINGS) as folder:
        path = keep(folder, recording(tree))
    mine = tree / "results" / "inner" / "mine.csv"
    mine.touch()
    with ResultFolder("results", ".json", SETTINGS | {"top": 6}, overwrite=True) as folder:
        assert not folder.has(recording(tree))
    assert mine.exists()
    assert not path.exists()
    assert json.loads((tree / "results" / "yamjit-run.json").read_text())["top"] == 6


def test_what_was_not_finished_is_removed_and_locked_folders_are_left(tree: Path) -> None:
    with ResultFolder("results", ".csv", SETTINGS) as folder:
        partial = folder.places.target(recording(tree)).with_name(".yamjit-partial-1-2")
        partial.parent.mkdir()
        partial.touch()
        if os.name != "nt":
            with pytest.raises(InputError, match="another run"), ResultFolder("results", ".csv", SETTINGS, resume=True):
                pass
        assert partial.exists()
    with ResultFolder("results", ".csv", SETTINGS, resume=True):
        assert not partial.exists()


def test_a_manifest_that_is_none(tree: Path) -> None:
    (tree / "results").mkdir()
    (tree / "results" / "yamjit-run.json").write_text("nonsense")
    with pytest.raises(InputError, match="is not a list of settings"), ResultFolder("results", ".csv", {}, resume=True):
        pass


def test_a_file_is_whole_or_not_there(tree: Path) -> None:
    path = tree / "new" / "file"
    with pytest.raises(TypeError), whole_file(path) as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert list(path.parent.iterdir()) == []
    with whole_file(path) as file:
        file.write(b"first")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        raise KeyboardInterrupt
    assert path.read_bytes() == b"first"
    for impossible in (tree / "single.raw" / "below", tree / "day", tree / ("n" * 256)):
        with pytest.raises(OutputError, match="cannot be written"), whole_file(impossible):
            pass


def test_an_interrupted_run_leaves_no_partial_files(tree: Path) -> None:
    partial = tree / "results" / "a" / ".yamjit-partial-1-2"

    def interrupted() -> None:
        with ResultFolder(tree / "results", ".csv", SETTINGS):
            partial.parent.mkdir()
            partial.touch()  # as a process that was ended leaves it
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not partial.exists()
