"""Browsers without a window, which open a page of this machine and answer it what a script found."""

from __future__ import annotations

import functools
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

__all__ = ["BROWSERS", "Browser", "find_browser", "npm_packages"]

#: How browsers are started: names of the program, and arguments, of which PROFILE is a new folder.
BROWSERS = {
    "chromium": (
        ("chromium", "chromium-browser", "google-chrome"),
        (
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--user-data-dir=PROFILE",
            "--autoplay-policy=no-user-gesture-required",
        ),
    ),
    "firefox": (("firefox-esr", "firefox"), ("--headless", "--no-remote", "--profile", "PROFILE")),
}  # fmt: skip

_PAGE = """<!doctype html><meta charset="utf-8"><title>test</title><script type="module">
const answer = (value) => fetch("/answer", { method: "POST", body: JSON.stringify(value) });
const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
const floats = async (name) => new Float32Array((await bytes(name)).buffer);
const digest = async (parts) => {
  const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  return [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};
try { SCRIPT } catch (error) { answer({ error: `${error.name}: ${error.message} ${error.stack}` }); }
</script>"""


def find_browser(name: str) -> str:
    """Return the program of a browser, or skip the test."""
    programs, _ = BROWSERS[name]
    found = next(filter(None, map(shutil.which, programs)), None)
    if found is None:
        pytest.skip(f"needs {programs[0]}")
    return found


def npm_packages(*names: str) -> str:
    """Return a value of NODE_PATH with which Node finds packages of npm, or skip the test."""
    folders = [*filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)), "/usr/share/nodejs"]
    for name in names:
        if not any(Path(folder, name).is_dir() for folder in folders):
            pytest.skip(
                f"needs {name}: npm install --prefix FOLDER {' '.join(names)}, and NODE_PATH=FOLDER/node_modules"
            )
    return os.pathsep.join(folders)


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder, and takes answers."""

    def __init__(self, *args: Any, answers: queue.Queue[Any], asked: list[str], **kwargs: Any) -> None:
        self._answers, self._asked = answers, asked
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        super().do_GET()

    def do_POST(self) -> None:
        self._answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Browser:
    """Opens pages with scripts in a folder that is served; skips the test where the browser is not installed."""

    def __init__(self, name: str, folder: Path) -> None:
        self._arguments = BROWSERS[name][1]
        self._program, self.folder = find_browser(name), folder
        #: What the page has asked for.
        self.asked: list[str] = []

    def __call__(self, script: str, timeout: float = 120) -> Any:
        """Run a script, which calls `answer` once; return what it answers."""
        (self.folder / "page.html").write_text(_PAGE.replace("SCRIPT", script), encoding="utf-8")
        with self._served() as (address, answers), self._open(f"{address}/page.html"):
            found = answers.get(timeout=timeout)
        assert "error" not in found, found["error"]
        return found

    @contextmanager
    def _served(self) -> Iterator[tuple[str, queue.Queue[Any]]]:
        answers: queue.Queue[Any] = queue.Queue()
        handler = functools.partial(_Handler, directory=str(self.folder), answers=answers, asked=self.asked)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}", answers
            finally:
                server.shutdown()
                thread.join()

    @contextmanager
    def _open(self, address: str) -> Iterator[None]:
        profile = self.folder.parent / "profile"
        profile.mkdir()
        arguments = [argument.replace("PROFILE", str(profile)) for argument in self._arguments]
        with (self.folder.parent / "log").open("wb") as log:
            process = subprocess.Popen([self._program, *arguments, address], stdout=log, stderr=log)
            try:
                yield
            finally:
                process.terminate()
                process.wait(30)
                shutil.rmtree(profile, ignore_errors=True)
