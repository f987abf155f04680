"""Arguments, checked before they are used: numbers, texts, lists and arrays.

Each function returns the value, or raises an `InputError` that names the argument, what was found and what is accepted.
"""

from __future__ import annotations

import itertools
import math
import numbers
import operator
import os
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.errors import InputError, YamjitError
from yamjit.suggestions import did_you_mean, with_hint

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = [
    "array",
    "choice",
    "elements",
    "flag",
    "index",
    "instance",
    "is_number",
    "number",
    "path",
    "shown",
    "text",
    "whole",
]

#: Longest value in a message, in characters.
_MOST_SHOWN = 80

_MOST_WHOLE = 2**63 - 1

#: Longest list; ranges and generators may be endless.
_MOST_ELEMENTS = 1_000_000


class _Shortened(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _MOST_SHOWN

    def repr_instance(self, x: Any, level: int) -> str:
        plain: bool = getattr(type(x), "__repr__", None) is object.__repr__
        return f"{type(x).__name__}()" if plain else super().repr_instance(x, level)


def shown(value: object) -> str:
    """Return a value as a message shows it: in one line, shortened, whatever it is."""
    try:
        found = _Shortened().repr(value)
    except Exception:  # noqa: BLE001 - its own __repr__, or an integer of more digits than Python prints
        found = f"a value of type {type(value).__name__}"
    return " ".join(found.split())


def flag(value: Any, what: str) -> bool:
    """Return `value` as True or False, Python's or NumPy's."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{what} is {shown(value)}; True and False are accepted")
    return bool(value)


def whole(value: Any, what: str, least: int, most: int | None = None, *, also: str = "") -> int:
    """Return anything that serves as an index, but not a boolean, as an integer from `least` to `most`, both accepted.

    By default, `most` is what 64 bits hold. For messages, `what` names the value, and `also` adds other accepted ones,
    such as ", or -1 for all".
    """
    found = index(value)
    if most is None and found is not None and found > _MOST_WHOLE:
        most = _MOST_WHOLE
    if found is None or found < least or (most is not None and found > most):
        raise InputError(f"{what} is {shown(value)}; whole numbers {_range(least, most)}{also} are accepted")
    return found


def index(value: Any) -> int | None:
    """Return `value` as an integer, None if it is not one; a boolean does not count."""
    if type(value) is int:
        return value
    try:
        return None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except Exception:  # noqa: BLE001 - strangers' __index__ raise what they like
        return None


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite real number, Python's or NumPy's; a boolean does not count."""
    return math.isfinite(_real(value))


def number(
    value: Any,
    what: str,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    kind: str = "numbers",
    also: str = "",
) -> float:
    """Return a real number, Python's or NumPy's, but not a boolean, as a finite float.

    Bounds are accepted unless `above` (for `least`) or `below` (for `most`) excludes them. For messages, `what` names
    the value, `kind` its unit ("seconds"), and `also` other accepted values (", or None").
    """
    found = _real(value)
    inside = (found > least if above else found >= least) and (found < most if below else found <= most)
    if not (inside and math.isfinite(found)):
        accepted = " ".join(filter(None, (kind, _range(least, most, above=above, below=below))))
        raise InputError(f"{what} is {shown(value)}; {accepted}{also} are accepted")
    return found


def instance(value: Any, what: str, *kinds: type) -> Any:
    """Return `value` if it is of one of these types."""
    if not isinstance(value, kinds):
        accepted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        raise InputError(f"{what} is {shown(value)}; {accepted} is accepted")
    return value


def path(value: Any, what: str, error: type[YamjitError] = InputError) -> Path:
    """Return a string or path as a path; `InputError` for another type, `error` if it holds a null character."""
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"{what} is {shown(value)}; a path is accepted")
    try:
        found = Path(os.fsdecode(value))
    except Exception as reason:
        raise InputError(f"{what} is {shown(value)}; a path is accepted") from reason
    if "\0" in str(found):
        raise error(f"{what} is {shown(value)}; a path without null characters is accepted")
    return found


def text(value: Any, what: str, most: int = 10_000, *, empty: bool = True) -> str:
    """Return `value` as a string that can be written as UTF-8, of at most `most` characters."""
    accepted = f"a text of {'up' if empty else '1'} to {most} characters"
    if not isinstance(value, str) or not (value or empty) or len(value) > most:
        raise InputError(f"{what} is {shown(value)}; {accepted} is accepted")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{what} is {shown(value)}; it has bytes that are not UTF-8; {accepted} is accepted"
        ) from error
    return str(value)


def choice(
    value: Any, what: str, accepted: Iterable[str], also_called: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return `value` if it is one of the words that are accepted; some may be known by other words as well."""
    words = tuple(accepted)
    if not isinstance(value, str) or value not in words:
        like = did_you_mean(value, words, also_called) if isinstance(value, str) else ""
        raise InputError(with_hint(f"{what} is {shown(value)}; accepted are {', '.join(words)}", like))
    return value


def elements(value: Any, what: str, of: str = "values") -> tuple[Any, ...]:
    """Return the elements of a list, tuple, set, array or other iterable, but not of a text or a mapping."""
    if isinstance(value, (str, bytes, bytearray, Mapping)):
        raise InputError(f"{what} is {shown(value)}; a list of {of} is accepted")
    try:
        found = tuple(itertools.islice(value, _MOST_ELEMENTS + 1))
    except Exception as error:
        raise InputError(f"{what} is {shown(value)}; a list of {of} is accepted") from error
    if len(found) > _MOST_ELEMENTS:
        raise InputError(f"{what} is a list of {of}; at most {_MOST_ELEMENTS} are accepted")
    return found


def array(value: Any, what: str, dtype: DTypeLike | None = None, *, accepted: str = "an array of numbers") -> Any:
    """Return `value` as an array; masked values are refused, for they would be taken for numbers."""
    try:
        if isinstance(value, range):
            elements(value, what, "numbers")
        masked = _has_masked(value)
        found = np.asarray(value, dtype)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what}: {_reason(error)}; {accepted} is accepted") from error
    if masked:
        raise InputError(f"{what}: a masked array with masked values; fill them or omit them, see numpy.ma")
    return found


def _has_masked(value: Any) -> bool:
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.is_masked(value))
    return isinstance(value, (list, tuple)) and any(
        isinstance(one, (np.ma.MaskedArray, list, tuple)) and _has_masked(one) for one in value
    )


def _real(value: Any) -> float:
    """Return a real number as a float, NaN if it is not one or too large for one."""
    if type(value) is float:
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except Exception:  # noqa: BLE001 - an OverflowError, or what strangers' __float__ raise
        return math.nan


def _range(least: float, most: float | None, *, above: bool = False, below: bool = False) -> str:
    """Return a range in words."""
    upper = math.inf if most is None else most
    begin = f"{'above' if above else 'from'} {_plain(least)}" if least > -math.inf else ""
    if upper == math.inf:
        return f"{begin} up" if begin and not above else begin
    end = f"{'below' if below else 'up to'} {_plain(upper)}"
    if not begin:
        return end
    return f"{begin} and {end}" if above or below else f"{begin} to {_plain(upper)}"


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MOST_SHOWN]
