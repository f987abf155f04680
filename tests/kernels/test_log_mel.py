"""The compiled front end, stage after stage: against NumPy, for every instruction set that this machine runs."""

from __future__ import annotations

import ctypes
import functools
import math
import mmap
import platform
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.synthetic import probe_signals, synthetic_yamnet
from yamjit.frontend import FrontEnd
from yamjit.kernels import backends
from yamjit.kernels.backends import AutoBackend, NumbaBackend
from yamjit.kernels.log_mel import compiled, fft
from yamjit.kernels.log_mel import numpy as twin
from yamjit.kernels.log_mel.packing import make_tables
from yamjit.kernels.log_mel.tables import Field
from yamjit.plan import FrontEndConstants, compile_plan

numba = pytest.importorskip("numba")
if numba.config.DISABLE_JIT:
    pytest.skip("vectors exist in compiled code only", allow_module_level=True)

from yamjit.kernels.log_mel import kernel as log_mel_kernel  # noqa: E402
from yamjit.kernels.log_mel.codelets import Sums, emit_logarithm  # noqa: E402
from yamjit.kernels.machine_code.jit import jit  # noqa: E402
from yamjit.kernels.vectors.lanes import codelet, lane_count  # noqa: E402
from yamjit.kernels.vectors.processor import host_features  # noqa: E402
from yamjit.kernels.vectors.target import TARGETS  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.numba]

Float32 = npt.NDArray[np.float32]

RUNNABLE = [name for name, target in TARGETS.items() if target.runs_on(host_features(), platform.machine())]
FUSED = [name for name in RUNNABLE if TARGETS[name].has_fma]


# -- Models -----------------------------------------------------------------------------------------------------


@functools.cache
def yamnet() -> FrontEndConstants:
    constants = compile_plan(synthetic_yamnet(seed=0, width=0.125)).front_end
    assert constants is not None
    return constants


