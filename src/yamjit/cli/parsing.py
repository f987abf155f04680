"""The parser of every verb: help that fits the terminal, and what is wrong with a command, with what to do about it."""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from yamjit.announcing.terminal import columns_of
from yamjit.suggestions import did_you_mean, with_hint
from yamjit.text import printable

__all__ = ["Parser"]

#: Beginning of a line in two columns.
_FIRST_COLUMN = r" +\S+(?: \S+)* {2,}(?=\S)"

#: A word that is longer than anything that can be meant, and what is shown of it.
_LONG_WORD = r"(\S{200})\S{100,}"

#: Columns where there is no terminal, and those that Python leaves free.
_USUAL_COLUMNS, _MARGIN = 80, 2


class _Help(argparse.HelpFormatter):
    """Wraps texts, and indented lines with a hanging indentation; examples stay as they are typed.

    Python makes one for each argument of a parser. How wide it is must be known, or `shutil` is loaded to find out.
    """

    def __init__(self, prog: str, **given: Any) -> None:
        super().__init__(prog, **{"width": _columns() - _MARGIN, **given})

    def add_argument(self, action: argparse.Action) -> None:
        """Add an argument; verbs are indented further, which Python counts from 3.13 on."""
        super().add_argument(action)
        if isinstance(action.choices, Mapping):
            longest = max(map(len, action.choices), default=0) + 2 * self._indent_increment
            self._action_max_length = max(self._action_max_length, longest)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(self._filled(text.strip("\n").splitlines(), width, indent))

    def _filled(self, lines: Sequence[str], width: int, indent: str) -> Iterator[str]:
        typed = False
        for indented, block in itertools.groupby(lines, key=lambda line: line[:1].isspace() or not line):
            if indented:
                yield from (line if typed else _hanging(line, width) for line in block)
            else:
                paragraph = " ".join(block)
                typed = paragraph.endswith(("example:", "examples:", "install it:"))
                yield super()._fill_text(paragraph, width, indent)


def _columns() -> int:
    """Return the width of the terminal, which COLUMNS overrides."""
    given = os.environ.get("COLUMNS", "")
    return (int(given) if given.isdecimal() else 0) or columns_of(sys.stdout) or _USUAL_COLUMNS


def _hanging(line: str, width: int) -> str:
    """Return a line wrapped below its second column, or a little further in than it begins."""
    begin = len(line) - len(line.lstrip())
    columns = re.match(_FIRST_COLUMN, line)
    import textwrap

    place = columns.end() if columns and columns.end() <= width // 2 else begin + 4
    return textwrap.fill(
        line.strip(),
        width,
        initial_indent=" " * begin,
        subsequent_indent=" " * place,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(text: str) -> str:
    return re.sub(_LONG_WORD, r"\1...", printable(text))


class Parser(argparse.ArgumentParser):
    """Refuses a wrong value in one line; other mistakes with its own usage, what is wrong, and what to do."""

    #: Makes the parsers of all verbs, by verb, of which a mistake may need others than its own.
    all_verbs: Callable[[], Mapping[str, Parser]] = dict

    #: A command to begin with.
    example = ""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"formatter_class": _Help, **given})

    @property
    def verbs(self) -> Mapping[str, Parser]:
        """Parsers of all verbs, by verb."""
        return self.all_verbs()

    @property
    def options(self) -> Mapping[str, argparse.Action]:
        """Its options, by flag."""
        return self._option_string_actions

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments; refuse those that are unknown as well, since here the usage is that of the verb."""
        given = sys.argv[1:] if args is None else list(args)
        self._refuse_unknown(given)
        found, rest = super().parse_known_args(given, namespace)
        if rest:
            self.error(f"{rest[0]!r} is one argument too many")
        return found, rest

    def error(self, message: str, hint: str = "") -> NoReturn:
        """End with the usage, what is wrong and what to do; in one line if it is only the value of an option."""
        if not hint and self.example and "required" in message:
            hint = f"for example: {self.example}"
        if message.startswith("argument -"):
            self.exit(2, f"{self.prog}: error: {_shown(with_hint(message, hint))}\n")
        self.print_usage(sys.stderr)
        hint = hint or f"{self.prog} --help explains the arguments"
        self.exit(2, f"{self.prog}: error: {_shown(message)}\nhint: {_shown(hint)}\n")

    def _refuse_unknown(self, given: Sequence[str]) -> None:
        """Refuse options that there are not, are spelled with one hyphen, or mean something else elsewhere.

        They come before anything else that is wrong, which may follow from them.
        """
        before_verb = self._subparsers is not None
        for argument in given:
            if argument == "--" or (before_verb and (argument == "-" or not argument.startswith("-"))):
                return
            if argument in self.options or (argument.isascii() and not argument.startswith("-")):
                continue
            from yamjit.cli.mistakes import is_elsewhere, misdashed, option_hint, verb_hint

            meant = misdashed(argument, self.options)
            if meant not in (None, "--help"):
                self.error(f"there is no option {argument}", f"did you mean {meant}?")
            if not self._is_unknown(argument) and not is_elsewhere(argument, self.options):
                continue
            wrong = f"there is no option {argument.partition('=')[0]}"
            if before_verb:
                self.error(f"{wrong} before the verb", verb_hint(argument, self.verbs))
            options = {verb: parser.options for verb, parser in self.verbs.items()}
            self.error(wrong, option_hint(argument, self.prog.partition(" ")[2], self.options, options))

    def _is_unknown(self, argument: str) -> bool:
        """Return whether an argument is an option, and neither one of these nor short for one."""
        if not re.match(r"-[^\d.]", argument) or " " in argument:
            return False
        if not argument.startswith("--"):
            return argument[:2] not in self.options
        return not any(flag.startswith(argument.partition("=")[0]) for flag in self.options)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        words = [] if action.choices is None else [str(word) for word in action.choices]
        if not words or value in words:
            return
        from yamjit.cli.mistakes import pipe_hint, verb_hint

        if action.dest == "verb":
            self.error(f"there is no verb {value!r}", verb_hint(value, words))
        name = "/".join(action.option_strings) or action.metavar or action.dest
        hint = did_you_mean(value, words)
        if words == ["-"]:
            hint = pipe_hint(value)
        self.error(f"argument {name}: {value!r} is none of {', '.join(words)}", hint)
