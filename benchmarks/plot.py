"""A picture of what ``benchmarks.paired --json FILE`` wrote: ``python -m benchmarks.plot FILE``."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

#: Panels, in reading order.
PANELS = ("window", "network", "front end", "recording 1", "recording 2", "cold")

OURS, THEIRS = "#0b6e4f", "#7b8794"


def draw(found: dict[str, Any], output: Path) -> None:
    """Draw a panel for each case that was measured."""
    tables = {table["case"]: table for table in found["tables"]}
    shown = [tables[case] for case in PANELS if case in tables]
    rows = -(-len(shown) // 2)
    figure = Figure(figsize=(11, 0.7 + 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False)
    for panel, table in zip(panels.flat, shown, strict=False):
        _points(panel, table)
    for panel in list(panels.flat)[len(shown) :]:
        panel.set_axis_off()
    figure.suptitle("Milliseconds on logarithmic axes: further left is faster", fontsize=12)
    figure.text(0.5, -0.01, found["machine"], ha="center", va="top", fontsize=7.5, color="#555555")
    # Letters stay letters, and the same figures give the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks"}):
        figure.savefig(output, bbox_inches="tight", facecolor="white", metadata=_metadata(output))


def _metadata(output: Path) -> dict[str, None]:
    return {"Date": None} if output.suffix == ".svg" else {}


def _points(panel: Axes, table: dict[str, Any]) -> None:
    """Draw one point for each contender: bars would have no zero to begin at."""
    rows = table["rows"][::-1]
    names, values = [row["contender"] for row in rows], [row["median"] for row in rows]
    panel.scatter(values, names, c=[OURS if name.startswith("yamjit") else THEIRS for name in names], s=60, zorder=3)
    panel.set_xscale("log")
    panel.set_xlim(_decade(min(values), math.floor), _decade(2.5 * max(values), math.ceil))
    panel.margins(y=0.15)
    for name, value in zip(names, values, strict=True):
        panel.annotate(_number(value), (value, name), xytext=(8, 0), textcoords="offset points", va="center", size=9)
    panel.set_title(table["title"], fontsize=10, loc="left")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    panel.minorticks_off()
    panel.tick_params(labelsize=8.5)
    panel.grid(color="#e5e5e5", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _decade(value: float, rounded: Callable[[float], int]) -> float:
    return 10.0 ** rounded(math.log10(value))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Read the figures and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("speed.svg"), help="SVG or PNG")
    args = parser.parse_args()
    draw(json.loads(args.figures.read_text()), args.output)


if __name__ == "__main__":
    main()
