"""Which classes a task lists: options of either library as those of yamjit, and names that a model does not have."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from yamjit.class_names import ClassNames, told_unknown
from yamjit.deprecation import warn_caller
from yamjit.errors import InputError
from yamjit.heads import HeadInfo
from yamjit.options import ClassifierOptions, Entry
from yamjit.task.samples import whole

__all__ = ["LISTS_OF_MEDIAPIPE", "LISTS_OF_TASK_LIBRARY", "listing", "without_unknown"]

#: How each library calls the two lists in its error messages.
LISTS_OF_TASK_LIBRARY = ("class_name_allowlist", "class_name_denylist")
LISTS_OF_MEDIAPIPE = ("category_allowlist", "category_denylist")


def listing(
    max_results: int | None,
    score_threshold: float | None,
    allowlist: Sequence[str] | None,
    denylist: Sequence[str] | None,
    locale: str | None,
    lists: tuple[str, str] = LISTS_OF_MEDIAPIPE,
) -> ClassifierOptions:
    """Return options of either library as those of yamjit; both lists at once are refused with an `InputError`."""
    if allowlist and denylist:
        raise InputError(f"`{lists[0]}` and `{lists[1]}` are mutually exclusive options. Both have names")
    most = -1 if max_results is None else whole(max_results, "max_results", least=None)
    return ClassifierOptions(
        max_results=max(-1, most),
        score_threshold=score_threshold,
        category_allowlist=allowlist or (),
        category_denylist=denylist or (),
        display_names_locale=locale or "en",
    )


def without_unknown(options: ClassifierOptions, heads: Sequence[HeadInfo]) -> ClassifierOptions:
    """Return options without the names that no head has, and warn of them, as both libraries ignore them."""
    names = [ClassNames(head, options) for head in heads]
    unknown: list[Entry] = []

    def known(entries: Sequence[Entry]) -> list[Entry]:
        unknown.extend(entry for entry in entries if not any(one.find(entry) for one in names))
        return [entry for entry in entries if entry not in unknown]

    allowed, denied = known(options.category_allowlist), known(options.category_denylist)
    if unknown:
        rest = "" if allowed or denied else ", so that every class is listed"
        warn_caller(f"names in lists are ignored{rest}: {told_unknown(unknown, names)}", UserWarning)
    return dataclasses.replace(options, category_allowlist=allowed, category_denylist=denied)
