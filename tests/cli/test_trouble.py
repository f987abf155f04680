"""The command in trouble: closed streams, full disks, interruptions at any time; one line, the right exit code."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yamjit import cli

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="streams, signals and limits of POSIX")]

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device of Linux's")

YAMJIT = f"{shlex.quote(sys.executable)} -m yamjit"

#: Verbs that print results soon.
LABELS = "labels --model starter"
CLASSIFY = "classify --backend numpy 0.flac"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: dict[Path, str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    for number, path in enumerate(sorted(examples)):
        Path(f"{number}.flac").symlink_to(path)


def shell(command: str, *, limits: str = "true") -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``yamjit`` is the command."""
    line = f"{limits}; {command.replace('yamjit', YAMJIT)}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60)


def message(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that was said."""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


# -- Standard streams -------------------------------------------------------------------------------------------


@FULL
@pytest.mark.parametrize("arguments", ["--version", "classify --help", LABELS, CLASSIFY])
@pytest.mark.parametrize(("stream", "number"), [("-", errno.EBADF), ("/dev/full", errno.ENOSPC)])
def test_standard_output_that_takes_nothing_is_told(arguments: str, stream: str, number: int) -> None:
    done = shell(f"yamjit {arguments} >{'&' * (stream == '-')}{stream}")
    assert (done.returncode, done.stdout) == (1, "")
    assert message(done) == f"yamjit: error: standard output: {os.strerror(number)}"


@pytest.mark.parametrize(("closed", "code"), [("<&- 2>&-", 0), (">&- 2>&-", 1), ("<&- >&- 2>&-", 1)])
@pytest.mark.parametrize("arguments", ["--version", LABELS])
def test_closed_streams(arguments: str, closed: str, code: int) -> None:
    done = shell(f"yamjit {arguments} {closed}")
    assert (done.returncode, done.stderr) == (code, "")
    assert bool(done.stdout) == (code == 0)


def test_files_do_not_take_the_place_of_closed_streams() -> None:
    whole = shell(f"yamjit {CLASSIFY} lacking.flac -o whole.csv")
    assert (whole.returncode, len(whole.stderr.splitlines())) == (3, 3)
    for more in ("", "1.flac --jobs 2"):
        done = shell(f"yamjit {CLASSIFY} lacking.flac {more} -o a.csv <&- >&- 2>&-")
        assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
        assert Path("a.csv").read_text().startswith(Path("whole.csv").read_text())
        assert "lacking" not in Path("a.csv").read_text()
    done = shell(f"yamjit {CLASSIFY} lacking.flac --format csv 2>&-")
    assert (done.returncode, done.stdout) == (3, Path("whole.csv").read_text())


@FULL
@pytest.mark.parametrize(
    ("arguments", "code"), [(f"{CLASSIFY} lacking.flac", 3), ("labels --model lacking", 1), ("classify", 2)]
)
def test_messages_that_nobody_gets_change_nothing(arguments: str, code: int) -> None:
    done = shell(f"yamjit {arguments} 2>/dev/full")
    assert (done.returncode, "Siren" in done.stdout) == (code, code == 3)


def test_closed_standard_input_is_told() -> None:
    assert message(shell("yamjit listen --raw s16le - <&-")).endswith(os.strerror(errno.EBADF))
    done = shell("yamjit classify - <&-")
    assert (done.returncode, message(done)) == (3, "yamjit: <stdin>: is empty")


@pytest.mark.parametrize("arguments", ["--help", f"{CLASSIFY} -o /dev/stdout", "embed 0.flac --backend numpy"])
def test_a_reader_that_has_enough(arguments: str) -> None:
    done = shell(f"(sleep 0.1; yamjit {arguments}; echo $? >code) | true")
    assert (Path("code").read_text(), done.stderr) == ("141\n", "")


def test_listen_ends_with_its_reader() -> None:
    listen = "(yamjit listen -q --raw s16le - --format jsonl; echo $? >code)"
    done = shell(f"head -c 640000 /dev/zero 2>/dev/null | {listen} | head -1")
    assert Path("code").read_text() == "141\n"
    assert message(done).startswith("yamjit: error: standard output: nobody reads the results any more")
    assert json.loads(done.stdout)["type"]


def test_standard_output_that_is_an_input_is_not_appended_to() -> None:
    Path("copy.flac").write_bytes(Path("0.flac").read_bytes())
    for command in ("yamjit classify copy.flac", "yamjit events .", "yamjit plot - -o a.png <copy.flac"):
        assert "standard output is a recording that is read" in message(shell(f"{command} >>copy.flac"))
    command = "yamjit classify - --format csv -o copy.flac <copy.flac"
    assert "'copy.flac' is a recording that is read" in message(shell(command))
    assert Path("copy.flac").read_bytes() == Path("0.flac").read_bytes()


# -- Where results go -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (f"{CLASSIFY}", "csv"),
        ("embed 0.flac", "npy"),
        ("embed 0.flac", "npz"),
        ("spectrogram 0.flac", "csv"),
        ("metadata write m.tflite --name x", "tflite"),
    ],
)
def test_results_go_through_pipes(
    small_model_path: Path, arguments: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("m.tflite").write_bytes(small_model_path.read_bytes())
    pipe, whole = f"pipe.{name}", f"whole.{name}"
    os.mkfifo(pipe)
    assert cli.main([*arguments.split(), "-o", whole]) == 0
    done = shell(f"yamjit {arguments} -o {pipe} & cat {pipe} >through; wait $!")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Path(pipe).is_fifo()
    if name == "npz":
        with np.load("through") as found, np.load(whole) as expected:
            np.testing.assert_equal(dict(found), dict(expected))
    else:
        assert Path("through").read_bytes() == Path(whole).read_bytes()


@FULL
@pytest.mark.parametrize("verb", ["classify", "events", "embed", "spectrogram"])
def test_devices_stay_devices(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("/dev/null").stat().st_rdev
    assert cli.main([verb, "0.flac", "-o", "/dev/null"]) == 0
    assert Path("/dev/null").stat().st_rdev == before
    assert capsys.readouterr() == ("", "")
    assert cli.main([verb, "0.flac", "-o", "/dev/full"]) == 1
    said = f"yamjit: error: '/dev/full': cannot be written: {os.strerror(errno.ENOSPC)}\n"
    assert capsys.readouterr() == ("", said)


def test_the_umask_holds(capsys: pytest.CaptureFixture[str]) -> None:
    before = os.umask(0o077)
    try:
        for verb in ("classify 0.flac -o a.csv", "classify . -o results/", "segments . -o cut", "export --weights npz"):
            assert cli.main(verb.split()) == 0
    finally:
        os.umask(before)
    made = [path for path in Path().rglob("*") if not path.is_symlink()]
    assert len(made) > 8
    assert [path for path in made if path.stat().st_mode & 0o077] == []


# -- Limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["-o a.csv", "-o results/", "1.flac --jobs 2"])
def test_too_large_a_file_is_told(more: str) -> None:
    Path("a.csv").write_text("whole")
    done = shell(f"yamjit {CLASSIFY} {more} --windows --top -1", limits="ulimit -f 1")
    assert done.returncode == 1
    assert os.strerror(errno.EFBIG) in message(done)
    assert "standard output" not in done.stderr
    assert Path("a.csv").read_text() == "whole"


@pytest.mark.parametrize("most", [10, 14])
def test_too_many_open_files_are_told(most: int) -> None:
    done = shell("yamjit events 0.flac 1.flac --jobs 2", limits=f"ulimit -n {most}")
    assert (done.returncode, done.stdout) == (1, "")
    assert message(done).endswith(f"{os.strerror(errno.EMFILE)} (ulimit -n shows the limit)")
    assert "standard output" not in done.stderr


#: The command in a process that has imported what it needs, and gets so many bytes more.
LOADED = """
import sys
from yamjit import cli
code = cli.main(sys.argv[1:])
print(*sys.modules)
sys.exit(code)
"""

TIGHT = """
import contextlib, importlib, resource, sys
for name in sys.argv[2].split():
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
from yamjit import cli
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[1]),) * 2)
sys.exit(cli.main(sys.argv[3:]))
"""


@pytest.fixture
def loaded() -> str:
    """Names of all modules that the command loads."""
    command = [sys.executable, "-c", LOADED, *CLASSIFY.split(), "-o", "b.csv"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a process's size as Linux tells it")
@pytest.mark.parametrize("more", [2 << 20, 3 << 20, 4 << 20])
def test_too_little_memory_is_told(more: int, loaded: str) -> None:
    """What libraries do while they are imported is not ours to say, nor can anything be said with no memory at all."""
    command = [sys.executable, "-c", TIGHT, str(more), loaded, *CLASSIFY.split(), "-o", "a.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (1, 3)
    assert message(done)
    assert Path("a.csv").exists() == (done.returncode == 3)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError(errno.EIO, "Input/output error", "a \x1b[31mname"), "a \\x1b[31mname: Input/output error"),
        (OSError("libodd.so cannot be loaded"), "libodd.so cannot be loaded"),
        (OSError(), "OSError"),
        (PermissionError(errno.EACCES, "Permission denied", Path("there")), "there: Permission denied"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files (ulimit -n shows the limit)"),
        (MemoryError(), "there is not enough memory"),
        (SystemError("bad"), "Python or a library failed, perhaps for lack of memory: bad"),
        (ImportError("odd.so: failed to map\nsegment"), "odd.so: failed to map segment"),
    ],
)
def test_errors_of_any_kind_are_a_line(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("yamjit.runs.inputs.find_recordings", fail)
    for where in ([], ["-o", "a.csv"], ["-o", "folder"]):
        assert cli.main(["classify", "0.flac", *where]) == 1
        assert capsys.readouterr() == ("", f"yamjit: error: {said}\n")
    with pytest.raises(type(error)):
        cli.main(["--debug", "classify", "0.flac"])


# -- Interruptions ----------------------------------------------------------------------------------------------


def heeding() -> None:
    """Heed Ctrl-C, also where whoever runs the tests has taught their children to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(
    code: str, number: signal.Signals, command: str = f"{CLASSIFY} -o a.csv", *, prepare: Any = heeding
) -> tuple[int, str]:
    """Run the command, which `code` makes interrupt itself; return exit code and what was said."""
    script = f"""
import os, sys
def strike():
    os.kill(os.getpid(), {int(number)})
sys.argv = {["yamjit", *command.split()]}
from yamjit import __main__ as command
{code}
command.script()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60, preexec_fn=prepare
    )
    return done.returncode, done.stderr


_ON_IMPORT = """
class Striking:
    def find_spec(self, name, path, target=None):
        if name == {!r}:
            sys.meta_path.remove(self)
            strike()
