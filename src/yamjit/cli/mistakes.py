"""What to do about a verb or an option that does not exist: what was meant, and where it is."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from yamjit.cli.foreign_words import VERBS_ELSEWHERE, options_meant, reasons_for_none
from yamjit.cli.forms import MODEL_SUFFIXES
from yamjit.disk import is_address
from yamjit.suggestions import listed, suggest

__all__ = ["is_elsewhere", "misdashed", "option_hint", "pipe_hint", "verb_hint"]

#: Dashes that a text program makes of two hyphens, or of one.
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"

#: How like a verb or an option is at least, of which there are few, where a word has no other meaning.
_ALIKE = 0.85

Options = Mapping[str, argparse.Action]


def verb_hint(word: str, verbs: Iterable[str]) -> str:
    """Return what to type in place of an unknown verb, or of an option before it."""
    known = tuple(verbs)
    name = word.lstrip("-/").lower()
    if name in ("h", "help", "man", "usage", "?", "") and word not in ("-", ""):
        return "did you mean yamjit --help, or yamjit VERB --help?"
    if name in ("version", "v"):
        return "did you mean yamjit --version?"
    if name == "yamjit":
        return "the name of the program is typed once"
    if word.startswith("-") and len(word) > 1:
        if meant := suggest(word, ("--help", "--version", "--debug")):
            return f"did you mean yamjit {meant[0]}?"
        return "options come after the verb: yamjit classify INPUT --top 3; yamjit --help lists the verbs"
    if is_address(word):
        return f"yamjit reads files: curl -sL {shlex.quote(word)} | yamjit classify -"
    if word == "-" or os.path.exists(word) or set(word) & set("*?["):  # noqa: PTH110 - any text
        path = Path(word)
        verb = "info" if path.suffix.lower() in MODEL_SUFFIXES and path.is_file() else "classify"
        return f"did you mean yamjit {verb} {shlex.quote(word)}?"
    if meant := suggest(word, known, VERBS_ELSEWHERE) or tuple(difflib.get_close_matches(word, known, 1, _ALIKE)):
        return f"did you mean {listed([f'yamjit {verb}' for verb in meant], 'or')}?"
    if os.path.splitext(word)[1] or os.sep in word:  # noqa: PTH122 - any text
        return f"a recording follows a verb, as in yamjit classify FILE, and there is no file {word!r}"
    return f"yamjit --help lists the {len(known)} verbs"


def pipe_hint(word: str) -> str:
    """Return what to do with a recording or an address where only a pipe can be named."""
    if is_address(word):
        pcm = "-vn -f s16le -ar 16000 -ac 1 -"
        return f"ffmpeg -v error -i {shlex.quote(word)} {pcm} | yamjit listen --raw s16le -"
    return f"a recording is for another verb, such as: yamjit events {shlex.quote(word)}"


def misdashed(argument: str, options: Options) -> str | None:
    """Return the option that an argument spells with one hyphen, or with a dash; None if there is none."""
    name = argument.partition("=")[0]
    bare = name.lstrip("-" + _DASHES)
    if not name or name.startswith("--") or len(bare) < 2 or name[0] not in "-" + _DASHES:
        return None
    return f"--{bare}" if f"--{bare}" in options else None


def is_elsewhere(argument: str, options: Options) -> bool:
    """Return whether an option is one of other programs, whose beginning an option here has that does something else.

    ``--to`` does not stand for ``--top``.
    """
    flag = argument.partition("=")[0]
    name = flag[2:]
    if not flag.startswith("--") or flag in options or not any(other.startswith(flag) for other in options):
        return False
    meant = [other for other in options_meant().get(name, ()) if other in options]
    return not meant[0].startswith(flag) if meant else name in reasons_for_none()


def option_hint(option: str, verb: str, options: Options, others: Mapping[str, Options]) -> str:
    """Return what to do about an option that a verb does not have: others of its own, and verbs that have this one."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", option.partition("=")[0].lstrip("-")).replace("_", "-").lower()
    if name == "debug":
        return f"it comes before the verb: yamjit --debug {verb}"
    if name in ("version", "v") and option[:2] in ("-V", "--"):
        return "it comes without a verb: yamjit --version"
    meant = _meant(name, options)
    told = []
    if f"--{name}" not in options and not meant.startswith("--format "):
        having = [f"yamjit {other}" for other, its in others.items() if f"--{name}" in its]
        having[2:] = ["others"] if len(having) > 2 else []
        told += [f"--{name} is an option of {listed(having, 'and')}"] if having else []
        told += [reasons_for_none().get(name, "")] if not meant else []
    told += [f"did you mean {meant}?"] if meant else []
    return "; ".join(filter(None, told)) or f"yamjit {verb} --help lists its options"


def _meant(name: str, options: Options) -> str:
    """Return the option of this verb that may be meant, and what it is for; empty if none is."""
    formats = options["--format"].choices if "--format" in options else None
    if f"--{name}" in options:
        found = [f"--{name}"]
    elif formats and name in formats:
        return f"--format {name}"
    else:
        found = [flag for flag in options_meant().get(name, ()) if flag in options][:1]
    if not found and name not in reasons_for_none() and len(name) > 2:
        flags = [flag for flag in options if flag.startswith("--")]
        # As a whole first: --onn is --on, and no part of --non-finite.
        found = difflib.get_close_matches(f"--{name}", flags, 1, _ALIKE) or list(suggest(name, flags, most=2))
    return listed([_explained(flag, options[flag]) for flag in found], "or")


def _explained(flag: str, action: argparse.Action) -> str:
    """Return an option and what it is for, in a few words."""
    purpose = re.split(r"[;(]|: ", action.help or "")[0].strip()
    return f"{flag} ({purpose})" if purpose else flag
