"""Pictures of what was learned: what is written in them, and which colours mistakes have."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest

from yamjit.errors import InputError
from yamjit.learn.evaluation import Evaluation
from yamjit.learn.fitting import CurvePoint

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from yamjit.plots import draw_confusion, draw_learning_curve, draw_reliability, save_figure
from yamjit.plots.reliability import equal_bins


def evaluation(confusion: np.ndarray, labels: tuple[str, ...] = ()) -> Evaluation:
    """Return an evaluation with this confusion."""
    labels = labels or tuple(f"class {k}" for k in range(len(confusion)))
    pairs = [(i, j) for i, j in np.argwhere(confusion) for _ in range(confusion[i, j])]
    one = np.eye(len(labels))
    targets, scores = one[[i for i, _ in pairs]].astype(bool), one[[j for _, j in pairs]]
    return Evaluation(labels, tuple(map(str, range(len(pairs)))), targets, scores)


@pytest.mark.parametrize("dark", [False, True])
def test_one_mistake_of_hundreds_stands_out(dark: bool) -> None:
    confusion = np.array([[399, 1, 0], [0, 40, 0], [20, 0, 20]])
    labels = ("Vehicle horn, car horn, honking", "Dog", "Bird")
    axes = draw_confusion(evaluation(confusion, labels), dark=dark).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("named as", "true class")
    assert axes.get_title(loc="left") == "95.6% of 480 clips named correctly"
    assert axes.get_yticklabels()[0].get_text() == "Vehicle horn, car\nhorn, honking"
    assert sorted(text.get_text() for text in axes.texts) == ["1", "20", "20", "399", "40"]
    cells = axes.images[0].get_array()[..., :3]
    paper = np.array(axes.get_facecolor()[:3])
    np.testing.assert_allclose(cells[0, 2], paper)
    assert np.abs(cells[0, 1] - paper).sum() > 0.4
    # Mistakes are redder than blue, what is correct is bluer; the more of the row, the further from the paper.
    assert cells[0, 1, 0] > cells[0, 1, 2]
    assert cells[1, 1, 2] > cells[1, 1, 0]
    assert np.abs(cells[2, 0] - paper).sum() > np.abs(cells[0, 1] - paper).sum()
    assert np.abs(cells[1, 1] - paper).sum() > np.abs(cells[2, 2] - paper).sum()


@pytest.mark.parametrize("size", [50, 200])
def test_of_many_classes_the_worst_are_shown(size: int) -> None:
    confusion = 10 * np.eye(size, dtype=int)
    for k in range(10):
        confusion[k, k + 12] = 1 + k
    confusion[40, 41] = 1
    found = evaluation(confusion)
    axes = draw_confusion(found, max_classes=20).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == [f"class {k}" for k in (*range(10), *range(12, 22))] + [f"{size - 20} other classes"]
    others = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}[20, 20]
    assert int(others) == 10 * (size - 20) + 1
    assert sum(int(text.get_text()) for text in axes.texts) == confusion.sum()
    assert f"the 20 classes with the most mistakes, of {size}" in axes.get_title(loc="left")
    assert max(axes.figure.get_size_inches()) < 12
    whole = draw_confusion(found, max_classes=200).axes[0]
    assert len(whole.get_yticklabels()) == size
    with pytest.raises(InputError, match="from 2 to 200"):
        draw_confusion(found, max_classes=1)


def test_bins_have_equal_numbers() -> None:
    generator = np.random.default_rng(0)
    scores = np.round(generator.uniform(0, 1, (400, 2)) * 255) / 256
    truth = generator.uniform(0, 1, scores.shape) < scores
    bins = equal_bins(scores, truth)
    assert sum(b.count for b in bins) == scores.size
    counts = [b.count for b in bins[1:]]
    assert len(counts) == 10
    assert max(counts) - min(counts) < 12  # equal scores stay together
    assert all(first.highest < second.lowest for first, second in pairwise(bins))
    assert sum(b.interval[0] <= b.mean_score <= b.interval[1] for b in bins) >= len(bins) - 1
    (few,) = equal_bins(np.array([0.9, 0.8]), np.array([True, True]))
    assert few.interval == pytest.approx((0.3424, 1.0), abs=1e-3)  # Wilson's interval of 2 of 2
    assert [b.count for b in equal_bins(np.full((30, 30), 0.01), np.zeros((30, 30), bool))] == [900]


def test_reliability_says_how_sure_it_is() -> None:
    generator = np.random.default_rng(1)
    scores = generator.uniform(0, 1, (300, 1))
    truth = generator.uniform(0, 1, scores.shape) < scores
    few = draw_reliability({"before": scores[:8], "calibrated": scores[:8]}, truth[:8])
    figure = draw_reliability({"before": scores, "calibrated": scores}, truth)
    faint = [line for line in few.axes[0].lines if line.get_alpha() and line.get_alpha() < 0.5]
    assert len(faint) == 2 * len(equal_bins(scores[:8], truth[:8]))
    axes, counts = figure.axes
    assert not [line for line in axes.lines if line.get_alpha() and line.get_alpha() < 0.5]
    # No line joins dots: only the diagonal has more than one point.
    assert [len(line.get_xdata()) for line in axes.lines].count(2) == 1
    bars = [part for part in axes.collections if part.get_segments()]
    assert len(bars) == 2 * 2 * len(equal_bins(scores, truth))
    assert (axes.get_ylabel(), counts.get_ylabel(), counts.get_xlabel()) == (
        "share that is right", "count", "score",
    )  # fmt: skip
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [name.partition(" (")[0] for name in names] == ["before", "calibrated"]
    save_figure(figure, io.BytesIO(), "png")
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1
    markers = {line.get_marker() for line in axes.lines} - {"None"}
    assert len(markers) == 2  # not told apart by colour alone
    with pytest.raises(InputError, match="1 to 6"):
        draw_reliability({}, truth)


def test_figures_of_others_are_drawn_in() -> None:
    page = Figure()
    first, second = page.subplots(1, 2)
    assert draw_confusion(evaluation(np.eye(2, dtype=int)), ax=first) is page
    curve = [CurvePoint(k, 1 / k, float("nan") if k > 2 else 2 / k) for k in range(1, 5)]
    assert draw_learning_curve(curve, ax=second, dark=True) is page
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["training", "held out"]
    part = page.subfigures(1, 1)
    assert draw_reliability({"a": np.array([[0.1]])}, np.array([[True]]), figure=part) is page
