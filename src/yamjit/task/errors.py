"""Errors of `yamjit.errors` that are also what callers of the Task Library and of MediaPipe catch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from yamjit.errors import AudioError, AudioNotFoundError, InputError, ModelError, ModelNotFoundError
from yamjit.text import printable

__all__ = [
    "DelegateError",
    "MissingAudioError",
    "MissingModelError",
    "UnusableAudioError",
    "UnusableModelError",
    "as_theirs",
]


class UnusableModelError(ModelError, ValueError, RuntimeError):
    """The bytes are not a model that can be run exactly."""


class MissingModelError(UnusableModelError, ModelNotFoundError):
    """There is no such model (also a ``FileNotFoundError``)."""


class UnusableAudioError(AudioError, ValueError, RuntimeError):
    """The audio cannot be read or is not usable."""


class MissingAudioError(UnusableAudioError, AudioNotFoundError):
    """There is no such recording (also a ``FileNotFoundError``)."""


class DelegateError(InputError, NotImplementedError):
    """There is no such accelerator: everything is computed on the CPU.

    It is the built-in error that MediaPipe raises where it has no accelerator, since that is what its callers catch.
    """


@contextlib.contextmanager
def as_theirs(model: object = None) -> Iterator[None]:
    """Raise errors about models and audio as the classes of this module; `model` is what was to be loaded."""
    try:
        yield
    except (UnusableModelError, UnusableAudioError):
        raise
    except ModelNotFoundError as error:
        raise MissingModelError(f"Unable to open file at {printable(str(model))} ({error})") from error
    except ModelError as error:
        where = {"operator": error.operator, "tensor": error.tensor, "offset": error.offset, "file": error.file}
        raise UnusableModelError(error.reason, **where) from error  # type: ignore[arg-type]
    except AudioNotFoundError as error:
        raise MissingAudioError(str(error)) from error
    except AudioError as error:
        raise UnusableAudioError(str(error)) from error
