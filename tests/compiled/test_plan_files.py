"""Plan files: what is written is read, the same bytes on every machine, and nothing of a stranger's is believed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.backends import FAST_BACKENDS, wants_library
from tests.support.plan_files import SHA256, accept_all, in_memory, place_of, sealed, written
from tests.support.sample_model import sample_model
from yamjit.calibration import Calibration
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.reader import read_plan_file
from yamjit.compiled.record import CompiledModel
from yamjit.errors import InputError, ModelError
from yamjit.frontend import FrontEnd
from yamjit.kernels import load_backend
from yamjit.kernels.plan_file.entries import CHECK_PLAN
from yamjit.kernels.plan_file.layout import HEAD_FIELDS, HEADER_BYTES, MAGIC, Fault, Field, HeadField
from yamjit.kernels.plan_file.xxh64 import xxh64
from yamjit.learn.export import export_model
from yamjit.loading import load
from yamjit.network import Network
from yamjit.store import resolve_model
from yamjit.tflite import Graph, read_graph
from yamjit.trained.alone import ModelCard, export_head
from yamjit.trained.heads import Dense, Head
from yamjit.training_clips import TrainingClips

MODELS = (
    "starter",
    "two heads",
    "trained head",
    "calibrated",
    "no embedding",
    "patches",
    "samples",
    "log-mel",
    "dynamic",
    "head alone",
)


def read(content: bytes, sha256: str = SHA256) -> CompiledModel:
    return read_plan_file(in_memory(content), sha256, accept_all)


def own_head(starter: CompiledModel, weights: str = "int8") -> bytes:
    """A model with a head of its own, which says where it comes from."""
    dice = np.random.default_rng(1)
    model = load("starter", backend="numpy")
    inputs = int(np.prod(starter.plan.embedding.shape))  # type: ignore[union-attr]
    head = Head(("Zaunkönig", "ウグイス"), "sigmoid", (Dense(dice.normal(0, 1, (2, inputs)), dice.normal(0, 1, 2)),))
    clips = TrainingClips([(hashlib.sha256(bytes([k])).hexdigest(), 0.0, None) for k in range(3)])
    card = ModelCard(name="birds", head_name="birds", keep=True, display_names={"fr": ("troglodyte", "bouscarle")})
    embeddings = np.concatenate([model.score_window(dice.uniform(-1, 1, 15_600)).embeddings for _ in range(3)])
    assert len(clips) == 3
    return export_model(model, head, None if weights == "dynamic" else embeddings, card, weights=weights)


def head_alone() -> bytes:
    """A head of two layers, from embeddings to shares of 1, with int8 weights."""
    dice = np.random.default_rng(2)
    layers = (Dense(dice.normal(0, 0.1, shape), dice.normal(0, 1, shape[0])) for shape in ((8, 256), (3, 8)))
    return export_head(Head(("a", "b", "c"), "softmax", tuple(layers)), weights="dynamic")


@pytest.fixture(scope="module")
def compiled(two_heads_graph: Graph) -> dict[str, CompiledModel]:
    """Models of every kind that there are plan files for."""
    starter = compile_model(read_graph(resolve_model("starter").data))
    head = starter.heads[0]
    parameters = np.random.default_rng(0).uniform(0, 2, (len(head.labels), 4))
    parameters[0], parameters[1, 3] = np.nan, -np.inf
    return {
        "starter": starter,
        "two heads": compile_model(two_heads_graph),
        "trained head": compile_model(read_graph(own_head(starter))),
        "calibrated": starter._replace(heads=(replace(head, calibration=Calibration(parameters)),)),
        "no embedding": starter._replace(plan=starter.plan._replace(embedding=None)),
        "patches": starter._replace(plan=starter.plan._replace(front_end=None)),
        "samples": compile_model(sample_model()),
        "log-mel": compile_model(sample_model(gives_log_mel=True)),
        "dynamic": compile_model(read_graph(own_head(starter, "dynamic"))),
        "head alone": compile_model(read_graph(head_alone())),
    }


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, compiled: dict[str, CompiledModel]) -> CompiledModel:
    return compiled[request.param]


@pytest.fixture(scope="module")
def content(compiled: dict[str, CompiledModel]) -> bytes:
    """A plan file with everything in it."""
    return written(compiled["two heads"])


# -- What is written is read ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["x86", "arm"])
def test_all_of_a_model_is_read_back(model: CompiledModel, family: str) -> None:
    found, plan = read(written(model, family)), model.plan
    assert (found.name, found.sample_rate, found.provenance) == (model.name, model.sample_rate, model.provenance)
    if found.provenance is not None and model.provenance is not None:
        assert found.provenance.digests.to_bytes() == model.provenance.digests.to_bytes()
    names = ("patch_shape", "patch_offset", "quantized_patch", "embedding", "heads", "log_mel")
    assert [getattr(found.plan, name) for name in names] == [getattr(plan, name) for name in names]
    assert list(found.plan.slots.items()) == list(plan.slots.items())
    for got, had in zip(found.heads, model.heads, strict=True):
        names = ("name", "labels", "audioset_ids", "named_by", "translations", "score_threshold")
        assert [getattr(got, name) for name in names] == [getattr(had, name) for name in names]
        assert (got.calibration is None) == (had.calibration is None)
        if got.calibration is not None and had.calibration is not None:
            assert np.array_equal(got.calibration.parameters, had.calibration.parameters, equal_nan=True)
            assert got.calibration.score_transformation == had.calibration.score_transformation
            assert got.calibration.default_score == had.calibration.default_score


def test_the_front_end_is_read_back_from_its_tables(compiled: dict[str, CompiledModel]) -> None:
    got, had = read(written(compiled["starter"])).plan.front_end, compiled["starter"].plan.front_end
    assert got is not None
    assert had is not None
    for name in ("window_samples", "hop_length", "n_fft", "window", "mel_basis", "log_offset"):
        assert np.array_equal(getattr(got, name), getattr(had, name)), name
    assert got.tables is not None
    assert got.window.base is not None  # a view of the file


def test_the_header_says_what_c_reads(compiled: dict[str, CompiledModel]) -> None:
    model = compiled["two heads"]
    content = written(model)
    header = np.frombuffer(content, np.int64, HEADER_BYTES // 8)
    assert (header[Field.MAGIC], content[:8]) == (MAGIC, b"\x89yamjit\n")
    assert (header[Field.SIZE], header[Field.HEADS]) == (len(content), 2)
    assert (header[Field.FRAMES], header[Field.BANDS], header[Field.SAMPLE_RATE]) == (96, 64, 16_000)
    assert (header[Field.WINDOW], header[Field.HOP], header[Field.FRAME]) == (15_600, 160, 400)
    assert header[Field.MODEL : Field.MODEL + 4].tobytes().hex() == SHA256
    assert int(header[Field.DIGEST].view(np.uint64)) == xxh64(content[8 * Field.SIZE :])
    assert all(header[field] % 64 == 0 for field in Field if field.name.endswith("S_AT") or field == Field.TEXT_AT)


def test_labels_and_scores_of_heads_are_tables(compiled: dict[str, CompiledModel]) -> None:
    """A program in C looks each score up that Python computes, calibration included."""
    model = compiled["two heads"]
    content = written(model)
    header = np.frombuffer(content, np.int64, HEADER_BYTES // 8)
    text = content[place_of(content, Field.TEXT_AT, Field.TEXT_SIZE)]
    records = np.frombuffer(content, np.int64, 2 * HEAD_FIELDS, header[Field.HEADS_AT]).reshape(2, HEAD_FIELDS)
    for row, head, record in zip(records, model.plan.heads, model.heads, strict=True):
        classes = int(row[HeadField.CLASSES])
        places = np.frombuffer(content, np.int64, classes, row[HeadField.LABELS_AT])
        assert tuple(text[at : text.index(b"\0", at)].decode() for at in places) == record.labels
        assert text[row[HeadField.NAME_AT] :].startswith(record.name.encode() + b"\0")
        assert row[HeadField.THRESHOLD : HeadField.THRESHOLD + 1].view(np.float64) == record.score_threshold
        stride = int(row[HeadField.VALUES_STRIDE])
        values = np.frombuffer(content, np.float32, max(256, stride * classes), row[HeadField.VALUES_AT])
        integers = np.random.default_rng(0).integers(-128, 128, (50, classes), dtype=np.int8)
        scores = head.scores.dequantize(integers)
        expected = scores if record.calibration is None else record.calibration.apply(scores)
        assert np.array_equal(values[stride * np.arange(classes) + integers + 128], expected)


@pytest.mark.parametrize(
    "lie",
    [
        *(5, [], ["log_mel", [10, 16], 40, 40, 1], ["scores", [10, 16], 40, 40], ["none", [10, 16], 40, 40]),
        *(["log_mel", [10, 17], 40, 40], ["log_mel", [16, 10], 40, 40], ["log_mel", [10, 16], 0, 40]),
        *(["log_mel", [10, 16], 40, 401], ["log_mel", [-10, -16], 40, 40], [["log_mel"], [10, 16], 40, 40]),
    ],
)
def test_a_spectrogram_that_is_not_there_is_refused(compiled: dict[str, CompiledModel], lie: Any) -> None:
    with pytest.raises(ModelError, match="in the plan file is"):
        read(changed(written(compiled["log-mel"]), lambda document: document.update(log_mel=lie)))
    with pytest.raises(ModelError, match="in the plan file is"):
        read(changed(written(compiled["starter"]), lambda document: document.update(log_mel=["log_mel", [1, 1], 1, 1])))


def test_a_text_with_a_zero_byte_ends_where_it_ends(compiled: dict[str, CompiledModel]) -> None:
    starter = compiled["starter"]
    labels = ("a\0b", *starter.heads[0].labels[1:])
    odd = written(starter._replace(heads=(replace(starter.heads[0], labels=labels),)))
    assert "a\ufffdb\0".encode() in odd[place_of(odd, Field.TEXT_AT, Field.TEXT_SIZE)]
    assert read(odd).heads[0].labels == labels


def test_a_model_gives_the_same_bytes_each_time(compiled: dict[str, CompiledModel]) -> None:
    again = compile_model(read_graph(resolve_model("starter").data))
    assert written(again) == written(compiled["starter"])
    assert written(again, "arm") != written(again)


def test_a_front_end_that_no_kernel_computes_is_refused(compiled: dict[str, CompiledModel]) -> None:
    plan = compiled["starter"].plan
    odd = plan._replace(front_end=replace(plan.front_end, n_fft=500))  # type: ignore[type-var]
    with pytest.raises(ModelError, match="transforms 500 samples a frame; a plan file takes powers of two"):
        written(compiled["starter"]._replace(plan=odd))


def test_a_network_of_too_many_steps_is_refused(compiled: dict[str, CompiledModel]) -> None:
    plan = compiled["samples"].plan
    steps = np.tile(plan.program.steps, (500, 1))
    many = plan._replace(program=replace(plan.program, steps=steps))  # type: ignore[type-var]
    with pytest.raises(ModelError, match=f"its network has {len(steps)} steps; a plan file takes 4096"):
        written(compiled["samples"]._replace(plan=many))


def test_a_plan_of_a_plan_file_is_run_by_compiled_kernels_alone(content: bytes) -> None:
    model = read(content)
    with pytest.raises(ModelError, match="the plan is of a plan file"):
        written(model)
    with pytest.raises(InputError, match=r"compiled kernels run; NumPy runs that of compile_plan\(model.graph\)"):
        Network(model.plan, "numpy").run(np.zeros((1, *model.plan.patch_shape), np.float32))


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_a_plan_file_gives_the_bits_of_the_graph(model: CompiledModel, backend: str) -> None:
    fast, found, signal = load_backend(backend), read(written(model)), np.random.default_rng(0).uniform(-1, 1, 40_000)
    patches = np.random.default_rng(1).uniform(-6, 3, (3, *model.plan.patch_shape)).astype(np.float32)
    names = [name for name, slot in model.plan.slots.items() if slot.step > 0][::7]
    got, had = Network(found.plan, fast).run(patches, names), Network(model.plan, "numpy").run(patches)
    assert np.array_equal(got.embeddings, had.embeddings)
    for one, other in zip(got.heads, had.heads, strict=True):
        assert np.array_equal(one.scores, other.scores)
        assert np.array_equal(one.logits, other.logits)
    whole = Network(model.plan, fast).run(patches, names)
    assert all(np.array_equal(got.tensors[name], whole.tensors[name]) for name in names)
    if found.plan.front_end is not None and model.plan.front_end is not None:
        frames = FrontEnd(found.plan.front_end, fast).frames(signal.astype(np.float32))
        assert np.array_equal(frames, FrontEnd(model.plan.front_end, fast).frames(signal.astype(np.float32)))


# -- What is not believed ---------------------------------------------------------------------------------------


def changed(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a file with another description, whole and with the right digest."""
    place = place_of(content, Field.DESCRIPTION_AT, Field.DESCRIPTION_SIZE)
    document = json.loads(content[place])
    change(document)
    return described(content, json.dumps(document).encode())


