"""Calibration in the network: near to what is calibrated afterwards, and given by every interpreter, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reference.runtime import Runtime, runtime_available
from tests.learn.test_export import head_of, windows
from tools.doc_examples import PAGES, examples_of, run_page
from yamjit import learn
from yamjit.calibration import Calibration
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.describing import set_calibration
from yamjit.loading import load
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.tflite.patching import read_described

CLASSES = 5


def calibration(*slopes_and_offsets: tuple[float, float]) -> Calibration:
    rows = [(1.0, slope, offset, 0.0) for slope, offset in slopes_and_offsets]
    return Calibration(np.array(rows), ScoreTransformation.INVERSE_LOGISTIC)


USUAL = calibration((1.0, 0.0), (0.7, -2.4), (1.1, -3.9), (0.9, -3.2), (1.0, -1.0))


@pytest.fixture(scope="module")
def starter() -> Classifier:
    return load("starter", backend="numpy")


def calibrated(starter: Classifier, given: Calibration, *, hidden: int = 0, keep: bool = False) -> bytes:
    embeddings = np.concatenate([starter.score_window(window).embeddings for window in windows()])
    head = head_of(embeddings.shape[1], given.classes, hidden, spread=1)
    return learn.export_model(starter, head, embeddings, learn.ModelCard(calibration=given, keep=keep))


def scores(model: Classifier) -> np.ndarray:
    return np.concatenate([model.score_window(window).heads[-1].scores for window in windows()])


@pytest.mark.parametrize(("hidden", "keep"), [(0, False), (0, True), (9, False)])
def test_baked_scores_are_near_to_those_calibrated_afterwards(starter: Classifier, hidden: int, keep: bool) -> None:
    before = load(calibrated(starter, USUAL, hidden=hidden, keep=keep), backend="numpy")
    after = load(learn.bake_calibration(before.source.data), backend="numpy")
    wanted, found = scores(before), scores(after)
    # Where the score before calibration is in the middle, its steps are fine; near 1 they are coarse.
    plain = scores(before.with_options(replace(before.options, calibration=None)))
    middle = (plain > 0.02) & (plain < 0.98)
    assert middle.any()
    assert np.abs(wanted - found)[middle].max() <= 4 / 256
    assert np.abs(wanted - found).max() <= 16 / 256
    assert found.max() <= wanted.max() + 4 / 256  # no score is higher than calibration makes the highest one
    if keep:
        for window in windows():
            np.testing.assert_array_equal(
                after.score_window(window).heads[0].scores, starter.score_window(window).scores
            )


def test_the_calibration_is_in_one_place(starter: Classifier) -> None:
    data = calibrated(starter, USUAL, keep=True)
    baked = learn.bake_calibration(data)
    assert baked == learn.bake_calibration(data)
    model = load(baked, backend="numpy")
    assert model.heads[1].calibration is None
    assert not any(name.endswith("calibration.csv") for name in model.graph.files)
    assert model.made_here
    assert model.provenance is not None
    assert model.provenance.baked == (1,)
    with pytest.raises(InputError, match="has no calibration"):
        learn.bake_calibration(baked)
    again = set_calibration(read_described(baked), USUAL, output=1)
    twice = load(learn.bake_calibration(again), backend="numpy")
    assert twice.made_here


def test_classes_that_are_not_calibrated_keep_their_scores(starter: Classifier) -> None:
    data = calibrated(starter, calibration(*[(1.0, 0.0)] * CLASSES))
    before, after = load(data, backend="numpy"), load(learn.bake_calibration(data), backend="numpy")
    np.testing.assert_allclose(scores(before), scores(after), atol=4 / 256)


def test_what_cannot_be_baked_is_refused(starter: Classifier) -> None:
    nothing = float("nan")
    inverse = ScoreTransformation.INVERSE_LOGISTIC
    usual = (1.0, 1.0, -1.0, 0.0)
    for given, reason in (
        (Calibration(np.array([usual] * 2), ScoreTransformation.IDENTITY), "one of IDENTITY"),
        (Calibration(np.array([usual, (0.5, 1, 0, 0)]), inverse), "scale of a class is 0.5"),
        (Calibration(np.array([usual, (1, 1, 0, 0.2)]), inverse), "scores up to 0.2 become 0"),
        (Calibration(np.array([usual, [nothing] * 4]), inverse), "1 class without"),
        (calibration((40, 0), (0.1, 0)), "too different for one scale"),
        (calibration((0, -2), (0, -1)), "all its slopes are 0"),
    ):
        with pytest.raises(InputError, match=reason):
            learn.bake_calibration(calibrated(starter, given))


def test_a_model_of_others_is_baked_as_well(starter: Classifier, two_heads_model: bytes) -> None:
    count = len(starter.labels)
    data = set_calibration(read_described(starter.source.data), calibration(*[(0.8, -1.0)] * count))
    model = load(learn.bake_calibration(data), backend="numpy")
    assert model.provenance is not None
    assert (model.provenance.base, model.provenance.baked, model.made_here) == ("yamjit/starter", (0,), True)
    assert model.labels == starter.labels
    wanted = load(data, backend="numpy")
    np.testing.assert_allclose(scores(model), scores(wanted), atol=24 / 256)
    described = read_described(two_heads_model)
    given = calibration(*[(0.8, -1.0)] * described.outputs[0].classes)
    both = load(learn.bake_calibration(set_calibration(described, given, output=0), head=0), backend="numpy")
    assert [head.calibration is None for head in both.heads] == [True, False]


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed")
@pytest.mark.parametrize("hidden", [0, 9])
def test_an_interpreter_alone_gives_the_scores_of_yamjit(starter: Classifier, hidden: int) -> None:
    data = calibrated(starter, USUAL, hidden=hidden)
    baked = learn.bake_calibration(data)
    model, unbaked = load(baked, backend="numpy"), load(data, backend="numpy")
    runtime, bare = (Runtime(one, kernels="reference", inner=False) for one in (baked, data))
    for window in windows():
        np.testing.assert_array_equal(model.score_window(window).scores[0], runtime.run(window)[0][0])
    assert any(
        np.abs(unbaked.score_window(window).scores[0] - bare.run(window)[0][0]).max() > 0.1 for window in windows()
    )


@pytest.mark.slow
@pytest.mark.runtime
def test_the_guide_says_what_litert_gives(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    (text,) = [page.read_text(encoding="utf-8") for page in PAGES if page.name == "guide_own_sounds.md"]
    text = text.replace("<!-- not run: needs LiteRT -->\n\n", "")
    alone = text[: text.index("The baked model gives")]
    wanted = [example.says for example in examples_of(alone) if "ai_edge_litert" in example.code]
    printed = [printed for example, printed in run_page(alone) if "ai_edge_litert" in example.code]
    assert printed == wanted
