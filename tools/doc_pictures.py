"""The pictures of the pages in ``docs/``: ``python -m tools.doc_pictures`` makes them anew.

Those of ``docs/plots.md``, of which one is the first page's, and of ``docs/guide_keywords.md``, which needs espeak-ng,
are what commands of these pages draw, with fewer colours, for light and dark pages, wide and narrow. The terminal is
what ``yamjit listen`` shows of a recording of ``examples/``. It all needs the extra ``plot``, and runs on the starter
model. With ``--esc10 TABLE``, the table of ESC-10, what was learned from it is drawn as well; that needs the official
model.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from tools.doc_examples import ROOT, run_page, surroundings

__all__ = ["VARIANTS"]

PICTURES = ROOT / "docs" / "pictures"

#: The end of a picture's name, and what the command that draws it is given for it.
VARIANTS: Mapping[str, str] = {
    "light": "",
    "dark": "--dark",
    "narrow-light": "--width 4.6",
    "narrow-dark": "--width 4.6 --dark",
}

#: A cell of the terminal, and the margin, in units of the picture.
_WIDTH, _HEIGHT, _MARGIN = 8.4, 20.0, 16.0
_PAPER, _INK, _GREEN, _DIM = "#1b2330", "#d7dee9", "#5fb878", "#3a4657"
_EIGHTHS, _MARK = " ▏▎▍▌▋▊▉█", "│"

#: What the terminal hears, from when on, and which of its pictures is shown: a voice, and a siren a moment ago.
_HEARD, _BEGIN, _SHOWN = ("siren.flac", "speech.flac"), "2026-05-12T14:03:00", "14:03:04"

#: What is heard at a time, in samples, and how long the next waits: faster than life, but picture by picture.
_BLOCK, _WAIT_S = 7680, 0.4


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of the pages anew.")
    parser.add_argument("--esc10", metavar="TABLE", type=Path, help="table of ESC-10, beside its recordings")
    args = parser.parse_args()
    for page in ("plots.md", "guide_keywords.md"):
        draw_page((ROOT / "docs" / page).read_text(encoding="utf-8"))
    (PICTURES / "listen.svg").write_text(terminal(listened()), encoding="utf-8")
    if args.esc10:
        draw_learned(args.esc10)
    for picture in sorted(PICTURES.iterdir()):
        print(f"{picture.stat().st_size:>8,}  {picture.relative_to(ROOT)}")


def draw_page(page: str) -> None:
    """Draw the pictures of a page: those of commands that write a PNG which the page shows."""
    shown = set(re.findall(r"\]\(pictures/(\w+)-light\.png\)", page))
    for example, _ in run_page(page):
        for line in example.code.splitlines():
            found = re.fullmatch(r"yamjit .* -o (\w+)\.png", line)
            if found and found[1] in shown:
                _draw_variants(line)


def _draw_variants(command: str) -> None:
    """Run a command that draws, for each variant."""
    name = Path(shlex.split(command)[-1])
    for variant, options in VARIANTS.items():
        subprocess.run([*shlex.split(command), *shlex.split(options), "--quiet"], check=True)
        _keep(name.stem, variant, name.read_bytes())


def _keep(name: str, variant: str, png: bytes) -> None:
    (PICTURES / f"{name}-{variant}.png").write_bytes(few_colours(png))


def draw_learned(table: Path) -> None:
    """Draw what ``yamjit train`` and ``yamjit calibrate`` draw of recordings, each held out in its fold."""
    import yamjit
    from yamjit.learn import cross_calibrate, cross_validate, embed_clips, from_csv
    from yamjit.plots import draw_confusion, draw_reliability, save_figure

    features = embed_clips(yamjit.load(), from_csv(table))
    confusion, highest = (cross_validate(features, aggregate=way) for way in ("logit", "max"))
    calibrated = cross_calibrate(highest.scores, highest.targets, highest.folds).scores
    scores = {"before": highest.scores, "calibrated": calibrated}
    for dark in (False, True):
        figures = {
            "confusion": draw_confusion(confusion, dark=dark),
            "reliability": draw_reliability(scores, highest.targets, dark=dark),
        }
        for name, figure in figures.items():
            file = io.BytesIO()
            save_figure(figure, file, "png")
            _keep(name, "dark" if dark else "light", file.getvalue())


def few_colours(png: bytes) -> bytes:
    """Return a picture with 240 colours."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(240, kmeans=2, dither=Image.Dither.NONE)
    file = io.BytesIO()
    reduced.save(file, "png", optimize=True)
    return file.getvalue()


def listened() -> list[str]:
    """Return the lines that ``yamjit listen`` draws of recordings of ``examples/``, one after the other."""
    import numpy as np
    import soundfile

    heard = [soundfile.read(ROOT / "examples" / name, dtype="int16") for name in _HEARD]
    samples, rate = np.concatenate([samples for samples, _ in heard]), heard[0][1]
    command = ["yamjit", "listen", "--raw", "s16le", "--rate", str(rate), "--format", "bars", "--top", "5", "-"]
    with surroundings():
        os.environ.update(COLUMNS="48", NO_COLOR="1", PYTHONIOENCODING="utf-8")
        with subprocess.Popen(
            [*command, "--recorded-at", _BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for start in range(0, len(samples), _BLOCK):
                process.stdin.write(samples[start : start + _BLOCK].tobytes())
                process.stdin.flush()
                time.sleep(_WAIT_S)
            process.stdin.close()
            drawn = process.stdout.read().decode()
    frame = next(frame for frame in re.split(r"\x1b\[\d*J", drawn) if _SHOWN in frame)
    return re.sub(r"\x1b\[\d*[A-Z]|\r", "", frame).strip("\n").splitlines()


def terminal(lines: list[str]) -> str:
    """Return lines of a terminal as an SVG; bars of block characters become rectangles."""
    columns = max(map(len, lines))
    width, height = columns * _WIDTH + 2 * _MARGIN, len(lines) * _HEIGHT + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="{_INK}">',
        f'<rect width="100%" height="100%" rx="6" fill="{_PAPER}"/>',
    ]
    for row, line in enumerate(lines):
        for match in re.finditer(r"[▏▎▍▌▋▊▉█·│]+|[^\s▏▎▍▌▋▊▉█·│]+(?: [^\s▏▎▍▌▋▊▉█·│]+)*", line):
            x, y = _MARGIN + match.start() * _WIDTH, _MARGIN + row * _HEIGHT
            parts.append(_bar(match[0], x, y) if match[0][0] in _EIGHTHS + _MARK + "·" else _text(match[0], x, y))
    return "\n".join([*parts, "</svg>", ""])


def _bar(cells: str, x: float, y: float) -> str:
    full = sum(_EIGHTHS.index(cell) / 8 for cell in cells if cell in _EIGHTHS)
    bar = f'<rect x="{x:.1f}" y="{y + 9:.1f}" width="{len(cells) * _WIDTH:.1f}" height="2" fill="{_DIM}"/>'
    bar += f'<rect x="{x:.1f}" y="{y + 3:.1f}" width="{full * _WIDTH:.1f}" height="14" fill="{_GREEN}"/>'
    if _MARK in cells:
        mark = x + (cells.index(_MARK) + 0.5) * _WIDTH
        bar += f'<rect x="{mark - 1.5:.1f}" y="{y + 1:.1f}" width="3" height="18" fill="{_GREEN}"/>'
    return bar


def _text(text: str, x: float, y: float) -> str:
    length = f'textLength="{len(text) * _WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x:.1f}" y="{y + 15:.1f}" {length}>{escape(text)}</text>'


if __name__ == "__main__":
    main()