def described(content: bytes, text: bytes) -> bytes:
    place = place_of(content, Field.DESCRIPTION_AT, Field.DESCRIPTION_SIZE)
    file = bytearray(content[: place.start] + text + bytes(-len(text) % 64))
    header = np.frombuffer(file, np.int64, HEADER_BYTES // 8)
    header[Field.DESCRIPTION_SIZE], header[Field.SIZE] = len(text), len(file)
    return sealed(file)


def test_a_description_written_anew_is_read(content: bytes) -> None:
    assert read(changed(content, lambda document: None)).heads[1].labels == read(content).heads[1].labels


#: Paths into the description, and what is put there.
LIES: list[tuple[tuple[Any, ...], Any]] = [
    (("name",), 5),
    (("slots",), []),
    (("heads",), []),
    (("heads",), None),
    (("heads", 0, "scores"), None),
    (("heads", 0, "scores", 1), [520]),
    (("heads", 0, "scores", 2), 0),
    (("heads", 1, "logits", 2), 64),
    (("heads", 0, "labels"), ["a"] * 520),
    (("heads", 0, "labels"), "a" * 521),
    (("heads", 0, "labels", 0), None),
    (("heads", 0, "audioset_ids"), []),
    (("heads", 0, "translations"), []),
    (("heads", 0, "translations", "de"), ["a"]),
    (("heads", 0, "score_threshold"), "0.5"),
    (("heads", 0, "score_threshold"), float("nan")),
    (("heads", 1, "calibration"), [[[1, 1, 1, 1]] * 4, "LOG", 0.0]),
    (("heads", 1, "calibration"), [[[-1, 1, 1, 1]] * 5, "LOG", 0.0]),
    (("heads", 1, "calibration"), [[[1, 1, 1, 1]] * 5, "SINE", 0.0]),
    (("heads", 1, "calibration"), [[["x"] * 4] * 5, "LOG", 0.0]),
    (("heads", 1, "calibration"), [[[10**309, 1, 1, 1]] * 5, "LOG", 0.0]),
    (("embedding",), None),
    (("embedding", 2), 2**62),
    (("embedding", 1), [2**31, 2**31]),
    (("embedding", 1), [1] * 9),
    (("embedding", 4), float("inf")),
    (("embedding", 5), 128),
    (("embedding", 3), 10**6),
    (("quantized_patch", 1), [96, 63]),
    (("quantized_patch", 2), -64),
    (("quantized_patch", 2), True),
    (("quantized_patch", 3), 1),
    (("quantized_patch",), None),
    (("quantized_patch", 6), "float32"),
    (("embedding", 6), "float32"),
    (("embedding", 6), "int64"),
    (("heads", 0, "logits", 6), "float32"),
    (("provenance",), {}),
    (("provenance",), "yamjit"),
]


@pytest.mark.parametrize(("path", "lie"), LIES, ids=str)
def test_a_description_that_lies_is_refused(content: bytes, path: tuple[Any, ...], lie: Any) -> None:
    def put(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = lie

    with pytest.raises(ModelError, match="in the plan file is"):
        read(changed(content, put))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"name": ' + b"9" * 5000 + b"}"]
)
def test_a_description_that_is_none_is_refused(content: bytes, text: bytes) -> None:
    with pytest.raises(ModelError, match="the description in the plan file is not one that yamjit wrote"):
        read(described(content, text))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((Field.ARENA, 2**40), (Field.SCRATCH, 2**60), (Field.FRAMES, 95), (Field.BANDS, 65), (Field.HOP, 80)),
        *((Field.FRAME, 401), (Field.WINDOW, 10), (Field.EMBEDDING_SIZE, 0), (Field.EMBEDDING_AT, 64)),
        *((Field.HEADS, 1), (Field.STEPS, 3), (Field.SAMPLE_RATE, 0), (Field.SAMPLE_RATE, 10**9)),
    ],
)
def test_a_header_that_contradicts_the_rest_is_refused(content: bytes, field: Field, value: int) -> None:
    file = bytearray(content)
    np.frombuffer(file, np.int64, HEADER_BYTES // 8)[field] = value
    with pytest.raises(ModelError, match="plan file"):
        read(sealed(file))


def test_a_plan_file_of_another_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="made from another model"):
        read(content, hashlib.sha256(b"another").hexdigest())