sys.meta_path.insert(0, Striking())
"""

_ON_CALL = """
from {0} import {1}
owner = {1} if isinstance({1}, type) else sys.modules[{0!r}]
before = owner.{2}
def striking(*args, **kwargs):
    owner.{2} = before
    strike()
    return before(*args, **kwargs)
owner.{2} = striking
"""

_IN_CALLBACK = """
class Odd:
    def __del__(self):
        strike()
import yamjit.runs.inputs
before = yamjit.runs.inputs.find_recordings
def striking(*args):
    Odd()
    import time
    time.sleep(5)
    return before(*args)
yamjit.runs.inputs.find_recordings = striking
"""

_AT_EXIT = """
import atexit
atexit.register(strike)
"""

#: What is called once a recording is done.
_DONE = _ON_CALL.format("yamjit.runs.tally", "Tally", "conclude")


INT, TERM = signal.SIGINT, signal.SIGTERM


class TestInterruptions:
    """Wherever an interruption comes: at most a line, and 128 and its number."""

    @pytest.mark.parametrize(
        ("name", "number"),
        [
            ("yamjit.cli.command", INT),
            ("argparse", TERM),
            ("yamjit.cli.classify", INT),
            ("numpy", INT),
            ("numpy", TERM),
        ],
    )
    def test_amid_imports(self, name: str, number: signal.Signals) -> None:
        assert interrupted(_ON_IMPORT.format(name), number) == (128 + number, "")
        assert not Path("a.csv").exists()

    @pytest.mark.parametrize(
        ("module", "name", "number"),
        [
            ("yamjit.cli.command", "_parser", TERM),
            ("yamjit.runs.inputs", "find_recordings", INT),
        ],
    )
    def test_before_work(self, module: str, name: str, number: signal.Signals) -> None:
        assert interrupted(_ON_CALL.format(module, name, name), number) == (128 + number, "")
        assert list(Path().glob("*.csv")) == []

    def test_at_the_last_moment(self) -> None:
        code, said = interrupted(_ON_CALL.format("yamjit.writing", "_settle", "_settle"), TERM)
        assert (code, said) == (143, "yamjit: terminated: 1 of 1 recordings done; 'a.csv' is not written\n")
        assert list(Path().glob("*.csv")) == []

    def test_amid_code_that_is_made(self) -> None:
        """As `dataclasses` and others make it, when they are imported."""
        made = _ON_CALL.format("yamjit.runs.inputs", "find_recordings", "find_recordings")
        assert interrupted(made.replace("    strike()", "    exec('strike(); 1')"), INT) == (130, "")

    @pytest.mark.parametrize("number", [INT, TERM])
    def test_where_nothing_can_be_raised(self, number: signal.Signals) -> None:
        assert interrupted(_IN_CALLBACK, number) == (128 + number, "")

    def test_at_exit(self) -> None:
        """All is done by then."""
        assert interrupted(_AT_EXIT, INT) == (0, "")
        assert Path("a.csv").exists()

    def test_what_is_to_be_ignored_is(self) -> None:
        assert interrupted(_DONE, INT, prepare=lambda: signal.signal(INT, signal.SIG_IGN)) == (0, "")
        assert Path("a.csv").exists()

    @pytest.mark.parametrize(
        ("verb", "form", "number"), [("classify", "csv", INT), ("events", "json", TERM), ("embed", "parquet", TERM)]
    )
    def test_an_earlier_result_stays(self, verb: str, form: str, number: signal.Signals) -> None:
        """What was done by then goes by another name, which is told."""
        if form == "parquet":
            pytest.importorskip("pyarrow")
        path, partial = Path(f"a.{form}"), Path(f"a.partial.{form}")
        path.write_text("whole")
        code, said = interrupted(_DONE, number, f"{verb} --backend numpy 0.flac 1.flac -o {path}")
        assert (code, said.count("\n"), str(partial) in said) == (128 + number, 1, True)
        assert path.read_text() == "whole"
        assert partial.stat().st_size
        if form == "json":
            assert [one["file"] for one in json.loads(partial.read_text())] == ["0.flac"]

    @pytest.mark.parametrize("number", [INT, TERM])
    def test_a_whole_terminal_is_interrupted(self, number: signal.Signals) -> None:
        """The children as well, which say nothing."""
        code = f"os.setpgrp()\n{_DONE.replace('strike()', f'os.killpg(0, {int(number)})')}"
        found, said = interrupted(code, number, "classify 0.flac 1.flac 2.flac --jobs 2 -o a.jsonl")
        assert (found, said.count("\n"), "a.partial.jsonl" in said) == (128 + number, 1, True)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], sys.unraisablehook
    assert cli.main(["labels", "--model", "starter"]) == 0
    assert ([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], sys.unraisablehook) == before


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="a file in memory, of Linux")
def test_processes_that_die_at_once_are_not_waited_for() -> None:
    """A script without a guard has them run it again; what the command gives them is more than a pipe holds."""
    script = "from yamjit.cli import main; main(['classify', '0.flac', '--jobs', '2', '-q'])"
    Path("script.py").write_text(f"import os\nif __name__ != '__main__': os._exit(1)\n{script}\n")
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=60)
    assert "was killed twice" in message(done)
