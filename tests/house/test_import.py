"""What ``import yamjit`` costs and gives."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

import yamjit
from yamjit.kernels.machine_code.shipped import library_at_hand

HEAVY = {
    *("numba", "llvmlite", "flatbuffers", "tflite", "soundfile", "soxr", "pooch", "platformdirs", "requests"),
    *("pandas", "polars", "pyarrow"),
}


def loaded_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded for `code`, beyond those it starts with."""
    listing = "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    script = f"import sys\nbefore = set(sys.modules)\n{code}\n{listing}"
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def strangers(modules: set[str]) -> set[str]:
    """Return the packages among modules that are neither Python's own nor yamjit."""
    own = {"yamjit", *sys.stdlib_module_names}
    return {name for name in packages(modules) - own if not name.startswith("_")}


def test_import_loads_next_to_nothing() -> None:
    modules = loaded_after("import yamjit")
    assert strangers(modules) <= {"numpy"}
    assert {name for name in modules if name.startswith("yamjit")} == {"yamjit"}


@pytest.mark.parametrize(
    "code",
    [
        "from yamjit import *",
        "import yamjit; yamjit.load, yamjit.Classifier",
        "import yamjit.classifier, yamjit.cli, yamjit.output, yamjit.audio, yamjit.store",
        "import yamjit.events, yamjit.segments, yamjit.output.dataframes",
        "import yamjit.tflite, yamjit.plan, yamjit.network, yamjit.kernels.int8.numpy",
        "import yamjit.cli; yamjit.cli.main",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    modules = loaded_after(code)
    assert not packages(modules) & HEAVY
    assert strangers(modules) <= {"numpy"}


def test_numpy_alone_runs_a_network() -> None:
    code = """
import numpy as np
from yamjit.kernels import load_backend
from yamjit.network import Network
load_backend("numpy")
"""
    assert strangers(loaded_after(code)) <= {"numpy"}


def test_errors_are_had_without_numpy() -> None:
    assert strangers(loaded_after("import yamjit; yamjit.YamjitError, yamjit.InputError")) == set()


#: What ``yamjit classify FILE.wav`` does without: what others of its kind need, and what takes a millisecond to load.
NOT_FOR_CLASSIFY = {
    *("concurrent.futures", "csv", "difflib", "email", "glob", "html", "http.client", "importlib.metadata"),
    *("logging", "multiprocessing", "secrets", "signal", "sqlite3", "ssl", "subprocess", "zoneinfo"),
    *("numba", "llvmlite", "soundfile", "soxr", "pooch", "requests", "av", "sounddevice"),
    *("matplotlib", "pandas", "pyarrow"),
    *("yamjit.cli.doctor", "yamjit.cli.events", "yamjit.cli.mistakes", "yamjit.cli.train"),
    *("yamjit.audio.containers", "yamjit.audio.flac", "yamjit.audio.microphone", "yamjit.audio.mpeg"),
    *("yamjit.audio.ogg", "yamjit.audio.other_grammars", "yamjit.audio.pyav", "yamjit.audio.raw"),
    *("yamjit.events.detector", "yamjit.output.arrays", "yamjit.output.csv_table", "yamjit.output.json_lines"),
    *("yamjit.runs.drawing", "yamjit.runs.folder", "yamjit.runs.happenings", "yamjit.runs.heard"),
    *("yamjit.runs.measuring", "yamjit.runs.patterns", "yamjit.runs.whole"),
    *("yamjit.runs.pool", "yamjit.runs.spooling", "yamjit.segments", "yamjit.classification"),
    *("yamjit.announcing.handler", "yamjit.store.deadline", "yamjit.weights"),
}


def wav(folder: Path) -> Path:
    """Write a second of silence."""
    path = folder / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000))
    return path


def test_a_command_loads_what_its_verb_needs(tmp_path: Path) -> None:
    names = f"'classify', {str(wav(tmp_path))!r}, '--model', 'starter', '--backend', 'numpy'"
    modules = loaded_after(f"import yamjit.cli; assert yamjit.cli.main([{names}]) == 0")
    assert "yamjit.cli.classify" in modules
    assert sorted(modules & NOT_FOR_CLASSIFY) == []


def test_a_plan_file_takes_no_graph_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if library_at_hand() is None:
        pytest.skip("no library of compiled kernels is at hand (install a platform wheel, or set YAMJIT_LIBRARY)")
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path))
    names = f"'classify', {str(wav(tmp_path))!r}, '--model', 'starter', '--backend', 'compiled', '--quiet'"
    code = f"import yamjit.cli; assert yamjit.cli.main([{names}]) == 0"
    loaded_after(code)
    modules = loaded_after(code)
    assert "yamjit.compiled.reader" in modules
    graph = {"yamjit.tflite.graph", "yamjit.tflite.metadata", "yamjit.tflite.reader", "yamjit.plan.compiler"}
    telling = {"logging", "yamjit.announcing.handler"}  # that the library was built from other sources
    assert sorted(modules & (NOT_FOR_CLASSIFY - telling | graph)) == []


def test_the_version_takes_no_verb() -> None:
    code = "import yamjit.cli\ntry: yamjit.cli.main(['--version'])\nexcept SystemExit: pass"
    modules = loaded_after(code)
    assert not {"numpy", "yamjit.cli.classify", "yamjit.cli.values"} & modules


def test_names_are_what_is_said() -> None:
    assert len(set(yamjit.__all__)) == len(yamjit.__all__)
    assert set(yamjit.__all__) == set(dir(yamjit))
    for name in yamjit.__all__:
        assert getattr(yamjit, name) is not None
    namespace: dict[str, object] = {}
    exec("from yamjit import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(yamjit.__all__)


def test_names_are_those_of_their_homes() -> None:
    for home in ("classifier", "errors", "labels"):
        module = importlib.import_module(f"yamjit.{home}")
        public = set(module.__all__) & set(yamjit.__all__)
        assert public
        for name in public:
            assert getattr(yamjit, name) is getattr(module, name)
    assert {name for name in yamjit.__all__ if name.endswith("Error")} == set(yamjit.errors.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'yamjit' has no attribute 'classify_everything'"):
        yamjit.classify_everything  # noqa: B018
    assert not hasattr(yamjit, "_nothing")
    with pytest.raises(ImportError):
        from yamjit import nothing  # noqa: F401


SOURCE = Path(yamjit.__file__).parent
MODULES = sorted(
    ".".join(("yamjit", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_what_it_exports(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("numba", "llvmlite"):
            raise
        pytest.skip("needs Numba")
    assert module.__doc__
    room_without_names = hasattr(module, "__path__") and not hasattr(module, "__all__")
    for public in () if room_without_names else module.__all__:
        assert hasattr(module, public), public


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()
