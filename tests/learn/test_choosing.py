"""Which features a head learns from: chosen by clips that are held out, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yamjit.errors import InputError
from yamjit.learn.choice import Choice
from yamjit.learn.choosing import WEIGHT_DECAYS, Chooser, choose_features, parts_of
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.features import Features
from yamjit.learn.fitting import FitOptions
from yamjit.learn.least_squares import leave_out
from yamjit.learn.training import TrainOptions, cross_validate, evaluate_folds, train_folds

CLASSES = ("a", "b", "c")


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def dataset(count: int = 60, groups: int = 6, **more: str) -> Dataset:
    clips = [
        Clip(Path(f"{k}.wav"), (CLASSES[k % 3],), group=f"group {k // 3 % groups}", **more)  # type: ignore[arg-type]
        for k in range(count)
    ]
    return Dataset(tuple(clips), CLASSES)


def features(data: Dataset, name: str, noise: float, windows: int = 2, size: int = 8, seed: int = 0) -> Features:
    """Windows that tell classes apart as well as their noise lets them."""
    clips = np.repeat(np.arange(len(data)), windows)
    centres = dice(7).normal(0, 1, (3, size))
    values = centres[data.targets().argmax(axis=1)[clips]] + noise * dice(seed).normal(0, 1, (len(clips), size))
    hashes = tuple(str(clip.path) for clip in data.clips)
    return Features(data, values.astype(np.float32), clips, hashes, name=name)


def candidates(data: Dataset, **noises: float) -> dict[str, Features]:
    return {name: features(data, name, noise, seed=k) for k, (name, noise) in enumerate(noises.items())}


def figures_of(choice: Choice) -> list[float]:
    return [value for one in choice.figures for tried in one.decays for value in tried]


def test_what_names_clips_best_is_chosen_and_every_figure_shown() -> None:
    choice = choose_features(candidates(dataset(), embedding=6.0, layer2_mean=0.1, layer3_mean=4.0))
    assert choice.name == "layer2_mean"
    shown = {one.name: one.accuracy for one in choice.figures}
    assert shown["layer2_mean"] == 1 > shown["layer3_mean"]
    assert choice.lead == pytest.approx(1 - shown["embedding"])
    assert 0 < choice.error < choice.lead
    text = choice.text()
    assert all(f"{name} " in text and f"{value:.2%}" in text for name, value in shown.items())
    assert text.count("chosen") == 1
    document = choice.as_dict()
    assert document["name"] == "layer2_mean"
    assert [one["values"] for one in document["figures"]] == [8, 8, 8]


def test_the_embedding_is_chosen_if_it_is_within_a_standard_error() -> None:
    near = candidates(dataset(), embedding=0.1, layer2_mean=0.1)
    assert choose_features(near).name == "embedding"
    # A single clip more that is right is exactly one standard error.
    worse = near["embedding"].embeddings.copy()
    worse[near["embedding"].clips == 0] = worse[near["embedding"].clips == 1]
    found = choose_features({**near, "embedding": replace(near["embedding"], embeddings=worse)})
    assert found.lead == pytest.approx(1 / 60)
    assert found.error == pytest.approx(found.lead)
    assert found.name == "embedding"


def test_weight_decay_is_chosen_with_the_features() -> None:
    # Few noisy clips need restraint, clear ones do not.
    noisy = {
        name: features(dataset(30), name, noise, size=20, seed=3)
        for name, noise in {"embedding": 60.0, "layer2_mean": 2.0}.items()
    }
    found = choose_features(noisy)
    assert (found.name, found.weight_decay) == ("layer2_mean", WEIGHT_DECAYS[-1])
    assert [one.weight_decay for one in found.figures[1].decays] == list(WEIGHT_DECAYS)
    errors = [one.squared_error for one in found.figures[1].decays]
    assert errors == sorted(errors, reverse=True)
    assert found.figures[1].squared_error == errors[-1]
    clear = choose_features(candidates(dataset(150), embedding=6.0, layer2_mean=0.5))
    assert clear.weight_decay == WEIGHT_DECAYS[0]
    assert choose_features(noisy, weight_decays=[0.1]).weight_decay == 0.1
    for wrong in ([], [0.1, 0.01], [-1.0]):
        with pytest.raises(InputError, match="accepted"):
            choose_features(noisy, weight_decays=wrong)
    (fold, *_) = train_folds(noisy)
    decayed = TrainOptions(FitOptions(weight_decay=WEIGHT_DECAYS[-1]))
    (same, *_) = train_folds(noisy, decayed)
    assert fold.head.to_bytes() == same.head.to_bytes()


def test_among_equals_the_first_is_chosen() -> None:
    equal = candidates(dataset(), embedding=9.0, layer4_mean=0.1)
    equal["layer5_mean"] = replace(equal["layer4_mean"], name="layer5_mean")
    assert choose_features(equal).name == "layer4_mean"
    backwards = dict(reversed(equal.items()))
    assert choose_features(backwards).name == "layer5_mean"


def test_heads_without_some_vectors_are_those_that_are_fitted_to_the_others() -> None:
    for count, size in ((150, 20), (60, 200)):
        vectors = dice().normal(0, 1, (count, size)).astype(np.float32)
        targets, weights = np.eye(4)[dice(1).integers(0, 4, count)], dice(2).uniform(0.5, 2, count)
        held = np.arange(5, 35)
        heads = leave_out(vectors, targets, weights, (3e-4, 0.01))
        shares = weights / weights.sum()
        centred = vectors - (vectors * shares[:, None]).sum(axis=0)
        scale = np.sqrt(((centred**2).sum(axis=1) * shares).sum())
        values = np.concatenate((centred / scale, np.full((count, 1), 10.0)), axis=1)
        kept = np.setdiff1d(np.arange(count), held)
        rows = values[kept] * np.sqrt(shares[kept, None])
        for head, ridge in zip(heads, (3e-4, 0.01), strict=True):
            inverse = np.linalg.inv(rows.T @ rows + ridge * np.eye(size + 1))
            expected = values[held] @ inverse @ rows.T @ (targets[kept] * np.sqrt(shares[kept, None]))
            np.testing.assert_allclose(head.predictions(held), expected, atol=1e-4)


def test_no_label_of_a_fold_takes_part_in_the_choice_of_its_head() -> None:
    data = dataset()
    several = candidates(data, embedding=2.0, layer2_mean=1.5)
    before = Chooser(several, parts_of(data, None, 0))
    for part in parts_of(data, None, 0):
        moved = tuple(
            replace(clip, labels=("abc"["bca".index(clip.labels[0])],)) if k in part.clips else clip
            for k, clip in enumerate(data.clips)
        )
        other = replace(data, clips=moved)
        changed = {name: replace(one, dataset=other) for name, one in several.items()}
        same = parts_of(data, None, 0)
        assert figures_of(Chooser(changed, same).choice(part.fold)) == pytest.approx(
            figures_of(before.choice(part.fold)), abs=1e-9
        )
        assert figures_of(Chooser(changed, same).choice()) != pytest.approx(figures_of(before.choice()), abs=1e-3)


@pytest.mark.parametrize(
    ("data", "folds", "parts"),
    [
        (dataset(), None, 5),
        (dataset(), 3, 3),
        (dataset(), 2, 6),  # each of two folds in three parts
        (dataset(groups=2), None, 2),
        (dataset(groups=1), None, 0),
    ],
    ids=["default", "three", "two", "two groups", "one group"],
)
def test_groups_stay_whole(data: Dataset, folds: int | None, parts: int) -> None:
    found = parts_of(data, folds, 0)
    assert len(found) == parts
    groups = [{data.clips[k].group for k in part.clips} for part in found]
    assert sum(map(len, groups)) == len(set().union(*groups)) or not parts
    assert choose_features(candidates(data, embedding=1.0, layer2_mean=0.1), folds=folds).figures or not parts


def test_folds_of_the_data_are_used_and_a_split_is_kept_out() -> None:
    folded = replace(dataset(), clips=tuple(replace(c, fold=c.group[-1]) for c in dataset().clips))
    assert [part.fold for part in parts_of(folded, None, 0)] == list("012345")
    split = replace(
        dataset(),
        clips=tuple(replace(c, split="test" if c.group == "group 0" else "train") for c in dataset().clips),
    )
    taught = {k for part in parts_of(split, None, 0) for k in part.clips}
    assert taught == set(split.teaching())
    several = candidates(split, embedding=9.0, layer2_mean=0.1)
    assert [(one.fold, one.head.features) for one in train_folds(several)] == [("test", "layer2_mean")]


def test_each_fold_is_judged_by_features_that_were_chosen_without_it() -> None:
    several = candidates(dataset(), embedding=6.0, layer2_mean=0.1)
    heads = train_folds(several)
    assert {one.head.features for one in heads} == {"layer2_mean"}
    two_at_a_time = train_folds(several, threads=2)
    assert [(one.fold, one.clips) for one in two_at_a_time] == [(one.fold, one.clips) for one in heads]
    assert [one.head.to_bytes() for one in two_at_a_time] == [one.head.to_bytes() for one in heads]
    assert cross_validate(several).accuracy == 1
    assert cross_validate(several["embedding"], TrainOptions()).accuracy < 1
    with pytest.raises(InputError, match="is accepted"):
        evaluate_folds(heads, {})


def test_many_clips_are_a_sample_and_copies_the_first_to_go() -> None:
    data = dataset(3000, groups=50)
    assert choose_features(candidates(data, embedding=6.0, layer2_mean=0.1)).name == "layer2_mean"
    one = features(dataset(), "embedding", 0.1)
    copied = replace(one, copies=np.tile([0, 1], 60))
    assert choose_features({"embedding": copied, "layer2_mean": replace(copied, name="layer2_mean")}).figures


def test_what_is_nothing_to_choose_from_is_refused_or_taken() -> None:
    data = dataset()
    alone = choose_features(candidates(data, layer2_mean=0.1))
    assert (alone.name, alone.figures) == ("layer2_mean", ())
    assert alone.text() == "features: layer2_mean\n"
    assert choose_features(candidates(data, layer2_mean=0.1, layer3_mean=9.0)).name == "layer2_mean"
    with pytest.raises(InputError, match="empty"):
        choose_features({})
    other = features(dataset(30), "layer2_mean", 0.1)
    with pytest.raises(InputError, match="different clips"):
        choose_features({"embedding": features(data, "embedding", 0.1), "layer2_mean": other})
