"""Networks: equal integers from all backends, in any batch, in any thread; what is refused."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.backends import BACKENDS, FAST_BACKENDS, wants_library
from tests.support.cuts import without_front_end
from tests.support.synthetic import probe_signals, synthetic_yamnet
from yamjit.errors import InputError
from yamjit.frontend import FrontEnd
from yamjit.kernels import backends as kernel_backends
from yamjit.kernels import load_backend
from yamjit.kernels.backends import CompiledBackend, NumpyBackend
from yamjit.kernels.prepared.preparation import prepare
from yamjit.kernels.steps import numpy as numpy_backend
from yamjit.network import HeadOutput, Network, NetworkOutput, Quantized
from yamjit.plan import Plan, compile_plan

Float32 = npt.NDArray[np.float32]

backends = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(synthetic_yamnet(seed=0, width=0.125))


@pytest.fixture(scope="module")
def patches(plan: Plan) -> Float32:
    """Patches [shape=(64, 96, 64)] of many kinds of sound, and some that no sound has."""
    assert plan.front_end is not None
    front_end = FrontEnd(plan.front_end)
    signals = [signal for seed in range(6) for signal in probe_signals(seed).values()]
    found = [front_end.frames(signal) for signal in signals]
    rng = np.random.default_rng(0)
    found += [rng.uniform(-8, 7, (96, 64)).astype(np.float32) for _ in range(2)]
    found += [np.full((96, 64), value, np.float32) for value in (-100.0, 100.0)]
    return np.stack(found)


@pytest.fixture(scope="module")
def expected(plan: Plan, patches: Float32) -> NetworkOutput:
    """What the NumPy backend says, patch by patch, of everything."""
    network = Network(plan, "numpy")
    return joined([network.run(patch[None], plan.slots) for patch in patches])


def joined(outputs: list[NetworkOutput]) -> NetworkOutput:
    return NetworkOutput(
        (HeadOutput.joined([output.heads[0] for output in outputs]),),
        Quantized.joined([output.quantized_embeddings for output in outputs]),
        {name: np.concatenate([o.tensors[name] for o in outputs]) for name in outputs[0].tensors},
    )


def assert_same(found: NetworkOutput, expected: NetworkOutput, first: int = 0) -> None:
    """Compare everything with a stretch of what is expected."""
    rows = slice(first, first + len(found.scores))
    for name in ("scores", "logits", "embeddings"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name)[rows], err_msg=name, strict=True)
    quantized = found.quantized_embeddings.values, expected.quantized_embeddings.values[rows]
    np.testing.assert_array_equal(*quantized, strict=True)
    for name, tensor in found.tensors.items():
        np.testing.assert_array_equal(tensor, expected.tensors[name][rows], err_msg=name, strict=True)


# -- The same integers ------------------------------------------------------------------------------------------


@pytest.mark.slow
@backends
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 64])
def test_batches_of_any_size_give_the_same_bits(
    plan: Plan, patches: Float32, expected: NetworkOutput, backend: str, count: int
) -> None:
    network = Network(plan, backend)
    for first in range(0, len(patches), count):
        found = network.run(patches[first : first + count], plan.slots)
        assert set(found.tensors) == set(plan.slots)
        assert_same(found, expected, first)


@backends
def test_no_patches_give_no_scores(plan: Plan, backend: str) -> None:
    found = Network(plan, backend).run(np.empty((0, 96, 64), np.float32), ["layer1"])
    assert found.scores.shape == found.logits.shape == (0, 521)
    assert found.embeddings.shape == (0, 128)
    assert found.tensors["layer1"].shape == (0, 48, 32, 8)


@pytest.mark.slow
@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_backends_agree_at_full_width(patches: Float32, backend: str) -> None:
    plan = compile_plan(synthetic_yamnet(seed=4))
    some = patches[::7][:9]
    found, other = (Network(plan, name).run(some, plan.slots) for name in (backend, "numpy"))
    assert_same(found, other)
    assert found.embeddings.shape == (9, 1024)
    assert len({scores.tobytes() for scores in found.scores}) > 3  # it does not say the same of everything


@backends
def test_outputs_are_the_real_values_of_tensors(plan: Plan, patches: Float32, backend: str) -> None:
    found = Network(plan, backend).run(patches[:5], ["scores/int8", "logits", "embedding"])
    for real, name in (
        (found.scores, "scores/int8"),
        (found.logits, "logits"),
        (found.embeddings, "embedding"),
    ):
        slot = plan.slots[name]
        quantized = found.tensors[name].reshape(5, -1).astype(np.float32)
        np.testing.assert_array_equal(real, np.float32(slot.scale) * (quantized - np.float32(slot.zero_point)))
        assert real.dtype == np.float32
    assert found.scores.min() >= 0
    assert found.scores.max() < 1


@backends
def test_quantized_patches_are_taken_as_they_are(
    plan: Plan, patches: Float32, expected: NetworkOutput, backend: str
) -> None:
    quantized = expected.tensors["patch"].reshape(-1, 96, 64)
    network = Network(plan, backend)
    network.run(patches[::-1][:9])  # what floats leave behind does not count
    names = ["layer3", plan.quantized_patch.name, "patch", "embedding"]
    found = network.run(quantized[:9], names)
    assert_same(found, expected)
    np.testing.assert_array_equal(found.tensors[plan.quantized_patch.name], quantized[:9])


def test_patches_are_quantized_by_division(plan: Plan, patches: Float32, expected: NetworkOutput) -> None:
    slot = plan.quantized_patch
    scaled = (patches / np.float32(slot.scale)).astype(np.float64)
    rounded = np.trunc(scaled + np.copysign(0.5, scaled)) + slot.zero_point
    np.testing.assert_array_equal(expected.tensors[slot.name], np.clip(rounded, -128, 127).astype(np.int8))


@backends
def test_values_far_outside_saturate_in_silence(plan: Plan, backend: str) -> None:
    largest = np.finfo(np.float32).max
    extreme = np.zeros((1, 96, 64), np.float32)
    extreme[0, 0, :4] = largest, -largest, 1e-45, -1e-45
    found = Network(plan, backend).run(extreme, ["patch"]).tensors["patch"]
    assert found.reshape(96, 64)[0, :5].tolist() == [127, -128, 16, 16, 16]


def test_a_model_without_front_end(plan: Plan, patches: Float32, expected: NetworkOutput) -> None:
    cut = compile_plan(without_front_end(synthetic_yamnet(seed=0, width=0.125)))
    assert_same(Network(cut, "numpy").run(patches[:3]), expected)


@backends
def test_memory_of_the_caller_is_left_alone(plan: Plan, patches: Float32, backend: str) -> None:
    locked = patches[:3].copy()
    locked.setflags(write=False)
    network = Network(plan, backend)
    first = network.run(locked, ["layer1"])
    kept = first.tensors["layer1"].copy(), first.scores.copy()
    network.run(patches[5:20], ["layer1"])
    np.testing.assert_array_equal(first.tensors["layer1"], kept[0])
    np.testing.assert_array_equal(first.scores, kept[1])
    strided = np.asfortranarray(patches)[3:0:-1]
    np.testing.assert_array_equal(network.run(strided).scores, network.run(patches[3:0:-1].copy()).scores)


@backends
@pytest.mark.parametrize("pace", [1, 24, 48, 95, 96, 130])
def test_patches_may_be_views_of_frames(plan: Plan, patches: Float32, backend: str, pace: int) -> None:
    """They are read where they lie; what is between them is nobody's."""
    frames = patches[::7].reshape(-1, 64)[: 96 + 20 * pace].copy()
    views = np.lib.stride_tricks.sliding_window_view(frames, 96, axis=0)[::pace].transpose(0, 2, 1)
    wanted = Network(plan, backend).run(views.copy(), ["layer1", "layer14"])
    for view in range(len(views)):
        frames[view * pace + 96 : (view + 1) * pace] = np.nan
    assert_same(Network(plan, backend).run(views, ["layer1", "layer14"]), wanted)
    if pace < 96:
        frames[-pace - 1, 3] = np.nan
        with pytest.raises(InputError, match="not finite"):
            Network(plan, backend).run(views)


