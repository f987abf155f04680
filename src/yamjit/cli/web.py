"""``yamjit web``: a page that names sounds, on this machine."""

from __future__ import annotations

import argparse
import threading
import webbrowser
from pathlib import Path

from yamjit.cli import arguments, values
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.options import add_flag, add_value
from yamjit.cli.outputs import Reads
from yamjit.cli.streams import tell
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "open a page that names the sounds of a microphone or of files"
DESCRIPTION = (
    "Open a page in the browser that names sounds, live and in recordings, until Ctrl-C. The browser runs the model; "
    "the page can be reached from this machine alone, and what is heard does not leave it."
)

#: Port where none is named: always the same, so that a browser remembers that the page may use the microphone.
_PORT = 8468


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = (
        "a model; or a folder that yamjit export --web wrote (default: $YAMJIT_MODEL, else the official model, "
        "downloaded once)"
    )
    parser.add_argument("model", nargs="?", type=Reads("a model"), metavar="MODEL", help=text)
    text = f"port of this machine (default: {_PORT}, or any that is free)"
    add_value(parser, "--port", "N", values.whole(1, 65_535, "port"), text)
    add_flag(parser, "--no-browser", "print the address, and open no browser")
    text = "what python -m tools.libraries wrote (default: the libraries that a wheel of yamjit holds)"
    add_value(parser, "--libraries", "FOLDER", Reads("a library"), text)
    arguments.add_roles(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.deploy.local_host import LocalHost

    files = _files(args)
    try:
        host = LocalHost(files, _PORT if args.port is None else args.port)
    except InputError:
        if args.port is not None:
            raise
        host = LocalHost(files)
    with host:
        print(f"{host.address} serves the page, to this machine alone; Ctrl-C ends it", flush=True)
        if not args.no_browser:
            threading.Thread(target=_open, args=(host.address,), daemon=True).start()
        host.serve_forever()
    return EXIT_OK


def _open(address: str) -> None:
    if not webbrowser.open(address):
        tell("no browser was found: open the address yourself")


def _files(args: argparse.Namespace) -> dict[str, bytes]:
    from yamjit.deploy.local_host import read_page
    from yamjit.deploy.site import page_files
    from yamjit.loading import load

    if args.model and Path(args.model, "index.html").is_file():
        if args.libraries or args.roles:
            raise InputError(f"{printable(args.model)!r} is a page already: --libraries and --roles are for models")
        return read_page(Path(args.model))
    model = load(args.model, backend="numpy", roles=args.roles)
    return page_files(model, libraries=None if args.libraries is None else Path(args.libraries))
