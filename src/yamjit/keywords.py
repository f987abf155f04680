"""Calls with arguments that a function does not take: the error names what was called, and what was perhaps meant."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import inspect

__all__ = ["explained"]

_Target = TypeVar("_Target", bound="type | Callable[..., Any]")

#: Names by which other libraries call things, and what they may be here.
_ELSEWHERE = {
    **dict.fromkeys(("sr", "fs", "rate", "samplerate", "sampling_rate", "frame_rate"), ("sample_rate",)),
    **dict.fromkeys(("top", "top_k", "topk", "top_n", "k", "n"), ("max_results",)),
    **dict.fromkeys(("threshold", "min_score", "min_conf"), ("score_threshold", "on")),
    **dict.fromkeys(("labels", "classes", "allowlist", "allow", "only"), ("category_allowlist",)),
    **dict.fromkeys(("denylist", "deny", "exclude", "ignore"), ("category_denylist",)),
    **dict.fromkeys(("locale", "language", "lang"), ("display_names_locale",)),
    **dict.fromkeys(("path", "file", "filename", "waveform", "y", "samples"), ("audio",)),
    **dict.fromkeys(("hop", "step"), ("hop_s",)),
    **dict.fromkeys(("num_threads", "n_jobs"), ("threads",)),
}


def explained(target: _Target) -> _Target:
    """Have a function, or the public methods of a class, explain what is wrong with a call.

    The error stays a `TypeError`. Methods without options are left as they are.
    """
    if not isinstance(target, type):
        return _explaining(target, target.__module__)  # type: ignore[return-value]
    for name, value in list(vars(target).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(value, FunctionType) and (name == "__init__" or _has_options(value)):
            setattr(target, name, _explaining(value, target.__module__))
        elif isinstance(value, classmethod) and _has_options(value.__func__):
            setattr(target, name, classmethod(_explaining(value.__func__, target.__module__)))
    return target


def _has_options(function: Any) -> bool:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return bool(function.__defaults__ or function.__kwdefaults__)


def _explaining(function: Callable[..., Any], module: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        try:
            return function(*args, **given)
        except TypeError as error:
            told = _told(function, module, args, given, str(error))
            if told is None:
                raise
        raise TypeError(told)

    return call


def _told(
    function: Callable[..., Any], module: str, args: tuple[Any, ...], given: dict[str, Any], error: str
) -> str | None:
    """Return what is wrong with a call; None if the error came from elsewhere."""
    import inspect

    signature = inspect.signature(function)
    name = _called(function, args)
    try:
        signature.bind(*args, **given)
    except TypeError:
        strange = [one for one in given if one not in signature.parameters]
        if strange and "unexpected keyword argument" in error:
            return f"{name}() got an unexpected keyword argument {strange[0]!r}{_hint(signature, module, strange[0])}"
        named = [one.name for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY]
        if " missing " in error and error.startswith(f"{function.__qualname__}()"):
            return f"{name}() {error.partition('() ')[2]}"
        if named and "positional argument" in error and "were given" in error:
            return f"{name}() {error.partition('() ')[2]}; accepted by keyword are {', '.join(named)}"
    return None


def _called(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Return the name of a function, or of a method with the class that it was called on."""
    if "." not in function.__qualname__ or not args:
        return function.__qualname__
    owner = args[0] if isinstance(args[0], type) else type(args[0])
    return owner.__name__ if function.__name__ == "__init__" else f"{owner.__name__}.{function.__name__}"


def _hint(signature: inspect.Signature, module: str, strange: str) -> str:
    """Return what an unknown keyword may have meant."""
    names = [name for name in signature.parameters if name not in ("self", "cls")]
    meant = (strange, *_ELSEWHERE.get(strange, ()))
    parts = list(_parts(signature, module))
    for word in meant:
        if word in names:
            return f"; did you mean {word!r}?"
        for name, kind, fields in parts:
            if word in fields:
                return f"; it is part of {name}: {name}={kind}({word}=...)"
    near = _nearest(strange, names)
    if near is not None:
        return f"; did you mean {near!r}?"
    if taker := _taker(signature, module, meant):
        return taker
    for name, kind, fields in parts:
        near = _nearest(strange, fields)
        if near is not None:
            return f"; did you mean {name}={kind}({near}=...)?"
    return _option(module, meant) or (f"; accepted are {', '.join(names)}" if names else "")


def _parts(signature: inspect.Signature, module: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the parameters that take options: name, class, and the names of its fields."""
    for name, parameter in signature.parameters.items():
        kind = _named(parameter.annotation, module)
        if hasattr(kind, "__dataclass_fields__"):
            yield name, kind.__name__, list(kind.__dataclass_fields__)


def _taker(signature: inspect.Signature, module: str, words: tuple[str, ...]) -> str:
    """Return which method of the result has one of these names, or takes an argument of that name."""
    import inspect

    result = _named(signature.return_annotation, module)
    for word in words if result is not None else ():
        for name, method in sorted(inspect.getmembers(result, inspect.isfunction), key=lambda one: len(one[0])):
            if not name.startswith("_") and (name == word or word in inspect.signature(method).parameters):
                return f"; {result.__name__}.{name}() of the result takes {'it' if name == word else word}"
    return ""


def _option(module: str, words: tuple[str, ...]) -> str:
    """Return how a classifier is given an option of one of these names, in the module of classifiers."""
    import inspect

    classifier = _named("Classifier", module)
    maker = classifier and classifier.__init__
    parts = _parts(inspect.signature(maker), maker.__module__) if maker else ()
    found = next((f"{kind}({word}=...)" for _, kind, fields in parts for word in words if word in fields), "")
    return found and f"; it is an option of the classifier: with_options({found})"


def _named(annotation: Any, module: str) -> Any:
    """Return the first class of yamjit that an annotation names, public or known to the module, else None."""
    known, public = vars(sys.modules[module]), sys.modules["yamjit"]
    words = re.findall(r"\w+", str(annotation))
    found = (known.get(word) or (getattr(public, word) if word in public.__all__ else None) for word in words)
    return next((one for one in found if getattr(one, "__module__", "").startswith("yamjit.")), None)


def _nearest(word: str, names: list[str]) -> str | None:
    import difflib

    in_part = [name for name in names if word in name.split("_") or name in word.split("_")]
    in_part += [name for name in names if len(word) > 2 and name.startswith(word)]
    near = difflib.get_close_matches(word, names, 1, 0.85) or in_part or difflib.get_close_matches(word, names, 1)
    return next(iter(near), None)