@functools.cache
def invented(n_fft: int, frame: int, hop: int, n_mels: int, seed: int = 0) -> FrontEndConstants:
    """Return a front end with bands of random place and width; one in five is empty."""
    rng = np.random.default_rng([seed, n_fft, frame, hop, n_mels])
    basis = np.zeros((n_mels, 1 + n_fft // 2), np.float32)
    for row in basis:
        start, end = np.sort(rng.integers(0, row.size + 1, 2))
        row[start:end] = rng.uniform(0, 1, end - start) * (rng.random() < 0.8)
    return FrontEndConstants(
        window_samples=frame + 3 * hop,
        hop_length=hop,
        n_fft=n_fft,
        window=rng.uniform(0.1, 1, frame).astype(np.float32),
        mel_basis=basis,
        log_offset=rng.uniform(1e-3, 1, n_mels).astype(np.float32),
    )


ODD = [
    invented(256, 256, 80, 32),
    invented(8, 8, 1, 3),
    invented(8, 5, 3, 1),
    invented(16, 11, 3, 4),
    invented(32, 31, 40, 9),
    invented(64, 1, 1, 8),
    invented(128, 127, 64, 17),
    invented(1024, 640, 320, 40),
    invented(2048, 2047, 333, 13),
    invented(4096, 4096, 1000, 128),
]


def noise(size: int, seed: int = 0) -> Float32:
    return (0.2 * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


def samples_of(constants: FrontEndConstants, frames: int) -> int:
    return constants.frame_length + (frames - 1) * constants.hop_length


def framed(waveform: Float32, constants: FrontEndConstants, count: int) -> Float32:
    places = constants.hop_length * np.arange(count)[:, None] + np.arange(constants.frame_length)
    return waveform[places]


# -- Kernels ----------------------------------------------------------------------------------------------------


@functools.cache
def kernel(target: str) -> Any:
    return jit(log_mel_kernel.make_log_mel(TARGETS[target]))


@functools.cache
def stage(name: str, target: str) -> Any:
    return getattr(log_mel_kernel, f"make_{name}")(TARGETS[target])


def computed(target: str, constants: FrontEndConstants, waveform: Float32, count: int) -> Float32:
    out = np.full((count, constants.mel_basis.shape[0]), 77, np.float32)
    compiled.log_mel(constants, waveform, out, kernel(target))
    return out


def expected(constants: FrontEndConstants, waveform: Float32, count: int) -> Float32:
    out = np.empty((count, constants.mel_basis.shape[0]), np.float32)
    twin.log_mel(constants, waveform, out)
    return out


@dataclass
class Bench:
    """Tables and scratch memory, for stages that are run one by one."""

    constants: FrontEndConstants
    target: str
    tables: npt.NDArray[np.uint8] = field(init=False)
    scratch: npt.NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        self.tables = make_tables(self.constants)
        self.scratch = np.full(self.number(Field.SCRATCH_SIZE) + 64, 0x55, np.uint8)
        self.lanes = lane_count(TARGETS[self.target])

    def number(self, name: Field) -> int:
        return int(self.tables.view(np.int64)[name])

    def run(self, *names: str) -> None:
        for name in names:
            stage(name, self.target)(self.tables.ctypes.data, self.scratch.ctypes.data)
        assert (self.scratch[-64:] == 0x55).all(), "written behind the scratch memory"

    def at(self, name: Field, shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        return np.ndarray(shape, dtype, self.scratch, self.number(name))

    def show(self, waveform: Float32) -> None:
        """Let the lanes point to frames."""
        assert waveform.size >= samples_of(self.constants, self.lanes)
        address = waveform.ctypes.data + 4 * self.constants.hop_length * np.arange(self.lanes)
        self.at(Field.ROWS, (self.lanes,), np.int64)[:] = address

    @property
    def points(self) -> int:
        return self.constants.n_fft // 2


every_target = pytest.mark.parametrize("target", RUNNABLE)
every_model = pytest.mark.parametrize("constants", [yamnet(), *ODD], ids=lambda c: f"{c.n_fft}-{c.frame_length}")


# -- Tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", range(2, 17))
def test_passes_cover_the_transform(levels: int) -> None:
    radices = fft.radices(2**levels)
    assert math.prod(radices) == 2**levels
    assert set(radices) <= {4, 8}
    assert radices == sorted(radices, reverse=True)


def test_bit_reversal() -> None:
    assert fft.bit_reversed(1).tolist() == [0]
    assert fft.bit_reversed(8).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    assert (fft.bit_reversed(1024)[fft.bit_reversed(1024)] == np.arange(1024)).all()


def test_factors_are_points_of_the_unit_circle() -> None:
    turns = np.arange(1024) / 1024
    real, imaginary = fft.factors(turns).T
    np.testing.assert_allclose(real + 1j * imaginary, np.exp(-1j * np.pi * turns), rtol=0, atol=2e-16)
    assert fft.factors(np.array([0, 0.5])).tolist() == [[1, 0], [0, -1]]


# -- Stages -----------------------------------------------------------------------------------------------------


@every_model
@every_target
def test_cut(constants: FrontEndConstants, target: str) -> None:
    bench = Bench(constants, target)
    waveform = noise(samples_of(constants, bench.lanes))
    bench.show(waveform)
    bench.run("cut")
    padded = np.zeros((bench.lanes, constants.n_fft), np.float32)
    padded[:, : constants.frame_length] = framed(waveform, constants, bench.lanes) * constants.window
    found = bench.at(Field.WINDOWED, (bench.points, 2, bench.lanes), np.float32)
    np.testing.assert_array_equal(found, padded.reshape(bench.lanes, -1, 2).transpose(1, 2, 0))


@every_model
@every_target
def test_transform(constants: FrontEndConstants, target: str) -> None:
    bench = Bench(constants, target)
    windowed = np.random.default_rng(5).standard_normal((bench.points, 2, bench.lanes)).astype(np.float32)
    bench.at(Field.WINDOWED, windowed.shape, np.float32)[:] = windowed
    bench.run("transform")
    values = windowed.astype(np.float64)
    exact = np.fft.fft(values[:, 0] + 1j * values[:, 1], axis=0)
    found = bench.at(Field.SPECTRUM, windowed.shape, np.float64)
    error = np.abs(found[:, 0] + 1j * found[:, 1] - exact)
    assert (error <= 3e-15 * np.linalg.norm(values, axis=(0, 1))).all()


@every_model
@every_target
def test_magnitudes(constants: FrontEndConstants, target: str) -> None:
    bench = Bench(constants, target)
    samples = np.random.default_rng(6).standard_normal((bench.lanes, constants.n_fft)).astype(np.float32)
    windowed = samples.reshape(bench.lanes, -1, 2).transpose(1, 2, 0)
    bench.at(Field.WINDOWED, windowed.shape, np.float32)[:] = windowed
    bench.run("transform", "magnitudes")
    spectrum = np.fft.rfft(samples.astype(np.float64), axis=1).astype(np.complex64)
    magnitude = np.hypot(spectrum.real, spectrum.imag).T
    first = bench.number(Field.FIRST_PAIR)
    used = np.flatnonzero(constants.mel_basis.any(axis=0))
    covered = [*range(first, bench.points // 2 + 1), *range(bench.points - bench.points // 2, bench.points - first + 1)]
    assert set(used.tolist()) <= set(covered)
    found = bench.at(Field.MAGNITUDES, (bench.points + 1, bench.lanes), np.float32)[covered]
    np.testing.assert_array_max_ulp(found, magnitude[covered], maxulp=1)
    assert np.mean(found != magnitude[covered]) < 0.002


@every_model
@every_target
def test_mel_sums_are_those_of_float32(constants: FrontEndConstants, target: str) -> None:
    bench = Bench(constants, target)
    magnitudes = np.random.default_rng(7).uniform(0, 50, (bench.points + 1, bench.lanes)).astype(np.float32)
    bench.at(Field.MAGNITUDES, magnitudes.shape, np.float32)[:] = magnitudes
    bench.run("mel")
    total = np.zeros((len(constants.mel_basis), bench.lanes), np.float32)
    for row, weights in zip(magnitudes, constants.mel_basis.T, strict=True):
        total += weights[:, None] * row
    total += constants.log_offset[:, None]
    found = bench.at(Field.LOGARITHMS, total.shape, np.float32)
    np.testing.assert_array_equal(found, np.log(total.astype(np.float64)).astype(np.float32))


@functools.cache
def logarithm(target: str) -> Any:
    sums = Sums(TARGETS[target])
    zeros, store, step = sums.zeros, sums.store, 4 * lane_count(TARGETS[target])
    logarithm_of = codelet(TARGETS[target], 2, emit_logarithm)

    @jit
    def run(values: int, count: int, out: int) -> None:
        for index in range(count):
            store(out + index * step, zeros())
            logarithm_of(out + index * step, values + 4 * index)

    return run


def log_of(target: str, values: Float32) -> Float32:
    lanes = lane_count(TARGETS[target])
    out = np.empty((values.size, lanes), np.float32)
    logarithm(target)(values.ctypes.data, values.size, out.ctypes.data)
    np.testing.assert_array_equal(out, out[:, :1].repeat(lanes, axis=1))
    return out[:, 0]


@every_target
def test_logarithm_is_correctly_rounded(target: str) -> None:
    rng = np.random.default_rng(8)
    anywhere = rng.integers(1, 0x7F80_0000, 200_000).astype(np.uint32).view(np.float32)
    near_one = rng.uniform(0.5, 2, 200_000).astype(np.float32)
    root = np.float32(math.sqrt(0.5))
    edges = [
        1.0,
        root,
        np.nextafter(root, np.float32(1)),
        np.nextafter(root, np.float32(0)),
        2 * root,
        2.0,
        1e-45,
        3e38,
    ]
    values = np.concatenate([anywhere, near_one, np.array(edges, np.float32)])
    np.testing.assert_array_equal(log_of(target, values), np.log(values.astype(np.float64)).astype(np.float32))


@every_target
def test_logarithm_of_what_has_none(target: str) -> None:
    values = np.array([0, np.inf, -1, -np.inf, np.nan, -1e-45], np.float32)
    np.testing.assert_array_equal(log_of(target, values), [-np.inf, np.inf, *[np.nan] * 4])


# -- The whole --------------------------------------------------------------------------------------------------


def signals() -> dict[str, Float32]:
    size = samples_of(yamnet(), 96)
    impulse = np.zeros(size, np.float32)
    impulse[5000] = 1
    square = np.where(np.arange(size) // 20 % 2, -1, 1).astype(np.float32)
    special = {"impulse": impulse, "square": square, "1e-30": noise(size) * np.float32(1e-30)}
    return special | {"silence": np.zeros(size, np.float32), "1e30": noise(size) * np.float32(1e30)} | probe_signals(3)


@pytest.mark.parametrize("name", sorted(signals()))
@every_target
def test_frames_are_those_of_numpy(target: str, name: str) -> None:
    waveform = signals()[name]
    found, wanted = computed(target, yamnet(), waveform, 96), expected(yamnet(), waveform, 96)
    np.testing.assert_array_max_ulp(found, wanted, maxulp=1)
    assert np.mean(found != wanted) < 0.01


@every_target
@pytest.mark.parametrize("constants", ODD, ids=lambda c: f"{c.n_fft}-{c.frame_length}")
def test_frames_of_odd_models(constants: FrontEndConstants, target: str) -> None:
    for count in (1, 2, 3, 8, 21):
        waveform = noise(samples_of(constants, count), seed=count)
        np.testing.assert_allclose(
            computed(target, constants, waveform, count), expected(constants, waveform, count), rtol=3e-7, atol=3e-7
        )


@pytest.mark.skipif(len(FUSED) < 2, reason="this machine runs one target with fused operations")
def test_targets_agree_to_the_bit() -> None:
    for waveform in signals().values():
        first, *others = (computed(target, yamnet(), waveform, 96) for target in FUSED)
        for other in others:
            np.testing.assert_array_equal(first, other)


@every_target
def test_frames_do_not_depend_on_their_lane(target: str) -> None:
    """As many frames as make every partial group, from every sample on that puts one frame into every lane."""
    c = yamnet()
    waveform = noise(samples_of(c, 40))
    whole = computed(target, c, waveform, 40)
    for count in range(20):
        np.testing.assert_array_equal(computed(target, c, waveform, count), whole[:count])
    for start in range(1, 10):
        part = waveform[start * c.hop_length :]
        np.testing.assert_array_equal(computed(target, c, part, 40 - start), whole[start:])


@every_target
def test_a_bad_sample_stays_in_its_frames(target: str) -> None:
    c = yamnet()
    waveform = noise(samples_of(c, 20))
    whole = computed(target, c, waveform, 20)
    waveform[10 * c.hop_length + 200] = np.nan
    found = computed(target, c, waveform, 20)
    hit = np.isnan(found).all(axis=1)
    assert np.flatnonzero(hit).tolist() == [9, 10, 11]
    np.testing.assert_array_equal(found[~hit], whole[~hit])


@every_target
@pytest.mark.parametrize("constants", [yamnet(), *ODD[:6]], ids=lambda c: f"{c.n_fft}-{c.frame_length}")
def test_nothing_is_written_beside_the_result(constants: FrontEndConstants, target: str) -> None:
    n_mels = constants.mel_basis.shape[0]
    for count in (0, 1, 7, 8, 9):
        memory = np.full((count + 2) * n_mels + 128, 77, np.float32)
        out = memory[64 + n_mels : -64 - n_mels].reshape(count, n_mels)
        compiled.log_mel(constants, noise(samples_of(constants, 9)), out, kernel(target))
        assert (memory[: 64 + n_mels] == 77).all()
        assert (memory[-64 - n_mels :] == 77).all()
        assert not (out == 77).any()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects a page as Linux does")
@every_target
@pytest.mark.parametrize("constants", [yamnet(), *ODD], ids=lambda c: f"{c.n_fft}-{c.frame_length}")
def test_nothing_is_read_behind_the_waveform(constants: FrontEndConstants, target: str) -> None:
    """Behind the last sample there is a page that must not be touched."""
    size = 4 * samples_of(constants, 9)
    page = mmap.PAGESIZE
    room = -(-size // page) * page
    memory = mmap.mmap(-1, room + page)
    everything = np.frombuffer(memory, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.c_void_p(everything.ctypes.data + room)
    assert libc.mprotect(address, ctypes.c_size_t(page), 0) == 0
    try:
        waveform = everything[room - size : room].view(np.float32)
        waveform[:] = noise(waveform.size)
        np.testing.assert_array_equal(
            computed(target, constants, waveform, 9), computed(target, constants, waveform.copy(), 9)
        )
    finally:
        assert libc.mprotect(address, ctypes.c_size_t(page), mmap.PROT_READ | mmap.PROT_WRITE) == 0


def test_threads_share_a_front_end() -> None:
    front_end = FrontEnd(yamnet(), "numba")
    waveforms = [noise(15_600 + 160 * seed, seed) for seed in range(4)]
    wanted = [front_end.frames(waveform) for waveform in waveforms]
    found: list[list[Float32]] = [[] for _ in waveforms]

    def run(index: int) -> None:
        found[index] = [front_end.frames(waveforms[index]) for _ in range(50)]

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results, frames in zip(found, wanted, strict=True):
        assert len(results) == 50
        for result in results:
            np.testing.assert_array_equal(result, frames)


def test_any_waveform_is_taken() -> None:
    front_end = FrontEnd(yamnet(), "numba")
    waveform = noise(31_200)
    every_other = waveform[::2]
    wanted = front_end.frames(every_other.copy())
    np.testing.assert_array_equal(front_end.frames(every_other), wanted)
    every_other.setflags(write=False)
    np.testing.assert_array_equal(front_end.frames(every_other), wanted)


# -- What computes ----------------------------------------------------------------------------------------------


class Recorder:
    """A stand-in that notes that it was called, and calls the function in whose place it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
        self.calls, self._function = 0, module.log_mel
        monkeypatch.setattr(module, "log_mel", self)

    def __call__(self, *arguments: Any) -> None:
        self.calls += 1
        self._function(*arguments)


@pytest.mark.parametrize("n_fft", [4, 12, 400])
@pytest.mark.parametrize("name", ["numba", "auto"])
def test_other_lengths_are_left_to_numpy(n_fft: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = invented(n_fft, n_fft, 4, 5)
    slow = Recorder(monkeypatch, twin)
    assert np.isfinite(FrontEnd(constants, name).frames(noise(samples_of(constants, 5)))).all()
    assert slow.calls == 1


@pytest.mark.parametrize(("name", "calls"), [("numpy", (1, 0)), ("numba", (0, 1))])
def test_backends_by_name(name: str, calls: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fast = Recorder(monkeypatch, twin), Recorder(monkeypatch, compiled)
    FrontEnd(yamnet(), name).frames(noise(15_600))
    assert (slow.calls, fast.calls) == calls


def test_auto_turns_to_compiled_code_when_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_FRAMES_WORTH_COMPILING", 192)
    monkeypatch.setattr(compiled.log_mel_entry, "is_ready", lambda: False)
    slow, fast = Recorder(monkeypatch, twin), Recorder(monkeypatch, compiled)
    front_end = FrontEnd(yamnet(), "auto")
    calls = []
    for _ in range(4):
        front_end.frames(noise(15_600))
        calls.append((slow.calls, fast.calls))
    assert calls == [(1, 0), (2, 0), (2, 1), (2, 2)]


def test_auto_takes_what_is_compiled_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled.log_mel_entry, "is_ready", lambda: True)
    slow, fast = Recorder(monkeypatch, twin), Recorder(monkeypatch, compiled)
    FrontEnd(yamnet(), AutoBackend()).frames(noise(15_600))
    assert (slow.calls, fast.calls) == (0, 1)


def test_nothing_is_compiled_where_numba_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "is_interpreted", lambda: True)
    slow = Recorder(monkeypatch, twin)
    FrontEnd(invented(256, 256, 80, 16), NumbaBackend()).frames(noise(15_600))
    assert slow.calls == 1
