"""Models that are not all of int8, in JavaScript: the bits of Python, by the modules for all steps."""

from __future__ import annotations

import numpy as np
import pytest

import yamjit
from tests.support.family import family_models
from tests.support.javascript import Node
from tests.web.conftest import plan_of
from tests.web.test_scores import noise
from yamjit.errors import ModelError
from yamjit.tflite.writer import write_graph

CLASSIFY_ALL = """
const found = [];
for (const { plan, name } of given.models) {
  const [model, refused] = await messageOf(() => yamjit.load(readFileSync(plan), { kernels: given.kernels }));
  if (refused) { found.push(refused); continue; }
  const samples = floats(given.samples).subarray(0, given.windows * model.windowSamples);
  const [result, error] = message(() => model.classify(samples, { sampleRate: model.sampleRate, hop: model.window }));
  const scores = (head) => result.windows.map(({ heads }) => heads[head]);
  if (result) model.heads.forEach((_, head) => write(`${name}.${head}`, scores(head)));
  found.push(error ?? model.heads.length);
}
answer(found);
"""


@pytest.fixture
def family_package(browser_package: Node) -> Node:
    """The package with the modules for all steps."""
    if not (browser_package.package / "yamjit-family.wasm").exists():
        pytest.skip("the modules for steps of floats were not built")
    return browser_package


def check(node: Node, models: dict[str, yamjit.Classifier], windows: int) -> None:
    samples = noise(windows)
    given = [{"plan": node.file(f"{i}.plan", plan_of(model)), "name": i} for i, model in enumerate(models.values())]
    job = {"models": given, "kernels": node.kernels, "samples": node.file("samples", samples), "windows": windows}
    found = node(CLASSIFY_ALL, job)
    for index, (name, model) in enumerate(models.items()):
        part, hop = samples[: windows * model.window_samples], model.window_samples / model.sample_rate
        expected = model.classify(part, model.sample_rate, reading=yamjit.ReadOptions(hop_s=hop))
        assert found[index] == len(expected.heads), (name, found[index])
        for head, scores in enumerate(expected.heads):
            # Which of its many patterns NaN has, WebAssembly leaves open.
            got, wanted = (np.nan_to_num(one, nan=0.25) for one in (node.floats(f"{index}.{head}"), scores.scores))
            assert got.tobytes() == wanted.tobytes(), name


@pytest.mark.slow
def test_every_operator_of_the_family(family_package: Node) -> None:
    models = {}
    for name, graph in family_models().items():
        model = yamjit.load(write_graph(graph), backend="numpy")
        try:
            plan_of(model)
        except ModelError:
            continue
        models[name] = model
    assert len(models) > 40
    check(family_package, models, 2)
