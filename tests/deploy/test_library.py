"""The C library beside Python: the same bits, and a code for whatever is wrong."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import yamjit
from tests.plan.test_plan import tiny_model
from tests.support.c_library import WINDOW, CLibrary, CModel, CStream
from tests.support.cuts import without_front_end
from tests.support.sample_model import SAMPLES, sample_model
from tests.support.synthetic import probe_signals, synthetic_yamnet
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.writer import plan_file_bytes
from yamjit.errors import InputError
from yamjit.kernels.lowering_choice import choose_lowering
from yamjit.kernels.machine_code.platforms import own_platform
from yamjit.kernels.plan_file.layout import Fault, Field
from yamjit.learn import export_head
from yamjit.tflite.writer import write_graph
from yamjit.trained.heads import Dense, Head

Float32 = npt.NDArray[np.float32]

BAD_ARGUMENT, SMALL_MEMORY, NO_LOWERING, TAKES_PATCHES, BAD_SAMPLE, NOTHING_RUN, ENDED = range(100, 107)
RATE = 16_000


@pytest.fixture(scope="module")
def library(library_files: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> CLibrary:
    names = [name for name in library_files if name.startswith(f"{own_platform()}/") and not name.endswith(".a")]
    path = tmp_path_factory.mktemp("library") / Path(names[0]).name
    path.write_bytes(library_files[names[0]])
    return CLibrary(path)


@pytest.fixture
def model(library: CLibrary, starter_plan: bytes) -> CModel:
    opened = CModel(library, starter_plan)
    assert opened.code == 0
    return opened


def sound(samples: int, seed: int = 1) -> Float32:
    return (0.2 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


# -- The same bits ----------------------------------------------------------------------------------------------


def test_a_model_says_what_python_says(model: CModel, starter: yamjit.Classifier) -> None:
    library, handle, head = model.library, model.handle, starter.heads[0]
    assert library.sample_rate(handle) == starter.sample_rate
    assert library.window(handle) == starter.window_samples
    assert (library.frames(handle), library.bands(handle)) == starter.plan.patch_shape
    assert library.heads(handle) == 1
    assert library.head_name(handle, 0).decode() == head.name
    labels = [library.label(handle, 0, index).decode() for index in range(library.classes(handle, 0))]
    assert labels == list(head.labels)
    threshold = library.threshold(handle, 0)
    assert math.isnan(threshold) if head.score_threshold is None else threshold == head.score_threshold
    names = [library.lowering_name(number) for number in range(library.lowering_count())]
    assert library.lowering(handle) == next(name for i, name in enumerate(names) if library.lowering_runs(i))


def test_each_lowering_gives_the_bits_of_python(
    library: CLibrary, starter_plan: bytes, starter: yamjit.Classifier
) -> None:
    signals = probe_signals()
    expected = {name: starter.score_window(signal) for name, signal in signals.items()}
    for number in filter(library.lowering_runs, range(library.lowering_count())):
        model = CModel(library, starter_plan, library.lowering_name(number))
        for name, signal in signals.items():
            assert model.run(signal) == 0
            assert model.scores().tobytes() == expected[name].scores[0].tobytes()
            assert model.embedding().tobytes() == expected[name].embeddings[0].tobytes()


def test_several_heads_calibrated_and_with_thresholds(library: CLibrary, two_heads_model: bytes, family: str) -> None:
    python = yamjit.load(two_heads_model, backend="numpy")
    model = CModel(library, plan_file_bytes(compile_model(python.graph), family, python.source.sha256))
    assert library.heads(model.handle) == 2
    for signal in probe_signals().values():
        expected = python.score_window(signal)
        assert model.run(signal) == 0
        for head in range(2):
            assert model.scores(head).tobytes() == expected.heads[head].scores[0].tobytes()
    thresholds = [library.threshold(model.handle, head) for head in range(2)]
    wanted = [math.nan if head.score_threshold is None else head.score_threshold for head in python.heads]
    np.testing.assert_array_equal(thresholds, wanted)


def test_a_model_that_takes_patches(library: CLibrary, family: str) -> None:
    python = yamjit.load(write_graph(without_front_end(tiny_model(patch=(9, 6)))), backend="numpy")
    model = CModel(library, plan_file_bytes(compile_model(python.graph), family, python.source.sha256))
    patches = np.random.default_rng(0).normal(-2, 2, (3, *python.plan.patch_shape)).astype(np.float32)
    expected = python.network.run(patches)
    for number, patch in enumerate(patches):
        assert model.run_patch(patch) == 0
        assert model.scores().tobytes() == expected.scores[number].tobytes()
    assert library.window(model.handle) == 0
    assert model.run(sound(15_600)) == TAKES_PATCHES
    assert CStream(model, 7_680).code == TAKES_PATCHES
    patches[0, 5, 5] = np.inf
    assert model.run_patch(patches[0]) == BAD_SAMPLE


def test_a_model_that_takes_yamnets_patches_hears_samples(library: CLibrary, family: str) -> None:
    python = yamjit.load(write_graph(without_front_end(synthetic_yamnet(seed=0, width=0.125))), backend="numpy")
    model = CModel(library, plan_file_bytes(compile_model(python.graph), family, python.source.sha256))
    assert library.window(model.handle) == python.window_samples == 15_600
    for signal in probe_signals().values():
        assert model.run(signal) == 0
        assert model.scores().tobytes() == python.score_window(signal).scores[0].tobytes()


@pytest.mark.parametrize("hop", [40, 150, 400, 1_000])
def test_a_network_of_floats_that_takes_samples(library: CLibrary, family: str, hop: int) -> None:
    python = yamjit.load(write_graph(sample_model()), backend="numpy")
    content = plan_file_bytes(compile_model(python.graph), family, python.source.sha256)
    model, waveform = CModel(library, content), sound(2_070)
    assert library.window(model.handle) == python.window_samples == SAMPLES
    assert library.embedding_size(model.handle) == 24
    assert model.run(waveform[:SAMPLES]) == 0
    assert model.embedding().tobytes() == python.score_window(waveform[:SAMPLES]).embeddings[0].tobytes()
    expected = python.classify(waveform, RATE, reading=yamjit.ReadOptions(hop_s=hop / RATE)).scores
    stream = CStream(model, hop)
    found = [scores for _, scores in (*stream.push(waveform), *stream.flush())]
    assert np.array(found).tobytes() == expected.tobytes()


def test_a_head_alone_takes_embeddings(library: CLibrary, family: str) -> None:
    head = Head(("a", "b"), "softmax", (Dense(np.eye(2, 9), np.ones(2)),))
    python = yamjit.load(export_head(head), backend="numpy")
    model = CModel(library, plan_file_bytes(compile_model(python.graph), family, python.source.sha256))
    embeddings = np.random.default_rng(0).standard_normal((3, 9)).astype(np.float32)
    expected = python.network.run(embeddings).scores
    for embedding, scores in zip(embeddings, expected, strict=True):
        assert model.run_patch(embedding) == 0
        assert model.scores().tobytes() == scores.tobytes()
    assert model.run(sound(9)) == TAKES_PATCHES


@pytest.mark.parametrize("hop", [160, 1_000, 7_680, 15_600, 40_000])
@pytest.mark.parametrize("samples", [1, 15_600, 15_601, 40_001])
def test_streams_cut_as_python_does(model: CModel, starter: yamjit.Classifier, hop: int, samples: int) -> None:
    dice = np.random.default_rng(hop + samples)
    waveform = sound(min(samples, 17_000) if hop == 160 else samples)
    with starter.windows(waveform, RATE, reading=yamjit.ReadOptions(hop_s=hop / RATE)) as windows:
        expected = [pair for found in windows for pair in zip(found.times_s, found.scores, strict=True)]
    stream = CStream(model, hop)
    for most in (1 << 20, 3_000):
        found, start = [], 0
        while start < waveform.size:
            size = int(dice.integers(1, most))
            found += stream.push(waveform[start : start + size])
            start += size
        found += stream.flush()
        assert [time for time, _ in found] == [time for time, _ in expected]
        assert np.array([s for _, s in found]).tobytes() == np.array([s for _, s in expected]).tobytes()
        assert model.library.stream_reset(stream.handle) == 0


def test_streams_share_a_model(model: CModel, starter: yamjit.Classifier) -> None:
    waveforms = [sound(40_000, seed) for seed in (1, 2)]
    streams = [CStream(model, 7_680) for _ in waveforms]
    found: list[list[Float32]] = [[], []]
    for start in range(0, 40_000, 500):
        for number, stream in enumerate(streams):
            found[number] += [scores for _, scores in stream.push(waveforms[number][start : start + 500])]
    for number, stream in enumerate(streams):
        found[number] += [scores for _, scores in stream.flush()]
        expected = starter.classify(waveforms[number], sample_rate=RATE)
        assert np.array(found[number]).tobytes() == expected.scores.tobytes()


def test_threads_share_a_plan(library: CLibrary, starter_plan: bytes, starter: yamjit.Classifier) -> None:
    signal = next(iter(probe_signals().values()))
    expected, wrong = starter.score_window(signal).scores[0].tobytes(), list[int]()

    def work() -> None:
        model = CModel(library, starter_plan)
        wrong.extend(n for n in range(50) if model.run(signal) or model.scores().tobytes() != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_integers_are_divided_as_in_python(library: CLibrary) -> None:
    integers = np.arange(-32_768, 32_768).astype(np.int16)
    samples = np.empty(integers.size, np.float32)
    library.from_int16(integers.ctypes.data, integers.size, samples.ctypes.data)
    assert samples.tobytes() == (integers.astype(np.float32) / 32_768).tobytes()


# -- A code for whatever is wrong -------------------------------------------------------------------------------


def changed(plan: bytes, field: Field, value: int) -> bytes:
    header = np.frombuffer(plan[:512], np.int64).copy()
    header[field] = value
    return header.tobytes() + plan[512:]


def test_plan_files_that_are_none(library: CLibrary, starter_plan: bytes) -> None:
    size = len(starter_plan)
    damaged = bytearray(starter_plan)
    damaged[size // 2] ^= 1
    family = np.frombuffer(starter_plan[:512], np.int64)[Field.FAMILY]
    wrong = {
        b"": Fault.NOT_A_PLAN,
        bytes(511): Fault.NOT_A_PLAN,
        bytes(4096): Fault.NOT_A_PLAN,
        starter_plan[:-64]: Fault.OTHER_SIZE,
        starter_plan + bytes(64): Fault.OTHER_SIZE,
        bytes(damaged): Fault.DAMAGED,
        changed(starter_plan, Field.VERSION, 10_000): Fault.OTHER_VERSION,
        changed(starter_plan, Field.FAMILY, 1 - family): Fault.OTHER_FAMILY,
        changed(starter_plan, Field.ARENA, 1 << 60): Fault.DAMAGED,
    }
    for plan, fault in wrong.items():
        model = CModel(library, plan, spare=1 << 20)
        assert model.code == fault
        assert not model.handle.value
        assert library.message(model.code)


def test_wrong_arguments_to_open(library: CLibrary, starter_plan: bytes, model: CModel) -> None:
    plan, size, memory = model.plan.ctypes.data, len(starter_plan), model.memory
    found = ctypes.c_void_p()
    opened, need = ctypes.byref(found), library.memory_size(plan, size)

    def code(*arguments: object) -> int:
        return int(library.open(*arguments))

    assert code(None, size, None, memory.ctypes.data, need, opened) == BAD_ARGUMENT
    assert code(plan, size, None, memory.ctypes.data, need, None) == BAD_ARGUMENT
    assert code(plan, size, None, None, need, opened) == SMALL_MEMORY
    assert code(plan, size, None, memory.ctypes.data, need - 1, opened) == SMALL_MEMORY
    assert code(plan + 8, size, None, memory.ctypes.data, need, opened) == Fault.NOT_ALIGNED
    for lowering in (b"sse9", b"-sse9", b"neo", b"-"):
        assert code(plan, size, lowering, memory.ctypes.data, need, opened) == NO_LOWERING
    every = b",".join(b"-" + library.lowering_name(number) for number in range(library.lowering_count()))
    assert code(plan, size, every, memory.ctypes.data, need, opened) == NO_LOWERING
    assert library.memory_size(None, size) == 0
    assert library.memory_size(plan, 100) == 0


def test_a_forbidden_lowering_is_not_taken(library: CLibrary, starter_plan: bytes) -> None:
    names = [library.lowering_name(i) for i in range(library.lowering_count()) if library.lowering_runs(i)]
    for number in range(1, len(names)):
        forbidden = b",".join(b"-" + name for name in names[:number])
        assert library.lowering(CModel(library, starter_plan, forbidden).handle) == names[number]


def test_a_wish_means_the_same_in_c_and_in_python(library: CLibrary, starter_plan: bytes) -> None:
    numbers = range(library.lowering_count())
    lowerings = {library.lowering_name(i).decode(): bool(library.lowering_runs(i)) for i in numbers}
    first, *_, last = (name for name, runs in lowerings.items() if runs)
    wishes = ["", ",", " , ", last, f" {last}\t", f"{last},", f"{last},{last}", f"{last},-{first}", f"-{first},{last}"]
    wishes += [
        f"-{first}",
        f" -{first} ,,",
        f"-{first}, -{first}",
        f"- {first}",
        f"-{first} -{last}",
        last[:-1],
        f"{last}x",
    ]
    for wish in wishes:
        try:
            wanted: bytes | None = choose_lowering(wish, lowerings).encode()
        except InputError:
            wanted = None
        if wanted is None:
            assert CModel(library, starter_plan, wish.encode()).code == NO_LOWERING, wish
        else:
            assert library.lowering(CModel(library, starter_plan, wish.encode()).handle) == wanted, wish


def test_no_model_is_an_error_zero_or_empty(library: CLibrary) -> None:
    assert library.run(None, None) == BAD_ARGUMENT
    assert library.run_patch(None, None) == BAD_ARGUMENT
    assert library.scores(None, 0, None) == BAD_ARGUMENT
    assert library.embedding(None, None) == BAD_ARGUMENT
    for name in ("sample_rate", "window", "frames", "bands", "embedding_size", "heads", "stream_memory_size"):
        assert getattr(library, name)(None) == 0
    assert library.lowering(None) == library.head_name(None, 0) == library.label(None, 0, 0) == b""
    assert library.classes(None, 0) == 0
    assert math.isnan(library.threshold(None, 0))
    assert library.message(12_345) == b"an unknown code"


def test_numbers_that_are_out_of_range(model: CModel) -> None:
    library, handle = model.library, model.handle
    scores = np.empty(1_000, np.float32)
    assert library.scores(handle, 0, scores.ctypes.data) == NOTHING_RUN
    assert library.embedding(handle, scores.ctypes.data) == NOTHING_RUN
    assert model.run(sound(15_600)) == 0
    for head in (-1, 1, 2**31 - 1, -(2**31)):
        assert library.scores(handle, head, scores.ctypes.data) == BAD_ARGUMENT
        assert library.classes(handle, head) == 0
        assert library.label(handle, head, 0) == library.head_name(handle, head) == b""
    for index in (-1, library.classes(handle, 0), 2**31 - 1):
        assert library.label(handle, 0, index) == b""
    assert library.scores(handle, 0, None) == BAD_ARGUMENT


@pytest.mark.parametrize("sample", [math.nan, math.inf, -math.inf, 17.0, -32_768.0])
def test_samples_that_are_none(model: CModel, sample: float) -> None:
    window = sound(15_600)
    window[-1] = sample
    assert model.run(window) == BAD_SAMPLE
    stream, taken = CStream(model, 7_680), ctypes.c_size_t(1)
    code = model.library.stream_push(stream.handle, window.ctypes.data, window.size, ctypes.byref(taken))
    assert (code, taken.value) == (BAD_SAMPLE, 0)
    assert model.library.stream_flush(stream.handle) == 0  # nothing was taken


def test_wrong_arguments_to_a_stream(model: CModel) -> None:
    library, need = model.library, model.library.stream_memory_size(model.handle)
    memory, found, taken = np.empty(need, np.uint8), ctypes.c_void_p(), ctypes.c_size_t()
    at, opened = memory.ctypes.data, ctypes.byref(found)
    for hop in (0, -1, 2**31 + 1):
        assert library.stream_open(model.handle, hop, at, need, opened) == BAD_ARGUMENT
    assert library.stream_open(None, 1, at, need, opened) == BAD_ARGUMENT
    assert library.stream_open(model.handle, 1, at, need - 1, opened) == SMALL_MEMORY
    assert library.stream_open(model.handle, 1, None, need, opened) == SMALL_MEMORY
    assert library.stream_open(model.handle, 1, at, need, None) == BAD_ARGUMENT
    assert library.stream_flush(None) == library.stream_reset(None) == BAD_ARGUMENT
    assert library.stream_time(None) == 0
    stream, window = CStream(model, 7_680), sound(15_600)
    push, count = library.stream_push, ctypes.byref(taken)
    assert push(None, window.ctypes.data, 1, count) == BAD_ARGUMENT
    assert push(stream.handle, None, 1, count) == BAD_ARGUMENT
    assert push(stream.handle, window.ctypes.data, 1, None) == BAD_ARGUMENT
    assert push(stream.handle, window.ctypes.data, 2**64 - 1, count) == BAD_ARGUMENT
    assert push(stream.handle, None, 0, count) == 0
    assert push(stream.handle, window.ctypes.data, window.size, count) == WINDOW
    assert library.stream_flush(stream.handle) == 0
    assert push(stream.handle, window.ctypes.data, 1, count) == ENDED
