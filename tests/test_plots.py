"""Pictures of recordings: what is read for them, what they draw, and where; every text lies inside."""

from __future__ import annotations

import dataclasses
import io
import zoneinfo
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
from yamjit.errors import InputError
from yamjit.plots import Overview, survey
from yamjit.plots.choosing import outstanding
from yamjit.plots.thinning import Thinned, extremes, highest, loudest, narrowed
from yamjit.plots.time_axis import _elapsed, _tick_step

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from yamjit.plots import draw_events, draw_overview, draw_spectrogram, save_figure
from yamjit.plots.drawing import colours_of, in_two_lines


@pytest.fixture(scope="module")
def overview(examples: dict[Path, str]) -> Overview:
    siren = next(path for path in examples if path.name == "siren.flac")
    return survey(yamjit.load("starter"), siren, max_results=4)[0]


def test_survey(overview: Overview, examples: dict[Path, str]) -> None:
    siren = next(path for path in examples if path.name == "siren.flac")
    result = yamjit.load("starter").classify(siren)
    assert overview.labels[0] == "Siren"
    names = yamjit.load("starter").labels
    places = [names.index(label) for label in overview.labels]
    np.testing.assert_array_equal(overview.log_mel, result.log_mel)
    np.testing.assert_array_equal(overview.scores, result.scores[:, places])
    assert overview.frames_s == pytest.approx(len(result.log_mel) / 100)
    assert len(overview.envelope) == 300
    assert (np.diff(overview.band_hz) > 0).all()
    assert overview.range_hz == (125, 7500)
    by_mean, _ = survey(yamjit.load("starter"), siren, max_results=4, aggregate="mean")
    assert by_mean.labels == tuple(label for label, _, _ in result.top(4))
    with siren.open("rb") as file:
        again, _ = survey(yamjit.load("starter"), file, max_results=4)
    np.testing.assert_array_equal(again.envelope, overview.envelope)
    with pytest.raises(InputError, match="one channel, or their mean"):
        survey(yamjit.load("starter"), siren, reading=yamjit.ReadOptions(channel="each"))


@pytest.mark.parametrize("count", [1, 1999, 2000, 4000, 4001, 9001, 50_003])
def test_thinned_rows_are_those_of_all(count: int) -> None:
    generator = np.random.default_rng(count)
    rows = generator.uniform(-1, 1, (count, 2)).astype(np.float32)
    for combine in (loudest, highest, extremes):
        thinned = Thinned(combine)
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
        wanted = [combine(rows[None, i : i + span], 1)[0] for i in range(0, count, span)]
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_half_a_second_is_seen_in_four_hours() -> None:
    frames, scores = Thinned(loudest), Thinned(highest)
    noise = np.random.default_rng(0)
    for minute in range(240):
        log_mel = noise.normal(-5, 0.5, (6000, 8)).astype(np.float32)
        heard = np.zeros((125, 2), np.float32)
        if minute == 100:
            log_mel[3000:3050] = 1.0
            heard[62, 1] = 0.9
        frames.add(log_mel)
        scores.add(heard)
    columns, _ = frames.result()
    # The noise itself stays where it was, and the event stands out by its whole height.
    assert np.median(columns) < -4.5
    assert columns.max() == 1.0
    shown = narrowed(scores.result()[0], 600, highest)
    assert len(shown) <= 600
    assert shown[:, 1].max() == pytest.approx(0.9)
    assert np.flatnonzero(shown[:, 1]) == pytest.approx(len(shown) * 100.5 / 240, abs=2)


def test_what_stands_out_is_shown_and_each_row_shows_something_else() -> None:
    scores = np.zeros((1000, 6), np.float32)
    silence, animal, dog, bird, noise, pet = range(6)
    scores[:, silence], scores[::2, noise] = 0.9, 0.7
    scores[10, [animal, pet, dog]] = 0.95, 0.94, 0.9
    scores[500:503, [animal, bird]] = 0.6, 0.55
    kinds = {animal: [dog, bird, pet], pet: [dog]}
    assert outstanding(scores, kinds, 3600)[:2].tolist() == [dog, bird]
    assert sorted(outstanding(scores, {}, 3600)) == list(range(6))
    # A class that is there all the time is not lost, if there is room.
    assert silence in outstanding(scores, kinds, 3600)[:4]
    # What is heard throughout a short recording comes first if there is nothing else.
    assert outstanding(np.float32([[0.9, 0.2], [0.95, 0.6]]), {}, 3)[0] == 0


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
    assert [_elapsed(value, 6, 0.5) for value in (0, 0.5)] == ["0.0", "0.5"]
    assert _elapsed(30, 90, 10) == "30"
    assert _elapsed(90, 600, 60) == "1:30"
    assert _elapsed(3690, 43_200, 3600) == "1:01:30"
    for duration in (0.3, 1, 7, 61, 3599, 43_200, 1e6):
        assert 4 <= duration / _tick_step(duration, lambda _: 10.0) <= 10 or duration < 1


