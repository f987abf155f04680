"""Which lowering runs: the best that this machine has, unless ``$YAMJIT_LOWERING`` says otherwise.

`chosen_lowering` in ``deploy/c/yamjit.c`` chooses in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from yamjit.errors import InputError

__all__ = ["LOWERINGS", "LOWERING_VARIABLE", "allows", "choose_lowering"]

#: Names of all lowerings of libraries, which `yamjit.kernels.vectors.target.TARGETS` describes.
LOWERINGS = ("amx", "avx512vnni", "avxvnni", "avx2", "neon-dot", "neon", "plain")

#: A lowering that is forced, such as "avx2", or some that are forbidden, such as "-avx512vnni,-avxvnni".
LOWERING_VARIABLE = "YAMJIT_LOWERING"


def allows(wanted: str, name: str) -> bool:
    """Return whether the value of the variable leaves a lowering to be chosen."""
    words = _words(wanted)
    return f"-{name}" not in words and all(word.startswith("-") or word == name for word in words)


def choose_lowering(wanted: str, lowerings: Mapping[str, bool], refused: Callable[[str], str] = lambda name: "") -> str:
    """Return the name of a lowering.

    Parameters
    ----------
    wanted : str
        The value of the variable; empty if it is not set.
    lowerings : mapping of str to bool
        Whether this machine has what each lowering of a library needs, best first.
    refused : callable
        Asks the system for what a lowering needs of it, and returns why that is refused; empty if it is not. Asked of
        no lowering but those that would be chosen.

    Raises
    ------
    InputError
        If the lowering that is forced is unknown or does not run here, if all that run are forbidden, or if the value
        is neither one name nor names that begin with "-".
    """
    words = _words(wanted)
    forbidden = [word[1:] for word in words if word.startswith("-")]
    forced = [word for word in words if not word.startswith("-")]
    if unknown := [name for name in forced + forbidden if name not in lowerings]:
        raise _error(wanted, lowerings, f"the library has no lowering {unknown[0]!r}")
    if forced and len(words) > 1:
        raise _error(wanted, lowerings, "one name is accepted, or names that begin with '-'")
    if forced and not lowerings[forced[0]]:
        raise _error(wanted, lowerings, f"this machine does not run {forced[0]}")
    reason = ""
    for name, runs in lowerings.items():
        if runs and allows(wanted, name) and not (reason := refused(name)):
            return name
    if forced:
        raise _error(wanted, lowerings, f"the system refuses what {forced[0]} needs: {reason}")
    raise _error(wanted, lowerings, "none is left that this machine runs")


def _words(wanted: str) -> list[str]:
    stripped = (word.strip(" \t\n\v\f\r") for word in wanted.split(","))
    return [word for word in stripped if word]


def _error(wanted: str, lowerings: Mapping[str, bool], reason: str) -> InputError:
    listed = ", ".join(name if runs else f"{name} (not on this machine)" for name, runs in lowerings.items())
    return InputError(f"${LOWERING_VARIABLE} is {wanted!r}: {reason}; there are {listed}")
