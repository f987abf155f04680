"""Which lowering of a library runs: the best that this machine has, unless ``$YAMJIT_LOWERING`` says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from yamjit.errors import InputError

__all__ = ["LOWERINGS", "LOWERING_VARIABLE", "choose_lowering"]

#: Names of all lowerings, which `yamjit.kernels.vectors.target.TARGETS` describes.
LOWERINGS = ("avx512vnni", "avxvnni", "avx2", "neon-dot", "neon", "plain")

#: A lowering that is forced, such as "avx2", or some that are forbidden, such as "-avx512vnni,-avxvnni".
LOWERING_VARIABLE = "YAMJIT_LOWERING"


def choose_lowering(wanted: str, lowerings: Mapping[str, bool]) -> str:
    """Return the name of a lowering.

    Parameters
    ----------
    wanted : str
        The value of the variable; empty if it is not set.
    lowerings : mapping of str to bool
        Whether each lowering of a library runs on this machine, best first.

    Raises
    ------
    InputError
        If the lowering that is forced is unknown or does not run here, if all that run are forbidden, or if the value
        is neither one name nor names that begin with "-".
    """
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    forbidden = [word[1:] for word in words if word.startswith("-")]
    forced = [word for word in words if not word.startswith("-")]
    runnable = [name for name, runs in lowerings.items() if runs]
    if unknown := [name for name in forced + forbidden if name not in lowerings]:
        raise _error(wanted, lowerings, f"the library has no lowering {unknown[0]!r}")
    if forced and len(words) > 1:
        raise _error(wanted, lowerings, "one name is accepted, or names that begin with '-'")
    if forced and forced[0] not in runnable:
        raise _error(wanted, lowerings, f"this machine does not run {forced[0]}")
    left = forced or [name for name in runnable if name not in forbidden]
    if not left:
        raise _error(wanted, lowerings, "none is left that this machine runs")
    return left[0]


def _error(wanted: str, lowerings: Mapping[str, bool], reason: str) -> InputError:
    listed = ", ".join(name if runs else f"{name} (not on this machine)" for name, runs in lowerings.items())
    return InputError(f"${LOWERING_VARIABLE} is {wanted!r}: {reason}; there are {listed}")
