"""Sounds shorter than a window: copies elsewhere in it to learn from, and a random place to be judged at."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import soundfile

from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.class_folders import from_folder
from yamjit.learn.embedding import embed_candidates, embed_clips
from yamjit.learn.export import export_model
from yamjit.learn.features import Features
from yamjit.learn.model_evaluation import evaluate_model
from yamjit.learn.short_sounds import anywhere, placed, with_copies
from yamjit.learn.training import cross_validate, evaluate_folds, train_folds, train_head
from yamjit.learn.transforms import Place, Speed
from yamjit.loading import load

RATE = 16_000
WINDOW = 15_600


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def tone(seconds: float, pitch: float, before_s: float = 0, after_s: float = 0) -> np.ndarray:
    sound = 0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)
    return np.pad(sound, (round(before_s * RATE), round(after_s * RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> Classifier:
    return load(small_model_path, backend="numpy", threads=2)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of five short sounds, of which the last has a quiet end, and one longer sound each."""
    folder = tmp_path_factory.mktemp("sounds")
    for label, pitch in (("low", 200), ("high", 3000)):
        (folder / label).mkdir()
        for k in range(5):
            soundfile.write(
                folder / label / f"{k}.wav", tone(0.2 + k / 20, pitch + 40 * k, after_s=0.9 * (k == 4)), RATE
            )
        soundfile.write(folder / label / "long.wav", tone(1.6, pitch), RATE)
    return folder


@pytest.fixture(scope="module")
def features(model: Classifier, sounds: Path) -> Features:
    return embed_clips(model, from_folder(sounds))


def test_a_speed_changes_length_and_pitch() -> None:
    samples = tone(0.5, 1000)
    samples.flags.writeable = False
    for factor in (0.8, 1.25):
        changed = Speed(factor, factor).vary(samples, RATE, dice())
        assert changed.dtype == np.float32
        assert len(changed) == pytest.approx(len(samples) / factor, abs=2)
        loudest = np.abs(np.fft.rfft(changed)).argmax() * RATE / len(changed)
        assert loudest == pytest.approx(1000 * factor, abs=3)
    np.testing.assert_array_equal(Speed(1, 1).vary(samples, RATE, dice()), samples)
    drawn = {len(Speed().vary(samples, RATE, dice(seed))) for seed in range(9)}
    assert len(drawn) > 5
    assert len(samples) / 1.23 < min(drawn) < max(drawn) < len(samples) / 0.81


def test_a_sound_is_placed_anywhere_and_whole() -> None:
    samples = tone(0.25, 1000)[1:]
    places = []
    for seed in range(40):
        found = Place().vary(samples, RATE, dice(seed))
        assert len(found) == WINDOW
        first = int(np.flatnonzero(found)[0])
        np.testing.assert_array_equal(found[first : first + len(samples)], samples)
        assert np.count_nonzero(found) == np.count_nonzero(samples)
        places.append(first)
    assert min(places) < 2000
    assert max(places) > WINDOW - len(samples) - 2000
    long = np.arange(20_000, dtype=np.float32)
    cut = Place().vary(long, RATE, dice())
    np.testing.assert_array_equal(cut, long[int(cut[0]) :][:WINDOW])


@pytest.mark.parametrize("wrong", [{"low": 0.01}, {"low": 2, "high": 1}, {"high": 11}], ids=str)
def test_a_speed_is_a_sensible_factor(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="factors"):
        Speed(**wrong)
    with pytest.raises(InputError, match="length_s is 0"):
        Place(0)


def test_copies_belong_to_their_clip_and_share_its_weight(model: Classifier, features: Features) -> None:
    grown = with_copies(model, features, 3)
    assert grown.dataset is features.dataset
    long = [clip.path.name == "long.wav" for clip in features.dataset.clips]
    for place, clip in enumerate(features.dataset.clips):
        mine = grown.clips == place
        assert sorted(set(grown.copies[mine])) == ([0] if long[place] else [0, 1, 2, 3]), clip
    np.testing.assert_array_equal(grown.originals().embeddings, features.embeddings)
    np.testing.assert_array_equal(grown.originals().clips, features.clips)
    weights = grown.samples().weights
    np.testing.assert_allclose(np.bincount(grown.clips, weights=weights), 1)
    assert (np.diff(grown.clips) >= 0).all()
    assert with_copies(model, features, 0).embeddings is features.embeddings


