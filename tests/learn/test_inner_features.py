"""Features of inner layers in learning: clips, caches, copies, heads, and models that end with the feature."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reference.runtime import KERNELS, Runtime, runtime_available
from tests.learn.test_export import head_of, windows
from tests.support.backends import FAST_BACKENDS
from yamjit import learn
from yamjit.calibration import Calibration
from yamjit.classifier import Classifier
from yamjit.errors import InputError, ModelError
from yamjit.loading import load
from yamjit.npz import read_arrays, write_arrays
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.trained.heads import Head

INNER = ("layer6_mean", "layer6_max", "layer12_mean")


@pytest.fixture(scope="module")
def model(real_model_path: Path) -> Classifier:
    return load(real_model_path, backend="numpy")


@pytest.fixture(scope="module")
def starter(small_model_path: Path) -> Classifier:
    return load(small_model_path, backend="numpy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Low and high tones in noise, three of each."""
    path, dice = tmp_path_factory.mktemp("tones"), np.random.default_rng(6)
    for k in range(3):
        for name, pitch in (("low", 200 + 10 * k), ("high", 3000 + 10 * k)):
            (path / name).mkdir(exist_ok=True)
            time = np.arange(8_000 * (k + 1)) / 16_000
            samples = 0.3 * np.sin(2 * np.pi * pitch * time) + dice.normal(0, 0.02, time.size)
            soundfile.write(path / name / f"{k}.wav", samples, 16_000)
    return path


def features_of(model: Classifier, name: str) -> np.ndarray:
    return np.concatenate([model.embed(window, 16_000, features=name) for window in windows()])


def head_on(model: Classifier, name: str, classes: int = 3, **how: object) -> Head:
    return replace(head_of(model.features[name], classes, spread=1, **how), features=name)  # type: ignore[arg-type]


def scores_of(model: Classifier) -> np.ndarray:
    return np.stack([model.score_window(window).heads[-1].scores[0] for window in windows()])


# -- Clips ------------------------------------------------------------------------------------------------------


def test_candidates_are_the_embedding_and_layers_by_depth(starter: Classifier) -> None:
    wanted = ("embedding", "layer6_mean", "layer8_mean", "layer12_mean", "layer6_max")
    assert learn.candidate_features(starter) == wanted


