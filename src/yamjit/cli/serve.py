"""``yamjit serve``: what the other verbs do, over a network."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.arguments import add_quiet, add_roles
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.model_notes import notes_on
from yamjit.cli.options import add_choice, add_repeated, add_value
from yamjit.cli.outputs import Reads
from yamjit.cli.streams import tell
from yamjit.disk import describe
from yamjit.errors import DependencyError, InputError, ModelError
from yamjit.installing import how_to_install
from yamjit.text import json_text

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.serve.limits import Limits

__all__ = ["DESCRIPTION", "HELP", "TOKEN_VARIABLE", "add_arguments", "run"]

HELP = "answer classify, events, embed and listen over HTTP"
DESCRIPTION = (
    "Answer requests over HTTP: POST /v1/classify, /v1/events and /v1/embed take a recording and give what these verbs "
    "print, with their options in the query; /hf takes what clients of Hugging Face send for audio classification; the "
    "WebSocket /v1/listen takes samples and gives the lines of listen; GET /v1/openapi.json describes all of it. Needs "
    "the extra serve."
)

_EPILOG = """\
examples:
  yamjit serve
  curl --data-binary @siren.flac http://127.0.0.1:8000/v1/classify
  curl -F file=@siren.flac "http://127.0.0.1:8000/v1/events?on=0.3&format=csv"

