"""The package: what it says of the layout of plan files, its types, and what npm makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import yamjit
from tests.support.javascript import PACKAGE, Node
from tools.web_package import MADE_OF, digests
from yamjit.kernels.plan_file.layout import FAMILIES, FORMAT_VERSION, Field, HeadField
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.packing import BLOCK, CHUNK, DEPTHWISE_CHUNK_BYTES
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.workspace import PREPARED_COLUMNS


def test_the_layout_of_plan_files_is_that_of_python(node: Node) -> None:
    found = node(
        f"""
        const plan = await import({json.dumps((PACKAGE / "plan.js").as_uri())});
        answer([plan.FORMAT_VERSION, plan.FAMILY, plan.FIELDS, plan.HEAD_FIELDS, plan.STEP_COLUMNS, plan.FIRST_OTHER,
                plan.FIRST_VECTOR, plan.DEPTHWISE, plan.BLOCK, plan.CHUNK, plan.CHUNK_BYTES, plan.Column]);
        """
    )
    names = [field.name for field in Field], [field.name for field in HeadField]
    columns = {name: Column[name] for name in found[-1] if name in Column.__members__}
    packed = {"PACKED": Prepared.WEIGHTS, "QUADS": Prepared.QUADS, "GROUPS": Prepared.GROUPS}
    vectors = min(VectorOp), VectorOp.DEPTHWISE, BLOCK, CHUNK, DEPTHWISE_CHUNK_BYTES
    assert found == [
        FORMAT_VERSION,
        FAMILIES.index("wasm"),
        *names,
        PREPARED_COLUMNS,
        StepOp.MOVE,
        *vectors,
        columns | packed,
    ]


def test_its_version_is_that_of_python() -> None:
    described = json.loads((PACKAGE / "package.json").read_text())
    assert described["version"] == yamjit.__version__
    assert "dependencies" not in described


def test_everything_that_is_exported_has_types(node: Node) -> None:
    types = (PACKAGE / "yamjit.d.ts").read_text()
    declared = re.findall(r"^export (?:class|function) (\w+)", types, re.MULTILINE)
    assert node("answer(Object.keys(yamjit))") == sorted(declared)


def test_nothing_is_imported_but_its_own_files() -> None:
    names = {path.name for path in PACKAGE.glob("*.js")}
    found = [
        name for path in PACKAGE.glob("*.js") for name in re.findall(r'(?:from|import\()\s*"([^"]*)', path.read_text())
    ]
    assert set(found) - {"node:fs/promises"} <= {f"./{name}" for name in names}


def test_what_is_exported_was_made_of_these_sources() -> None:
    """``python -m tools.web_package`` makes it anew."""
    assert json.loads(MADE_OF.read_bytes()) == digests()


def test_npm_packs_it_with_its_modules(deployed: Path, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm")
    command = [npm, "pack", "--offline", "--json", "--pack-destination", str(tmp_path)]
    done = subprocess.run(command, cwd=deployed / "wasm", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (packed,) = json.loads(done.stdout)
    assert packed["name"] == "yamjit"
    assert {file["path"] for file in packed["files"]} == {path.name for path in (deployed / "wasm").iterdir()}


USE = """
import { load, loadInWorker, readWav, EventDetector, type Classification } from "yamjit";

const model = await load("sounds.plan", { kernels: "./" });
const result: Classification = model.classify(new Int16Array(16000), { sampleRate: 16000, top: 3 });
const label: string = result.top({ window: 0 })[0].label;
for (const window of model.stream({ sampleRate: 44100, hop: 0.1 }).push(new Float32Array(1024))) {
  window.scores[0].toFixed(label.length);
}
const wav = readWav(new ArrayBuffer(44));
const [event] = model.classify(wav.channels, { sampleRate: wav.sampleRate }).events({ on: { Speech: 0.3, "*": 0.5 } });
event.start.toFixed();
const remote = await loadInWorker("sounds.plan");
const listener = await remote.listen(new AudioContext().createGain(), { events: { on: 0.3 } }, (heard) => {
  if ("error" in heard) throw new Error(heard.error);
  heard.events.map((event) => event.label + event.start);
});
listener.stop();
new EventDetector([{ label: "Speech" }], { on: 0.3 }).push(0, [0.5]);
// @ts-expect-error: an option that there is none of
model.stream({ rate: 3 });
"""


def test_its_types_are_those_of_typescript(tmp_path: Path) -> None:
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("needs TypeScript (npm install --global typescript)")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "yamjit").symlink_to(PACKAGE, target_is_directory=True)
    (tmp_path / "use.mts").write_text(USE)
    options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--module", "nodenext", "--types"]
    done = subprocess.run([tsc, *options, "", "use.mts"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