def test_clips_are_heard_once_for_all_features(
    starter: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = learn.from_folder(folder)
    heard: list[object] = []
    opened = Classifier.feature_windows
    monkeypatch.setattr(
        Classifier, "feature_windows", lambda self, audio, **how: heard.append(audio) or opened(self, audio, **how)
    )
    found = learn.embed_candidates(starter, data)
    assert len(heard) == len(data)
    assert tuple(found) == learn.candidate_features(starter)
    for name, features in found.items():
        assert features.name == name
        np.testing.assert_array_equal(features.clips, found["embedding"].clips)
        alone = learn.embed_clips(starter, data, features=name)
        assert (alone.name, alone.hashes) == (name, features.hashes)
        np.testing.assert_array_equal(alone.embeddings, features.embeddings)
        assert features.select([2, 1]).name == name
    assert "of layer6_max" in repr(found["layer6_max"])


def test_each_feature_has_a_place_of_its_own_in_the_cache(
    starter: Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, data = learn.EmbeddingCache(tmp_path / "cache"), learn.from_folder(folder)
    plain = learn.embed_clips(starter, data, cache=cache)
    assert len(list(cache.directory.rglob("*.npy"))) == len(data)
    names = ["layer6_max", "embedding", "layer6_mean"]  # the last two have as many values as the first
    found = learn.embed_candidates(starter, data, features=names, cache=cache)
    assert len(list(cache.directory.rglob("*.npy"))) == 3 * len(data)
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "feature_windows", lambda *_, **__: pytest.fail("computed again"))
        for name in names:
            again = learn.embed_clips(starter, data, features=name, cache=cache)
            np.testing.assert_array_equal(again.embeddings, found[name].embeddings)
        np.testing.assert_array_equal(learn.embed_clips(starter, data, cache=cache).embeddings, plain.embeddings)


def test_copies_have_the_features_that_were_given(starter: Classifier, folder: Path) -> None:
    data = learn.from_folder(folder)
    found = learn.embed_candidates(starter, data, features=["embedding", "layer6_mean"])
    masked = learn.Augmentation(log_mel=(learn.TimeMask(10),), copies=2, seed=4)
    for changes in (learn.Augmentation(copies=2, seed=4), masked):
        together = learn.augmented(starter, found, changes)
        assert list(together) == ["embedding", "layer6_mean"]
        for name, features in together.items():
            alone = learn.augmented(starter, found[name], changes)
            assert alone.name == features.name == name
            assert len(features.dataset) == 3 * len(data)
            np.testing.assert_array_equal(alone.embeddings, features.embeddings)
            np.testing.assert_array_equal(alone.clips, features.clips)
            assert len(features.embeddings) > len(found[name].embeddings)
    with pytest.raises(InputError, match="empty mapping"):
        learn.augmented(starter, {})
    other = {**found, "layer6_mean": found["layer6_mean"].select([0])}
    with pytest.raises(InputError, match="of different clips"):
        learn.augmented(starter, other)


# -- Heads ------------------------------------------------------------------------------------------------------


def test_a_head_knows_its_feature(starter: Classifier, folder: Path, tmp_path: Path) -> None:
    found = learn.embed_candidates(starter, learn.from_folder(folder), features=["embedding", "layer6_mean"])
    heads = {name: learn.train_head(features).head for name, features in found.items()}
    for name, head in heads.items():
        assert head.features == name
        head.save(tmp_path / f"{name}.npz")
        again = Head.load(tmp_path / f"{name}.npz")
        assert (again.features, again.labels) == (name, head.labels)
        assert learn.evaluate_head(again, found[name]).accuracy == 1
        assert learn.cross_validate(found[name], folds=3).accuracy == 1
    with pytest.raises(InputError, match="takes the feature 'layer6_mean'; the windows have 'embedding'"):
        learn.evaluate_head(heads["layer6_mean"], found["embedding"])
    with pytest.raises(InputError, match="takes the feature 'embedding'; the windows have 'layer6_mean'"):
        learn.export_model(starter, heads["embedding"], found["layer6_mean"])
    inner = heads["layer6_mean"]
    with pytest.raises(InputError, match="'layer6_mean' of a model, not its embedding: export_model, or yamjit export"):
        learn.export_head(inner)
    for given in (inner, tmp_path / "layer6_mean.npz"):
        with pytest.raises(InputError, match="'layer6_mean' of a model, not its embedding"):
            load("starter", backend="numpy", heads=[given])


def test_files_of_heads_on_embeddings_are_what_they_were(starter: Classifier) -> None:
    head = head_on(starter, "embedding")
    arrays = read_arrays(head.to_bytes())
    assert (int(arrays["format"]), "features" in arrays) == (1, False)
    arrays = read_arrays(head_on(starter, "layer6_mean").to_bytes())
    assert (int(arrays["format"]), str(arrays["features"])) == (2, "layer6_mean")  # 1 is all that others read


@pytest.mark.parametrize("change", [{"features": None}, {"features": np.array([1.0])}, {"format": np.array(3)}])
def test_files_without_a_name_are_refused(starter: Classifier, tmp_path: Path, change: dict[str, object]) -> None:
    arrays = {**read_arrays(head_on(starter, "layer6_mean").to_bytes()), **change}
    content = write_arrays({name: array for name, array in arrays.items() if array is not None})  # type: ignore[misc]
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"lacks a valid 'features'|its format is 3"):
        Head.load(tmp_path / "a.npz")


