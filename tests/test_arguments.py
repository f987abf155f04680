"""Whatever comes in as an argument, an answer or an error of this package comes out, and no memory is taken first.

The callables are those that the package offers; each needs a call that works in `CALLS`. Their parameters are read from
their signatures, so that a new one is tried as soon as it is there.
"""

from __future__ import annotations

import array as arrays
import contextlib
import dataclasses
import datetime
import decimal
import fractions
import importlib.util
import inspect
import io
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import GeneratorType
from typing import Any

import numpy as np
import pytest

import yamjit
from tests.support import sound_device
from yamjit import class_map, learn, plots, search, weights
from yamjit.audio import AudioLimits, Microphone, PushedAudio, RawPcm, open_audio
from yamjit.calibration import Calibration
from yamjit.events import EventDetector
from yamjit.heads import list_classes
from yamjit.learn.training import cross_validate_all
from yamjit.options import read_groups
from yamjit.segments import SegmentOptions, cut_segments, segment_name

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SIREN = EXAMPLES / "siren.flac"


# -- What is hostile --------------------------------------------------------------------------------------------


class Raising:
    """An object whose every method raises what nobody expects."""

    def _boom(self, *_: Any, **__: Any) -> Any:
        raise KeyError("boom")

    __array__ = __float__ = __index__ = __len__ = __iter__ = __int__ = __fspath__ = __repr__ = _boom
    __getitem__ = __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __bool__ = __contains__ = _boom
    __hash__ = object.__hash__


class Endless:
    """An object that says that it is huge."""

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> int:
        if index > 1000:
            raise IndexError
        return index


class RaisingFile(io.RawIOBase):
    """A file whose every method raises."""

    name = "a\nb"

    def read(self, *_: Any) -> Any:
        raise RuntimeError("boom")

    seek = tell = seekable = readinto = read  # type: ignore[assignment]


def masked() -> np.ma.MaskedArray:
    return np.ma.masked_array(np.full(16_000, 0.1, np.float32), mask=[True, False] * 8_000)


def hostile() -> dict[str, Callable[[], Any]]:
    """Return makers of values by name: some are used up by a call."""
    values: dict[str, Any] = {
        "10**400": 10**400,
        "10**5000": 10**5000,
        "-10**400": -(10**400),
        "1e300": 1e300,
        "-1e300": -1e300,
        "-1": -1,
        "0": 0,
        "2**63": 2**63,
        "0.5": 0.5,
        "nan": float("nan"),
        "inf": float("inf"),
        "True": True,
        "None": None,
        "x": "x",
        "empty text": "",
        "surrogate": "a\udcffb",
        "null": "a\0b",
        "long text": "x" * 100_000,
        "bytes": b"x",
        "complex": 1j,
        "Fraction": fractions.Fraction(10**400, 3),
        "Decimal": decimal.Decimal("1e400"),
        "datetime": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        "list": [1, "x", None],
        "empty list": [],
        "set": {1, 2},
        "dict": {"x": 1},
        "mapping of nonsense": {None: {}, 1j: "x"},
        "self-containing list": (lambda found: found.append(found) or found)([]),
        "function": lambda *_, **__: None,
        "type": int,
        "module": sys,
        "path": Path("/nowhere/at/all"),
        "Raising": Raising(),
        "Endless": Endless(),
        "range": range(10**9),
        "array.array": arrays.array("d", [0.0] * 100),
        "np.bool": np.True_,
        "np.nan": np.float32("nan"),
        "longdouble": np.longdouble("1e400") if np.finfo(np.longdouble).max > 1e308 else np.longdouble(1),
        "0-d": np.array(1.0),
        "3-d": np.zeros((2, 3, 4)),
        "empty array": np.zeros((0, 5)),
        "no channels": np.zeros((5, 0)),
        "object array": np.array([1, "x", None], object),
        "strings": np.array(["a", "b"]),
        "dates": np.array(["2024-01-01"], "M8[D]"),
        "records": np.zeros(4, [("a", "f4"), ("b", "i2")]),
        "complex array": np.zeros(400, np.complex128),
        "uint64": np.full(400, 2**64 - 1, np.uint64),
        "nan array": np.full((400, 2), np.nan),
        "masked": masked(),
        "list of masked": [masked(), masked()],
    }
    makers: dict[str, Callable[[], Any]] = {name: lambda value=value: value for name, value in values.items()}
    makers["generator"] = lambda: (k for k in range(3))
    makers["raising generator"] = lambda: (1 / 0 for _ in range(3))
    makers["file of rubbish"] = lambda: io.BytesIO(b"rubbish" * 100)
    makers["file of text"] = lambda: io.StringIO("rubbish")
    makers["raising file"] = RaisingFile
    return makers