def test_copies_depend_on_the_seed_alone(model: Classifier, features: Features) -> None:
    grown = with_copies(model, features, 2, seed=5)
    alone = copy.copy(model)
    alone.threads = 1
    np.testing.assert_array_equal(with_copies(alone, features, 2, seed=5).embeddings, grown.embeddings)
    assert (with_copies(model, features, 2, seed=6).embeddings != grown.embeddings).any()
    more = with_copies(model, features, 4, seed=5)
    np.testing.assert_array_equal(more.only(more.copies <= 2).embeddings, grown.embeddings)


def test_longer_sounds_have_copies_if_asked_for(model: Classifier, features: Features) -> None:
    grown = with_copies(model, features, 0, longer=2)
    long = [place for place, clip in enumerate(features.dataset.clips) if clip.path.name == "long.wav"]
    assert set(grown.clips[grown.copies > 0]) == set(long)
    assert set(grown.copies[grown.clips == long[0]]) == {0, 1, 2}
    assert len(grown.embeddings) > len(features.embeddings) + 2 * len(long)


def test_several_features_are_of_the_same_copies(model: Classifier, sounds: Path) -> None:
    names = [*model.features][:3]
    several = embed_candidates(model, from_folder(sounds), features=names)
    grown = with_copies(model, several, 2)
    assert list(grown) == names
    assert all((one.copies == grown[names[0]].copies).all() for one in grown.values())
    alone = with_copies(model, several[names[1]], 2)
    np.testing.assert_array_equal(alone.embeddings, grown[names[1]].embeddings)


def test_heads_are_judged_without_copies(model: Classifier, features: Features) -> None:
    grown = with_copies(model, features, 2)
    heads = train_folds(grown, folds=3)
    for aggregate, found in evaluate_folds(heads, grown).items():
        np.testing.assert_array_equal(found.scores, evaluate_folds(heads, features)[aggregate].scores)
    np.testing.assert_array_equal(cross_validate(grown, folds=3).scores, evaluate_folds(heads, grown)["logit"].scores)


def test_sounds_anywhere_are_those_that_a_model_hears_there(
    model: Classifier, sounds: Path, features: Features
) -> None:
    moved = anywhere(model, features, seed=3)
    assert moved.dataset is features.dataset
    assert not moved.copies.any()
    for place, clip in enumerate(features.dataset.clips):
        mine = moved.embeddings[moved.clips == place]
        window = placed(model, clip, place, 3)
        if clip.path.name == "long.wav":
            assert window is None
            np.testing.assert_array_equal(mine, features.embeddings[features.clips == place])
        else:
            assert window is not None
            assert len(window) == WINDOW
            np.testing.assert_array_equal(mine, model.embed(window, RATE))
    assert (anywhere(model, features, seed=4).embeddings[0] != moved.embeddings[0]).any()

    head = train_head(with_copies(model, features)).head
    exported = load(export_model(model, head, features), backend="numpy")
    dataset = from_folder(sounds)
    found, skipped = evaluate_model(exported, dataset, anywhere=3)
    assert not skipped
    assert found.accuracy == 1
    assert (found.scores != evaluate_model(exported, dataset)[0].scores).any()
    with pytest.raises(InputError, match="anywhere"):
        evaluate_model(exported, dataset, anywhere=-1)


def test_where_in_a_window_a_sound_was_is_not_learned(model: Classifier, tmp_path: Path) -> None:
    """Two pitches, of which each is always at the same end of its recordings."""
    for label, pitch, before_s in (("low", 600, 0.0), ("high", 900, 0.75)):
        (tmp_path / label).mkdir()
        for k in range(8):
            soundfile.write(tmp_path / label / f"{k}.wav", tone(0.2, pitch + 9 * k, before_s, 0.75 - before_s), RATE)
    features = embed_clips(model, from_folder(tmp_path))
    moved = anywhere(model, features)
    plain = evaluate_folds(train_folds(features, folds=4), moved)["logit"].accuracy
    copied = evaluate_folds(train_folds(with_copies(model, features), folds=4), moved)["logit"].accuracy
    assert plain < 0.8 < 0.9 <= copied


def test_a_clip_that_is_silent_or_gone_is_no_obstacle(model: Classifier, tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        soundfile.write(tmp_path / label / "silent.wav", np.zeros(4000), RATE)
        soundfile.write(tmp_path / label / "tone.wav", tone(0.2, 500), RATE)
    features = embed_clips(model, from_folder(tmp_path))
    assert set(with_copies(model, features, 2).copies) == {0, 1, 2}
    with pytest.raises(InputError, match="copies is -1"):
        with_copies(model, features, -1)