def test_estimators_take_a_feature(starter: Classifier, folder: Path) -> None:
    paths = sorted(folder.rglob("*.wav"))
    embedder = learn.YAMNetEmbedder(starter, features="layer6_mean")
    rows = embedder.transform(paths)
    names = embedder.get_feature_names_out()
    assert (rows.shape, names[0]) == ((6, starter.features["layer6_mean"]), "layer6_mean_mean0")
    wanted = starter.embed(paths[0], features="layer6_mean").mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(rows[0], wanted, rtol=1e-6)
    fitted = learn.YAMNetClassifier(features="layer6_mean").fit(rows, [path.parent.name for path in paths])
    assert fitted.head_.features == "layer6_mean"
    assert load(learn.export_model(starter, fitted.head_, rows), backend="numpy").labels == ("high", "low")
    with pytest.raises(InputError, match="features is 'layer'"):
        learn.YAMNetEmbedder(starter, features="layer").transform(paths)


# -- Models -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INNER)
def test_what_lies_behind_the_feature_is_left_out(model: Classifier, name: str) -> None:
    values, head = features_of(model, name), head_on(model, name)
    data = learn.export_model(model, head, values)
    assert data == learn.export_model(model, head, values)
    found = load(data, backend="numpy")
    np.testing.assert_allclose(scores_of(found), head.scores(values), atol=0.02)
    # The feature is the embedding of the model that ends with it.
    np.testing.assert_array_equal(np.concatenate([found.embed(w, 16_000) for w in windows()]), values)
    layers = {one: size for one, size in found.features.items() if one != "embedding"}
    assert found.features["embedding"] == layers[name] == head.inputs
    assert [*layers.items()] == [*model.features.items()][1 : 1 + len(layers)]
    assert [*layers][-1] == f"{name.partition('_')[0]}_max"
    np.testing.assert_array_equal(
        found.embed(windows()[0], 16_000, features="layer2_max"),
        model.embed(windows()[0], 16_000, features="layer2_max"),
    )
    assert found.provenance is not None
    assert found.provenance.base == model.name
    assert len(data) < len(model.source.data) / (2 if name.startswith("layer12") else 10) + 110_000


def test_the_mean_of_a_layer_before_it_is_rounded(starter: Classifier) -> None:
    name, noise = "layer6_mean", noises(1)[0]
    model = load(learn.export_model(starter, head_on(starter, name), None), backend="numpy")
    found = learn.fine_embeddings(model, noise)
    np.testing.assert_array_equal(found.exact, starter.embed(noise, 16_000, features=name))
    assert 0 < np.abs(found.fine - found.exact).max() < 0.03
    greatest = load(learn.export_model(starter, head_on(starter, "layer6_max"), None), backend="numpy")
    with pytest.raises(ModelError, match="the greatest values of a map"):
        learn.fine_embeddings(greatest, noise)


def test_the_whole_network_can_be_kept(model: Classifier) -> None:
    values, head = features_of(model, "layer6_mean"), head_on(model, "layer6_mean")
    alone = load(learn.export_model(model, head, values), backend="numpy")
    found = load(learn.export_model(model, head, values, learn.ModelCard(keep=True)), backend="numpy")
    assert [one.name for one in found.heads] == ["yamnet", "custom"]
    np.testing.assert_array_equal(scores_of(found), scores_of(alone))
    for window in windows():
        ours, theirs = found.score_window(window), model.score_window(window)
        np.testing.assert_array_equal(ours.heads[0].scores, theirs.scores)
        np.testing.assert_array_equal(ours.embeddings, theirs.embeddings)
    assert list(found.features.items()) == list(model.features.items())


