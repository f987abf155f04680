"""Four persons' ways from a fresh environment to their results: ``python -m tools.journeys [NAME...] -o FOLDER``.

Each way is a script beside this file. Its commands are typed one after the other into a shell, in a folder with what
`world` makes; a transcript, ``FOLDER/NAME.md``, holds what they print and the seconds that they take. The model is the
starter unless ``$YAMJIT_MODEL`` names another.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.journeys.world import make_world

__all__ = ["commands_of", "travel"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_DONE = "--done--"


def main() -> int:
    """Make the journeys, and print how many commands and seconds each took."""
    names = sorted(path.stem for path in HERE.glob("*.sh"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where transcripts go")
    parser.add_argument("--source", default=str(ROOT), help="what pip installs: a checkout or a wheel")
    parser.add_argument("--scripts", type=Path, default=HERE, help="folder of the scripts")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in args.names or names:
        with tempfile.TemporaryDirectory() as folder:
            make_world(Path(folder))
            commands = commands_of(args.scripts / f"{name}.sh")
            steps = list(travel(commands, Path(folder), {"YAMJIT": args.source, "PIP_QUIET": "2"}))
        (args.output / f"{name}.md").write_text(transcript(name, steps), encoding="utf-8")
        wrong = [code for _, _, _, code in steps if code]
        failed += bool(wrong)
        seconds = sum(step[2] for step in steps)
        print(f"{name:<10} {len(steps):2} commands {seconds:6.1f} s{f'  {len(wrong)} failed' if wrong else ''}")
    return failed


def commands_of(script: Path) -> list[str]:
    """Return the commands of a script, which blank lines separate from each other and from headings."""
    blocks = script.read_text(encoding="utf-8").strip().split("\n\n")
    return [block for block in blocks if not block.startswith("# ")]


def travel(
    commands: Iterable[str], folder: Path, variables: Mapping[str, str]
) -> Iterator[tuple[str, str, float, int]]:
    """Type commands into one shell, in a folder; yield each with what it printed, its seconds, its exit code.

    The environment has `variables` as well, and ``$ALARMS``, an address that messages can be posted to.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"YAMJIT_CACHE": str(folder / "cache"), **variables}
    environment.setdefault("YAMJIT_MODEL", "starter")
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with (
        inbox() as address,
        subprocess.Popen(["bash"], cwd=folder, env=environment | {"ALARMS": address}, **pipes) as shell,
    ):
        for command in commands:
            start = time.monotonic()
            shell.stdin.write(f"{command}\necho {_DONE} $?\n")
            shell.stdin.flush()
            said = []
            while not (line := shell.stdout.readline()).startswith(_DONE):
                if not line:
                    raise RuntimeError(f"the shell ended at: {command}")
                said.append(line)
            yield command, "".join(said), time.monotonic() - start, int(line.split()[1])


def transcript(name: str, steps: list[tuple[str, str, float, int]]) -> str:
    """Return a page with the commands, what they printed, and their seconds."""
    parts = [f"# {name}: {len(steps)} commands, {sum(step[2] for step in steps):.1f} s\n"]
    for command, said, seconds, code in steps:
        ended = f", exit code {code}" if code else ""
        parts.append(f"```sh\n{command}\n```\n\n```text\n{said}```\n\n{seconds:.1f} s{ended}\n")
    return "\n".join(parts)


@contextlib.contextmanager
def inbox() -> Iterator[str]:
    """Serve as the place that messages are posted to, at the address that is yielded."""

    class Inbox(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Inbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/alarms"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
