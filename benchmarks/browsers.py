"""yamjit beside MediaPipe's task for the web, in one page of one browser: ``python -m benchmarks.browsers FOLDER``.

FOLDER has what ``npm install @mediapipe/tasks-audio`` brings, or gets it. Both run the same model on the same window,
in turns: machines are shared, so what counts is the ratio of the least times and that of the medians. yamjit runs by
the kernels without relaxed dot products, and by those with them where the browser's are exact. The page is served by
this machine, and neither the package nor its modules come from elsewhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
from benchmarks.tables import processor
from tests.support.browsers import BROWSERS, Browser
from yamjit.deploy import deploy

__all__ = ["main"]

_PACKAGE = "@mediapipe/tasks-audio"

#: Windows a second of the stream.
_A_SECOND = 10

_SCRIPT = """
const { load } = await import("/wasm/yamjit.js");
const window = await floats("/window");
const plan = await bytes("/model-wasm.plan");
const runs = {};
const found = {};
for (const lowering of ["wasm", "wasm-relaxed"]) {
  const model = await load(plan, { lowering }).catch((error) => (found[lowering] = error.message));
  if (typeof model !== "string") runs[`yamjit ${lowering}`] = () => model.scores(window);
}
if (MEDIAPIPE) {
  const { AudioClassifier, FilesetResolver } = await import("/mediapipe/audio_bundle.mjs");
  const files = await FilesetResolver.forAudioTasks("/mediapipe/wasm");
  const options = { baseOptions: { modelAssetPath: "/model.tflite" }, maxResults: 5 };
  const classifier = await AudioClassifier.createFromOptions(files, options);
  runs.MediaPipe = () => classifier.classify(window, 16000);
}
const took = (work) => {
  const start = performance.now();
  work();
  return performance.now() - start;
};
const rest = () => new Promise((resolve) => setTimeout(resolve, 1));
const times = Object.fromEntries(Object.keys(runs).map((name) => [name, []]));
for (const work of Object.values(runs)) for (let i = 0; i < 100; i++) work();
await new Promise((resolve) => setTimeout(resolve, 2000)); // for the compiler's last tier
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, work] of Object.entries(runs)) times[name].push(took(work));
  await rest();
}
const model = await load(plan);
const stream = model.stream({ hop: 1 / A_SECOND });
stream.push(window);
const block = window.subarray(0, model.sampleRate / A_SECOND);
const pushed = [];
for (let round = 0; round < ROUNDS; round++) {
  pushed.push(took(() => stream.push(block)));
  if (!(round % 20)) await rest();
}
const first = [];
for (let round = 0; round < 10; round++) {
  const start = performance.now();
  (await load(plan)).scores(window);
  first.push(performance.now() - start);
}
answer({ ...found, times, pushed, first, lowering: model.lowering, agent: navigator.userAgent });
"""


def main() -> None:
    """Install what is missing, let the browser run everything, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where npm installs MediaPipe's package")
    parser.add_argument("--model", default="yamnet", help="a .tflite file or a name (default: %(default)s)")
    parser.add_argument("--browser", default="chromium", choices=BROWSERS, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=1000, help="turns of each (default: %(default)s)")
    parser.add_argument("--libraries", type=Path, default=Path("build/libraries"), help="default: %(default)s")
    parser.add_argument("--alone", action="store_true", help="without MediaPipe")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        served = Path(work) / "served"
        model = yamjit.load(options.model, backend="numpy")
        deploy(model, served, ["wasm"], libraries=options.libraries)
        (served / "model.tflite").write_bytes(model.source.data)
        samples = 0.1 * np.random.default_rng(0).standard_normal(model.window_samples)
        (served / "window").write_bytes(samples.astype(np.float32).tobytes())
        if not options.alone:
            shutil.copytree(_installed(options.folder), served / "mediapipe")
        script = _SCRIPT.replace("ROUNDS", str(options.rounds)).replace("MEDIAPIPE", json.dumps(not options.alone))
        script = script.replace("A_SECOND", str(_A_SECOND))
        try:
            found = Browser(options.browser, served)(script, timeout=600)
        except pytest.skip.Exception as missing:
            parser.error(str(missing))
        _print(found)


def _installed(folder: Path) -> Path:
    """Return the folder of MediaPipe's package, which is installed if it is not there."""
    place = folder / "node_modules" / _PACKAGE
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--prefix", str(folder), _PACKAGE], check=True)
    return place


def _print(found: dict[str, Any]) -> None:
    print(f"{found['agent']}\n{processor()}\n")
    base = found["times"].get("MediaPipe")
    print("| one window | least ms | median ms | MediaPipe's least over it | its median |\n|---|---:|---:|---:|---:|")
    for name, times in found["times"].items():
        ratios = [f"{np.min(base) / np.min(times):.2f}", f"{np.median(base) / np.median(times):.2f}"] if base else []
        print(f"| {name} | {np.min(times):.2f} | {np.median(times):.2f} | {' | '.join(ratios or ['', ''])} |")
    if "wasm-relaxed" in found:
        print(f"\nwasm-relaxed: {found['wasm-relaxed']}")
    pushed, first = found["pushed"], found["first"]
    print(f"""
By default, {found["lowering"]}. From the bytes of the plan to the first score: {np.min(first):.1f} ms at least,
{first[0]:.1f} the first time. {_A_SECOND} windows a second: {np.min(pushed):.2f} ms a window at least, which is
{np.min(pushed) * _A_SECOND / 10:.1f} % of a core, median {np.median(pushed):.2f}.""")


if __name__ == "__main__":
    main()
