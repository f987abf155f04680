"""The ladder of imports: a module imports only from storeys below its own, and strangers stay in their room."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "yamjit"

#: Storey of every module and package of yamjit; rooms of one storey do not know each other.
STOREYS = {
    "errors": 0,
    "installing": 0,
    "spec": 0,
    "announcing": 1,
    "checks": 1,
    "clock": 1,
    "deprecation": 1,
    "keywords": 0,
    "lazily": 0,
    "read_once": 0,
    "reprs": 0,
    "text": 0,
    "suggestions": 0,
    "also_called": 0,
    "startup": 0,
    "writing": 0,
    "disk": 1,
    "remote": 2,
    "signatures": 1,
    "wrapped": 1,
    "results": 1,
    "zones": 1,
    "class_map": 2,
    "labels": 2,
    "tflite": 2,
    "trained": 4,
    "audio": 3,
    "kernels": 2,
    "store": 2,
    "output": 2,
    "head_names": 2,
    "published_layer": 3,
    "figures": 2,
    "npz": 3,
    "provenance": 3,
    "training_clips": 2,
    "plan": 3,
    "reading": 2,
    "calibration": 3,
    "options": 3,
    "heads": 4,
    "frontend": 4,
    "weights": 4,
    "head_metadata": 5,
    "metadata_writers": 5,
    "compiled": 6,
    "class_names": 5,
    "workers": 5,
    "network": 5,
    "sample_windows": 5,
    "categories": 6,
    "scoring": 6,
    "last_windows": 7,
    "head_networks": 7,
    "listing": 7,
    "streaming": 8,
    "recording": 8,
    "events": 9,
    "classification": 9,
    "model": 8,
    "old_forms": 10,
    "embedding": 10,
    "collecting": 10,
    "classifier": 11,
    "loading": 12,
    "deploy": 13,
    "learn": 13,
    "search": 13,
    "segments": 13,
    "task": 13,
    "maker": 14,
    "plots": 14,
    "runs": 15,
    "serve": 16,
    "__init__": 15,  # the public names
    "cli": 17,
    "__main__": 18,
}

#: Packages that only one room knows.
ROOMS = {
    "audio": {"av", "sounddevice", "soundfile", "soxr"},
    "kernels": {"numba", "llvmlite"},
    "store": {"pooch", "requests", "urllib3"},
    "output": {"pandas", "polars", "pyarrow"},
    "disk": {"platformdirs"},
    "plots": {"matplotlib"},
    "remote": {"fsspec"},
    "runs": {"dask", "distributed"},
    "search": {"usearch"},
    "cli": {"argcomplete"},
    "serve": {"h11", "prometheus_client", "starlette", "uvicorn"},
}

EVERYWHERE = {"numpy", *sys.stdlib_module_names}

#: Lines of a module: one that has more holds two thoughts.
MOST_LINES = 350

MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    """Return the module or package on the ladder that a file belongs to."""
    return path.parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every name that a module imports, wherever it does: ``package.module.name`` for ``from`` imports.

    Imports for type checkers count as well, and so do modules that are named to `importlib` or in a table of names.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def own_room(name: str) -> str:
    """Return the place on the ladder of ``yamjit.something``."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in STOREYS else "__init__"


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def trees(folder: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(folder.rglob("*.py")):
        yield path, parsed(path)


def test_every_module_has_a_storey() -> None:
    assert {room(path) for path in MODULES} == set(STOREYS)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_down(path: Path) -> None:
    home = room(path)
    for name in imported(parsed(SOURCE / path)):
        if name.split(".")[0] != "yamjit":
            continue
        target = own_room(name)
        assert target == home or STOREYS[target] < STOREYS[home], f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_modules_are_short(path: Path) -> None:
    assert len((SOURCE / path).read_text(encoding="utf-8").splitlines()) < MOST_LINES


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Late imports and those for type checkers count; a package's `__init__`, which hands names on, does not."""
    modules = {"yamjit." + ".".join(path.with_suffix("").parts): path for path in MODULES if path.stem != "__init__"}
    graph = {
        name: {
            target
            for found in imported(parsed(SOURCE / path))
            for target in (found, found.rpartition(".")[0])
            if target in modules and target != name
        }
        for name, path in modules.items()
    }
    reached = {name: reachable(graph, name) for name in graph}
    circles = {frozenset(other for other in reached[name] if name in reached[other]) for name in graph}
    assert circles == {frozenset()}


def reachable(graph: dict[str, set[str]], name: str) -> set[str]:
    """Return all that a node leads to."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for target in graph[waiting.pop()] - found:
            found.add(target)
            waiting.append(target)
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_strangers_stay_in_their_room(path: Path) -> None:
    allowed = EVERYWHERE | ROOMS.get(room(path), set()) | {"yamjit"}
    for name in imported(parsed(SOURCE / path)):
        assert name.split(".")[0] in allowed, f"{path} imports {name}"


def test_rooms_need_the_strangers_they_have() -> None:
    """A package that nothing imports any more leaves the table, and the dependencies."""
    for home, strangers in ROOMS.items():
        known = {
            name.split(".")[0]
            for path, tree in trees(SOURCE)
            if room(path.relative_to(SOURCE)) == home
            for name in imported(tree)
        }
        assert known >= strangers - {"llvmlite"}, home


#: Floors of the rooms inside `kernels`; the modules of one room know each other.
FLOORS = {"memory": 0, "settings": 0, "lowering_choice": 0, "vectors": 1, "workspace": 1, "machine_code": 2}
FLOORS |= {"program": 2, "step_kernels": 3, "step_view": 3, "sums": 3, "program_proof": 4, "prepared": 5, "int8": 6}
FLOORS |= {
    "float32": 7,
    "hybrid": 7,
    "spectral": 7,
    "log_mel": 8,
    "steps": 8,
    "plan_file": 9,
    "backends": 9,
    "__init__": 10,
}
FLOORS |= {"diagnosis": 11}

#: Modules of `kernels` that import Numba, since they are compiled or compile; no other does, nor imports one of them
#: before it is needed.
COMPILING = {
    *("vectors/words", "vectors/amx", "vectors/dot", "vectors/ops", "vectors/reals", "vectors/lanes"),
    "vectors/rounding",
    *("machine_code/compiler", "machine_code/foreign", "machine_code/jit", "machine_code/pointer"),
    "prepared/table",
    *("int8/amx_matmul", "int8/avx2_matmul", "int8/depthwise", "int8/generated", "int8/kernel_set", "int8/matmul"),
    *("int8/plain", "int8/plain_steps", "int8/relatives_plain", "int8/vector_steps", "int8/wasm_pairs"),
    *("float32/depthwise", "float32/matmul", "float32/plain", "float32/plain_functions"),
    *("float32/plain_steps", "float32/vector_steps"),
    *("hybrid/depthwise", "hybrid/matmul", "hybrid/plain", "hybrid/quantizing", "hybrid/steps"),
    "hybrid/vector_quantizing",
    *("spectral/fourier", "spectral/plain", "steps/batch", "steps/run"),
    *("log_mel/codelets", "log_mel/fft_codelets", "log_mel/kernel"),
    *("plan_file/check", "plan_file/digest", "plan_file/faults", "plan_file/head_check"),
    *("plan_file/kernel_table", "plan_file/step_check", "plan_file/table_check", "plan_file/turning"),
}

#: Modules that ask LLVM about this machine, or for an object file, without Numba.
ASKING = {"machine_code/native", "machine_code/objects", "vectors/processor"}

KERNELS = [path.relative_to("kernels") for path in MODULES if room(path) == "kernels"]


@pytest.mark.parametrize("path", KERNELS, ids=str)
def test_rooms_of_the_kernels_have_floors(path: Path) -> None:
    home = room(path)
    for name in imported(parsed(SOURCE / "kernels" / path)):
        if name.startswith("yamjit.kernels."):
            below = name.split(".")[2]
            floor = FLOORS.get(below, FLOORS["__init__"])  # where a name is one of the package itself
            assert below == home or floor < FLOORS[home], f"{path} imports {name}"


@pytest.mark.parametrize("path", KERNELS, ids=str)
def test_numba_is_not_needed_to_load_what_it_compiled(path: Path) -> None:
    module = path.with_suffix("").as_posix()
    if module in COMPILING:
        return
    tree = parsed(SOURCE / "kernels" / path)
    strangers = {name.split(".")[0] for name in imported(tree)} & ROOMS["kernels"]
    assert strangers <= ({"llvmlite"} if module in ASKING else set())
    at_once = {
        name for node in tree.body for name in imported(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    compiling = {f"yamjit.kernels.{name.replace('/', '.')}" for name in COMPILING}
    assert not {found for name in at_once for found in (name, name.rpartition(".")[0])} & compiling


def test_the_reference_does_not_know_what_it_judges() -> None:
    for path, tree in trees(ROOT / "reference"):
        assert not any(name.split(".")[0] == "yamjit" for name in imported(tree)), path


def test_the_package_needs_nothing_from_the_repository() -> None:
    for path, tree in trees(SOURCE):
        for name in imported(tree):
            assert name.split(".")[0] not in {"reference", "tools", "tests", "benchmarks"}, path


def test_the_walk_sees_every_kind_of_import() -> None:
    code = """
import a.b, c as d
from e.f import g
if TYPE_CHECKING:
    from h import i
def later():
    import j
    importlib.import_module("k.l")
"""
    assert set(imported(ast.parse(code))) == {"a.b", "c", "e.f.g", "h.i", "j", "k.l"}
    with pytest.raises(AssertionError, match="absolute"):
        list(imported(ast.parse("from . import sibling")))
    assert [own_room(name) for name in ("yamjit", "yamjit.__version__", "yamjit.cli.main")] == [
        "__init__",
        "__init__",
        "cli",
    ]
