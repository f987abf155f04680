"""The command ``yamjit``: one file per verb, each with its arguments and one call."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from yamjit import __version__
from yamjit.cli import (
    bench,
    calibrate,
    classify,
    completion,
    doctor,
    embed,
    evaluate,
    events,
    export,
    fetch,
    info,
    labels,
    listen,
    metadata,
    plot,
    segments,
    spectrogram,
    train,
)
from yamjit.cli.exits import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_TERMINATED, Terminated, heeding_sigterm
from yamjit.disk import describe
from yamjit.errors import YamjitError
from yamjit.text import printable, printable_lines

__all__ = ["main"]

_VERBS = (
    classify,
    events,
    segments,
    listen,
    embed,
    spectrogram,
    plot,
    train,
    evaluate,
    calibrate,
    export,
    metadata,
    labels,
    info,
    doctor,
    bench,
    fetch,
    completion,
)

_EPILOG = """\
exit codes: 0 done, 1 error, 2 wrong usage, 3 one or more files failed (the others are done), 130 interrupted,
  143 terminated; what was done by then is whole
models: the official YAMNet (yamjit fetch), starter (in the package, see yamjit info starter), any file of the family
environment: YAMJIT_MODEL  the model to use;  YAMJIT_CACHE  where a fetched model and compiled kernels are kept
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = _parser()
    completion.complete(parser)
    args = parser.parse_args(argv)
    _prepare_streams()
    with heeding_sigterm():
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Terminated:
        return EXIT_TERMINATED
    except BrokenPipeError:
        # Whoever read the results has enough; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except (YamjitError, OSError) as error:  # OSError: standard output cannot be written, or no temporary file
        if args.debug:
            raise
        where = getattr(error, "filename", None) or "standard output"
        told = error if isinstance(error, YamjitError) else f"{where}: {describe(error)}"
        print(f"yamjit: error: {printable_lines(str(told))}", file=sys.stderr)
        return EXIT_ERROR


def _prepare_streams() -> None:
    """Have names that are no text written with escapes, and the package's log shown where somebody is watching."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    _tell_what_takes_long()


def _tell_what_takes_long() -> None:
    """Show the package's own log, such as that kernels are being compiled, where somebody is watching."""
    log = logging.getLogger("yamjit")
    if sys.stderr is not None and sys.stderr.isatty() and not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("yamjit: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong with arguments in one line: a pattern may have made a file's name an option."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="yamjit",
        description="Names the sounds in audio with Google's quantized YAMNet: no TensorFlow, no TFLite runtime.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"yamjit {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in _VERBS:
        verb.add_parser(verbs)
    return parser
