"""Pictures: what is in them, thinned recordings, clocks; every text lies inside."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import yamjit
from yamjit.errors import InputError
from yamjit.plots import Overview, survey
from yamjit.plots.overview import _extremes, _highest, _mean, _Thinned
from yamjit.plots.recordings import _clock, _tick_step

pytest.importorskip("matplotlib")

from yamjit.plots import draw_overview, draw_spectrogram, save_figure


@pytest.fixture(scope="module")
def overview(examples: dict[Path, str]) -> Overview:
    siren = next(path for path in examples if path.name == "siren.flac")
    return survey(yamjit.load("starter"), siren, max_results=4)[0]


def test_survey(overview: Overview, examples: dict[Path, str]) -> None:
    siren = next(path for path in examples if path.name == "siren.flac")
    result = yamjit.load("starter").classify(siren)
    assert overview.labels == tuple(label for label, _, _ in result.top(4))
    np.testing.assert_array_equal(overview.log_mel, result.log_mel)
    np.testing.assert_array_equal(overview.scores, result.scores[:, [index for _, _, index in result.top(4)]])
    assert overview.frames_s == pytest.approx(len(result.log_mel) / 100)
    assert len(overview.envelope) == 300
    assert (np.diff(overview.band_hz) > 0).all()
    with siren.open("rb") as file:
        again, _ = survey(yamjit.load("starter"), file, max_results=4)
    np.testing.assert_array_equal(again.envelope, overview.envelope)
    with pytest.raises(InputError, match="one channel, or their mean"):
        survey(yamjit.load("starter"), siren, reading=yamjit.ReadOptions(channel="each"))


@pytest.mark.parametrize("count", [1, 1999, 2000, 4000, 4001, 9001, 50_003])
def test_thinned_rows_are_those_of_all(count: int) -> None:
    generator = np.random.default_rng(count)
    rows = generator.uniform(-1, 1, (count, 2)).astype(np.float32)
    for combine in (_mean, _highest, _extremes):
        thinned = _Thinned(combine)
        start = 0
        while start < count:
            size = int(generator.integers(0, 700))
            thinned.add(rows[start : start + size])
            start += size
        found, span = thinned.result()
        assert thinned.total == count
        assert len(found) == -(-count // span)
        assert len(found) < 4000 + 1
        assert span == 1 or len(found) >= 2000
        wanted = [combine(rows[None, i : i + span])[0] for i in range(0, count, span)]
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.slow
def test_everything_lies_inside(overview: Overview) -> None:
    for figure in (draw_overview(overview), draw_spectrogram(overview)):
        save_figure(figure, io.BytesIO(), "png")
        width, height = figure.canvas.get_width_height()
        for axes in figure.axes:
            box = axes.get_tightbbox()
            assert box.x0 >= -1
            assert box.y0 >= -1
            assert box.x1 <= width + 1
            assert box.y1 <= height + 1
    first, second = io.BytesIO(), io.BytesIO()
    for file in (first, second):
        save_figure(draw_overview(overview), file, "svg")
    assert first.getvalue() == second.getvalue()


def test_a_window_is_drawn_about_its_middle(overview: Overview) -> None:
    figure = draw_overview(overview)
    mesh = next(artist for axes in figure.axes for artist in axes.collections if hasattr(artist, "get_coordinates"))
    edges = mesh.get_coordinates()[0, :, 0]
    assert (edges[0], edges[-1]) == (0, overview.duration_s)
    np.testing.assert_allclose(edges[1:-1], 0.48 * np.arange(1, len(overview.scores)) + (0.975 - 0.48) / 2)


def test_clocks() -> None:
    assert [_clock(value, 6, 0.5) for value in (0, 0.5)] == ["0.0", "0.5"]
    assert _clock(30, 90, 10) == "30"
    assert _clock(90, 600, 60) == "1:30"
    assert _clock(3690, 43_200, 3600) == "1:01:30"
    for duration in (0.3, 1, 7, 61, 3599, 43_200, 1e6):
        assert 5 <= duration / _tick_step(duration) <= 10 or duration < 1