def test_metadata_calibration_and_baking(starter: Classifier) -> None:
    values, head = features_of(starter, "layer8_mean"), head_on(starter, "layer8_mean")
    calibration = Calibration(np.array([[1, 0.5, 0.25, -np.inf]] * 3), ScoreTransformation.INVERSE_LOGISTIC, 0.0)
    card = learn.ModelCard(name="words", head_name="words", calibration=calibration, score_threshold=0.25)
    data = learn.export_model(starter, head, values, card)
    found = load(data, backend="numpy")
    (info,) = found.heads
    assert (found.name, info.name, info.labels, info.score_threshold) == ("words", "words", head.labels, 0.25)
    np.testing.assert_allclose(scores_of(found), calibration.apply(head.scores(values)), atol=0.02)
    baked = load(learn.bake_calibration(data), backend="numpy")
    np.testing.assert_allclose(scores_of(baked), scores_of(found), atol=0.02)


@pytest.mark.parametrize("weights", ["int8", "mixed", "float32", "dynamic"])
def test_all_types_of_weights(starter: Classifier, weights: str) -> None:
    values = features_of(starter, "layer6_max")
    head = head_on(starter, "layer6_max", kind="softmax" if weights != "int8" else "sigmoid")
    found = load(learn.export_model(starter, head, values, weights=weights), backend="numpy")
    np.testing.assert_allclose(scores_of(found), head.scores(values), atol=0.05)
    assert found.features["embedding"] == head.inputs


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_backends_agree(model: Classifier, backend: str) -> None:
    for name in ("layer6_mean", "layer6_max"):
        data = learn.export_model(model, head_on(model, name), features_of(model, name), learn.ModelCard(keep=True))
        one, other = load(data, backend="numpy"), load(data, backend=backend)
        np.testing.assert_array_equal(scores_of(one), scores_of(other))


def test_what_does_not_fit_is_refused(starter: Classifier) -> None:
    values = features_of(starter, "layer6_mean")
    with pytest.raises(
        ModelError, match=r"takes the feature 'layer99_mean', which the model has not: it has embedding,"
    ):
        learn.export_model(starter, replace(head_on(starter, "layer6_mean"), features="layer99_mean"), values)
    with pytest.raises(ModelError, match="the feature embedding has 256 values; the head takes 512"):
        learn.export_model(starter, replace(head_on(starter, "layer6_mean"), features="embedding"), values)
    floats = load(
        learn.export_model(starter, head_on(starter, "layer6_mean"), None, weights="float32"), backend="numpy"
    )
    with pytest.raises(ModelError, match="the feature layer3_mean is not quantized"):
        learn.export_model(floats, head_on(floats, "layer3_mean"), features_of(floats, "layer3_mean"))


def noises(count: int) -> list[np.ndarray]:
    """Windows of noise and tones of all strengths."""
    dice = np.random.default_rng(9)
    time = np.arange(15_600) / 16_000
    tones = 10 ** dice.uniform(-4, -0.1, count) * np.sin(2 * np.pi * dice.uniform(50, 7000, count) * time[:, None])
    noise = dice.normal(0, 1, (15_600, count)) * 10 ** dice.uniform(-4, -0.5, count)
    return list(np.clip(tones + noise, -1, 1).astype(np.float32).T)


@pytest.mark.slow
@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed")
@pytest.mark.parametrize("weights", ["int8", "mixed", "float32", "dynamic"])
@pytest.mark.parametrize(("name", "keep"), [("layer6_mean", False), ("layer6_max", True), ("layer12_mean", False)])
def test_a_runtime_runs_it_with_all_of_its_kernels(model: Classifier, name: str, keep: bool, weights: str) -> None:
    head = head_on(model, name, 10)
    card = learn.ModelCard(keep=keep)
    data = learn.export_model(model, head, features_of(model, name), card, weights=weights)
    found = load(data)  # the fastest backend; they agree, see above
    for kernels in KERNELS:
        runtime = Runtime(data, kernels=kernels, inner=False)
        for window in noises(200 if kernels == "reference" else 10):
            ours = [one.scores[0] for one in found.score_window(window).heads]
            for mine, theirs in zip(ours, runtime.run(window), strict=True):
                if kernels == "reference":
                    np.testing.assert_array_equal(mine, theirs[0])
                else:
                    np.testing.assert_allclose(mine, theirs[0], atol=0.2)
