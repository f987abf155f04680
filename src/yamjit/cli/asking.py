"""Verbs asked over a network: the words of a query are the options that a command has, but for those of its machine."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from yamjit.cli import classify, embed, events, listen
from yamjit.cli.arguments import reading_of
from yamjit.cli.classes import options_of
from yamjit.cli.event_options import event_options_given, event_options_of
from yamjit.cli.outputs import Input
from yamjit.errors import InputError
from yamjit.serve.asks import CONTENT_TYPES, ResultAsk
from yamjit.serve.live import LiveAsk
from yamjit.serve.words import Verb, Word
from yamjit.suggestions import did_you_mean, with_hint

if TYPE_CHECKING:
    from yamjit.options import ClassifierOptions

__all__ = ["listen_verb", "recording_verbs"]

#: Groups of options that say what is asked of a recording; others say where it is, and what hears it.
_GROUPS = ("options", "events", "reading", "classes")

#: Options in these groups that concern the machine of the command, or read its files.
_NOT_ASKED = ("help", "groups", "list_devices", "device", "patience", "quiet")

#: Values of options that otherwise name files.
_NO_FILES = ("none", "metadata")

#: What a flag may be given as a value.
_TRUE, _FALSE = ("", "1", "true", "yes", "on"), ("0", "false", "no", "off")


def recording_verbs() -> list[Verb]:
    """Return what can be asked of a recording."""
    return [_of_rows("classify", classify), _of_rows("events", events), _of_arrays()]


def _of_rows(name: str, verb: ModuleType) -> Verb:
    asked = _Asked(verb, "json")

    def read(query: Sequence[tuple[str, str]]) -> ResultAsk:
        args = asked.read(query)
        return ResultAsk(verb.listener_of(args), options_of(args), reading_of(args), args.format)

    return Verb(f"/v1/{name}", verb.HELP, asked.words, read, _content_types(classify.FORMATS))


def _of_arrays() -> Verb:
    from yamjit.options import ClassifierOptions

    asked = _Asked(embed, "csv")

    def read(query: Sequence[tuple[str, str]]) -> ResultAsk:
        args = asked.read(query)
        return ResultAsk(embed.listener_of(args), ClassifierOptions(), reading_of(args), args.format, arrays=True)

    return Verb("/v1/embed", embed.HELP, asked.words, read, _content_types(embed.ARRAYS))


def listen_verb() -> Verb:
    """Return what can be asked of a stream."""
    asked = _Asked(listen, "jsonl", without=("bars",), aliases={"encoding": "raw"})

    def read(query: Sequence[tuple[str, str]]) -> LiveAsk:
        args = asked.read(query)
        if not args.events and (lone := event_options_given(args)):
            raise InputError(f"{', '.join(flag.lstrip('-') for flag in lone)} can only be used with events")
        options: ClassifierOptions = options_of(args)
        watched = event_options_of(args) if args.events else None
        encoding, rate, channels = args.raw or "s16le", args.rate or 16_000, args.channels or 1
        return LiveAsk(encoding, rate, channels, options, reading_of(args), watched, args.format)

    return Verb("/v1/listen", "follow samples as they come", asked.words, read)


def _content_types(formats: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(CONTENT_TYPES[name] for name in formats))


class _Asked:
    """The options of a verb that a query may name; `without` are formats that it may not, `aliases` further names."""

    def __init__(
        self, verb: ModuleType, form: str, *, without: Sequence[str] = (), aliases: dict[str, str] | None = None
    ) -> None:
        self._parser = _Parser(add_help=False, allow_abbrev=False)
        verb.add_arguments(self._parser)
        self._form, self._aliases = form, aliases or {}
        self._actions: dict[str, argparse.Action] = {}
        for action in _asked_of(self._parser):
            if action.dest == "format":
                action.choices = [name for name in action.choices or () if name not in without]
            for flag in action.option_strings:
                self._actions[flag.lstrip("-")] = action
        self._positional = any(not action.option_strings and action.nargs == "+" for action in self._parser._actions)

    @property
    def words(self) -> list[Word]:
        """The words of a query."""
        actions = dict.fromkeys(self._actions.values())
        return [_word(action) for action in actions]

    def read(self, query: Sequence[tuple[str, str]]) -> argparse.Namespace:
        """Return the arguments that a command with these options would have."""
        given, seen = [], set()
        for key, value in query:
            name = self._aliases.get(key, key).replace("_", "-")
            action = self._actions.get(name)
            if action is None:
                raise InputError(with_hint(f"there is no {key!r} to ask for", did_you_mean(name, self._actions)))
            if action.dest in seen and not isinstance(action.default, list):
                raise InputError(f"{key} is given twice")
            seen.add(action.dest)
            given += _argument(action, key, value)
        args = self._parser.parse_args([*given, *(["-"] if self._positional else [])])
        if any(isinstance(value, Input) and value not in (*_NO_FILES, "-") for value in _flat(vars(args))):
            raise InputError("a file of the machine that serves cannot be named")
        args.format = args.format or self._form
        args.quiet = True
        return args


def _asked_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the options of a parser that a query may name, and its format."""
    groups = (group for group in parser._action_groups if group.title in _GROUPS)
    found = [action for group in groups for action in group._group_actions if action.option_strings]
    formats = [action for action in parser._actions if action.dest == "format" and action not in found]
    return [action for action in (*found, *formats) if action.dest not in _NOT_ASKED]


def _argument(action: argparse.Action, key: str, value: str) -> list[str]:
    flag = next(one for one in action.option_strings if one.startswith("--"))
    if action.nargs != 0:
        return [f"{flag}={value}"]
    if value.lower() not in (*_TRUE, *_FALSE):
        raise InputError(f"{key}={value!r}; true and false are accepted")
    return [flag] if value.lower() in _TRUE else []


def _word(action: argparse.Action) -> Word:
    flag = next(one for one in action.option_strings if one.startswith("--"))
    unit = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    text = (action.help or "").replace("%%", "%")
    choices = None if action.choices is None else [str(one) for one in action.choices]
    return Word(flag.lstrip("-"), text, unit, choices, repeated=isinstance(action.default, list))


def _flat(values: dict[str, Any]) -> list[Any]:
    return [one for value in values.values() for one in (value if isinstance(value, list) else [value])]


class _Parser(argparse.ArgumentParser):
    """Raises an `InputError` in place of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Refuse a query."""
        raise InputError(re.sub(r"(argument )?--([a-z-]+)(/--[a-z-]+)*", r"\2", message))


Read = Callable[[Sequence[tuple[str, str]]], Any]