HOSTILE = hostile()


# -- What is called ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


@pytest.fixture(scope="module")
def calls(model: yamjit.Classifier, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Call]:
    folder = tmp_path_factory.mktemp("clips")
    soundfile = pytest.importorskip("soundfile")
    dice = np.random.default_rng(3)
    for label, k in itertools.product(("high", "low"), range(3)):
        (folder / label).mkdir(exist_ok=True)
        wave = np.sin(np.arange(16_000) * (0.5 if label == "high" else 0.05)) * 0.3 + dice.normal(0, 0.01, 16_000)
        soundfile.write(folder / label / f"{k}.wav", wave, 16_000)
    return dict(_calls(model, folder))


@dataclasses.dataclass
class Call:
    """A call that works, and the parameters that are hidden behind its ``**``."""

    function: Callable[..., Any]
    good: dict[str, Any]
    hidden: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()

    @property
    def parameters(self) -> list[str]:
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        found = [p.name for p in inspect.signature(self.function).parameters.values() if p.kind not in kinds]
        return [name for name in dict.fromkeys((*found, *self.hidden)) if name not in self.untried]


def _calls(model: yamjit.Classifier, folder: Path) -> Iterator[tuple[str, Call]]:
    """Yield every public callable by the name under which it is found, and a call of it that works."""
    wave = np.zeros(16_000, np.float32)
    audio = {"audio": wave, "sample_rate": 16_000}
    result = model.classify(wave, sample_rate=16_000)
    scores = np.array([[0.1, 0.9], [0.8, 0.3], [0.6, 0.4], [0.2, 0.7]])
    truth = scores > 0.5
    vectors = np.abs(np.random.default_rng(1).normal(0, 1, (8, 6))).astype(np.float32)
    dataset = learn.from_folder(folder)
    features = learn.embed_clips(model, dataset)
    quick = learn.TrainOptions(learn.FitOptions(iterations=2))
    head = learn.train_head(features, quick).head
    event = yamjit.Event("Siren", 1, "", 0.5, 0.5, 0.1, 0.4)
    fit = learn.YAMNetClassifier(iterations=2).fit(vectors, ["a", "b"] * 4)

    yield "load", Call(yamjit.load, {"model": "starter", "backend": "numpy", "download": False})
    yield "Classifier.with_options", Call(model.with_options, {"options": yamjit.ClassifierOptions()})
    yield "Classifier.windows", Call(model.windows, audio)
    yield "Classifier.frames", Call(model.frames, audio)
    yield "Classifier.classify", Call(model.classify, audio)
    yield "Classifier.classify_channels", Call(model.classify_channels, audio)
    yield "Classifier.embed", Call(model.embed, audio)
    yield "Classifier.feature_windows", Call(model.feature_windows, audio)
    yield "Classifier.log_mel", Call(model.log_mel, audio)
    yield "Classifier.watcher", Call(model.watcher, {})
    yield "Classifier.watch", Call(model.watch, audio)
    yield "Classifier.events", Call(model.events, audio)
    yield "Classifier.stream", Call(model.stream, {})
    yield "Classifier.score_window", Call(model.score_window, {"samples": wave[: model.window_samples]})
    yield "Classifier.weights", Call(model.weights, {})
    yield "ReadOptions", Call(yamjit.ReadOptions, {})
    yield "Clock", Call(yamjit.Clock, {})
    yield "Clock.at", Call(yamjit.Clock(datetime.datetime(2026, 5, 12)).at, {"seconds": 1.0})
    yield "ClassifierOptions", Call(yamjit.ClassifierOptions, {})
    yield "EventOptions", Call(yamjit.EventOptions, {})
    yield "SegmentOptions", Call(SegmentOptions, {})
    yield "AudioLimits", Call(AudioLimits, {})
    yield "RawPcm", Call(RawPcm, {"file": io.BytesIO(b""), "sample_rate": 16_000}, untried=("limits",))
    yield "Microphone", Call(Microphone, {}, untried=("limits",))
    yield "open_audio", Call(open_audio, {"source": wave, "sample_rate": 16_000}, untried=("limits",))
    yield "PushedAudio", Call(PushedAudio, {"sample_rate": 8_000, "target_rate": 16_000}, untried=("limits",))
    yield "PushedAudio.push", Call(lambda block: PushedAudio(8_000, 16_000).push(block), {"block": wave})
    yield "Stream.push", Call(lambda block: model.stream().push(block), {"block": wave})
    names = (("a", "b"), (0, 1), ("", ""))
    yield (
        "EventDetector",
        Call(
            EventDetector, dict(zip(("names", "class_indices", "audioset_ids"), names, strict=True)), untried=("find",)
        ),
    )
    yield (
        "EventDetector.push",
        Call(
            lambda times_s, scores, level_dbfs: EventDetector(*names, yamjit.EventOptions(min_dbfs=-60)).push(
                times_s, scores, level_dbfs
            ),
            {"times_s": [0.0, 0.48], "scores": [[0.1, 0.9]] * 2, "level_dbfs": [-20.0, -20.0]},
        ),
    )
    yield "EventDetector.flush", Call(lambda duration_s: EventDetector(*names).flush(duration_s), {"duration_s": 1.0})
    yield "Classification.top", Call(result.top, {})
    yield "Classification.rows", Call(result.rows, {})
    yield "Classification.to_hf", Call(result.to_hf, {})
    yield (
        "cut_segments",
        Call(
            cut_segments,
            {"recording": SIREN, "events": [event], "folder": folder.parent / "cut"},
            untried=("folder", "limits"),
        ),
    )
    np.save(folder / "siren.npy", model.embed(SIREN))
    yield (
        "read_embeddings",
        Call(
            lambda path, hop_s: yamjit.read_embeddings(path, hop_s=hop_s),
            {"path": folder / "siren.npy", "hop_s": 0.48},
        ),
    )
    if (search, "search.") in PACKAGES:
        index = search.build_index(yamjit.read_embeddings(folder / "siren.npy"), model=model)
        yield "search.build_index", Call(search.build_index, {"embeddings": folder / "siren.npy", "model": model})
        yield "search.Index.search", Call(index.search, {"embeddings": model.embed(SIREN)})
        index.save(folder / "a.yamindex")
        yield "search.Index.load", Call(search.Index.load, {"path": folder / "a.yamindex"})
        yield "search.Index", Call(search.Index, {"said": index._said, "arrays": index._arrays})
    yield "read_groups", Call(read_groups, {"path": SIREN})
    yield "find_class", Call(class_map.find_class, {"text": "Speech"})
    yield "list_classes", Call(list_classes, {"head": model.heads[0]}, untried=("head",))
    yield "survey", Call(plots.survey, {"classifier": model, **audio}, untried=("watch",))
    yield "Calibration.from_file", Call(Calibration.from_file, {"path": SIREN, "classes": 15})
    yield "write_weights", Call(weights.write_weights, {"weights": {"a": np.zeros(3)}, "form": "npz"})

    for name in (
        "Gain",
        "Shift",
        "Noise",
        "Fade",
        "Trim",
        "Speed",
        "Place",
        "TimeMask",
        "FrequencyMask",
        "Augmentation",
    ):
        yield f"learn.{name}", Call(getattr(learn, name), {})
    yield "learn.mix", Call(learn.mix, {"samples": wave, "other": wave + 0.1, "snr_db": 3})
    yield "learn.Clip", Call(learn.Clip, {"path": SIREN, "labels": ("a",)})
    yield "learn.Dataset", Call(learn.Dataset, {"clips": dataset.clips, "classes": dataset.classes})
    yield "learn.Dataset.folds", Call(dataset.folds, {})
    yield "learn.FitOptions", Call(learn.FitOptions, {})
    yield "learn.TrainOptions", Call(learn.TrainOptions, {})
    yield "learn.ModelCard", Call(learn.ModelCard, {})
    yield "learn.Head", Call(learn.Head, {"labels": head.labels, "kind": head.kind, "layers": head.layers})
    yield "learn.Head.logits", Call(head.logits, {"embeddings": features.embeddings})
    yield (
        "learn.Evaluation",
        Call(learn.Evaluation, {"labels": ("a", "b"), "names": tuple("wxyz"), "targets": truth, "scores": scores}),
    )
    yield (
        "learn.Features",
        Call(
            learn.Features,
            {name: getattr(features, name) for name in ("dataset", "embeddings", "clips", "hashes")},
            untried=("hashes", "skipped"),
        ),
    )
    yield "learn.Features.samples", Call(features.samples, {})
    yield "learn.FineEmbeddings", Call(learn.FineEmbeddings, dict.fromkeys(("quantized", "exact", "fine"), scores))
    yield "learn.EmbeddingCache", Call(learn.EmbeddingCache, {})
    yield "learn.Isotonic", Call(learn.Isotonic, {"steps": ()})
    yield "learn.Isotonic.from_json", Call(learn.Isotonic.from_json, {"text": '{"a": []}', "labels": ["a"]})
    yield "learn.Prototypes", Call(learn.Prototypes, {})
    yield "learn.Prototypes.add", Call(learn.Prototypes().add, {"label": "a", "embeddings": vectors})
    yield "learn.Prototypes.remove", Call(learn.Prototypes().remove, {"label": "a"})
    yield (
        "learn.YAMNetEmbedder",
        Call(
            lambda model=model, pooling="mean", hop_s=0.48, sample_rate=16_000, X=None: learn.YAMNetEmbedder(  # noqa: N803
                model, pooling=pooling, hop_s=hop_s, sample_rate=sample_rate
            ).transform([wave] if X is None else X),
            {},
        ),
    )
    yield (
        "learn.YAMNetClassifier",
        Call(
            lambda X=vectors, y=tuple("abababab"), **how: learn.YAMNetClassifier(**{"iterations": 2, **how}).fit(X, y),  # noqa: N803
            {},
            tuple(name for name in inspect.signature(learn.YAMNetClassifier).parameters),
        ),
    )
    yield "learn.YAMNetClassifier.predict", Call(fit.predict, {"X": vectors})
    yield (
        "learn.cross_calibrate",
        Call(learn.cross_calibrate, {"scores": scores, "truth": truth, "folds": ["1", "1", "2", "2"]}),
    )
    yield "learn.fit_sigmoids", Call(learn.fit_sigmoids, {"scores": scores, "truth": truth})
    yield "learn.fit_isotonic", Call(learn.fit_isotonic, {"scores": scores, "truth": truth})
    yield (
        "learn.thresholds_for_precision",
        Call(
            learn.thresholds_for_precision, {"labels": ["a", "b"], "scores": scores, "truth": truth, "precision": 0.9}
        ),
    )
    yield "learn.embed_clips", Call(learn.embed_clips, {"model": model, "dataset": dataset}, untried=("progress",))
    several = {"model": model, "dataset": dataset, "features": ["embedding", "layer6_mean"]}
    yield "learn.embed_candidates", Call(learn.embed_candidates, several, untried=("progress",))
    yield "learn.candidate_features", Call(learn.candidate_features, {"model": model})
    yield "learn.fine_embeddings", Call(learn.fine_embeddings, {"model": model, "samples": wave})
    yield "learn.augmented", Call(learn.augmented, {"model": model, "features": features})
    yield "learn.with_copies", Call(learn.with_copies, {"model": model, "features": features, "copies": 1})
    yield "learn.anywhere", Call(learn.anywhere, {"model": model, "features": features})
    candidates = {"embedding": features, "layer6_mean": features}
    yield "learn.choose_features", Call(learn.choose_features, {"candidates": candidates, "folds": 2})
    yield "learn.Choice", Call(learn.Choice, {"name": "embedding"})
    figures = {"name": "embedding", "values": 256, "accuracy": 0.5, "squared_error": 0.1, "weight_decay": 0.003}
    yield "learn.CandidateFigures", Call(learn.CandidateFigures, figures | {"decays": ()})
    yield "learn.train_head", Call(learn.train_head, {"features": features, "options": quick}, untried=("progress",))
    folds = {"features": features, "options": quick, "folds": 2}
    yield "learn.cross_validate", Call(learn.cross_validate, folds, untried=("augment",))
    yield "cross_validate_all", Call(cross_validate_all, folds, untried=("augment",))
    yield "learn.evaluate_head", Call(learn.evaluate_head, {"head": head, "features": features})
    yield "learn.evaluate_model", Call(learn.evaluate_model, {"model": model, "dataset": dataset})
    yield (
        "learn.export_model",
        Call(learn.export_model, {"model": model.graph, "head": head, "embeddings": features.embeddings}),
    )
    yield "learn.export_head", Call(learn.export_head, {"head": head})
    calibrated = learn.ModelCard(calibration=learn.fit_sigmoids(scores, truth))
    data = learn.export_model(model, head, features, calibrated)
    yield "learn.bake_calibration", Call(learn.bake_calibration, {"data": data})
    yield "learn.clips_trained_on", Call(learn.clips_trained_on, {"model": model, "dataset": dataset})
    yield "learn.from_folder", Call(learn.from_folder, {"folder": folder})
    yield "learn.from_csv", Call(learn.from_csv, {"table": SIREN})
    yield "learn.from_labels", Call(learn.from_labels, {"pairs": [SIREN]})
    yield "learn.head_from_sklearn", Call(learn.head_from_sklearn, {"estimator": None})
    yield "Calibration", Call(Calibration, {"parameters": [[1.0, 1.0, 0.0, 0.0]]})
    for kind in (yamjit.Event, yamjit.Row, yamjit.Segment, yamjit.Summary, yamjit.ScoredLabel):
        good = dict.fromkeys(inspect.signature(kind).parameters, 1)
        yield kind.__name__, Call(kind, good)
    yield (
        "segment_name",
        Call(segment_name, {"recording": "a.wav", "event": event, "container": "wav"}, untried=("event", "container")),
    )


