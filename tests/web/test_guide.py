"""What the guide and the README of the package show."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import soundfile

from tests.support.javascript import PACKAGE, Node, find_node

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide_browser.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```js\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_a_recording(deployed: Path, examples: dict[Path, str], tmp_path: Path) -> None:
    recording = next(path for path, label in examples.items() if label == "Siren")
    folder = tmp_path / "sounds"
    shutil.copytree(deployed, folder)
    samples, rate = soundfile.read(recording, dtype="float32")
    soundfile.write(folder / "siren.wav", samples, rate)
    code = blocks(GUIDE)[0].replace('"model-wasm.plan"', 'new URL("model-wasm.plan", import.meta.url)')
    code = (
        f'import {{ readFile }} from "node:fs/promises";\nconst file = new Blob([await readFile("siren.wav")]);\n{code}'
    )
    (folder / "page.mjs").write_text(code)
    run = [find_node(), "--no-warnings", "page.mjs"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (shown,) = re.findall(r"<!-- output in Node.*?-->\n\n((?:    .*\n)+)", GUIDE.read_text(encoding="utf-8"))
    assert done.stdout == re.sub(r"^    ", "", shown, flags=re.MULTILINE)


def test_all_examples_are_javascript(node: Node) -> None:
    """Parsed, since what they draw and hear is the reader's."""
    shown = [*blocks(GUIDE), *blocks(PACKAGE / "README.md")]
    assert len(shown) == 4
    for number, code in enumerate(shown):
        path = node.file(f"{number}.mjs", code.encode())
        subprocess.run([find_node(), "--check", path], check=True)