def _ticks(axes: Any) -> list[str]:
    low, high = axes.get_xlim()
    shown = axes.xaxis.get_major_locator()
    places = [place for place in shown.tick_values(low, high) if low - 1e-6 <= place <= high + 1e-6]
    return axes.xaxis.get_major_formatter().format_ticks(places)


def test_the_axis_has_the_time_of_day(overview: Overview) -> None:
    zone = timezone(timedelta(hours=2))
    late = datetime(2026, 5, 12, 21, 7, 13, tzinfo=zone)
    night = dataclasses.replace(overview, recorded_at=late, duration_s=4 * 3600.0)
    axes = draw_overview(night).axes[2]
    assert axes.get_xlabel() == "time of day (2026-05-12 to 2026-05-13, UTC+02:00)"
    ticks = _ticks(axes)
    assert ticks[0] == "21:30"
    assert "00:00\n2026-05-13" in ticks
    short = dataclasses.replace(overview, recorded_at=late.replace(tzinfo=None))
    axes = draw_spectrogram(short).axes[0]
    assert axes.get_xlabel() == "time of day (2026-05-12)"
    assert _ticks(axes)[0] == "21:07:13.0"
    assert draw_overview(overview).axes[2].get_xlabel() == "time (s)"


@pytest.mark.skipif(not zoneinfo.available_timezones(), reason="wants time zones: pip install tzdata")
@pytest.mark.parametrize(
    ("begin", "zone", "hours", "shown"),
    [
        (datetime(2026, 3, 28, 20), "Europe/Berlin", 24, ["00:00\n2026-03-29", "03:00", "06:00"]),
        (datetime(2026, 10, 24, 20), "Europe/Berlin", 24, ["00:00\n2026-10-25", "03:00", "06:00"]),
        (datetime(2026, 10, 20), "Europe/Berlin", 300, ["10-24", "10-26", "10-28"]),
        (datetime(2026, 4, 4, 23), "Australia/Lord_Howe", 4, ["01:30", "01:30", "02:00"]),
    ],
)
def test_ticks_stay_at_round_times_when_clocks_are_set(
    overview: Overview, begin: datetime, zone: str, hours: float, shown: list[str]
) -> None:
    begin = begin.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    axes = draw_spectrogram(dataclasses.replace(overview, recorded_at=begin, duration_s=hours * 3600)).axes[0]
    ticks = _ticks(axes)
    place = ticks.index(shown[0])
    assert ticks[place : place + 3] == shown
    assert ", then UTC+" in axes.get_xlabel()


def test_labels_of_ticks_do_not_run_into_each_other(overview: Overview) -> None:
    begin = datetime(2026, 5, 12, 5, 0)
    for duration_s in (60.0, 40 * 86_400.0):
        for recorded_at in (None, begin):
            shown = dataclasses.replace(overview, duration_s=duration_s, recorded_at=recorded_at)
            figure = draw_spectrogram(shown, width=4.6)
            save_figure(figure, io.BytesIO(), "png", dpi=72)
            boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels() if label.get_text()]
            assert len(boxes) >= 2
            assert all(a.x1 < b.x0 for a, b in pairwise(sorted(boxes, key=lambda box: box.x0))), duration_s


def test_an_overview_says_what_it_shows(overview: Overview) -> None:
    wave, mel, classes = draw_overview(overview).axes[:3]
    assert [text.get_text() for text in mel.get_yticklabels()][-1] == "7.5k"
    assert [text.get_text().replace("\n", " ") for text in classes.get_yticklabels()] == list(overview.labels)
    labels = [axes.get_ylabel() for axes in draw_overview(overview).axes]
    assert labels == ["amplitude", "frequency (Hz)", "", "level (ln)", "score"]
    nothing = dataclasses.replace(overview, labels=(), heads=(), scores=overview.scores[:, :0])
    assert [text.get_text() for text in draw_overview(nothing).axes[2].texts] == ["no class reaches its threshold"]
    assert wave.get_facecolor() == (1, 1, 1, 1)


def test_names_are_in_two_lines() -> None:
    assert in_two_lines("Dog", 26) == "Dog"
    assert in_two_lines("Livestock, farm animals, working animals", 26) == "Livestock, farm animals,\nworking animals"
    long = in_two_lines("Music " * 30, 26)
    assert long.count("\n") == 1
    assert long.endswith("…")
    assert max(map(len, in_two_lines("x" * 45, 26).split("\n"))) <= 26
    assert in_two_lines("$a$", 26) == r"\$a\$"


def _event(label: str, score: float, start_s: float, end_s: float) -> yamjit.Event:
    return yamjit.Event(label, 0, "", score, score, start_s, end_s)


