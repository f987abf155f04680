"""What the pages of the site look like: ``python -m tools.doc_screens SITE FOLDER [PAGE...]`` photographs them.

``SITE`` is what Sphinx built. Each page is shown 1280 and 400 pixels wide, light and dark, by Chromium, which has to be
installed: ``FOLDER/plots-400-dark.png`` and so on. Nothing of it is committed.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["WIDTHS", "chromium", "photograph"]

WIDTHS = (1280, 400)
_SCHEMES = {"dark": 0, "light": 1}

#: A picture is as high as its page, but no higher than this, in pixels.
_HIGHEST = 16_000


def photograph(page: Path, width: int, scheme: str) -> bytes:
    """Return a page of HTML as a PNG, of a width in pixels, "light" or "dark"."""
    with tempfile.TemporaryDirectory() as name:
        # No window of Chromium is as narrow as a phone; a frame within it is.
        frame, shot = Path(name, "frame.html"), Path(name, "shot.png")
        style = f"border: 0; width: {width}px; height: {_HIGHEST}px"
        frame.write_text(f'<body style="margin: 0"><iframe src="{page.resolve().as_uri()}" style="{style}"></iframe>')
        command = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}", f"--window-size={width},{_HIGHEST}"]
        command += [f"--user-data-dir={name}/profile", f"--screenshot={shot}", frame.as_uri()]
        subprocess.run(command, capture_output=True, timeout=120, check=True)
        return _without_the_end(shot.read_bytes())


def chromium() -> str:
    """Return the program of Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    return found


def _without_the_end(png: bytes) -> bytes:
    """Return a picture without the rows at its end that are all the same."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    rows = np.asarray(picture)
    filled = np.flatnonzero((rows != rows[-1]).any(axis=(1, 2)))
    file = io.BytesIO()
    picture.crop((0, 0, picture.width, int(filled[-1]) + 1 if len(filled) else 1)).save(file, "png")
    return file.getvalue()


def main() -> None:
    """Photograph the pages that are named, or all."""
    if len(sys.argv) < 3:
        raise SystemExit("python -m tools.doc_screens SITE FOLDER [PAGE...]")
    site, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[3:] or sorted(page.stem for page in site.glob("*.html"))
    for name in names:
        for width in WIDTHS:
            for scheme in _SCHEMES:
                target = folder / f"{name}-{width}-{scheme}.png"
                target.write_bytes(photograph(site / f"{name}.html", width, scheme))
                print(target)


if __name__ == "__main__":
    main()
