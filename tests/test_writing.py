"""Files that a user names are written as other programs write them, and none that is read is written over."""

from __future__ import annotations

import argparse
import errno
import io
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yamjit.cli import main, streams
from yamjit.cli.classes import _named_head
from yamjit.cli.command import _parser
from yamjit.cli.outputs import Input, Output, Outputs, Reads, Writes
from yamjit.cli.values import named_file
from yamjit.errors import InputError, OutputError
from yamjit.writing import NamedFile, check_writable, replace_whole, temporary_file, whole_file, write_whole

POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions, links and pipes of POSIX")
ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="what only root can set up")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> int:
    """Run the command without a log of its own; wrong usage is 2."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def as_nobody(work: Callable[[], object]) -> str:
    """Return the name of what `work` raises as a user who may do nothing special; "" if it raises nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            work()
        except BaseException as error:  # noqa: BLE001
            os.write(writing, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as file:
        return file.read().decode()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def cut_short(name: str, error: BaseException, **how: Any) -> None:
    """Write a file, amid which `error` comes."""
    with whole_file(Path(name), **how) as file:
        file.write(b"half" if name != "empty.csv" else b"")
        raise error


# -- One file ---------------------------------------------------------------------------------------------------


def test_what_was_there_stays_until_the_new_is_whole() -> None:
    path = Path("a.csv")
    path.write_bytes(b"whole")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"whole"
    assert path.read_bytes() == b"new"
    for error in (OSError("odd"), ValueError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            cut_short("a.csv", error)
    assert path.read_bytes() == b"new"
    assert names() == ["a.csv"]


def test_what_an_interruption_leaves_says_that_it_is_partial() -> None:
    kept: list[Path] = []
    Path("w.csv").write_bytes(b"whole")
    for name in ("w.csv", "w.csv", "fresh", "empty.csv"):
        with pytest.raises(KeyboardInterrupt):
            cut_short(name, KeyboardInterrupt(), kept=kept.append)
    with pytest.raises(ValueError, match="no interruption"):
        cut_short("w.csv", ValueError("no interruption"), kept=kept.append)
    assert [path.name for path in kept] == ["w.partial.csv", "w.partial-2.csv", "fresh.partial"]
    assert {path.read_bytes() for path in kept} == {b"half"}
    assert Path("w.csv").read_bytes() == b"whole"
    assert names() == ["fresh.partial", "w.csv", "w.partial-2.csv", "w.partial.csv"]


@POSIX
class TestLikeOtherPrograms:
    """Permissions, owners, links and devices are as they are after ``cat > FILE``."""

    @pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
    def test_the_umask_holds_for_new_files(self, mask: int) -> None:
        before = os.umask(mask)
        try:
            write_whole(Path("a"), b"")
        finally:
            os.umask(before)
        assert mode(Path("a")) == 0o666 & ~mask

    @pytest.mark.parametrize("before", [0o600, 0o640, 0o666, 0o755])
    def test_permissions_stay(self, before: int) -> None:
        path = Path("a")
        path.touch()
        path.chmod(before)
        with whole_file(path) as file:
            assert all(mode(one) & 0o077 == 0 for one in Path().iterdir() if one != path)
            file.write(b"new")
        assert (mode(path), path.read_bytes()) == (before, b"new")

    def test_links_stay_links(self) -> None:
        Path("folder").mkdir()
        Path("folder/real").write_bytes(b"a long text that was there")
        Path("soft").symlink_to("folder/real")
        Path("far").symlink_to(Path("soft").absolute())
        Path("dangling").symlink_to("folder/new")
        os.link("folder/real", "hard")
        for number, name in enumerate(("soft", "far", "hard", "folder/real", "dangling")):
            write_whole(Path(name), b"%d" % number)
            assert Path(name).read_bytes() == b"%d" % number
        assert (Path("hard").read_bytes(), Path("folder/new").read_bytes()) == (b"3", b"4")
        assert Path("hard").samefile("folder/real")
        assert [name for name in names() if Path(name).is_symlink()] == ["dangling", "far", "soft"]
        Path("loop").symlink_to("loop")
        with pytest.raises(OSError) as caught:
            write_whole(Path("loop"), b"")
        assert (caught.value.errno, caught.value.filename) == (errno.ELOOP, "loop")

    def test_a_file_with_another_name_stays_as_it_was_where_there_is_no_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        if not hasattr(os, "posix_fallocate"):
            pytest.skip("room cannot be had beforehand")
        Path("a").write_bytes(b"whole")
        os.link("a", "b")
        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(Path("a"), b"longer than before")
        assert Path("b").read_bytes() == b"whole"
        assert names() == ["a", "b"]

    def test_pipes_and_devices_are_written_to(self) -> None:
        os.mkfifo("pipe")
        got: list[bytes] = []
        for seeks in (False, True):
            reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()))
            reader.start()
            with whole_file(Path("pipe"), seeks=seeks) as file:
                file.write(b"0" * 100_000)
                if seeks:
                    file.seek(0)
                    file.write(b"1")
            reader.join(20)
        assert got == [b"0" * 100_000, b"1" + b"0" * 99_999]
        for device in ("/dev/null", "/dev/zero"):
            before = Path(device).stat()
            write_whole(Path(device), b"anything")
            assert Path(device).stat().st_ino == before.st_ino
        assert names() == ["pipe"]

    @pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no names of open files")
    @pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}"])
    def test_names_of_open_files_are_these_files(self, name: str) -> None:
        with Path("log").open("wb", buffering=0) as file:
            path = Path(name.format(file.fileno()))
            if not path.exists():
                pytest.skip(f"no {path}")
            Path("link").symlink_to(path)
            file.write(b"before, ")
            write_whole(path, b"amid, ")
            write_whole(Path("link"), b"amid, ")
            file.write(b"after")
        assert Path("log").read_bytes() == b"before, amid, amid, after"
        reading, writing = os.pipe()
        check_writable(Path(f"/dev/fd/{writing}"))
        write_whole(Path(f"/dev/fd/{writing}"), b"through a pipe")
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            assert pipe.read() == b"through a pipe"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device of Linux's")
    def test_errors_bear_the_name(self) -> None:
        Path("folder").mkdir()
        Path("file").touch()
        for name, number in (
            ("/dev/full", errno.ENOSPC),
            ("folder", errno.EISDIR),
            ("file/below", errno.ENOTDIR),
            ("lacking/file", errno.ENOENT),
            ("x" * 300, errno.ENAMETOOLONG),
        ):
            with pytest.raises(OSError) as caught:
                write_whole(Path(name), b"x" * 100_000)
            assert (caught.value.errno, caught.value.filename) == (number, name)

    @ROOT
    def test_what_may_not_be_written_is_refused(self, tmp_path: Path) -> None:
        for folder in (*tmp_path.parents, tmp_path):
            if folder.stat().st_uid == os.getuid() and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
        tmp_path.chmod(0o777)
        for name, permissions in (("read-only", 0o444), ("open", 0o666)):
            Path(name).write_bytes(b"whole")
            Path(name).chmod(permissions)
        assert as_nobody(lambda: write_whole(Path("read-only"), b"new")) == "PermissionError"
        assert as_nobody(lambda: check_writable(Path("read-only"))) == "PermissionError"
        assert Path("read-only").read_bytes() == b"whole"
        # Another's file that may be written to stays another's; also where nothing may be put beside it, or taken away.
        for number, permissions in enumerate((0o777, 0o1777, 0o755)):
            tmp_path.chmod(permissions)
            assert as_nobody(lambda n=number: write_whole(Path("open"), b"%d" % n)) == ""
            assert (Path("open").read_bytes(), Path("open").stat().st_uid) == (b"%d" % number, os.getuid())
        assert as_nobody(lambda: write_whole(Path("new"), b"")) == "PermissionError"
        assert as_nobody(lambda: check_writable(Path("new"))) == "PermissionError"
        assert as_nobody(lambda: check_writable(Path("new/below"), makes_folders=True)) == "PermissionError"
        os.chown("open", 65534, 65534)
        write_whole(Path("open"), b"by root")
        assert (Path("open").stat().st_uid, Path("open").stat().st_gid) == (65534, 65534)
        assert names() == ["open", "read-only"]

    def test_a_pipe_that_is_full_is_waited_for(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        got: list[bytes] = []

        def read() -> None:
            with os.fdopen(reading, "rb") as file:
                got.append(file.read())

        reader = threading.Timer(0.05, read)
        reader.start()
        with io.BufferedWriter(NamedFile(writing, "wb", "a pipe")) as file:
            file.write(b"x" * 300_000)
        reader.join(20)
        assert len(got[0]) == 300_000


def test_caches_are_replaced_whatever_is_there() -> None:
    Path("elsewhere").write_bytes(b"mine")
    if os.name == "posix":
        Path("cache").symlink_to("elsewhere")
    replace_whole(Path("cache"), b"new", 0o600)
    assert (Path("cache").read_bytes(), Path("elsewhere").read_bytes()) == (b"new", b"mine")
    assert not Path("cache").is_symlink()


def test_a_temporary_file_names_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_file() as file:
        file.write(b"abc")
        file.seek(1)
        assert file.read() == b"bc"
    nowhere = str(Path("nowhere").absolute())
    monkeypatch.setattr("tempfile.tempdir", nowhere)
    with pytest.raises(OSError) as caught:
        temporary_file()
    assert caught.value.filename == nowhere


# -- Inputs are not written over --------------------------------------------------------------------------------


def actions() -> Iterator[tuple[str, argparse.Action]]:
    """Yield every argument of every verb, with the verb's name."""

    def below(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for verb, sub in action.choices.items():
                    yield from below(f"{name} {verb}", sub)
            else:
                yield name, action

    return below("yamjit", _parser())


#: Words for files and folders in the help of arguments that name them.
_FILES = {"FILE", "FOLDER", "INPUT", "DATA", "HEAD", "MODEL", "LABELS", "CSV"}


def test_every_argument_that_names_a_file_says_whether_it_is_written() -> None:
    writing, reading = set(), set()
    for verb, action in actions():
        words = set(str(action.metavar or "").replace("=", "|").split("|"))
        name = f"{verb} {(action.option_strings or [action.dest])[-1]}"
        if isinstance(action.type, Writes):
            writing.add(name)
        elif isinstance(action.type, Reads) or action.type in (named_file, _named_head):
            reading.add(name)
        else:
            assert not words & _FILES, f"{name} names a file, and is neither of type Reads nor of Writes"
    verbs = ("classify", "events", "segments", "embed", "spectrogram", "plot", "train", "calibrate", "export")
    assert {f"yamjit {verb} --output" for verb in verbs} <= writing
    for name in ("train --head", "train --report", "train --plot", "calibrate --csv", "metadata write --output"):
        assert f"yamjit {name}" in writing
    for name in (
        "classify files",
        "events --model",
        "train data",
        "train --audio",
        "export head",
        "plot --calibration",
        "classify --head",
    ):
        assert f"yamjit {name}" in reading
    assert isinstance(_named_head("birds.tflite"), Input)
    assert not isinstance(_named_head("birds"), Input)


@pytest.fixture
def clips(examples: dict[Path, str]) -> Path:
    """A folder of recordings: two classes of one clip each, and a table of them."""
    siren, speech, telephone = sorted(examples)
    for name, source in (("d/A/a.flac", siren), ("d/A/b.flac", speech), ("d/B/c.flac", telephone)):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, name)
    Path("d/t.csv").write_text("filename,category\nA/a.flac,A\nA/b.flac,A\nB/c.flac,B\n")
    Path("d/A/a.txt").write_text("0.0\t1.0\tA\n1.0\t2.0\tB\n")
    return Path("d")


def content() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


READING = ["classify", "events", "embed", "spectrogram"]


@pytest.mark.slow
@pytest.mark.parametrize("given", ["d", "d/A", "d/A/*.flac", "d/**/*.flac", "./d/A/../A/a.flac", "d/A/a.flac", "link"])
@pytest.mark.parametrize("verb", READING)
def test_recordings_are_not_written_over(
    clips: Path, capsys: pytest.CaptureFixture[str], verb: str, given: str
) -> None:
    if os.name == "posix":
        Path("link").symlink_to("d")
        os.link("d/A/a.flac", "hard.flac")
        Path("soft.flac").symlink_to("d/A/a.flac")
    before = content()
    written = ["d/A/a.flac", "d/B/../A/a.flac"] + (["hard.flac", "soft.flac"] if os.name == "posix" else [])
    for output in written:
        assert run(verb, given, "--model", "starter", "--format", "csv", "-q", "-o", output) == 1
        assert capsys.readouterr().err == (
            f"yamjit: error: {output!r} is a recording that is read, and will not be overwritten\n"
        )
    assert content() == before


def test_pictures_are_no_recordings(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("d/A/a.flac", "a.png")
    for verb in ("plot", "spectrogram"):
        assert run(verb, "a.png", "--model", "starter", "-o", "a.png") == 1
        assert "'a.png' is a recording that is read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "output", "what"),
    [
        ("train d -o m.tflite --report", "d/A/b.flac", "a recording"),
        ("train d -o m.tflite --head", "d/B/c.flac", "a recording"),
        ("train d -o m.tflite --plot", "d/B/c.flac", "a recording"),
        ("train d -o", "d/A/a.flac", "a recording"),
        ("train d/t.csv -o", "d/A/a.flac", "a recording"),
        ("train d/t.csv -o m.tflite --report", "d/t.csv", "a table or label file"),
        ("train d/A/a.txt -o m.tflite --report", "d/A/a.txt", "a table or label file"),
        ("train d/A/a.txt -o m.tflite --head", "d/A/a.flac", "a recording"),
        ("train d --display-names de=names.txt -o m.tflite --report", "names.txt", "a file of names"),
        ("train d --model m.tflite -o", "m.tflite", "a model"),
        ("evaluate d --report", "d/A/a.flac", "a recording"),
        ("evaluate d/t.csv --plot", "d/t.csv", "a table or label file"),
        ("evaluate d --model m.tflite --report", "m.tflite", "a model"),
        ("calibrate d --csv", "d/A/a.flac", "a recording"),
        ("calibrate d --report", "d/A/a.flac", "a recording"),
        ("calibrate d --plot", "d/A/a.flac", "a recording"),
        ("calibrate d --model m.tflite -o", "m.tflite", "a model"),
        ("export h.npz -o", "h.npz", "a head"),
        ("export --weights npz --model m.tflite -o", "m.tflite", "a model"),
        ("metadata set-labels m.tflite names.txt -o", "names.txt", "a file of labels"),
        ("metadata set-labels m.tflite names.txt --display-names de=d/t.csv -o", "d/t.csv", "a file of names"),
        ("metadata set-calibration m.tflite names.txt -o", "names.txt", "a calibration"),
        ("classify d --format csv --groups names.txt -o", "names.txt", "a file of groups"),
        ("classify d --format csv --calibration names.txt -o", "names.txt", "a calibration"),
        ("events d --format csv --model m.tflite -o", "m.tflite", "a model"),
        ("plot d --format png --model m.tflite -o", "m.tflite", "a model"),
    ],
)
def test_nothing_that_is_read_is_written_over(
    clips: Path,
    small_model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    output: str,
    what: str,
) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    shutil.copy(small_model_path, "m.tflite")
    Path("names.txt").write_text("A\nB\n")
    Path("h.npz").touch()
    before = content()
    verb, option = arguments.split()[0], arguments.split()[-1]
    form = {"--head": ".npz", "--plot": ".png", "--csv": ".csv", "--report": ".json"}.get(option, "")
    if option == "-o" and verb in ("train", "calibrate", "metadata"):
        form = ".tflite"
    refusal = f"is {what} that is read, and will not be overwritten"
    assert run(*arguments.split(), output) == 1
    told = refusal if output.endswith(form) else f"is written as {form}"
    assert told in capsys.readouterr().err
    if os.name == "posix":
        another = Path(f"another{form}")
        another.symlink_to(output)
        assert run(*arguments.split(), another) == 1
        assert capsys.readouterr().err == f"yamjit: error: {str(another)!r} {refusal}\n"
        another.unlink()
    assert content() == before


def test_the_model_in_use_is_not_written_over(
    clips: Path, small_model_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(small_model_path, "mine.csv")
    monkeypatch.setenv("YAMJIT_MODEL", "mine.csv")
    assert run("classify", "d", "-o", "mine.csv") == 1
    assert "'mine.csv' is a model that is read" in capsys.readouterr().err
    for given in ([], ["--model", "starter"]):
        monkeypatch.setenv("YAMJIT_MODEL", "starter")
        assert run("train", "d", *given, "-o", small_model_path) == 1
        assert "is a model that is read" in capsys.readouterr().err
    monkeypatch.setenv("YAMJIT_MODEL", str(Path("mine.csv").rename("weights.npz")))
    assert run("export", "--weights", "npz") == 1  # to weights.npz, as it would by itself
    assert "'weights.npz' is a model that is read" in capsys.readouterr().err


def test_a_model_is_changed_in_place(small_model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(small_model_path, "m.tflite")
    assert run("metadata", "write", "m.tflite", "--name", "mine", "-o", "m.tflite") == 0
    assert run("metadata", "show", "m.tflite") == 0
    assert '"mine"' in capsys.readouterr().out


def test_files_of_a_model_are_not_put_over_it(small_model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("metadata", "extract", small_model_path, "-o", "there") == 0
    name = Path(capsys.readouterr().out.splitlines()[0]).name
    Path("other").mkdir()
    shutil.copy(small_model_path, Path("other", name))
    assert run("metadata", "extract", Path("other", name), "-o", "other") != 0
    assert Path("other", name).read_bytes() == small_model_path.read_bytes()


def test_two_outputs_are_two_files(clips: Path) -> None:
    Path("there.tflite").touch()
    for first, second in (
        ("new.tflite", "./new.tflite"),
        ("there.tflite", "d/../there.tflite"),
        ("d/A/../x.tflite", "d/x.tflite"),
    ):
        with pytest.raises(InputError, match=re.escape(f"{first!r} and {second!r} are the same file")):
            Outputs(argparse.Namespace(one=Output(first), other=Output(second)))
    if os.name == "posix":
        args = argparse.Namespace(one=Output("/dev/null"), other=Output("/dev/null"))
        Outputs(args)


def test_what_cannot_be_written_is_told_before_the_work(
    clips: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("work was done")

    monkeypatch.setattr("yamjit.learn.embed_clips", work)
    for option, name, said in (
        ("--report", "no/r.json", "No such file or directory; there is no folder 'no'"),
        ("--head", "d/t.csv/h.npz", "Not a directory"),
    ):
        assert run("train", "d", "--model", "starter", "-o", "m.tflite", option, name) == 1
        assert capsys.readouterr().err == f"yamjit: error: {name!r}: cannot be written: {said}\n"
    for name, said in (
        ("d", "is a folder: a report is written to a file, such as 'd/NAME.json'"),
        ("r.png", "a report is written as .json, not as .png"),
    ):
        assert run("train", "d", "--model", "starter", "-o", "m.tflite", "--report", name) == 1
        assert said in capsys.readouterr().err
    assert run("train", "d", "-o", "") == 2
    assert run("classify", "d", "-o", "") == 2
    assert "an empty name" in capsys.readouterr().err


def test_results_are_not_put_over_what_is_read(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("d/g.yamjit.txt").write_text("Alarm = Siren\n")
    Path("d/yamjit-run.json").write_text('{"Alarm": ["Siren"]}')
    Path("d/x.yamjit.segments").mkdir()
    shutil.copy("d/A/a.flac", "d/x.yamjit.segments/a_000001.000_Siren.flac")
    before = content()
    for arguments in (
        ("classify", "d/A", "--groups", "d/g.yamjit.txt"),
        ("segments", "d/x.yamjit.segments/a_000001.000_Siren.flac"),
        ("classify", "d/A", "--groups", "d/yamjit-run.json"),
    ):
        assert run(*arguments, "--model", "starter", "--overwrite", "-o", "d") == 1
        assert "has the name of a result" in capsys.readouterr().err
    assert content() == before


def test_a_hundred_thousand_inputs_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    Path("a.wav").touch()
    none = Outputs(argparse.Namespace(output=Output("new.csv")))
    one = Outputs(argparse.Namespace(output=Output("a.wav")))
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda name, **how: looked.append(name) or real(name, **how))
    one.refuse([f"{number}.wav" for number in range(100_000)], "a recording")
    assert len(looked) == 100_000
    with pytest.raises(InputError, match=r"'a\.wav' is a recording"):
        one.refuse(["b.wav", "a.wav"], "a recording")
    none.refuse(["b.wav", "a.wav"], "a recording")


def test_an_output_that_is_refused_is_an_output_error() -> None:
    with pytest.raises(OutputError):
        Outputs(argparse.Namespace(output=Output("no/such/folder")))


def test_a_message_is_there_at_once_where_python_is_told_not_to_buffer(tmp_path: Path) -> None:
    """PYTHONUNBUFFERED=1, as in many containers: a file or a log has each line when it is said."""
    unbuffered = SimpleNamespace(encoding="utf-8", errors="strict", line_buffering=False, write_through=True)
    with (tmp_path / "log").open("wb", buffering=0) as raw, streams._around(raw, unbuffered) as stream:
        stream.write("yamjit: a.wav: is damaged\n")
        assert (tmp_path / "log").read_bytes() == b"yamjit: a.wav: is damaged\n"
