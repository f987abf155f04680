"""The log-mel front end against its definition, and patches that do not depend on how a waveform arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reference import ops
from tests.support.backends import BACKENDS
from tests.support.synthetic import probe_signals, synthetic_yamnet
from yamjit.errors import InputError
from yamjit.frontend import SILENCE_DBFS, FrontEnd, Patches, PatchStream, count_windows
from yamjit.plan import FrontEndConstants, compile_plan
from yamjit.tflite.graph import Graph

Float32 = npt.NDArray[np.float32]

WINDOW, HOP, FRAME = 15_600, 7_680, 400


@pytest.fixture(scope="module")
def graph() -> Graph:
    return synthetic_yamnet(seed=0, width=0.125)


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def front_end(graph: Graph, backend: str) -> FrontEnd:
    constants = compile_plan(graph).front_end
    assert constants is not None
    return FrontEnd(constants, backend)


def noise(size: int, seed: int = 0) -> Float32:
    return (0.2 * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


# -- Frames -----------------------------------------------------------------------------------------------------


def in_double(waveform: Float32, c: FrontEndConstants) -> npt.NDArray[np.float64]:
    """Compute frames in float64, but for the product with the window, whose rounding a quiet band would show."""
    count = 1 + (waveform.size - c.frame_length) // c.hop_length
    places = c.hop_length * np.arange(count)[:, None] + np.arange(c.frame_length)
    frames = waveform[places] * c.window
    mel = np.abs(np.fft.rfft(frames.astype(np.float64), c.n_fft)) @ c.mel_basis.T.astype(np.float64)
    return np.log(mel + c.log_offset)


@pytest.mark.parametrize("name", sorted(probe_signals()))
def test_frames_are_those_of_double_precision(front_end: FrontEnd, name: str) -> None:
    waveform = probe_signals(seed=11)[name]
    frames = front_end.frames(waveform)
    assert frames.shape == (96, 64)
    assert frames.dtype == np.float32
    # float32 magnitudes and sums: a few units in the last place of log values up to 7 in magnitude.
    np.testing.assert_allclose(frames, in_double(waveform, front_end.constants), rtol=0, atol=2e-6)


def test_silence_is_the_logarithm_of_the_offset(front_end: FrontEnd) -> None:
    frames = front_end.frames(np.zeros(WINDOW, np.float32))
    offset = front_end.constants.log_offset.astype(np.float64)
    np.testing.assert_array_equal(frames, np.broadcast_to(np.log(offset).astype(np.float32), (96, 64)))


@pytest.mark.parametrize("name", ["noise", "tone", "silence"])
def test_frames_are_those_of_the_reference_loops(front_end: FrontEnd, name: str) -> None:
    c = front_end.constants
    waveform = probe_signals(seed=12)[name][4000 : 4000 + FRAME + 2 * c.hop_length]
    frames = np.stack([waveform[start : start + FRAME] for start in range(0, 2 * c.hop_length + 1, c.hop_length)])
    padded = ops.pad(ops.mul(frames, c.window), np.array([[0, 0], [0, c.n_fft - FRAME]]))
    magnitude = ops.complex_abs(ops.rfft_2d(padded[:, None], (1, c.n_fft))[:, 0])
    expected = ops.log(ops.fully_connected_f32(magnitude, c.mel_basis, c.log_offset))
    found = front_end.frames(waveform)
    # Two transforms in double, rounded to float32, may differ in the last place; hardly anything of it is left.
    np.testing.assert_array_max_ulp(found, expected, maxulp=1)
    assert np.mean(found != expected) < 0.05


@pytest.mark.parametrize(
    ("size", "count"), [(0, 0), (1, 0), (399, 0), (400, 1), (559, 1), (560, 2), (719, 2), (720, 3), (WINDOW, 96)]
)
def test_frame_counts(front_end: FrontEnd, size: int, count: int) -> None:
    assert front_end.frames(noise(size)).shape == (count, 64)


def test_frames_do_not_depend_on_how_many_are_computed(front_end: FrontEnd) -> None:
    waveform = noise(FRAME + 160 * 1200)  # more than one block
    whole = front_end.frames(waveform)
    for start in (0, 1, 511, 512, 513, 1200):
        one = front_end.frames(waveform[160 * start : 160 * start + FRAME])
        np.testing.assert_array_equal(one[0], whole[start])


def tiny(**changes: object) -> FrontEndConstants:
    rng = np.random.default_rng(3)
    constants: dict[str, object] = {
        "window_samples": 41,
        "hop_length": 3,
        "n_fft": 16,
        "window": rng.uniform(0, 1, 11).astype(np.float32),
        "mel_basis": rng.uniform(0, 1, (4, 9)).astype(np.float32),
        "log_offset": np.array([0.1, 0.2, 0.3, 0.4], np.float32),
    }
    return FrontEndConstants(**{**constants, **changes})  # type: ignore[arg-type]


def with_gaps() -> npt.NDArray[np.float32]:
    """Bands of different widths: empty, one bin at either end, with a hole, full."""
    basis = np.zeros((6, 9), np.float32)
    basis[1, 0] = basis[2, 8] = 0.5
    basis[3, [2, 6]] = 0.25, 0.75
    basis[4] = np.linspace(0.1, 0.9, 9)
    basis[5, 3:6] = 1.0
    return basis


def test_bands_of_any_width(backend: str) -> None:
    constants = tiny(mel_basis=with_gaps(), log_offset=np.full(6, 0.01, np.float32))
    waveform = noise(41)
    assert constants.n_frames == 11
    frames = FrontEnd(constants, backend).frames(waveform)
    np.testing.assert_allclose(frames, in_double(waveform, constants), rtol=0, atol=2e-6)
    np.testing.assert_array_equal(frames[:, 0], np.float32(np.log(np.float64(np.float32(0.01)))))


def test_bands_that_are_all_empty(backend: str) -> None:
    constants = tiny(mel_basis=np.zeros((4, 9), np.float32))
    frames = FrontEnd(constants, backend).frames(noise(41))
    np.testing.assert_allclose(frames, in_double(noise(41), constants), rtol=0, atol=1e-6)


# -- Windows ----------------------------------------------------------------------------------------------------


def test_windows_are_counted_as_yamnet_pads() -> None:
    """YAMNet pads to 15600 + k * 7680 samples, the least that holds the recording."""
    for samples in (*range(50_000), 10**9):
        windows = count_windows(samples, WINDOW, HOP)
        assert windows >= 1
        assert WINDOW + (windows - 1) * HOP >= samples
        assert windows == 1 or WINDOW + (windows - 2) * HOP < samples


def test_the_original_pads_more_at_some_lengths_that_windows_fit() -> None:
    """Numbers are those of the runtime, for the published file of any length."""
    fitting = range(WINDOW, 200_000, HOP)
    more = [samples for samples in fitting if count_windows(samples, WINDOW, HOP, original=True) > (samples // HOP) - 1]
    assert more == [
        38640,
        54000,
        61680,
        69360,
        92400,
        100080,
        107760,
        115440,
        123120,
        130800,
        *range(161520, 200_000, HOP),
    ]
    for samples in {*range(1, 200_000, 97), 15_599, 15_601, 38_639, 38_641} - set(more):
        assert count_windows(samples, WINDOW, HOP, original=True) == count_windows(samples, WINDOW, HOP)


@pytest.mark.parametrize("hop", [1, 7, 100, 150, 1000])
def test_no_window_starts_behind_the_last_sample(hop: int) -> None:
    window = 100
    for samples in range(1, 2500):
        windows = count_windows(samples, window, hop)
        assert (windows - 1) * hop < samples
        covered = (windows - 1) * hop + window
        # Where windows overlap or touch, no sample is left out; else no window that could begin.
        assert covered >= samples or (hop > window and windows * hop >= samples)
        assert windows == 1 or covered - hop < samples


# -- Streams ----------------------------------------------------------------------------------------------------


def stream(front_end: FrontEnd, waveform: Float32, hop: int, cuts: Sequence[int] = ()) -> tuple[Patches, PatchStream]:
    """Push a waveform in parts that begin at `cuts`, and flush."""
    patches = PatchStream(front_end, hop, level=True)
    parts = [patches.push(part) for part in np.split(waveform, sorted(cuts))]
    parts.append(patches.flush())
    assert [p.first for p in parts] == np.cumsum([0, *(len(p.patches) for p in parts[:-1])]).tolist()
    whole = [np.concatenate([getattr(p, name) for p in parts]) for name in ("patches", "frames", "level_dbfs")]
    return Patches(0, *whole), patches


def computed_backwards(front_end: FrontEnd, waveform: Float32, hop: int, cuts: Sequence[int]) -> dict[str, Any]:
    """Cut a waveform into blocks apart, and compute them from the last to the first."""
    apart = PatchStream(front_end, hop, level=True, apart=True)
    blocks = [apart.cut(part) for part in np.split(waveform, sorted(cuts))]
    blocks.append(apart.cut(apart.padding()))
    parts = [block.patches() for block in reversed(blocks)][::-1]
    names = ("patches", "frames", "level_dbfs")
    return {"first": 0} | {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def check_stream(front_end: FrontEnd, size: int, hop: int, seed: int) -> None:
    """Compare a stream with windows cut from the whole, and with streams of other blocks."""
    rng = np.random.default_rng([seed, size, hop])
    waveform = noise(size, seed)
    c = front_end.constants
    whole, patches = stream(front_end, waveform, hop)
    windows = count_windows(size, c.window_samples, hop)
    assert patches.windows == len(whole.patches) == windows
    assert whole.patches.dtype == whole.frames.dtype == np.float32
    assert patches.samples == size
    padded = np.pad(waveform, (0, max(0, (windows - 1) * hop + c.window_samples - size)))
    for index, patch in enumerate(whole.patches):
        start = index * hop
        np.testing.assert_array_equal(patch, front_end.frames(padded[start : start + c.window_samples]))
    np.testing.assert_array_equal(whole.frames, front_end.frames(padded))
    for _ in range(3):
        cuts = rng.integers(0, size + 1, rng.integers(1, 30)).tolist()
        chopped, again = stream(front_end, waveform, hop, cuts)
        assert again.windows == windows
        np.testing.assert_array_equal(chopped.patches, whole.patches)
        np.testing.assert_array_equal(chopped.frames, whole.frames)
        np.testing.assert_array_equal(chopped.level_dbfs, whole.level_dbfs)
        np.testing.assert_equal(computed_backwards(front_end, waveform, hop, cuts), whole._asdict())
    plain = PatchStream(front_end, hop)
    parts = [plain.push(waveform), plain.flush()]
    assert [part.level_dbfs for part in parts] == [None, None]
    np.testing.assert_array_equal(np.concatenate([part.patches for part in parts]), whole.patches)


@pytest.mark.parametrize("hop", [7_680, 160, 15_600, 7_800, 1_234, 20_000, 32_000])
@pytest.mark.parametrize("size", [0, 1, 399, 400, 15_599, 15_600, 15_601, 15_760, 23_280, 23_281, 40_000])
def test_any_blocks_give_the_same_bits(front_end: FrontEnd, size: int, hop: int) -> None:
    if hop == 160:
        size = min(size, 23_281)
    check_stream(front_end, size, hop, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("hop", [1, 2, 3, 6, 7, 40, 41, 42, 43, 60, 90])
def test_any_blocks_give_the_same_bits_of_other_windows(backend: str, hop: int) -> None:
    """A window that is no whole number of hops, in sizes and hops of every remainder."""
    front_end = FrontEnd(tiny(window_samples=42), backend)
    for size in (*range(14), *range(36, 60), 100, 131, 200):
        check_stream(front_end, size, hop, seed=2)


def test_samples_one_at_a_time(backend: str) -> None:
    front_end = FrontEnd(tiny(), backend)
    waveform = noise(150)
    for hop in (3, 7, 50):
        whole, _ = stream(front_end, waveform, hop)
        single, _ = stream(front_end, waveform, hop, cuts=range(1, 150))
        np.testing.assert_array_equal(single.patches, whole.patches)
        np.testing.assert_array_equal(single.frames, whole.frames)


def test_nothing_gives_one_window_of_silence(front_end: FrontEnd) -> None:
    patches = PatchStream(front_end, HOP)
    empty = patches.push(np.zeros(0, np.float32))
    assert empty.patches.shape == (0, 96, 64)
    assert empty.frames.shape == (0, 64)
    assert (patches.windows, patches.samples) == (0, 0)
    rest = patches.flush()
    np.testing.assert_array_equal(rest.patches, front_end.frames(np.zeros(WINDOW, np.float32))[None])


def test_levels_are_root_mean_squares_of_windows(front_end: FrontEnd) -> None:
    time = np.arange(2 * WINDOW) / 16_000
    sine = np.sin(2 * np.pi * 1_000 * time).astype(np.float32)
    sine[WINDOW:] = 0
    for hop in (WINDOW // 2, 1_000):
        found, _ = stream(front_end, sine, hop)
        assert found.level_dbfs is not None
        assert found.level_dbfs[0] == pytest.approx(-3.01, abs=0.01)
        assert found.level_dbfs[-1] <= found.level_dbfs[0]
    found, _ = stream(front_end, sine, WINDOW)
    np.testing.assert_allclose(found.level_dbfs, [-3.01, SILENCE_DBFS], atol=0.01)


def test_patches_come_as_soon_as_they_can(front_end: FrontEnd) -> None:
    for hop in (HOP, 7_777):
        patches = PatchStream(front_end, hop)
        waveform = noise(3 * WINDOW)
        assert len(patches.push(waveform[: WINDOW - 1]).patches) == 0
        assert len(patches.push(waveform[WINDOW - 1 : WINDOW]).patches) == 1
        assert len(patches.push(waveform[WINDOW : WINDOW + hop - 1]).patches) == 0
        assert len(patches.push(waveform[WINDOW + hop - 1 : WINDOW + hop]).patches) == 1
        assert patches.windows == 2


def test_patches_stay_as_they_are(front_end: FrontEnd) -> None:
    """What was handed out is not written over by what comes later, nor by the caller's own buffer."""
    patches = PatchStream(front_end, 160)
    buffer = noise(20_000)
    first = patches.push(buffer)
    kept = first.patches.copy(), first.frames.copy()
    expected, _ = stream(front_end, np.concatenate([buffer, buffer]), 160)
    buffer[:] = buffer.copy()
    again = buffer.copy()
    buffer[:] = 9.0
    second = patches.push(again)
    np.testing.assert_array_equal(first.patches, kept[0])
    np.testing.assert_array_equal(first.frames, kept[1])
    count = len(first.patches) + len(second.patches)
    np.testing.assert_array_equal(np.concatenate([first.patches, second.patches]), expected.patches[:count])


@pytest.mark.parametrize("level", [False, True])
@pytest.mark.parametrize("hop", [HOP, 1_000, 50_000])
def test_a_long_stream_takes_little_memory(front_end: FrontEnd, hop: int, level: bool) -> None:
    patches = PatchStream(front_end, hop, level=level)
    block = noise(8_000)
    held = []
    for _ in range(40):
        patches.push(block)
        held.append(patches._held.nbytes + patches._rows._memory.nbytes)
    assert max(held) <= 4 * (WINDOW + block.size) + 4 * 64 * 96


@pytest.mark.parametrize("hop", [0, -1, -7_680])
def test_hops_that_lead_nowhere_are_refused(front_end: FrontEnd, hop: int) -> None:
    with pytest.raises(InputError, match=f"at least one sample is accepted, found {hop}"):
        PatchStream(front_end, hop)
