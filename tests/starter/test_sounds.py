"""The starter model's making: sounds that are sound, labels that are heard, a file that says what the network says."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import yamjit
from reference.runtime import KERNELS, Runtime, runtime_available
from starter import places
from starter.__main__ import main
from starter.augment import augmented
from starter.card import describe_training, make_card
from starter.catalogue import LABELS, NOISES, OUTDOORS, SILENCE, SOUNDS, SPEECH, TEXTURES
from starter.dataset import HELD_OUT, TRAINING, Dataset, make_dataset, scene_label, standard_front_end
from starter.evaluate import average_precision, class_precisions, known_recordings
from starter.examples import EXAMPLES, make_examples
from starter.export import FoldedLayer, FoldedNetwork, Layer, export
from starter.scenes import STRETCH, WINDOW, Scene, Setting, held_out_setting, make_scene, training_setting
from starter.signals import RATE_HZ, Floats, Rng, coloured_noise, oscillator
from starter.speech import HELD_OUT_VOICES, VOICES, SpeechBank
from tests.support.synthetic import FIRST_CHANNELS, SEPARABLE, mel_matrix, probe_signals

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = Path(yamjit.__file__).parent / "models" / "starter.tflite"

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")


def hummed(rng: Rng, n: int) -> Floats:
    """Stand in for speech where espeak-ng is not installed."""
    return oscillator(rng.uniform(100, 200), n)


TRAIN = Setting({**SOUNDS, SPEECH: hummed}, places.background, places.room)
JUDGE = Setting({**SOUNDS, SPEECH: hummed}, places.held_out_background, places.held_out_room)


def scene(seed: int, label: str | None, setting: Setting = TRAIN) -> Scene:
    return make_scene(np.random.default_rng([5, seed]), label, setting)


# -- Sounds -----------------------------------------------------------------------------------------------------


def test_names_are_those_of_audioset(official_model_path: Path) -> None:
    assert set(LABELS) <= set(yamjit.load(official_model_path).labels)


def test_every_class_has_one_place() -> None:
    assert len(set(LABELS)) == len(LABELS) == len(SOUNDS) + 2
    assert set(SOUNDS) >= TEXTURES >= NOISES


@pytest.mark.parametrize("label", SOUNDS)
def test_sounds_are_sound(label: str) -> None:
    for seed in range(4):
        sound = SOUNDS[label](np.random.default_rng([3, seed]), STRETCH)
        assert sound.shape == (STRETCH,)
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() > 0.01
        assert abs(sound.mean()) < 0.3 * sound.std(), "sound is no direct current"
        np.testing.assert_array_equal(sound, SOUNDS[label](np.random.default_rng([3, seed]), STRETCH))


@pytest.mark.parametrize(
    ("label", "spacings", "lines"), [("Dial tone", (350, 440, 450, 330, 400, 425), 2), ("Mains hum", (50, 60), 6)]
)
def test_tones_lie_where_they_should(label: str, spacings: tuple[int, ...], lines: int) -> None:
    for seed in range(5):
        spectrum = np.abs(np.fft.rfft(SOUNDS[label](np.random.default_rng([3, seed]), RATE_HZ)))
        for found in np.argsort(spectrum)[-lines:]:
            distance = min(abs(found - spacing * max(1, round(found / spacing))) for spacing in spacings)
            assert distance <= 8


@pytest.mark.parametrize("slope", [-6.0, -3.0, 0.0, 3.0])
def test_noise_has_its_colour(slope: float) -> None:
    power = np.abs(np.fft.rfft(coloured_noise(np.random.default_rng(0), 64_000, slope))) ** 2
    low, high = (10 * np.log10(power[4 * f : 8 * f].mean()) for f in (250, 2000))
    assert (high - low) / 3 == pytest.approx(slope, abs=0.2)


@pytest.mark.parametrize("room", [places.room, places.held_out_room])
def test_rooms_ring_on_and_do_not_foretell(room: object) -> None:
    assert callable(room)
    click = np.zeros(STRETCH)
    click[1000] = 1.0
    heard = room(np.random.default_rng(1), click)
    np.testing.assert_allclose(heard[:1000], 0.0, atol=1e-9)
    assert heard[1000] == pytest.approx(1.0, abs=0.5)
    assert np.abs(heard[1500:4000]).max() > 1e-4


# -- Scenes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [TRAIN, JUDGE], ids=["training", "held out"])
@pytest.mark.parametrize("label", [*SOUNDS, SPEECH])
def test_the_first_sound_is_in_its_window(label: str, setting: Setting) -> None:
    for seed in range(3):
        made = scene(seed, label, setting)
        assert made.waveform.shape == (WINDOW,)
        assert made.waveform.dtype == np.float32
        assert np.abs(made.waveform).max() <= 1.0
        assert label in made.labels
        assert len(made.labels) <= 2


def test_silence_is_silent_and_nothing_else_is() -> None:
    silences = [scene(seed, SILENCE) for seed in range(20)]
    assert {made.labels for made in silences} == {frozenset({SILENCE})}
    loudest = max(float(np.sqrt(np.mean(made.waveform**2))) for made in silences)
    others = [scene(seed, label) for seed, label in enumerate(SOUNDS)]
    assert loudest < 0.0005 < min(float(np.abs(made.waveform).max()) for made in others)
    assert all(SILENCE not in made.labels for made in others)


def test_a_place_alone_has_no_label() -> None:
    assert {scene(seed, None).labels for seed in range(10)} == {frozenset()}


def test_a_sound_that_is_over_is_not_labelled() -> None:
    """Noise at the end of the stretch: windows that miss it do not count it."""

    def late(rng: Rng, n: int) -> Floats:
        sound = np.zeros(n)
        sound[-8000:] = rng.standard_normal(8000)
        return sound

    setting = Setting(
        dict.fromkeys([SPEECH, *SOUNDS], late) | {"Organ": SOUNDS["Organ"]}, places.background, places.room
    )
    made = [scene(seed, "Organ", setting) for seed in range(60)]
    assert all("Organ" in one.labels for one in made)
    assert any(len(one.labels) == 2 for one in made)
    assert any(len(one.labels) == 1 for one in made)


@pytest.mark.parametrize(("loudest", "labels"), [(0.03, 2), (3.0, 1)])
def test_a_sound_far_below_the_other_is_not_labelled(loudest: float, labels: int) -> None:
    """A sound is as loud as its loudest moment; windows that miss that one may hold next to nothing of it."""

    def tone(rng: Rng, n: int) -> Floats:
        sound = 0.03 * oscillator(rng.uniform(2000, 4000), n)
        sound[-40:] = loudest * rng.standard_normal(40)
        return sound

    setting = Setting(
        dict.fromkeys([SPEECH, *SOUNDS], tone) | {"Organ": SOUNDS["Organ"]}, places.background, places.room
    )
    assert max(len(scene(seed, "Organ", setting).labels) for seed in range(40)) == labels


def test_weather_and_coloured_noise_are_in_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []

    def room(rng: Rng, sound: Floats) -> Floats:
        entered.append(sound)
        return sound

    monkeypatch.setattr("starter.scenes.SECOND", 0.0)
    setting = Setting(TRAIN.sounds, places.background, room)
    for seed, label in enumerate(sorted(OUTDOORS | NOISES) * 4):
        assert scene(seed, label, setting).labels == {label}
    assert entered == []
    scene(0, "Applause", setting)
    scene(1, "Applause", setting)
    assert entered != []


def test_textures_are_not_mixed_with_each_other() -> None:
    for seed in range(40):
        assert len(scene(seed, "Rain").labels & TEXTURES) == 1


def test_a_scene_depends_on_its_seed_alone() -> None:
    np.testing.assert_array_equal(scene(4, "Siren").waveform, scene(4, "Siren").waveform)
    assert not np.array_equal(scene(4, "Siren").waveform, scene(5, "Siren").waveform)


def test_each_class_takes_its_turn() -> None:
    labels = [scene_label(0, TRAINING, index) for index in range(20 * len(LABELS))]
    assert set(labels) == {*LABELS, None}
    assert labels[7] in (LABELS[7], None)


# -- Speech and what is made of it ------------------------------------------------------------------------------


def test_voices_are_held_out() -> None:
    assert not set(VOICES) & set(HELD_OUT_VOICES)
    assert not {voice.split("+")[1] for voice in VOICES} & {voice.split("+")[1] for voice in HELD_OUT_VOICES}


@needs_espeak
def test_speech_is_spoken_the_same_again() -> None:
    one, again = (SpeechBank.spoken([0, 1], 3) for _ in range(2))
    for sentence, same in zip(one.sentences, again.sentences, strict=True):
        np.testing.assert_array_equal(sentence, same)
        assert RATE_HZ < sentence.size < 20 * RATE_HZ
    assert one(np.random.default_rng(0), STRETCH).shape == (STRETCH,)
    for setting in (training_setting(one), held_out_setting(one)):
        assert set(setting.sounds) == set(LABELS) - {SILENCE}


def test_without_espeak_the_tool_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        main(["--stages", "examples", "--out", str(tmp_path)])
    assert "espeak-ng is not installed" in capsys.readouterr().err


@needs_espeak
def test_windows_do_not_depend_on_processes() -> None:
    one, two = (make_dataset(3, HELD_OUT, 300, processes=count) for count in (1, 2))
    np.testing.assert_array_equal(one.patches, two.patches)
    np.testing.assert_array_equal(one.targets, two.targets)
    assert one.patches.shape == (300, 96, 64)
    assert one.targets[:, LABELS.index(SILENCE)].sum() in range(5, 13)


@needs_espeak
def test_examples_are_short_and_hold_one_sound() -> None:
    made = make_examples(0)
    assert set(made) == set(EXAMPLES)
    for data in made.values():
        assert 10_000 < len(data) < 100_000
        assert data.startswith(b"fLaC")


@pytest.mark.skipif(not SHIPPED.is_file(), reason="the starter model is not built")
@pytest.mark.parametrize("name", EXAMPLES)
def test_shipped_examples_are_recognised(name: str) -> None:
    heard = yamjit.load(SHIPPED).classify(ROOT / "examples" / name)
    (first, second) = heard.top(2)
    assert first.label == EXAMPLES[name]
    assert first.score > 0.5 > second.score


# -- Variations -------------------------------------------------------------------------------------------------


def one_hot(*labels: str) -> np.ndarray:
    return np.array([[name == label for name in LABELS] for label in labels])


def test_variations_keep_silence_and_the_colour_of_noise() -> None:
    silent = np.full((8, 96, 64), np.log(0.001), np.float32)
    varied, targets = augmented(np.random.default_rng(0), silent, one_hot(*[SILENCE] * 8))
    np.testing.assert_allclose(varied, silent, atol=1e-5)
    assert targets.dtype == np.float32
    noise = np.random.default_rng(1).uniform(0, 1, (8, 96, 64)).astype(np.float32)
    varied, _ = augmented(np.random.default_rng(0), noise, one_hot(*["White noise"] * 8))
    np.testing.assert_allclose(np.sort(varied, axis=1), np.sort(noise, axis=1), atol=1e-4)


def test_variations_mix_what_can_be_told_apart() -> None:
    patches = np.full((40, 96, 64), -5.0, np.float32)
    patches[::2, :, :32], patches[1::2, :, 32:] = 2.0, 2.0
    labels = one_hot(*["Siren", "Bass drum"] * 20)
    varied, targets = augmented(np.random.default_rng(0), patches, labels)
    mixed = targets.sum(axis=1) == 2
    assert 5 < mixed.sum() < 25
    loud = (varied > -1.0).mean(axis=(1, 2))
    assert (loud[mixed] > 0.9).all()
    np.testing.assert_array_equal(targets[~mixed] > 0, labels[~mixed])
    for apart in (["Rain", "Applause"], ["Siren", SILENCE]):
        _, targets = augmented(np.random.default_rng(0), patches, one_hot(*apart * 20))
        assert (targets.sum(axis=1) == 1).all()


def test_variations_in_noise_stay_audible() -> None:
    patches = np.full((60, 96, 64), np.log(0.001), np.float32)
    patches[:, :, 20:26] = 1.0
    varied, targets = augmented(np.random.default_rng(0), patches, one_hot(*["Siren"] * 60))
    noisy = (varied[:, :, 40:] > -6.8).any(axis=(1, 2))
    assert 10 < noisy.sum() < 45
    assert (varied[:, :, 20:26].mean(axis=(1, 2)) > varied[:, :, 40:].mean(axis=(1, 2))).all()
    assert (targets.sum(axis=1) == 1).all()


# -- Judgement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "targets", "expected"),
    [
        ([0.9, 0.8, 0.1], [1, 1, 0], 1.0),
        ([0.9, 0.8, 0.1], [0, 1, 0], 1 / 2),
        ([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0], 1 / 4),
        ([0.5, 0.5, 0.1, 0.9], [0, 1, 0, 1], (1 + 2 / 3) / 2),
    ],
)
def test_average_precision(scores: list[float], targets: list[int], expected: float) -> None:
    for order in ([*range(len(scores))], [*reversed(range(len(scores)))]):
        found = average_precision(np.array(scores)[order], np.array(targets, bool)[order])
        assert found == pytest.approx(expected)


def test_average_precision_wants_a_positive() -> None:
    with pytest.raises(ValueError, match="at least one positive"):
        average_precision(np.zeros(3), np.zeros(3, bool))


def test_recordings_of_known_classes_are_found(test_data: Path) -> None:
    found = known_recordings(test_data, LABELS)
    assert {("Rain", "audio/esc10"), ("Speech", "audio/clips")} <= set(found)
    assert all(path.is_file() for paths in found.values() for path in paths)


# -- The file ---------------------------------------------------------------------------------------------------


def invented_network(classes: int, width: float = 0.25) -> FoldedNetwork:
    """Return a network of random weights that lets values through."""
    rng = np.random.default_rng(0)
    channels = round(FIRST_CHANNELS * width)
    layers = [_layer(rng, Layer.CONV, (channels, 3, 3, 1), 2)]
    for wider, stride in SEPARABLE:
        outputs = round(wider * width)
        layers.append(_layer(rng, Layer.DEPTHWISE, (1, 3, 3, channels), stride))
        layers.append(_layer(rng, Layer.CONV, (outputs, 1, 1, channels), 1))
        channels = outputs
    weights = rng.normal(0, 1.0, (classes, channels))
    return FoldedNetwork(layers, weights, rng.normal(0, 1, classes), 4.0, (-12.0, 9.0))


def _layer(rng: Rng, kind: Layer, shape: tuple[int, ...], stride: int) -> FoldedLayer:
    depthwise = kind is Layer.DEPTHWISE
    fan_in, outputs = (9, shape[3]) if depthwise else (int(np.prod(shape[1:])), shape[0])
    weights = rng.normal(0, (2 / fan_in) ** 0.5, shape)
    return FoldedLayer(kind, stride, weights, rng.uniform(0, 0.5, outputs))


def float_embeddings(network: FoldedNetwork, patches: Floats) -> Floats:
    """Compute in floats what the file shall compute in integers."""
    values = patches[..., None]
    for layer in network.layers:
        values = np.clip(_convolve(values, layer) + layer.bias, 0, 6)
    return np.asarray(values.mean(axis=(1, 2)))


def _convolve(values: Floats, layer: FoldedLayer) -> Floats:
    kernel, stride = layer.weights.shape[1], layer.stride
    before = (kernel - 1) // 2 if stride == 1 else 0
    padded = np.pad(values, [(0, 0), *[(before, kernel - 1 - before)] * 2, (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    if layer.kind is Layer.DEPTHWISE:
        return np.einsum("nyxcij,ijc->nyxc", views, layer.weights[0])
    return np.einsum("nyxcij,oijc->nyxo", views, layer.weights)


@pytest.fixture(scope="module")
def patches() -> Floats:
    return np.stack([standard_front_end().frames(signal) for signal in probe_signals().values()]).astype(np.float64)


def test_the_file_computes_what_the_network_did(patches: Floats) -> None:
    network = invented_network(7)
    data = export(network, [f"Class {k}" for k in range(7)])
    assert data == export(network, [f"Class {k}" for k in range(7)])
    model = yamjit.load(data)
    found = model.network.run(patches.astype(np.float32))
    expected = float_embeddings(network, patches)
    difference = np.abs(found.embeddings - expected)
    assert difference.mean() < 0.02 < 0.1 < np.ptp(expected, axis=0).mean(), "as far apart as other sounds are"
    assert difference.max() < 0.2
    logits = np.clip(found.embeddings @ network.weights.T + network.bias, *network.logit_range)
    np.testing.assert_allclose(found.logits, logits, atol=0.3)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-found.logits)), atol=1 / 256)


def test_the_file_describes_itself() -> None:
    model = yamjit.load(export(invented_network(len(LABELS)), LABELS))
    assert model.labels == LABELS
    assert model.sample_rate == RATE_HZ
    assert len(model.source.data) <= 400_000
    assert model.graph.metadata is not None
    assert model.graph.metadata.license.startswith("Apache")
    assert "yamjit fetch" in model.graph.metadata.description


def test_a_bias_beyond_32_bits_is_refused() -> None:
    network = invented_network(2)
    layer = network.layers[0]
    broken = FoldedLayer(layer.kind, layer.stride, layer.weights * 1e-9, layer.bias + 1e3)
    with pytest.raises(ValueError, match="does not fit 32 bits"):
        export(FoldedNetwork([broken, *network.layers[1:]], *_rest(network)), ["a", "b"])


def _rest(network: FoldedNetwork) -> tuple[Floats, Floats, float, tuple[float, float]]:
    return network.weights, network.bias, network.highest_embedding, network.logit_range


def test_class_precisions_are_by_label(patches: Floats) -> None:
    model = yamjit.load(export(invented_network(2), ["a", "b"]))
    half = np.arange(len(patches)) < 3
    found = class_precisions(model, Dataset(patches.astype(np.float16), np.stack([half, ~half], axis=1)))
    assert list(found) == ["a", "b"]
    assert all(0 < precision <= 1 for precision in found.values())


def test_the_card_says_what_the_file_is(patches: Floats) -> None:
    network = invented_network(2)
    data = export(network, ["a", "b"])
    half = np.arange(len(patches)) < 3
    held_out = Dataset(patches.astype(np.float16), np.stack([half, ~half], axis=1))
    training = {"how": "not at all"}
    card = make_card(data, ["a", "b"], training, held_out, None)
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["parameters"] == sum(x.weights.size + x.bias.size for x in (*network.layers, network))
    # 48 x 32 places of the first layer's 3 x 3 products, and so on down to the dense layer.
    assert card["multiply_adds"] == 48 * 32 * 8 * 9 + sum(_multiply_adds(network)) + 2 * 256
    assert card["training"] == training
    assert card["real_recordings"] is None
    assert [known["label"] for known in card["classes"]] == ["a", "b"]
    assert json.loads(json.dumps(card)) == card


def _multiply_adds(network: FoldedNetwork) -> Iterator[int]:
    """Yield the products of all layers after the first."""
    places_left = 48 * 32
    for layer in network.layers[1:]:
        places_left //= layer.stride**2
        yield places_left * layer.weights.size


def test_a_training_is_described() -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    described = describe_training(3, 100, 2, 12.6, 2)
    assert described["command"] == "python -m starter --seed 3 --windows 100 --epochs 2 --threads 2"
    assert described["seconds"] == 13
    assert {"python", "torch", "numpy"} <= set(described["versions"])


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed")
def test_any_kernel_set_loads_the_file_and_the_reference_agrees(patches: Floats) -> None:
    data = export(invented_network(5), [f"Class {k}" for k in range(5)])
    model = yamjit.load(data)
    waveform = scene(1, "Siren").waveform
    for kernels in KERNELS:
        (scores,) = Runtime(data, kernels=kernels).run(waveform)
        assert scores.shape == (1, 5)
    (scores,) = Runtime(data).run(waveform)
    np.testing.assert_array_equal(model.classify(waveform, sample_rate=RATE_HZ).scores, scores)


def test_the_front_end_is_that_of_yamnet(official_model_path: Path) -> None:
    ours, official = standard_front_end().constants, yamjit.load(official_model_path).front_end.constants
    assert (ours.window_samples, ours.hop_length, ours.n_fft) == (
        official.window_samples,
        official.hop_length,
        official.n_fft,
    )
    np.testing.assert_allclose(ours.window, official.window, atol=1e-6)
    np.testing.assert_allclose(mel_matrix(), official.mel_basis, atol=1e-5)
    np.testing.assert_allclose(ours.log_offset, official.log_offset, rtol=1e-6)


# -- Training ---------------------------------------------------------------------------------------------------


@needs_espeak
def test_a_training_gives_the_same_file_again(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    small = ["--windows", "300", "--held-out", "330", "--epochs", "1", "--width", "0.25"]
    for turn in ("one", "again"):
        assert main([*small, "--out", str(tmp_path / turn), "--stages", "model"]) == 0
    models = [tmp_path / turn / "src/yamjit/models/starter.tflite" for turn in ("one", "again")]
    assert models[0].read_bytes() == models[1].read_bytes()


@pytest.mark.skipif(not SHIPPED.is_file(), reason="the starter model is not built")
def test_the_card_is_of_the_shipped_file() -> None:
    card = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    data = SHIPPED.read_bytes()
    assert (card["sha256"], card["size_bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert tuple(known["label"] for known in card["classes"]) == LABELS == yamjit.load(data).labels
    precisions = [known["average_precision"] for known in card["classes"]]
    assert card["mean_average_precision"] == pytest.approx(np.mean(precisions), abs=1e-3)
    assert card["mean_average_precision"] >= 0.95