def test_events_are_bars_whose_colour_is_the_score(examples: dict[Path, str]) -> None:
    siren = next(path for path in examples if path.name == "siren.flac")
    model = yamjit.load("starter")
    options = yamjit.EventOptions(on=0.3)
    overview, _ = survey(model, siren, max_results=1, events=options)
    assert overview.labels == ("Siren",)
    assert overview.events == tuple(event for event in model.events(siren, options) if event.label == "Siren")
    classes = draw_overview(overview).axes[2]
    (bar,) = classes.patches
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == (overview.events[0].start_s, overview.events[0].end_s)
    none, _ = survey(model, siren, events=yamjit.EventOptions(min_duration_s=100))
    assert [text.get_text() for text in draw_overview(none).axes[2].texts] == ["no events"]


@pytest.mark.parametrize("dark", [False, True])
def test_events_alone(dark: bool) -> None:
    events = [_event("Dog", 0.9, 50, 50.5), _event("Bird", 0.4, 2, 20), _event("Dog", 0.6, 4000, 4100)]
    figure = draw_events(events, dark=dark)
    axes, key = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["Bird", "Dog"]
    assert key.get_ylabel() == "score"
    # The half second is as wide as can be seen, about its middle.
    widths = {round(bar.get_x() + bar.get_width() / 2, 2): bar.get_width() for bar in axes.patches}
    assert widths == {11: 18, 50.25: 4100 / 400, 4050: 100}
    strengths = [abs(sum(bar.get_facecolor()[:3]) - sum(axes.get_facecolor()[:3])) for bar in axes.patches]
    assert strengths[1] > strengths[2] > strengths[0] > 0.3
    assert _ticks(axes)[0] == "0:00:00"
    begin = datetime(2026, 5, 12, 5, 0, 2)
    (morning, _) = draw_events([dataclasses.replace(event, time=begin) for event in events[1:2]]).axes
    assert (_ticks(morning)[0], morning.get_xlabel()) == ("05:00:00", "time of day (2026-05-12)")
    mine = Figure().add_subplot()
    assert draw_events([], ax=mine, end_s=5) is mine.figure
    with pytest.raises(InputError, match="ax is str: Axes of matplotlib"):
        draw_events(events, ax="x")
    with pytest.raises(InputError, match=r"end_s is 1, which is not after start_s, 2"):
        draw_events(events, start_s=2, end_s=1)


@pytest.mark.parametrize("dark", [False, True])
def test_text_contrasts_with_its_page(overview: Overview, dark: bool) -> None:
    from yamjit.plots.drawing import _contrast

    colours = colours_of(dark)
    assert _contrast(colours.ink, colours.paper) >= 7
    assert min(_contrast(color, colours.paper) for color in (colours.line, colours.first, colours.second)) >= 4.5 - 0.3
    figure = draw_overview(overview, dark=dark)
    for axes in figure.axes:
        for text in (axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()):
            assert text.get_color() == colours.ink
    assert figure.get_facecolor()[:3] == pytest.approx([int(colours.paper[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def test_figures_and_sizes(overview: Overview) -> None:
    page = Figure(figsize=(8, 8))
    above, below = page.subfigures(2, 1)
    assert draw_overview(overview, figure=above) is page
    assert draw_spectrogram(overview, figure=below) is page
    assert len(page.axes) == 5 + 2
    figure = draw_spectrogram(overview, width=4)
    for form, begin in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        file = io.BytesIO()
        save_figure(figure, file, form, dpi=50)
        assert file.getvalue().startswith(begin)
    file = io.BytesIO()
    save_figure(figure, file, "png", dpi=50)
    assert int.from_bytes(file.getvalue()[16:20], "big") == 200
    for wrong in ({"width": 1}, {"figure": "x"}, {"dark": 1}):
        with pytest.raises(InputError):
            draw_spectrogram(overview, **wrong)
    with pytest.raises(InputError, match="png, svg"):
        save_figure(figure, file, "gif")


def test_fonts_have_the_characters_or_are_said_to_lack_them(
    overview: Overview, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    from yamjit.plots import fonts

    dogs = dataclasses.replace(overview, labels=("犬の声", *overview.labels[1:]))
    fonts._fonts_with.cache_clear()
    monkeypatch.setattr(fonts, "_characters", lambda _: frozenset("犬の"))
    figure = draw_overview(dogs)
    label = figure.axes[2].get_yticklabels()[0]
    assert label.get_fontfamily()[0] != label.get_fontfamily()[-1]
    (said,) = fonts.lacking_fonts(figure)
    assert said.startswith("no installed font has '声', drawn as boxes")
    save_figure(figure, io.BytesIO(), "png")
    fonts._fonts_with.cache_clear()
    assert not [str(one.message) for one in recwarn if "Glyph" in str(one.message)]
    assert fonts.lacking_fonts(draw_overview(overview)) == ()