addresses: one that other machines reach needs a token, in a file or in YAMJIT_TOKEN, which clients send in a header,
Authorization: Bearer TOKEN. What passes between them is not encrypted: a proxy in front can do that.
"""

#: Variable of the environment that holds a token.
TOKEN_VARIABLE = "YAMJIT_TOKEN"  # noqa: S105 - the name of one

#: Characters of a token, at least.
_LEAST_TOKEN = 16

#: What `yamjit info --json` says of the machine: where the model lies, and the same in words.
_OWN = ("path", "facts")

#: Worker processes unless their number is given, at most.
_MOST_WORKERS = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "a .tflite file, or starter (default: $YAMJIT_MODEL, else the official model, downloaded once)"
    parser.add_argument("model", nargs="?", type=Reads("a model"), metavar="MODEL", help=text)
    add_roles(parser)
    text = "implementation of the kernels; all give the same scores"
    add_choice(parser, "--backend", ("auto", "compiled", "numba", "numpy"), text, "auto")
    group = parser.add_argument_group("address")
    add_value(group, "--host", "ADDRESS", str, "address to listen at", "127.0.0.1")
    add_value(group, "--port", "N", values.whole(0, 65_535, "port"), "port to listen at; 0 for any that is free", 8000)
    text = f"file with the token that requests must have (default: ${TOKEN_VARIABLE}, else none on a loopback address)"
    add_value(group, "--token-file", "FILE", Reads("a token"), text)
    text = "name under which the service is asked as well, such as that of a proxy, or * for any"
    add_repeated(group, "--allow-host", "NAME", str, text)
    text = "origin of pages that may ask, such as https://example.org"
    add_repeated(group, "--allow-origin", "ORIGIN", _origin, text)
    text = "folder with a page to show at / (default: the one of yamjit web, where the model can have it)"
    add_value(group, "--page", "FOLDER", Reads("a page"), text)
    group = parser.add_argument_group("limits")
    text = f"number of processes that read recordings (default: one for each processor, at most {_MOST_WORKERS})"
    add_value(group, "--workers", "N", values.jobs, text)
    limits = _defaults()
    most = 2**40
    add_value(group, "--max-bytes", "N", values.whole(1, most), "bytes of a request", limits.body_bytes)
    add_value(group, "--max-answer", "N", values.whole(1, most), "bytes of an answer", limits.answer_bytes)
    add_value(group, "--max-seconds", "SECONDS", values.seconds, "length of a recording", limits.recording_s)
    add_value(group, "--max-work", "SECONDS", values.seconds, "time for reading one recording", limits.work_s)
    add_value(group, "--queue", "N", values.positive, "requests that wait for a process", limits.queue)
    add_value(group, "--streams", "N", values.positive, "streams at the same time", limits.streams)
    add_value(group, "--connections", "N", values.positive, "connections at the same time", limits.connections)
    text = "time without a byte after which a client is given up"
    add_value(group, "--patience", "SECONDS", values.seconds, text, limits.patience_s)
    text = "time without samples after which a stream is ended"
    add_value(group, "--idle", "SECONDS", values.seconds, text, limits.idle_s)
    add_quiet(parser, "say nothing but errors")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    _check_extra()
    from yamjit.cli.asking import listen_verb, recording_verbs
    from yamjit.deploy.local_host import read_page
    from yamjit.serve.guard import is_loopback
    from yamjit.serve.limits import Limits
    from yamjit.serve.offer import Offer
    from yamjit.serve.server import bound, serve

    token = _token(args.token_file)
    if token is None and not is_loopback(args.host):
        raise InputError(
            f"{args.host} can be reached from other machines, so that requests need a token: put one into a file for "
            f"--token-file, or into {TOKEN_VARIABLE}"
        )
    own_page = None if args.page is None else read_page(Path(args.page), {"index.html"})
    classifier = _classifier(args)
    offer = Offer(
        classifier,
        recording_verbs(),
        listen_verb(),
        _documents(classifier),
        workers=args.workers or min(_MOST_WORKERS, _processors()),
        limits=Limits(
            body_bytes=args.max_bytes,
            answer_bytes=args.max_answer,
            recording_s=args.max_seconds,
            work_s=args.max_work,
            patience_s=args.patience,
            idle_s=args.idle,
            queue=args.queue,
            streams=args.streams,
            connections=args.connections,
        ),
        host=args.host,
        token=token,
        hosts=tuple(args.allow_host),
        origins=tuple(args.allow_origin),
        page=_live_page(classifier) if own_page is None else own_page,
    )

    def ready(address: str) -> None:
        if not args.quiet:
            tell(*(f"note: {note}" for note in notes_on(classifier)), f"serving at {address} (Ctrl-C ends it)")

    serve(offer, bound(args.host, args.port), ready)
    return EXIT_OK


def _check_extra() -> None:
    """Refuse to begin where a package of the extra is missing."""
    from importlib.util import find_spec

    needed = ("starlette", "uvicorn", "websockets", "python_multipart")
    missing = [name.replace("_", "-") for name in needed if find_spec(name) is None]
    if missing:
        raise DependencyError(f"a service needs {', '.join(missing)}: {how_to_install('yamjit[serve]')}")


def _classifier(args: argparse.Namespace) -> Classifier:
    from yamjit.loading import load

    classifier = load(args.model, backend=args.backend, roles=args.roles)
    _ = classifier.window_samples  # refused where it hears no recordings
    classifier.network.warm_up()
    return classifier


def _live_page(classifier: Classifier) -> dict[str, bytes]:
    """Return the page that runs the model in a browser, or nothing where this installation or the model has none."""
    from yamjit.deploy.site import page_files

    try:
        return page_files(classifier)
    except (DependencyError, InputError, ModelError):
        return {}


def _documents(classifier: Classifier) -> dict[str, str]:
    from yamjit.cli.info import model_document
    from yamjit.cli.labels import labels_text

    model = {name: value for name, value in model_document(classifier, classifier.heads).items() if name not in _OWN}
    return {"/v1/model": json_text(model, indent=1), "/v1/labels": labels_text(classifier.heads)}


def _token(file: str | None) -> str | None:
    """Return the token that was given, if one was."""
    if file is None:
        token, where = os.environ.get(TOKEN_VARIABLE), f"${TOKEN_VARIABLE}"
        if token is None:
            return None
    else:
        where = repr(str(file))
        try:
            token = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"{where}: the token cannot be read: {describe(error)}") from error
    token = token.strip()
    if len(token) < _LEAST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise InputError(
            f"{where}: a token has at least {_LEAST_TOKEN} letters, digits or signs, without spaces; python -c "
            "'import secrets; print(secrets.token_urlsafe())' prints one"
        )
    return token


def _origin(text: str) -> str:
    scheme, mark, host = text.partition("://")
    if scheme not in ("http", "https") or not mark or not host or "/" in host:
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin, such as https://example.org")
    return text.lower()


def _processors() -> int:
    affinity: Any = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _defaults() -> Limits:
    from yamjit.serve.limits import Limits

    return Limits()
