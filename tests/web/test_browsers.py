"""The package in browsers and in JavaScriptCore: the scores of Python, in the page, in a worker, from an AudioNode."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import yamjit
from tests.support.browsers import BROWSERS, Browser
from tests.web.conftest import plan_of
from tests.web.test_scores import RATE, noise, real_windows

pytestmark = pytest.mark.slow

LOWERINGS = ("wasm", "wasm-relaxed")
INEXACT = "lowering is wasm-relaxed, which is not exact in this engine; wasm is"

PAGE = """
const { load, loadInWorker, readWav } = await import("/wasm/yamjit.js");
const samples = await floats("/samples");
const plan = await bytes("/sounds.plan");
const scoresOf = (windows) => digest(windows.flatMap(({ heads }) => heads));
const found = {};
for (const lowering of LOWERINGS) {
  const model = await load(plan, { lowering }).catch((error) => ({ refused: error.message }));
  found[lowering] = model.refused ?? (await scoresOf(model.classify(samples).windows));
}
let start = performance.now();
const model = await load(plan);
model.scores(samples.subarray(0, model.windowSamples));
found.first = performance.now() - start;
start = performance.now();
const { windows } = model.classify(samples);
found.each = (performance.now() - start) / windows.length;
found.lowering = model.lowering;

const remote = await loadInWorker("/sounds.plan");
found.worker = await scoresOf((await remote.classify(samples)).windows);
const context = new OfflineAudioContext(1, samples.length, RATE);
const source = context.createBufferSource();
const sound = new AudioBuffer({ length: samples.length, sampleRate: RATE });
sound.copyToChannel(samples, 0);
source.buffer = sound;
const heard = [];
const events = [];
const ended = Promise.withResolvers?.() ?? {};
ended.promise ??= new Promise((resolve, reject) => Object.assign(ended, { resolve, reject }));
const listener = await remote.listen(source, { events: { on: 0.3 } }, (what) => {
  if (what.error) return ended.reject(new Error(what.error));
  heard.push(...what.windows);
  events.push(...what.events);
  if (what.ended) ended.resolve();
});
source.start();
await context.startRendering();
listener.stop();
await ended.promise;
found.heard = await scoresOf(heard);
found.events = [events.length, model.classify(samples).events({ on: 0.3 }).length];
remote.close();
found.closed = await remote.classify(samples).catch((error) => error.message);
answer(found);
"""


def of_python(model: yamjit.Classifier, samples: np.ndarray) -> str:
    return hashlib.sha256(model.classify(samples, sample_rate=RATE).scores.tobytes()).hexdigest()


def built(deployed: Path) -> list[str]:
    """Return the lowerings whose modules were built."""
    names = {"wasm": "yamjit.wasm", "wasm-relaxed": "yamjit-relaxed.wasm"}
    return [lowering for lowering in LOWERINGS if (deployed / "wasm" / names[lowering]).exists()]


@pytest.fixture
def served(deployed: Path, tmp_path: Path) -> Path:
    """A copy of the package in a folder that a browser may open."""
    shutil.copytree(deployed / "wasm", tmp_path / "served" / "wasm")
    return tmp_path / "served"


@pytest.fixture
def heard(request: pytest.FixtureRequest) -> tuple[yamjit.Classifier, np.ndarray]:
    """The official model and 240 windows of real recordings, where these are at hand; else the starter and noise."""
    try:
        path, data = request.getfixturevalue("official_model_path"), request.getfixturevalue("test_data")
        model, samples = yamjit.load(path), real_windows(data, 240)
    except pytest.skip.Exception:
        model, samples = yamjit.load("starter"), noise(20)
    return model, samples[: len(samples) // 128 * 128]  # a context renders 128 at a time


@pytest.mark.parametrize("name", BROWSERS)
def test_scores_in_a_browser(
    name: str, served: Path, deployed: Path, heard: tuple[yamjit.Classifier, np.ndarray]
) -> None:
    browser = Browser(name, served)
    model, samples = heard
    (served / "samples").write_bytes(samples.tobytes())
    (served / "sounds.plan").write_bytes(plan_of(model))
    script = PAGE.replace("LOWERINGS", json.dumps(built(deployed))).replace("RATE", str(RATE))
    found = browser(script, timeout=300)
    expected = of_python(model, samples)
    assert found["wasm"] == expected
    assert found.get("wasm-relaxed") in (None, expected, INEXACT)
    assert (found["worker"], found["heard"]) == (expected, expected)
    assert found["events"][0] == found["events"][1]
    assert found["closed"] == "the model was closed"


#: What pages have, and JavaScriptCore's own program does not.
STANDING_IN = """
globalThis.URL = class {
  constructor(address, base) {
    this.href = String(address).includes(":") ? String(address) : String(base).replace(/[^/]*$/, "") + address;
  }
  get protocol() { return this.href.replace(/:.*/, ":"); }
  toString() { return this.href; }
};
globalThis.TextDecoder = class {
  decode(bytes) {
    return decodeURIComponent(bytes.reduce((text, byte) => text + "%" + byte.toString(16).padStart(2, "0"), ""));
  }
};
const bytes = (address) => readFile(String(address).replace("file://", ""), "binary");
globalThis.fetch = async (address) => ({ ok: true, arrayBuffer: async () => bytes(address).buffer });
"""

JSC = """
STANDING_IN
import("PACKAGE/yamjit.js").then(async ({ load }) => {
  const model = await load("PLAN", { lowering: "LOWERING" });
  const { windows } = model.classify(new Float32Array(bytes("SAMPLES").buffer));
  for (const { scores } of windows) print(JSON.stringify([...scores]));
}).catch((error) => print(JSON.stringify(`${error.message} ${error.stack}`)));
"""


def test_scores_in_javascriptcore(deployed: Path, tmp_path: Path, heard: tuple[yamjit.Classifier, np.ndarray]) -> None:
    """The engine of Safari, in a program without a browser."""
    program = shutil.which("jsc")
    if program is None:
        pytest.skip("needs JavaScriptCore's program (jsc)")
    model, samples = heard
    (tmp_path / "samples").write_bytes(samples.tobytes())
    (tmp_path / "plan").write_bytes(plan_of(model))
    script = JSC.replace("STANDING_IN", STANDING_IN).replace("PACKAGE", str(deployed / "wasm"))
    script = script.replace("PLAN", (tmp_path / "plan").as_uri()).replace("SAMPLES", (tmp_path / "samples").as_uri())
    (tmp_path / "run.mjs").write_text(script.replace("LOWERING", "wasm"))
    done = subprocess.run([program, "-m", tmp_path / "run.mjs"], capture_output=True, text=True, timeout=120)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows, done.stderr
    assert not isinstance(rows[0], str), rows[0]
    expected = model.classify(samples, sample_rate=RATE).scores
    assert np.array(rows, np.float32).tobytes() == expected.tobytes()
