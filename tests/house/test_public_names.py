"""What is public: `__all__`, the pages of the reference and what is really there agree, and every argument is told."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import yamjit
from yamjit.old_forms import OldForms

PAGES = Path(__file__).resolve().parents[2] / "docs" / "api"

#: Modules whose every name is on a page.
PUBLIC = (
    "yamjit",
    "yamjit.audio",
    "yamjit.deploy",
    "yamjit.events",
    "yamjit.learn",
    "yamjit.maker.audio_classifier",
    "yamjit.maker.config",
    "yamjit.maker.model_spec",
    "yamjit.metadata_writers.audio_classifier",
    "yamjit.metadata_writers.metadata",
    "yamjit.metadata_writers.metadata_info",
    "yamjit.metadata_writers.writer_utils",
    "yamjit.output",
    "yamjit.plots",
    "yamjit.search",
    "yamjit.segments",
    "yamjit.task.audio",
    "yamjit.task.core",
    "yamjit.task.mediapipe.classifier",
    "yamjit.task.mediapipe.containers",
    "yamjit.task.mediapipe.embedder",
    "yamjit.task.mediapipe.options",
    "yamjit.task.processor",
    "yamjit.weights",
)


def entries() -> Iterator[tuple[str, str]]:
    """Yield module and name of everything that has an entry on a page."""
    for page in sorted(PAGES.glob("*.rst")):
        module = ""
        for kind, target, members in re.findall(
            r"^\.\. (currentmodule|auto\w+):: ([\w.]+)\n((?:   :.*\n)*)", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            if kind == "currentmodule":
                module = target
            elif kind == "automodule":
                named = re.search(r":members:(.*)", members)
                names = named[1].split(",") if named and named[1].strip() else []
                everything = named is not None and not names
                yield from ((target, name.strip()) for name in (_all(target) if everything else names))
            elif "." in target:
                yield tuple(target.rsplit(".", 1))  # type: ignore[misc]
            else:
                yield module, target


def _all(module: str) -> list[str]:
    return list(importlib.import_module(module).__all__)


ENTRIES = sorted(set(entries()))
DOCUMENTED = {f"{module}.{name}": getattr(importlib.import_module(module), name, None) for module, name in ENTRIES}


def described(docstring: str, section: str = "Parameters") -> list[str] | None:
    """Return the names in a section of a docstring in numpydoc's style; None if it has no such section."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if found is None:
        return None
    heads = (line.split(" : ")[0] for line in found[1].splitlines() if line and not line.startswith(" "))
    return [name.strip() for head in heads for name in head.split(",")]


def signature(value: Any) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(value).parameters.values() if p.name not in ("self", "cls")]


def callables() -> Iterator[tuple[str, Any]]:
    """Yield functions, classes and their own methods, each by the name under which it is documented."""
    for name, value in DOCUMENTED.items():
        if isinstance(value, type) and issubclass(value, Exception):
            continue
        if inspect.isfunction(value) or (inspect.isclass(value) and not issubclass(value, enum.Enum)):
            yield name, value
        if isinstance(value, type):
            for method, function in inspect.getmembers(
                value, lambda one: inspect.isfunction(one) or inspect.ismethod(one)
            ):
                if (
                    not method.startswith("_")
                    and method not in vars(OldForms)
                    and function.__module__.startswith("yamjit")
                ):
                    yield f"{name}.{method}", function


CALLABLES = dict(callables())


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_is_there_and_has_an_entry(module: str) -> None:
    found = importlib.import_module(module)
    values = {name: getattr(found, name) for name in found.__all__ if name != "__version__"}
    pages = list(DOCUMENTED.values())
    assert [name for name, value in values.items() if not any(value is one for one in pages)] == []


@pytest.mark.parametrize("module", sorted({module for module, _ in ENTRIES}))
def test_what_has_an_entry_is_public(module: str) -> None:
    public = importlib.import_module(module).__all__
    assert [name for home, name in ENTRIES if home == module and name not in public] == []


@pytest.mark.parametrize("name", [name for name in CALLABLES if not name.endswith(".set_params")])  # scikit-learn's
def test_no_argument_is_hidden(name: str) -> None:
    kinds = {parameter.kind for parameter in signature(CALLABLES[name])}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize("name", CALLABLES)
def test_every_argument_is_described(name: str) -> None:
    value = CALLABLES[name]
    assert value.__doc__, "wants a docstring"
    given = [parameter.name for parameter in signature(value)]
    told = described(inspect.cleandoc(value.__doc__))
    if told is None and (not given or not inspect.isclass(value) or "Made by" in value.__doc__):
        return
    assert told is not None
    assert sorted(told) == sorted(given)


def test_the_parameters_of_a_docstring_are_read() -> None:
    text = inspect.cleandoc(
        """Do it.

        Parameters
        ----------
        one, two : int
            Words.
        three
            More.

        Returns
        -------
        int
        """
    )
    assert described(text) == ["one", "two", "three"]
    assert described("Do it.") is None
    assert ("yamjit", "Classifier") in ENTRIES
    assert "yamjit.Classifier.windows" in CALLABLES
    assert set(PUBLIC) <= {module for module, _ in ENTRIES} | {"yamjit.segments"}
    assert yamjit.__all__ == sorted(yamjit.__all__)