def faults_of(name: str, call: Call) -> list[str]:
    """Return what foreign came out of a call, a line for each argument and value."""
    found = []
    for parameter in call.parameters:
        for kind, make in HOSTILE.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    answer = call.function(**{**call.good, parameter: make()})
                    if isinstance(answer, (GeneratorType, Iterator)):
                        list(itertools.islice(answer, 3))
                    with contextlib.suppress(AttributeError):
                        answer.close()
            except yamjit.YamjitError as error:  # noqa: PERF203
                if "\n" in str(error) and not isinstance(error, yamjit.ModelNotFoundError):  # which lists what to do
                    found.append(f"{name}({parameter}={kind}): a message of several lines")
            except BaseException as error:  # noqa: BLE001
                found.append(f"{name}({parameter}={kind}): {type(error).__name__}: {str(error)[:100]}")
    return found


#: What is looked through for names, and how they begin below; the search is there where its library is.
PACKAGES = [(yamjit, ""), (learn, "learn."), *([(search, "search.")] if importlib.util.find_spec("usearch") else [])]


def public_names() -> Iterator[tuple[str, Any]]:
    """Yield the callables that the packages offer, and the public methods of `Classifier`."""
    for package, prefix in PACKAGES:
        for name in package.__all__:
            value = getattr(package, name)
            if callable(value) and not (isinstance(value, type) and issubclass(value, Exception)):
                yield prefix + name, value
    for name, value in vars(yamjit.Classifier).items():
        if inspect.isfunction(value) and not name.startswith("_") and value.__doc__:
            yield f"Classifier.{name}", value