# -- Inner tensors ----------------------------------------------------------------------------------------------


@backends
def test_taps_by_name(plan: Plan, patches: Float32, expected: NetworkOutput, backend: str) -> None:
    network = Network(plan, backend)
    assert dict(network.run(patches[:2]).tensors) == {}
    for names in (["layer27"], ["embedding", "layer1", "layer2"], ("logits",), iter(["tensor28", "patch"])):
        wanted = list(names)
        found = network.run(patches[:9], iter(wanted))
        assert list(found.tensors) == wanted
        assert_same(found, expected)
        for name, tensor in found.tensors.items():
            assert tensor.dtype == np.int8
            assert tensor.shape == (9, *plan.slots[name].shape)


def test_an_unknown_tensor_is_refused(plan: Plan, patches: Float32) -> None:
    with pytest.raises(InputError, match="no inner tensor 'layer99'"):
        Network(plan, "numpy").run(patches[:1], ["layer1", "layer99"])


# -- What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((96, 64), np.float32), r"\(n, 96, 64\) are accepted, found \(96, 64\)"),
        (np.zeros((1, 64, 96), np.float32), r"found \(1, 64, 96\)"),
        (np.zeros((1, 96, 64, 1), np.float32), r"found \(1, 96, 64, 1\)"),
        (np.zeros((), np.float32), r"found \(\)"),
        (np.zeros((1, 96, 64)), "float32 or int8 are accepted, found float64"),
        (np.zeros((1, 96, 64), np.uint8), "found uint8"),
        (np.zeros((1, 96, 64), np.int32), "found int32"),
        (np.zeros((1, 96, 64), np.complex64), "found complex64"),
        (np.zeros((1, 96, 64), object), "found object"),
        (np.zeros((1, 96, 64), np.dtype(np.float32).newbyteorder()), "found [<>]f4"),
    ],
)
def test_patches_of_another_kind_are_refused(plan: Plan, wrong: npt.NDArray[np.generic], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Network(plan, "numpy").run(wrong)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_patches_that_are_not_finite_are_refused(plan: Plan, patches: Float32, value: float) -> None:
    wrong = patches[:3].copy()
    wrong[2, 95, 63] = value
    network = Network(plan, "numpy")
    with pytest.raises(InputError, match="not finite"):
        network.run(wrong)
    network.run(patches[:3])


# -- Threads ----------------------------------------------------------------------------------------------------


@backends
@pytest.mark.parametrize("networks", [1, 2])
def test_threads_share_a_plan_and_a_network(
    plan: Plan, patches: Float32, expected: NetworkOutput, backend: str, networks: int
) -> None:
    rounds, failures = 4, []
    start = threading.Barrier(2)
    shared = [Network(plan, backend) for _ in range(networks)]

    def work(offset: int) -> None:
        try:
            network = shared[offset % networks]
            start.wait(timeout=30)
            for turn in range(rounds):
                first = (offset + turn * 8) % 56
                assert_same(network.run(patches[first : first + 8], ["layer5"]), expected, first)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in (0, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not failures


# -- Backends ---------------------------------------------------------------------------------------------------


class Recorder:
    """Stands in for the `run` of a backend, and counts patches."""

    def __init__(self, run: Callable[..., None]) -> None:
        self._run = run
        self.patches = 0

    def __call__(self, program: object, workspace: object, patches: Float32, *rest: object) -> None:
        self.patches += len(patches)
        self._run(program, workspace, patches, *rest)


@pytest.mark.numba
def test_auto_begins_with_numpy_and_turns_to_numba(
    plan: Plan, patches: Float32, expected: NetworkOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    from yamjit.kernels.steps import compiled

    monkeypatch.setattr(kernel_backends, "_PATCHES_WORTH_COMPILING", 24)
    monkeypatch.setattr(compiled.run_int8_steps, "is_ready", lambda: False)
    slow, fast = Recorder(numpy_backend.run), Recorder(compiled.run)
    monkeypatch.setattr(numpy_backend, "run", slow)
    monkeypatch.setattr(compiled, "run", fast)
    network = Network(plan)
    assert_same(network.run(patches[:10], ["layer1"]), expected)
    assert (slow.patches, fast.patches) == (10, 0)
    assert_same(network.run(patches, ["layer1"]), expected)
    assert slow.patches + fast.patches == 10 + 64
    assert 10 < slow.patches < 24 + 16
    assert fast.patches > 24


@pytest.mark.numba
def test_auto_begins_with_numba_where_it_is_compiled(
    plan: Plan, patches: Float32, expected: NetworkOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    from yamjit.kernels.steps import compiled

    fast = Recorder(compiled.run)
    monkeypatch.setattr(compiled, "run", fast)
    monkeypatch.setattr(compiled.run_int8_steps, "is_ready", lambda: True)
    assert_same(Network(plan).run(patches[:3]), expected)
    assert fast.patches == 3


def test_auto_is_numpy_where_numba_is_not(
    plan: Plan, patches: Float32, expected: NetworkOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    assert isinstance(load_backend("auto"), NumpyBackend)
    assert_same(Network(plan).run(patches[:2]), expected)


@wants_library
def test_auto_is_the_library_where_there_is_one(plan: Plan, patches: Float32, expected: NetworkOutput) -> None:
    assert isinstance(load_backend("auto"), CompiledBackend)
    assert_same(Network(plan).run(patches[:2]), expected)


@wants_library
def test_the_library_runs_what_was_prepared_for_it(plan: Plan, patches: Float32, expected: NetworkOutput) -> None:
    backend = load_backend("compiled")
    assert isinstance(backend, CompiledBackend)
    prepared = prepare(plan.program, backend.target())
    found = Network(plan._replace(program=prepared), backend).run(patches[:3])
    assert_same(found, expected)


def test_backends_by_name() -> None:
    assert isinstance(load_backend("numpy"), NumpyBackend)
    with pytest.raises(InputError, match="backend is 'cuda'; accepted are auto, compiled, numba, numpy"):
        load_backend("cuda")


def test_a_backend_of_ones_own(plan: Plan, patches: Float32, expected: NetworkOutput) -> None:
    class Counting(NumpyBackend):
        def __init__(self) -> None:
            super().__init__()
            self.run = Recorder(numpy_backend.run)  # type: ignore[assignment]

    backend = Counting()
    assert_same(Network(plan, backend).run(patches[:9]), expected)
    assert backend.run.patches == 9


@backends
def test_backends_have_one_face(backend: str) -> None:
    expected, found = (
        [list(inspect.signature(getattr(loaded, method)).parameters) for method in ("run", "log_mel")]
        for loaded in (load_backend("numpy"), load_backend(backend))
    )
    assert [len(parameters) for parameters in expected] == [6, 3]
    assert [parameters[: len(wanted)] for parameters, wanted in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize("name", ["auto", "numpy"])
def test_the_default_is_always_ready(name: str) -> None:
    assert load_backend(name).is_ready()


def test_embeddings_are_those_integers(plan: Plan, expected: NetworkOutput) -> None:
    assert plan.embedding is not None
    quantized = expected.quantized_embeddings.values
    assert quantized.dtype == np.int8
    np.testing.assert_array_equal(plan.embedding.dequantize(quantized), expected.embeddings)
    name = next(name for name, slot in plan.slots.items() if slot == plan.embedding)
    np.testing.assert_array_equal(expected.tensors[name].reshape(len(expected.scores), -1), quantized)
