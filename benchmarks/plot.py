"""A picture of what ``benchmarks.paired --json FILE`` wrote: ``python -m benchmarks.plot FILE``.

Ink is chosen for a light and for a dark page: ``speed.svg`` and ``speed_dark.svg``.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.levels import TITLES

#: Panels, in reading order; bars of more than `_CUT` times yamjit's shortest are cut.
PANELS = ("window", "push", "idle window", "network", "recording 1", "recording 2", "cold")
_CUT = 8

#: Columns of the table of instruction sets that become bars.
_BARS = ("window", "push", "network", "10 min")


class Ink(NamedTuple):
    """Colours of a page."""

    page: str
    text: str
    faint: str
    line: str
    ours: str
    theirs: str


LIGHT = Ink("#ffffff", "#1c2126", "#5c6670", "#d9dee3", "#0b6e4f", "#9aa5b1")
DARK = Ink("#14181c", "#e8ebee", "#a3adb7", "#343b42", "#3ecf9b", "#66717c")


def draw(found: dict[str, Any], output: Path, ink: Ink) -> None:
    """Draw how many times as fast yamjit is at each instruction set, then a panel for each case."""
    tables = {table["case"]: table for table in found["tables"]}
    shown = [tables[case] for case in PANELS if case in tables and tables[case]["rows"]]
    levels = [level for level in found.get("levels", []) if level["figures"]]
    rows = -(-len(shown) // 2)
    style = {"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "text.color": ink.text, "font.size": 9.5}
    # Letters stay letters, and the same figures give the same file.
    with mpl.rc_context(style):
        figure = Figure(figsize=(10, 1.0 + 2.3 * rows + (2.6 if levels else 0)), layout="constrained")
        heights = ([2.4] if levels else []) + [2.0] * rows
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        if levels:
            _levels(figure.add_subplot(grid[0, :]), levels, ink)
        for number, table in enumerate(shown):
            place = grid[number // 2 + bool(levels), number % 2]
            _bars(figure.add_subplot(place), table, ink)
        figure.supxlabel(textwrap.fill(found["machine"], 150), fontsize=7.5, color=ink.faint)
        metadata = {"Date": None} if output.suffix == ".svg" else {}
        figure.savefig(output, facecolor=ink.page, metadata=metadata)


def _levels(panel: Axes, levels: list[dict[str, Any]], ink: Ink) -> None:
    """Draw a group of bars for each instruction set: times XNNPACK's speed, which is the line at 1."""
    width = 0.88 / len(_BARS)
    for number, name in enumerate(_BARS):
        places = [group + (number - (len(_BARS) - 1) / 2) * width for group in range(len(levels))]
        ratios = [level["figures"][name][2] for level in levels]
        panel.bar(places, ratios, width * 0.92, color=ink.ours, alpha=0.55 + 0.15 * number)
        for place, ratio in zip(places, ratios, strict=True):
            text = f"{name}\n{ratio:.2f}"
            panel.annotate(text, (place, ratio), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    panel.axhline(1, color=ink.text, linewidth=1, linestyle=(0, (4, 3)))
    panel.set_xticks(range(len(levels)), [_level_title(level) for level in levels])
    panel.set_xlim(-0.5, len(levels) - 0.5)
    panel.set_ylim(0, 1.3 * max(1.0, *(figure[2] for level in levels for figure in level["figures"].values())))
    panel.set_title(
        "Times the speed of LiteRT's XNNPACK (the dashed line), same instructions: taller is faster", loc="left"
    )
    _dress(panel, ink)
    panel.set_yticks([])


def _level_title(level: dict[str, Any]) -> str:
    confined = level["confinement"]
    return TITLES[level["level"]] + ("\n(LiteRT unconfined)" if confined.startswith("unconfined") else "")


def _bars(panel: Axes, table: dict[str, Any], ink: Ink) -> None:
    """Draw a bar for each contender from zero; those that would shrink the others are cut, and say so."""
    rows = table["rows"][::-1]
    values = [row["median"] for row in rows]
    is_ours = [row["contender"].startswith("yamjit") for row in rows]
    end = min(max(values), _CUT * min(value for value, ours in zip(values, is_ours, strict=True) if ours))
    colours = [ink.ours if ours else ink.theirs for ours in is_ours]
    places = range(len(rows))
    panel.barh(places, [min(value, end) for value in values], 0.7, color=colours)
    for place, value in enumerate(values):
        text = _number(value) + (" (cut)" if value > end else "")
        panel.annotate(text, (min(value, end), place), (4, 0), textcoords="offset points", va="center")
    panel.set_yticks(places, [textwrap.fill(row["contender"], 20) for row in rows])
    panel.set_xlim(0, 1.3 * end)
    panel.set_xticks([])
    panel.set_title(f"{table['title'].replace('`', '')}, {table['unit']}", fontsize=9.5, loc="left")
    _dress(panel, ink)


def _dress(panel: Axes, ink: Ink) -> None:
    panel.set_facecolor(ink.page)
    panel.tick_params(length=0, colors=ink.text)
    panel.title.set_color(ink.text)
    panel.spines[["top", "right", "left", "bottom"]].set_visible(False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Read the figures and draw them, on light and on dark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("speed.svg"), help="SVG or PNG")
    args = parser.parse_args()
    found = json.loads(args.figures.read_text())
    draw(found, args.output, LIGHT)
    draw(found, args.output.with_name(f"{args.output.stem}_dark{args.output.suffix}"), DARK)


if __name__ == "__main__":
    main()