#: Made by methods that are tried, and by nobody else.
MADE = {
    "Classification",
    "Classifier",
    "EmbeddingTable",
    "FeatureStream",
    "FrameStream",
    "Stream",
    "Watcher",
    "WindowStream",
    "Windows",
    "search.Hit",
}


def test_every_public_callable_is_tried(calls: dict[str, Call]) -> None:
    names = {name for name, _ in public_names()}
    assert names - MADE <= set(calls), "give them a call that works"


@pytest.fixture(autouse=True)
def microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    sound_device.pretend(monkeypatch)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Leave 8 GiB more of address space, so that what would take all memory is told, and ends nothing else."""
    if not sys.platform.startswith("linux"):  # what the process has is read from /proc
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**33, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.slow
@pytest.mark.usefixtures("little_memory")
def test_nothing_foreign_comes_out(calls: dict[str, Call]) -> None:
    found = [line for name, call in calls.items() for line in faults_of(name, call)]
    assert not found, "\n".join(found)


def test_the_calls_work(calls: dict[str, Call]) -> None:
    """What is tried with one wrong argument is right in the others."""
    wrong_files = {"read_groups", "Calibration.from_file", "learn.from_csv", "learn.from_labels"}
    for name, call in calls.items():
        if name not in {*wrong_files, "learn.head_from_sklearn", "learn.Prototypes.remove", "learn.evaluate_model"}:
            call.function(**call.good)


def test_numpy_numbers_are_numbers(model: yamjit.Classifier) -> None:
    wave = np.sin(np.arange(20_000) * 0.2).astype(np.float32) * 0.3
    expected = model.classify(wave, sample_rate=16_000, reading=yamjit.ReadOptions(hop_s=0.5, start_s=0.25, channel=0))
    for kind in (np.int16, np.uint32, np.float64):
        found = model.classify(
            wave,
            sample_rate=kind(16_000),
            reading=yamjit.ReadOptions(hop_s=np.float32(0.5), start_s=np.float64(0.25), channel=np.int8(0)),
        )
        np.testing.assert_array_equal(found.scores, expected.scores)
    assert found.top(np.int64(2)) == expected.top(2)
    assert yamjit.EventOptions(on=np.float32(0.5), smoothing_s=np.int32(2)).on == 0.5
    assert model.with_options(yamjit.ClassifierOptions(max_results=np.uint8(3))).options.max_results == 3
    assert SegmentOptions(padding_s=np.float16(0.5), most_per_class=np.int64(2)).most_per_class == 2
    assert learn.FitOptions(hidden=np.int64(4), seed=np.uint64(2**64 - 1)).hidden == 4


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8", np.longdouble, ">i2", "<i4", "i1", "u1"])
@pytest.mark.parametrize("made", ["as it is", "Fortran", "strided", "read-only", "list", "unmasked"])
def test_samples_of_every_make_are_heard_alike(model: yamjit.Classifier, dtype: Any, made: str) -> None:
    plain = np.array([[0.5, 0.0], [-0.5, 0.25], [0.25, 0.0], [0.0, -0.5]] * 500)
    full = {"i1": 2**7, "u1": 2**7, ">i2": 2**15, "<i4": 2**31}.get(str(dtype), 1)
    samples = (plain * full + (128 if str(dtype) == "u1" else 0)).astype(dtype)
    if made == "Fortran":
        samples = np.asfortranarray(samples)
    elif made == "strided":
        samples = np.repeat(samples, 2, axis=0)[::2]
    elif made == "read-only":
        samples.flags.writeable = False
    elif made == "unmasked":
        samples = np.ma.masked_array(samples, mask=False)
    given: Any = samples.tolist() if made == "list" and np.dtype(dtype).kind == "f" else samples
    with open_audio(given, 16_000) as audio:
        heard = np.concatenate(list(audio.blocks()), axis=1)[0]
    np.testing.assert_array_equal(heard, plain.mean(axis=1).astype(np.float32))


def test_masked_samples_are_never_heard(model: yamjit.Classifier) -> None:
    wave = masked()
    for audio in (wave, [wave, wave], {"array": wave, "sampling_rate": 16_000}, iter([wave])):
        rate = None if isinstance(audio, dict) else 16_000
        with pytest.raises(yamjit.InputError, match="masked"):
            model.classify(audio, sample_rate=rate)
    with pytest.raises(yamjit.InputError, match="masked"):
        model.stream().push(wave)
    with pytest.raises(yamjit.InputError, match="masked"):
        model.score_window(wave)


@pytest.mark.parametrize("method", ["windows", "classify", "embed", "log_mel", "watch", "events"])
def test_an_unknown_argument_is_told_by_the_method_that_was_called(model: yamjit.Classifier, method: str) -> None:
    for name in ("top", "batch"):
        with pytest.raises(TypeError, match=rf"Classifier\.{method}\(\) got an unexpected keyword argument '{name}'"):
            getattr(model, method)(SIREN, **{name: 3})
    with pytest.raises(TypeError, match="unexpected keyword argument 'top'"):
        model.with_options(yamjit.ClassifierOptions(top=3))


@pytest.mark.slow
def test_many_names_take_little_time_and_a_short_message(model: yamjit.Classifier) -> None:
    names = [f"name {k}" for k in range(50_000)]
    for options in ({"category_allowlist": names}, {"score_threshold": dict.fromkeys(names, 0.5)}):
        with pytest.raises(yamjit.InputError, match="and 49990 more") as told:
            model.with_options(yamjit.ClassifierOptions(**options))
        assert len(str(told.value)) < 1_000
    rules = yamjit.EventOptions(on=dict.fromkeys(names, 0.5))
    detector = EventDetector(names, range(len(names)), [""] * len(names), rules)
    assert len(detector.push([0.0], np.ones((1, len(names))))) == 0
    assert len(detector.flush()) == len(names)


@pytest.mark.parametrize("smoothing", ["mean", "median"])
def test_smoothing_over_many_windows_is_that_of_their_neighbourhood(smoothing: str) -> None:
    hop, half, count = 0.5, 150, 700
    scores = np.random.default_rng(0).random((count, 3))
    statistic = np.mean if smoothing == "mean" else np.median
    around = np.array([statistic(scores[max(0, k - half) : k + half + 1], axis=0) for k in range(count)])
    options = yamjit.EventOptions(on=0.5, off=0.5, smoothing_s=2 * half * hop, smoothing=smoothing)
    detector = EventDetector(tuple("abc"), range(3), [""] * 3, options, window_s=hop, hop_s=hop)
    events = detector.push(np.arange(count) * hop, scores) + detector.flush()
    for index in range(3):
        heard = np.flatnonzero(around[:, index] >= 0.5)
        expected = heard[np.flatnonzero(np.diff(heard, prepend=-9) > 1)] * hop
        np.testing.assert_array_equal([e.start_s for e in events if e.class_index == index], expected)
    with pytest.raises(yamjit.InputError, match="at most 5000, 10000 windows"):
        EventDetector(("a",), (0,), ("",), yamjit.EventOptions(smoothing_s=5001), hop_s=hop)