@pytest.mark.parametrize("fault", list(Fault)[1:])
def test_what_the_library_finds_is_said(content: bytes, fault: Fault) -> None:
    def check(plan: int, size: int, found: int) -> None:
        import ctypes

        ctypes.cast(found, ctypes.POINTER(ctypes.c_int64 * 4)).contents[:] = [fault, 2, 3, -4]

    with pytest.raises(ModelError, match=rf"the plan file .*\(fault {int(fault)}: number 2, field 3, value -4\)"):
        read_plan_file(in_memory(content), SHA256, check)


@wants_library
def test_any_changed_byte_is_found_by_the_library(content: bytes) -> None:
    check = load_backend("compiled").library.entry(CHECK_PLAN)  # type: ignore[attr-defined]
    memory = in_memory(content)
    read_plan_file(memory, SHA256, check)
    memory.flags.writeable = True
    for place in [*range(HEADER_BYTES), *random.Random(0).sample(range(HEADER_BYTES, len(content)), 300)]:
        memory[place] ^= 1 << place % 8
        with pytest.raises(ModelError):
            read_plan_file(memory, SHA256, check)
        memory[place] ^= 1 << place % 8
    for size in (0, 1, 511, 512, 64, len(content) - 64, len(content) - 1):
        with pytest.raises(ModelError):
            read_plan_file(in_memory(content[:size]), SHA256, check)


@pytest.mark.slow
@wants_library
def test_every_97th_byte_is_missed_if_it_is_changed(real_model_path: Path) -> None:
    check = load_backend("compiled").library.entry(CHECK_PLAN)  # type: ignore[attr-defined]
    memory = in_memory(written(read_graph(real_model_path.read_bytes())))
    memory.flags.writeable = True
    for place in range(0, memory.size, 97):
        memory[place] ^= 0xFF
        with pytest.raises(ModelError):
            read_plan_file(memory, SHA256, check)
        memory[place] ^= 0xFF
    read_plan_file(memory, SHA256, check)
