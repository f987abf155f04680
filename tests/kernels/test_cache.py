"""Compiled kernels on disk: found again without Numba, never wrong, never in the way."""

from __future__ import annotations

import ctypes
import errno
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba")

import numba

from yamjit import cli
from yamjit.kernels.machine_code import cache, compiler, native
from yamjit.kernels.machine_code.cache import CachedCode
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.vectors.processor import host_target

pytestmark = [pytest.mark.slow, pytest.mark.numba]

ARGUMENTS = (int, int, int, float)

#: Entries that work on memory at addresses, as the real ones do.
TINY = '''
import ctypes
import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic
from yamjit.kernels.machine_code.jit import jit

if numba.config.DISABLE_JIT:
    def pointer(address):
        return ctypes.c_void_p(address)
else:
    @intrinsic
    def pointer(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        return types.voidptr(types.int64), codegen

@jit
def plus_one(x):
    return x + 1.0

def scale(source, target, n, gain):
    """Write ``source * gain + 1`` to ``target``."""
    x, y = carray(pointer(source), (n,), np.float64), carray(pointer(target), (n,), np.float64)
    for i in range(n):
        y[i] = plus_one(x[i] * gain)

def allocate(source, target, n, gain):
    """The same with an array in between."""
    x, y = carray(pointer(source), (n,), np.float64), carray(pointer(target), (n,), np.float64)
    y[:] = x * gain + np.ones(n)

def beyond(source, target, n, gain):
    """Read one value too many."""
    x, y = carray(pointer(source), (n,), np.float64), carray(pointer(target), (n,), np.float64)
    y[0] = x[n]

def make_scale(target):
    return scale

def make_allocate(target):
    return allocate

def make_beyond(target):
    return beyond
'''

