"""Plan files that are damaged, foreign or wrong, in JavaScript: refused by a sentence, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.damaged_plans import changed, damaged_plans
from tests.support.javascript import PACKAGE, Node
from tests.web.conftest import plan_of
from yamjit.kernels.plan_file.layout import HEAD_FIELDS, Fault, Field, HeadField
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.uses import USES
from yamjit.kernels.program import Column
from yamjit.kernels.workspace import PREPARED_COLUMNS
from yamjit.loading import load

OPEN = """
const found = [];
for (const [path, where] of given.plans) {
  const options = { kernels: given.kernels, lowering: "wasm" };
  const [model, error] = await messageOf(() => yamjit.load(readFileSync(path), options));
  const run = () => model.classify(new Float32Array(model.windowSamples).fill(0.1)).top({ top: 1 }).length;
  found.push(error ?? message(run)[1] ?? "runs");
}
answer(found);
"""

#: What is said of each fault; what is wrong with steps and tables, their memory shows.
SAID = {
    Fault.NOT_A_PLAN: "not a plan file",
    Fault.OTHER_VERSION: "of another version of yamjit",
    Fault.OTHER_FAMILY: "for another family of processors",
    Fault.OTHER_SIZE: "that is cut, or longer than",
    Fault.DAMAGED: "a damaged plan file",
    Fault.BAD_HEADER: "a malformed plan file: its header has",
    Fault.BAD_HEAD: "a malformed plan file: head",
}


@pytest.fixture(scope="session")
def two_heads_plan(two_heads_model: bytes) -> bytes:
    return plan_of(load(two_heads_model, backend="numpy"))


def said_of(node: Node, plans: Sequence[bytes]) -> list[str]:
    """Return what is said of each plan, "runs" if it was run."""
    paths = [(node.file(f"{index}.plan", plan), index) for index, plan in enumerate(plans)]
    found: list[str] = node(OPEN, {"plans": paths, "kernels": node.kernels})
    return found


def test_damage_is_found_as_in_python(browser_package: Node, two_heads_plan: bytes) -> None:
    cases = list(damaged_plans(two_heads_plan))
    for (_, (fault, *where)), said in zip(cases, said_of(browser_package, [plan for plan, _ in cases]), strict=True):
        if fault in SAID:
            assert said.startswith("YamjitError: ")
            assert SAID[Fault(fault)] in said, (fault, where)


def test_every_number_of_header_and_heads(browser_package: Node, two_heads_plan: bytes) -> None:
    """Changed with the digest made anew: whatever is opened nevertheless ends in scores, or in an error of ours."""
    header = np.frombuffer(two_heads_plan, np.int64, len(Field)).tolist()
    places = [8 * field for field in Field if field not in (Field.MAGIC, Field.DIGEST)]
    places += [header[Field.HEADS_AT] + 8 * number for number in range(2 * HEAD_FIELDS)]
    numbers = (-1, 2**31, 2**62, -(2**63))
    plans = [changed(two_heads_plan, place, number) for place in places for number in numbers]
    said = said_of(browser_package, plans)
    assert {one.partition(" ")[0] for one in said} == {"runs", "YamjitError:"}
    may_run = {Field.MODEL, Field.EMBEDDING_SCALE, Field.EMBEDDING_ZERO_POINT}
    for place, outcomes in zip(places, np.array(said).reshape(len(places), -1), strict=True):
        number = place - header[Field.HEADS_AT]
        free = place // 8 in may_run if place < 512 else number // 8 % HEAD_FIELDS == HeadField.THRESHOLD
        assert free or "runs" not in outcomes, place


def test_truncations(browser_package: Node, starter_plan: bytes) -> None:
    cuts = [0, 1, 7, 8, 511, 512, 513, 4_096, len(starter_plan) // 2, len(starter_plan) - 1]
    for cut, said in zip(cuts, said_of(browser_package, [starter_plan[:cut] for cut in cuts]), strict=True):
        assert ("not a plan file" if cut < 512 else "that is cut") in said


def test_steps_are_kept_to_their_memory(browser_package: Node, starter_plan: bytes) -> None:
    """By what is checked, else by the end of the instance's memory; whatever is in it, nothing else can be touched."""
    header = np.frombuffer(starter_plan, np.int64, len(Field)).tolist()
    columns = range(PREPARED_COLUMNS)
    last = header[Field.STEPS_AT] + 8 * PREPARED_COLUMNS * 5
    plans = [changed(starter_plan, last + 8 * column, number) for column in columns for number in (-64, 2**31 - 64)]
    said = said_of(browser_package, plans)
    assert {one.partition(" ")[0] for one in said} == {"runs", "YamjitError:"}
    for column in (Column.INPUT, Column.OUTPUT, Column.INPUT_H, Column.OUTPUT_C):
        assert all("a malformed plan file: step 5 has" in one for one in said[2 * column : 2 * column + 2])


def test_lowest_weights_are_found(node: Node, real_model_path: Path) -> None:
    """In each step that vector kernels compute; such weights are among those that relaxed dot products get wrong."""
    plan = plan_of(load(real_model_path, backend="numpy"))
    header = np.frombuffer(plan, np.int64, len(Field)).tolist()
    place = header[Field.STEPS_AT]
    steps = np.frombuffer(plan[place : place + 8 * PREPARED_COLUMNS * header[Field.STEPS]], np.int64)
    rows = steps.reshape(-1, PREPARED_COLUMNS)
    changed_plans = []
    for row in rows[rows[:, Column.OP] >= min(VectorOp)]:
        for at in (0, USES[row[Column.OP]](row).weights - 1):
            content = bytearray(plan)
            content[header[Field.CONSTANTS_AT] + row[Prepared.WEIGHTS] + at] = 128
            changed_plans.append(bytes(content))
    found = node(
        """
        const { hasLowestWeight, readHeader } = await import(given.plans);
        const found = (bytes) => hasLowestWeight(bytes, readHeader(bytes));
        answer(given.paths.map((path) => found(readFileSync(path))));
        """,
        {
            "plans": (PACKAGE / "plan.js").as_uri(),
            "paths": [node.file(f"{number}.plan", content) for number, content in enumerate([plan, *changed_plans])],
        },
    )
    assert found == [False, *[True] * len(changed_plans)]
    assert len(changed_plans) > 20


def test_what_is_no_model_is_a_sentence(browser_package: Node, starter_plan: bytes) -> None:
    found = browser_package(
        """
        const kernels = given.kernels;
        const tried = [
          () => yamjit.load(3), () => yamjit.load(new Uint8Array(3)), () => yamjit.load("file:///no/such/file"),
          () => yamjit.load(readFileSync(given.plan), { kernels: "file:///no/such/folder/", lowering: "wasm" }),
          () => yamjit.load(readFileSync(given.plan), { kernels, lowering: "avx2" }),
          () => yamjit.load(readFileSync(given.plan), { kernel: 1 }),
        ];
        const found = [];
        for (const one of tried) found.push((await messageOf(one))[1]);
        answer(found);
        """,
        {"plan": browser_package.file("plan", starter_plan), "kernels": browser_package.kernels},
    )
    expected = ["a model is 3; accepted are", "not a plan file", "cannot be read", "yamjit.wasm: cannot be read",
                'lowering is "avx2"; accepted are', 'there is no option "kernel"; there are kernels']  # fmt: skip
    for sentence, error in zip(expected, found, strict=True):
        assert error.startswith("YamjitError: ")
        assert sentence in error
