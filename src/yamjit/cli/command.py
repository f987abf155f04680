"""The parser of all verbs, and the message if one of them fails."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from yamjit import __version__
from yamjit.announcing import announced
from yamjit.cli import streams
from yamjit.cli.examples import EXAMPLES, examples_text
from yamjit.cli.exits import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_NO_READER,
    EXIT_TERMINATED,
    Terminated,
    heeding_signals,
)
from yamjit.cli.outputs import Outputs
from yamjit.cli.parsing import Parser
from yamjit.disk import describe
from yamjit.errors import YamjitError
from yamjit.text import printable, printable_lines

__all__ = ["VERBS", "run"]

#: All verbs, in the order of the help; each is a module beside this one, imported if it is named, or if all are.
VERBS = (
    "classify",
    "events",
    "segments",
    "listen",
    "web",
    "serve",
    "embed",
    "index",
    "search",
    "spectrogram",
    "plot",
    "train",
    "evaluate",
    "calibrate",
    "export",
    "metadata",
    "labels",
    "info",
    "doctor",
    "bench",
    "fetch",
    "completion",
)

_EPILOG = """\
exit codes:
  0    done
  1    error
  2    wrong usage
  3    one or more files failed, and the others are done
  130  interrupted; with -o NAME.csv, the results so far are in NAME.partial.csv
  141  nobody reads the results any more, as after | head
  143  terminated, or the terminal was closed; the same as 130

models:
  (none)   the official YAMNet; see yamjit fetch
  starter  a small model in the package; see yamjit info starter
  FILE     any other model of the YAMNet family, as a .tflite file

environment:
  YAMJIT_MODEL     the model to use where none is named
  YAMJIT_CACHE     folder where a fetched model and what was compiled are kept
  YAMJIT_OFFLINE   1: nothing is downloaded
  YAMJIT_LOWERING  instruction set of the compiled kernels, such as avx2; -avx2 is any but that
"""


#: End of a message that asks what was meant, which has a line to itself.
_QUESTION = r"; (?=did you mean [^;]+\?$)"
_HINT = "\nhint: "


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments say, by default those of the process; return the exit code."""
    if argv is None:
        streams.name_errors()
    try:
        with heeding_signals():
            return _concluded(argv)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Terminated:
        return EXIT_TERMINATED


def _concluded(argv: Sequence[str] | None) -> int:
    """Do what is asked, and make sure that the output has been written; say what is wrong."""
    ended: SystemExit | None = None
    try:
        try:
            code = _done(argv)
        except SystemExit as error:  # after a help text, or wrong usage
            ended = error
        sys.stdout.flush()
    except BrokenPipeError:
        streams.drop_output()  # the reader of the results has seen enough
        return EXIT_NO_READER
    except (YamjitError, OSError, MemoryError, ImportError, SystemError) as error:
        streams.drop_output()
        if "--debug" in (sys.argv if argv is None else argv):
            raise
        print(f"yamjit: error: {_message(error)}", file=sys.stderr)
        return EXIT_ERROR
    if ended is not None:
        raise ended
    return code


def _done(argv: Sequence[str] | None) -> int:
    parser = _parser(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        from yamjit.cli.completion import complete

        complete(parser)
    args = parser.parse_args(argv)
    streams.write_any_name()
    with announced(quiet=getattr(args, "quiet", False)):
        args.outputs = Outputs(args)
        code: int = args.run(args)
    return code


def _message(error: Exception) -> str:
    try:
        return re.sub(_QUESTION, _HINT, printable_lines(_told(error)))
    except MemoryError:  # while `error` still holds what took it
        return "there is not enough memory"


def _told(error: Exception) -> str:
    """Return what is wrong, in one line, with the file that it concerns."""
    if isinstance(error, YamjitError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, SystemError):  # from extension modules that fail without saying why
        return f"Python or a library failed, perhaps for lack of memory: {describe(error)}"
    name = getattr(error, "filename", None)
    more = " (ulimit -n shows the limit)" if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE) else ""
    return f"{'' if name is None else printable(str(name)) + ': '}{describe(error)}{more}"


def _parser(words: Sequence[str] = ()) -> Parser:
    """Return the parser of a command: of its verb alone, of none for ``--version``, else of all verbs."""
    parser = Parser(
        prog="yamjit",
        description="Name the sounds in audio with Google's quantized YAMNet, without TensorFlow or a TFLite runtime.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"yamjit {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where in the code an error comes from")
    # Without a name, Python formats the usage to find it, for which it loads what it measures terminals with.
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, prog=parser.prog)
    parser.example = EXAMPLES["classify"][0]
    first = next((word for word in words if word != "--debug"), "")
    named: Sequence[str] = (first,) if first in VERBS else () if first == "--version" else VERBS
    for name in named:
        verb = import_module(f"yamjit.cli.{name}")
        own = verbs.add_parser(name, help=verb.HELP, description=verb.DESCRIPTION)
        own.set_defaults(run=verb.run)
        verb.add_arguments(own)
        own.example = EXAMPLES.get(name, ("",))[0]
        own.epilog = "\n".join(filter(None, (examples_text(name), own.epilog)))
    for one in (parser, *verbs.choices.values()):
        one.all_verbs = (lambda: verbs.choices) if named is VERBS else (lambda: _parser().verbs)
    return parser
