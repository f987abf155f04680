"""Products, optimizer, heads and their training: right, and the same bits on any number of threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from yamjit.errors import InputError
from yamjit.learn.fitting import CurvePoint, FitOptions, Samples, _Loss, _Spread, fit_head
from yamjit.learn.optimizer import minimize
from yamjit.trained.blocked import BlockedMatrix, matmul
from yamjit.trained.heads import Dense, Head, checked_labels, sigmoid, softmax


def clouds(classes: int = 3, size: int = 40, each: int = 60, seed: int = 5) -> Samples:
    """Embeddings around a centre for each class."""
    dice = np.random.default_rng(seed)
    centres = dice.uniform(0, 2, (classes, size))
    places = np.repeat(np.arange(classes), each)
    x = np.maximum(centres[places] + dice.normal(0, 1, (len(places), size)), 0).astype(np.float32)
    return Samples(x, np.eye(classes, dtype=np.float32)[places], np.ones(len(places)))


# -- Products ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 1), (300, 70, 3), (65, 1024, 10), (3, 129, 200), (0, 4, 2)])
def test_products_are_those_of_numpy(shape: tuple[int, int, int]) -> None:
    rows, terms, columns = shape
    dice = np.random.default_rng(1)
    a, b, g = (dice.normal(size=s) for s in ((rows, terms), (terms, columns), (rows, columns)))
    np.testing.assert_allclose(matmul(a, b), a @ b, atol=1e-4)
    blocked = BlockedMatrix(a, columns)
    np.testing.assert_allclose(blocked.transposed_times(g), a.T @ g, atol=1e-4)
    assert blocked.times(b).dtype == np.float64


# -- Optimizer --------------------------------------------------------------------------------------------------


def test_the_optimizer_finds_the_minimum_of_rosenbrocks_valley() -> None:
    def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
        value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        slope = np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])
        return float(value), slope

    *_, last = minimize(valley, np.array([-1.2, 1.0]), 1e-9)
    np.testing.assert_allclose(last.position, [1, 1], atol=1e-4)


def test_every_step_goes_down_and_a_minimum_needs_none() -> None:
    def bowl(x: np.ndarray) -> tuple[float, np.ndarray]:
        scales = np.array([1.0, 50.0, 2000.0])
        return float((scales * x * x).sum() / 2), scales * x

    values = [point.value for point in minimize(bowl, np.ones(3))]
    assert all(b < a for a, b in pairwise(values))
    assert values[-1] < 1e-8
    assert list(minimize(bowl, np.zeros(3))) == []


# -- Heads ------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_the_equations() -> None:
    dice = np.random.default_rng(2)
    first = Dense(dice.normal(size=(6, 9)), dice.normal(size=6))
    second = Dense(dice.normal(size=(2, 6)), dice.normal(size=2))
    x = dice.normal(size=(11, 9)).astype(np.float32)
    hidden = np.maximum(x @ np.float32(first.weights).T + np.float32(first.bias), 0)
    logits = hidden @ np.float32(second.weights).T + np.float32(second.bias)
    head = Head(("a", "b"), "sigmoid", (first, second))
    np.testing.assert_allclose(head.logits(x), logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.scores(x), 1 / (1 + np.exp(-logits)), rtol=1e-4)
    shares = Head(("a", "b"), "softmax", (first, second)).scores(x)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)


def test_activations_do_not_overflow() -> None:
    far = np.array([[-1e4, 0.0, 1e4]])
    np.testing.assert_array_equal(sigmoid(far), [[0, 0.5, 1]])
    np.testing.assert_array_equal(softmax(far), [[0, 0, 1]])


def test_a_head_is_kept_bit_for_bit(tmp_path: Path) -> None:
    head = fit_head(("Amsel", "鳥", "Птица"), clouds(), FitOptions(hidden=4, iterations=5)).head
    path = tmp_path / "head.npz"
    head.save(path)
    again = Head.load(path)
    assert again.labels == head.labels
    assert again.to_bytes() == head.to_bytes()
    with pytest.raises(InputError, match=r"not\.npz"):
        Head.load(tmp_path / "not.npz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="cannot be read as a head"):
        Head.load(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [((), "no classes"), (("a", "a"), "twice"), (("",), "one line"), (("a\nb",), "one line"), ((" a",), "one line")],
)
def test_names_that_no_label_file_can_hold_are_refused(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_labels(labels)


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="do not make a head"):
        Head(("a",), "sigmoid", (Dense(np.ones((2, 3)), np.ones(2)),))
    with pytest.raises(InputError, match="not finite"):
        Head(("a",), "sigmoid", (Dense(np.full((1, 3), np.nan), np.ones(1)),))
    with pytest.raises(InputError, match="accepted are sigmoid, softmax"):
        Head(("a",), "relu", (Dense(np.ones((1, 3)), np.ones(1)),))
    with pytest.raises(InputError, match=r"\(n, 3\)"):
        Head(("a",), "sigmoid", (Dense(np.ones((1, 3)), np.ones(1)),)).scores(np.ones((2, 4)))


# -- Training ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
@pytest.mark.parametrize("hidden", [0, 8])
def test_clouds_are_told_apart(kind: str, hidden: int) -> None:
    samples = clouds()
    fitted = fit_head(("a", "b", "c"), samples, FitOptions(kind=kind, hidden=hidden))
    named = fitted.head.scores(samples.embeddings).argmax(axis=1)
    assert (named == samples.targets.argmax(axis=1)).mean() > 0.98
    losses = [point.training_loss for point in fitted.curve]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
@pytest.mark.parametrize("hidden", [0, 3])
def test_gradients_are_the_slopes_of_the_loss(kind: str, hidden: int) -> None:
    samples = clouds(size=5, each=4)
    loss = _Loss(samples, _Spread.of(samples.embeddings), FitOptions(kind=kind, hidden=hidden))
    position = np.random.default_rng(3).normal(0, 0.5, loss.start().size)
    _, gradient = loss.value_and_gradient(position)
    # Products are float32: steps must be wide, and agreement is coarse.
    for index in range(position.size):
        step = np.zeros_like(position)
        step[index] = 1e-2
        rise = loss.value_and_gradient(position + step)[0] - loss.value_and_gradient(position - step)[0]
        assert rise / 2e-2 == pytest.approx(gradient[index], abs=2e-3)


def test_weight_decay_shrinks_weights() -> None:
    sizes = [
        float(np.square(fit_head(("a", "b", "c"), clouds(), FitOptions(weight_decay=d)).head.layers[0].weights).sum())
        for d in (0.0003, 0.01, 0.3)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_training_stops_where_held_out_clips_do_not_gain() -> None:
    told: list[CurvePoint] = []
    samples, held_out = clouds(each=8, size=200), clouds(each=8, size=200)
    wrong = Samples(held_out.embeddings, np.roll(held_out.targets, 1, axis=1), held_out.weights)
    options = FitOptions(patience=3, weight_decay=0)
    fitted = fit_head(("a", "b", "c"), samples, options, validation=wrong, progress=told.append)
    assert len(fitted.curve) == fitted.best + 3
    assert fitted.best == 1 + int(np.argmin([point.validation_loss for point in fitted.curve]))
    assert tuple(told) == fitted.curve


def test_weights_of_samples_count_like_copies() -> None:
    samples = clouds(each=10)
    doubled = Samples(*(np.concatenate((part, part[:5])) for part in samples))
    weighted = samples._replace(weights=np.where(np.arange(30) < 5, 2.0, 1.0))
    options = FitOptions(weight_decay=0.1)
    # Only where the embeddings' mean and scale are the same is the decay: compare what they say.
    a, b = (fit_head(("a", "b", "c"), s, options).head.scores(samples.embeddings) for s in (doubled, weighted))
    np.testing.assert_allclose(a, b, atol=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "tanh"}, "accepted are sigmoid, softmax"),
        ({"hidden": -1}, "hidden is -1"),
        ({"iterations": 0}, "iterations is 0"),
        ({"weight_decay": float("nan")}, "weight_decay"),
        ({"seed": 1.5}, "seed is 1.5"),
    ],
)
def test_options_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FitOptions(**change)  # type: ignore[arg-type]


def test_samples_that_do_not_fit_are_refused() -> None:
    samples = clouds()
    with pytest.raises(InputError, match="targets"):
        fit_head(("a", "b"), samples)
    with pytest.raises(InputError, match="not finite"):
        fit_head(("a", "b", "c"), samples._replace(embeddings=samples.embeddings * np.nan))
    with pytest.raises(InputError, match="above 0"):
        fit_head(("a", "b", "c"), samples._replace(weights=samples.weights * 0))
    with pytest.raises(InputError, match="softmax head needs"):
        fit_head(("a", "b", "c"), samples._replace(targets=samples.targets * 0), FitOptions(kind="softmax"))


_TRAIN = """
import hashlib, numpy as np
from yamjit.learn.fitting import FitOptions, Samples, fit_head
dice = np.random.default_rng(8)
y = dice.integers(0, 7, 900)
x = np.maximum(dice.normal(0, 1, (900, 1024)) + (np.arange(1024) % 7 == y[:, None]), 0).astype(np.float32)
for options in (FitOptions(iterations=25, embedding_noise=0.1), FitOptions(hidden=40, iterations=8)):
    head = fit_head(tuple("abcdefg"), Samples(x, np.eye(7, dtype=np.float32)[y], np.ones(900)), options).head
    print(hashlib.sha256(head.to_bytes() + head.scores(x).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_threads_do_not_change_a_bit() -> None:
    digests = set()
    for threads in ("1", "2", "5"):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
        environment = os.environ | dict.fromkeys(names, threads)
        done = subprocess.run(
            [sys.executable, "-c", _TRAIN], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_the_seed_matters_only_where_chance_does() -> None:
    def digest(**options: object) -> str:
        head = fit_head(("a", "b", "c"), clouds(), FitOptions(iterations=5, **options)).head  # type: ignore[arg-type]
        return hashlib.sha256(head.to_bytes()).hexdigest()

    assert digest(seed=1) == digest(seed=2)
    assert digest(seed=1, hidden=3) == digest(seed=1, hidden=3) != digest(seed=2, hidden=3)
    assert digest(seed=1, embedding_noise=0.3) != digest(seed=2, embedding_noise=0.3)
