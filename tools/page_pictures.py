"""Pictures of the page that ``yamjit export --web`` writes: ``python -m tools.page_pictures [FOLDER]`` makes them anew.

The page listens to the scene of the first picture of the site, by the starter model, in Chromium; with ``FOLDER`` all
of it is photographed, with a recording, and written there. Wanted are modules of WebAssembly in ``build/libraries``,
Node, Chromium, and puppeteer-core, which NODE_PATH leads to: ``npm install --prefix FOLDER puppeteer-core`` and
``NODE_PATH=FOLDER/node_modules``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import soundfile

import yamjit
from starter.signals import RATE_HZ
from tools.doc_examples import ROOT
from tools.doc_pictures import PICTURES, few_colours
from tools.doc_scene import morning
from tools.doc_screens import chromium
from yamjit.deploy.local_host import LocalHost
from yamjit.deploy.site import page_files

#: What is heard of the scene, in seconds: speech, a telephone, speech in rain, a siren.
_HEARD = (18.0, 52.0)

#: When pictures are taken, in seconds, and the parts of the page on them, by width in pixels.
_MOMENT, _HEIGHTS = 25, {1280: 672, 400: 858}

_SCRIPT = """
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
const puppeteer = createRequire(`${process.cwd()}/`)("puppeteer-core");
const args = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
args.push(`--use-file-for-fake-audio-capture=${given.sound}%noloop`, "--hide-scrollbars");
const browser = await puppeteer.launch({ executablePath: given.chromium, args });
const page = await browser.newPage();
await page.goto(given.address);
await page.waitForSelector("#listen:not([disabled])");
if (given.whole) {
  await (await page.$("#file")).uploadFile(given.sound);
  await page.waitForSelector("article table");
}
await page.click("#listen");
await new Promise((resolve) => setTimeout(resolve, 1_000 * given.moment));
for (const { path, width, height, scheme } of given.pictures) {
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width, height });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await page.screenshot({ path, fullPage: given.whole });
}
await browser.close();
"""


def main() -> None:
    """Take the pictures."""
    whole = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        folder = whole or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        taken = _photograph(folder, whole=whole is not None)
        for path in taken:
            if whole is None:
                (PICTURES / path.name).write_bytes(few_colours(path.read_bytes()))
            print(path.name)


def _photograph(folder: Path, *, whole: bool) -> list[Path]:
    start, end = (round(at * RATE_HZ) for at in _HEARD)
    sound = folder / "morning.wav"
    soundfile.write(sound, morning()[start:end], RATE_HZ, "PCM_16")
    pictures = [
        {"path": str(folder / f"page{kind}-{scheme}.png"), "width": width, "height": height, "scheme": scheme}
        for kind, (width, height) in zip(("", "-narrow"), _HEIGHTS.items(), strict=True)
        for scheme in ("light", "dark")
    ]
    files = page_files(yamjit.load("starter", backend="numpy"), libraries=ROOT / "build" / "libraries")
    with LocalHost(files) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        given = {"address": host.address, "sound": str(sound), "chromium": chromium(), "moment": _MOMENT}
        command = ["node", "--input-type=module", "--eval", _SCRIPT]
        subprocess.run(
            command, input=json.dumps({**given, "pictures": pictures, "whole": whole}), text=True, check=True
        )
        host.shutdown()
    sound.unlink()
    return [Path(str(picture["path"])) for picture in pictures]


if __name__ == "__main__":
    main()