#: What a process of its own does: call `scale`, then say what it came to and what it had to import.
SCRIPT = """
import ctypes, logging, sys
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.loading import LoadedEntry
values = (ctypes.c_double * 4)(1, 2, 3, 4)
here = ctypes.addressof(values)
LoadedEntry(Entry("tiny_kernels", NAME, (int, int, int, float)))(here, here, 4, 0.5)
print(list(values), "numba" in sys.modules)
"""
RIGHT = "[1.5, 2.0, 2.5, 3.0]"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache of the test's own; returns the folder that kernels will be in."""
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    for name in list(os.environ):
        if name.startswith("NUMBA_"):
            monkeypatch.delenv(name)
    (tmp_path / "tiny_kernels.py").write_text(TINY)
    monkeypatch.syspath_prepend(tmp_path)
    cache._warn_once.cache_clear()
    yield tmp_path / "cache" / "kernels"
    sys.modules.pop("tiny_kernels", None)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """What compiling `scale` gives."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny_once.py").write_text(TINY)
    sys.path.insert(0, str(folder))
    try:
        return compiler.compile_object(Entry("tiny_once", "scale", ARGUMENTS), host_target())
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def compilations(monkeypatch, compiled):
    """Names of what is compiled from now on; it is `compiled`, which takes no time."""
    names = []

    def compile_object(entry, target):
        names.append(entry.name)
        return compiled

    monkeypatch.setattr(compiler, "compile_object", compile_object)
    return names


def entry(name="scale"):
    return LoadedEntry(Entry("tiny_kernels", name, ARGUMENTS))


def works(function):
    """Call an entry and return whether its answer is right."""
    x, y = np.arange(5.0), np.empty(5)
    function(x.ctypes.data, y.ctypes.data, 5, 2.0)
    return np.array_equal(y, x * 2 + 1)


def files(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def the_file(folder):
    (path,) = folder.glob("*.bin")
    return path


def process(name="scale", **variables):
    """Start a process that calls an entry."""
    environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("NAME", repr(name))],
        env={name: value for name, value in environment.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(running):
    """Return what a process printed and what it logged."""
    out, log = running.communicate(timeout=120)
    assert running.returncode == 0, log
    return out.strip(), log.splitlines()


def problems(caplog):
    """Return what was logged besides the word that something is compiled."""
    is_word = re.compile("compiling .* for this processor, once: ")
    return [
        record for record in caplog.records if record.levelno >= logging.WARNING and not is_word.match(record.message)
    ]


# -- Found again ------------------------------------------------------------------------------------------------


def test_the_second_process_needs_no_numba(folder):
    out, log = outcome(process())
    assert out == f"{RIGHT} True"
    assert [line.split(" scale ")[0] for line in log] == ["WARNING compiling", "INFO compiled"]
    assert outcome(process()) == (f"{RIGHT} False", [])


def test_what_is_kept_is_the_users_alone(folder, compilations):
    assert works(entry())
    assert the_file(folder).stat().st_mode & 0o777 == 0o600 or os.name == "nt"
    assert folder.stat().st_mode & 0o777 == 0o700 or os.name == "nt"
    assert works(entry())
    assert compilations == ["scale"]


def test_compiled_and_loaded_code_are_one(folder, compiled):
    assert compiled.is_free
    assert native.ObjectCode.from_bytes(compiled.to_bytes()) == compiled
    assert works(native.load(compiled, "scale", ARGUMENTS))


def test_is_ready(folder, compilations):
    assert not entry().is_ready()
    assert compilations == []
    assert works(entry())
    again = entry()
    assert again.is_ready()
    assert works(again)
    assert compilations == ["scale"]


def test_it_says_that_it_compiles(caplog, compilations):
    caplog.set_level(logging.INFO, "yamjit")
    entry().prepare()
    assert [record.message.split(" scale ")[0] for record in caplog.records] == ["compiling", "compiled"]
    caplog.clear()
    entry().prepare()
    assert not caplog.records


@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize("quiet", [True, False])
def test_the_command_line_says_so_on_a_line_of_its_own(compilations, monkeypatch, is_watched, quiet):
    class Terminal(io.StringIO):
        def isatty(self):
            return is_watched

    log = logging.getLogger("yamjit")
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setattr(sys, "stderr", Terminal("12% |###   |"))
    monkeypatch.setattr("yamjit.cli.command._parser", lambda words: OneVerb(quiet))
    assert [cli.main([]), cli.main([])] == [0, 0]
    assert (log.handlers, log.level) == ([], logging.NOTSET)
    said = sys.stderr.getvalue()
    assert [line.split(" scale ")[0] for line in re.findall("yamjit: .*", said)] == [
        "yamjit: compiling",
        "yamjit: compiled",
    ] * (not quiet)
    if is_watched and not quiet:
        assert said.startswith("\r" + " " * 79 + "\ryamjit: compiling")


class OneVerb:
    """A parser of one verb, which prepares an entry."""

    def __init__(self, quiet):
        self.quiet = quiet

    def parse_args(self, argv):
        return SimpleNamespace(run=lambda args: 0 if entry().prepare() else 1, debug=False, quiet=self.quiet)


def test_threads_compile_once(compilations):
    shared = entry()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: works(shared), range(32)))
    assert compilations == ["scale"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_fork_keeps_what_is_loaded(compilations):
    loaded = entry()
    assert works(loaded)
    child = os.fork()
    if child == 0:
        os._exit(0 if works(loaded) else 1)
    assert os.waitpid(child, 0)[1] == 0


# -- Damage -----------------------------------------------------------------------------------------------------


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


DAMAGE = {
    "empty": lambda data: b"",
    "cut in the digest": lambda data: data[:20],
    "nothing but the digest": lambda data: data[:32],
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "zeroed": lambda data: bytes(len(data)),
    "half zeroed": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "digest flipped": lambda data: flipped(data, 5),
    "names flipped": lambda data: flipped(data, 32),
    "code flipped": lambda data: flipped(data, len(data) // 2),
    "end flipped": lambda data: flipped(data, len(data) - 1),
    "garbage": lambda data: np.random.default_rng(7).bytes(len(data)),
    "an object file alone": lambda data: data[33:],
    "text": lambda data: b"not an object file\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_compiled_away(folder, compilations, damage, caplog):
    assert works(entry())
    whole = the_file(folder).read_bytes()
    the_file(folder).write_bytes(DAMAGE[damage](whole))
    assert works(entry())
    assert compilations == ["scale", "scale"]
    assert the_file(folder).read_bytes() == whole
    assert not problems(caplog)


def test_every_bit_counts(folder, compilations, compiled):
    cached = CachedCode("scale", "")
    cached.keep(compiled.to_bytes())
    path, random = the_file(folder), np.random.default_rng(8)
    whole = path.read_bytes()
    for at in random.integers(0, len(whole), 300):
        path.write_bytes(flipped(whole, at))
        assert cached.read() is None
    path.write_bytes(whole)
    assert cached.read() == compiled.to_bytes()


def test_a_file_of_another_key_is_not_used(folder):
    one, other = CachedCode("scale", "one"), CachedCode("scale", "other")
    one.keep(b"content")
    first = the_file(folder)
    other.keep(b"content")
    (second,) = set(folder.glob("*.bin")) - {first}
    assert one.read() == other.read() == b"content"
    shutil.copy(first, second)
    assert other.read() is None


@pytest.mark.parametrize("inside", [(), ("file",)])
def test_a_directory_in_its_place(folder, compilations, inside, caplog):
    assert works(entry())
    path = the_file(folder)
    path.unlink()
    path.mkdir()
    for name in inside:
        (path / name).touch()
    assert works(entry())
    assert works(entry())
    assert len(compilations) == (3 if inside else 2)
    assert len(problems(caplog)) == len(inside)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_its_place(folder, compilations):
    assert works(entry())
    path = the_file(folder)
    path.unlink()
    os.mkfifo(path)
    assert works(entry())
    assert works(entry())
    assert compilations == ["scale", "scale"]


def test_code_that_needs_what_is_not_there_is_compiled_anew(folder, compilations, compiled):
    needy = native.ObjectCode(compiled.code, ("no_such_function_anywhere",))
    with pytest.raises(RuntimeError, match="scale needs no_such_function_anywhere"):
        native.load(needy, "scale", ARGUMENTS)
    first = entry()
    first._cached.keep(needy.to_bytes())
    assert works(first)
    assert works(entry())
    assert compilations == ["scale"]


def test_code_without_the_function_is_refused(compiled):
    with pytest.raises(RuntimeError, match="no function other"):
        native.load(compiled, "other", ARGUMENTS)


# -- Others may not write here ----------------------------------------------------------------------------------


needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners")


@needs_owners
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(folder, compilations, mode, caplog):
    assert works(entry())
    folder.chmod(mode)
    before = files(folder)
    assert works(entry())
    assert works(entry())
    assert len(compilations) == 3
    assert files(folder) == before
    (record,) = problems(caplog)
    assert "others may write to" in record.message


@needs_owners
@pytest.mark.parametrize("mode", [0o660, 0o606])
def test_a_file_that_others_may_write_to_is_replaced(folder, compilations, mode):
    assert works(entry())
    the_file(folder).chmod(mode)
    assert works(entry())
    assert compilations == ["scale", "scale"]
    assert the_file(folder).stat().st_mode & 0o777 == 0o600


@needs_owners
def test_what_somebody_else_owns_is_not_used(folder, compilations, monkeypatch, caplog):
    assert works(entry())
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    assert works(entry())
    assert works(entry())
    assert len(compilations) == 3
    assert len(problems(caplog)) == 1


# -- No place ---------------------------------------------------------------------------------------------------


def test_the_cache_is_a_file(tmp_path, compilations, caplog):
    (tmp_path / "cache").touch()
    assert works(entry())
    assert works(entry())
    assert len(compilations) == 2
    (record,) = problems(caplog)
    assert record.levelno == logging.WARNING
    assert "every process compiles its own: File exists" in record.message


def test_a_read_only_place(tmp_path, compilations, caplog, monkeypatch):
    def mkdir(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert works(entry())
    assert works(entry())
    assert len(compilations) == 2
    (record,) = problems(caplog)
    assert record.message.endswith("Permission denied")


def test_nobodys_home():
    """Without a home directory, and with one that is not there."""
    for variables in ({"HOME": None, "XDG_CACHE_HOME": None}, {"HOME": "/nonexistent/home", "XDG_CACHE_HOME": None}):
        running = process(YAMJIT_CACHE="/dev/null/nowhere", **variables)
        out, log = outcome(running)
        assert out.startswith(RIGHT)
        assert len([line for line in log if line.startswith("WARNING compiled kernels cannot be kept")]) == 1


def test_without_platformdirs(monkeypatch, compilations, caplog):
    monkeypatch.delenv("YAMJIT_CACHE")
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert works(entry())
    assert "needs platformdirs" in caplog.text


def test_no_room(folder, compilations, monkeypatch, caplog):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        assert works(entry())
    assert not list(folder.glob("*.bin")) + list(folder.glob(".*"))
    assert "No space left" in caplog.text
    assert works(entry())
    assert works(entry())
    assert len(compilations) == 2


def test_a_fault_at_every_call(folder, compilations, monkeypatch):
    """Let the n-th call to the system fail, for every n: the answer is right and the cache whole or empty."""
    names = ("open", "mkdir", "stat", "fstat", "fsync", "replace", "chmod", "unlink", "close", "scandir", "listdir")
    genuine = {name: getattr(os, name) for name in names}
    for n in range(1, 200):
        shutil.rmtree(folder.parent, ignore_errors=True)
        left = [n]

        def failing(name, left=left):
            def call(*arguments, **options):
                inside = any(str(folder.parent) in str(argument) for argument in arguments)
                if inside or name in ("fsync", "fstat"):
                    left[0] -= 1
                    if left[0] == 0:
                        raise OSError(errno.EIO, os.strerror(errno.EIO))
                return genuine[name](*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in names:
                patch.setattr(os, name, failing(name))
            assert works(entry())
        assert works(entry())
        cached = entry()._cached
        assert cached.read() is not None
        if left[0] > 0:
            break
    assert n > 4  # Python 3.10 makes some of its calls by names of its own


# -- What the key holds -----------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of the package's sources, from which keys are made."""
    package = tmp_path / "package"
    kernels = Path(cache.__file__).parents[1]
    shutil.copytree(kernels, package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(kernels.parent / "__init__.py", package)
    monkeypatch.setattr(cache, "_SOURCES", package / "kernels")
    return package


def path_of(name="scale", target="here"):
    return CachedCode(name, target)._path


def test_an_edit_anywhere_in_the_kernels_changes_the_key(sources):
    before = path_of()
    seen = {before}
    for path in (*sorted((sources / "kernels").rglob("*.py")), sources / "__init__.py"):
        whole = path.read_bytes()
        path.write_bytes(whole + b"\n")
        assert path_of() not in seen, path
        seen.add(path_of())
        path.write_bytes(whole)
    assert path_of() == before
    (sources / "kernels" / "new.py").touch()
    assert path_of() not in seen


def test_what_else_changes_the_key(monkeypatch):
    seen = {path_of(), path_of("other"), path_of(target="there")}
    for name, value in [("NUMBA_BOUNDSCHECK", "1"), ("NUMBA_CPU_NAME", "generic"), ("NUMBA_CPU_FEATURES", "-avx2")]:
        monkeypatch.setenv(name, value)
        seen.add(path_of())
    monkeypatch.setattr(sys, "version", sys.version + " of another build")
    seen.add(path_of())
    monkeypatch.setattr(cache, "_numba_version", lambda: "another version")
    seen.add(path_of())
    assert len(seen) == 8


def test_what_does_not_change_the_key(monkeypatch):
    before = path_of()
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/nowhere")
    assert path_of() == before


def test_the_processor_and_the_types_are_in_the_key(monkeypatch):
    seen = {entry()._cached._path, LoadedEntry(Entry("tiny_kernels", "scale", (int, int, int, int)))._cached._path}
    monkeypatch.setattr(native.llvm, "get_host_cpu_name", lambda: "another-processor")
    seen.add(entry()._cached._path)
    monkeypatch.setattr(native.llvm, "get_host_cpu_features", lambda: native.llvm.FeatureMap({"sse9": True}))
    seen.add(entry()._cached._path)
    monkeypatch.setattr(native.llvmlite, "__version__", "another version")
    seen.add(entry()._cached._path)
    assert len(seen) == 5


def test_numbas_version_is_known_without_numba(monkeypatch, tmp_path):
    version = numba.__version__
    assert version in cache._numba_version()
    monkeypatch.setattr(cache.importlib.util, "find_spec", lambda name: None)
    assert cache._numba_version() == version


def test_sources_that_cannot_be_read_are_not_cached(monkeypatch, tmp_path, compilations, caplog):
    monkeypatch.setattr(cache, "_SOURCES", tmp_path / "archive.zip" / "kernels")
    assert works(entry())
    assert "No such file" in caplog.text


def test_an_edit_during_compilation_is_not_kept(folder, sources):
    cached = CachedCode("scale", "here")
    (sources / "kernels" / "program.py").write_text("edited = True\n")
    cached.keep(b"made from the old sources")
    assert files(folder) == []


@pytest.mark.parametrize("setting", [("BOUNDSCHECK", 1), ("CPU_NAME", "generic"), ("CPU_FEATURES", "-avx2")])
def test_settings_that_the_key_does_not_know_are_not_kept(folder, compilations, monkeypatch, setting):
    monkeypatch.setattr(numba.config, *setting)
    assert works(entry())
    assert not list(folder.glob("*.bin"))


def test_code_that_needs_numba_works_but_is_not_kept(folder):
    assert works(entry("allocate"))
    assert not list(folder.glob("*.bin"))


# -- Numba's own settings ---------------------------------------------------------------------------------------


def test_disabled_compilation(folder):
    assert outcome(process(NUMBA_DISABLE_JIT="1")) == (f"{RIGHT} True", [])
    assert files(folder) == []


def test_checked_bounds(folder):
    assert outcome(process(NUMBA_BOUNDSCHECK="1"))[0] == f"{RIGHT} True"
    assert outcome(process(NUMBA_BOUNDSCHECK="1"))[0] == f"{RIGHT} False"
    running = process("beyond", NUMBA_BOUNDSCHECK="1")
    _, log = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "IndexError: beyond stopped" in log


# -- Several processes ------------------------------------------------------------------------------------------


def test_many_processes_at_first_use(folder):
    running = [process() for _ in range(6)]
    outcomes = [outcome(one) for one in running]
    assert {out.split("]")[0] + "]" for out, _ in outcomes} == {RIGHT}
    assert outcome(process()) == (f"{RIGHT} False", [])
    assert len(files(folder)) == 2  # and the lock
    if sys.platform != "win32":
        assert sum(any(" compiled " in line for line in log) for _, log in outcomes) == 1


def test_patience_has_an_end(folder, compilations, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(cache, "_PATIENCE_S", 0.2)
    folder.mkdir(parents=True, mode=0o700)
    with (folder / "scale.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        start = time.monotonic()
        assert works(entry())
        assert time.monotonic() - start >= 0.2


def test_who_waited_uses_what_the_other_made(folder, compilations, compiled):
    pytest.importorskip("fcntl")
    cached, waiting = entry()._cached, entry()
    with cached.turn():
        thread = threading.Thread(target=waiting.prepare)
        thread.start()
        time.sleep(0.2)
        assert compilations == []
        cached.keep(compiled.to_bytes())
    thread.join()
    assert compilations == []
    assert works(waiting)


def test_old_files_go(folder):
    for number in range(20):
        cached = CachedCode("scale", str(number))
        cached.keep(b"content")
        os.utime(cached._path, (number + 1, number + 1))
    assert CachedCode("scale", "19").read() == b"content"
    assert len(list(folder.glob("scale-*.bin"))) == cache._MOST_KEPT
    assert CachedCode("scale", "11").read() is None


def test_only_what_is_ours_and_old_goes(folder):
    CachedCode("other", "").keep(b"content")
    young, old = folder / ".yamjit-partial-1-young", folder / ".yamjit-partial-2-old"
    young.touch()
    old.touch()
    os.utime(old, (1, 1))
    (folder / "note.txt").touch()
    for number in range(10):
        CachedCode("scale", str(number)).keep(b"content")
    assert young.exists()
    assert not old.exists()
    assert (folder / "note.txt").exists()
    assert CachedCode("other", "").read() == b"content"


def test_a_faster_process_tidies_first(folder, monkeypatch):
    for number in range(10):
        CachedCode("scale", str(number)).keep(b"content")
    gone = folder / "scale-gone.bin"
    genuine = Path.glob

    def glob(path, *how, **more):
        return [*genuine(path, *how, **more), *([gone] if path == folder else [])]

    monkeypatch.setattr(Path, "glob", glob)
    CachedCode("scale", "last").keep(b"content")
    assert CachedCode("scale", "last").read() == b"content"


# -- The call ---------------------------------------------------------------------------------------------------


def test_types_of_arguments(compilations):
    """Integers are 64 bits wide, floats float64, from end to end; other types are refused."""
    x, y = np.ones(1), np.empty(1)
    function = entry().prepare()
    assert function(x.ctypes.data, y.ctypes.data, 1, 2.0**-52) == 0
    assert y[0] == 1 + 2.0**-52
    with pytest.raises(ctypes.ArgumentError):
        function(0.5, 0, 0, 0.0)


def test_other_threads_run_meanwhile(compilations):
    """The GIL is released: another thread's Python code runs while an entry does."""
    x = np.zeros(2**20)
    working, done, seen = entry(), threading.Event(), []

    def look():
        while not done.is_set():
            time.sleep(0.0001)
            seen.append(None)

    thread = threading.Thread(target=look)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(600.0)  # only who lets go of the GIL loses it
    try:
        thread.start()
        before = len(seen)
        for _ in range(2000):
            working(x.ctypes.data, x.ctypes.data, x.size, 0.0)
            if len(seen) > before + 3:
                break
        met = len(seen) - before
    finally:
        done.set()
        sys.setswitchinterval(interval)
        thread.join()
    assert met > 3
