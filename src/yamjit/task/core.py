"""``tflite_support.task.core``: which model a task runs, and how."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from yamjit.errors import InputError
from yamjit.spec import MOST_THREADS

__all__ = ["BaseOptions"]


@dataclass
class BaseOptions:
    """Which model to run, and how.

    Parameters
    ----------
    file_name : path, optional
        Of the model; "starter" is the small model of the package.
    file_content : bytes, optional
        The model itself; wins over `file_name`.
    num_threads : int, optional
        Checked, and without effect: a window takes so little that one thread computes it.
    use_coral : bool, optional
        Whether to run on an Edge TPU: refused, there is no such delegate here.
    """

    file_name: str | os.PathLike[str] | None = None
    file_content: bytes | None = None
    num_threads: int | None = -1
    use_coral: bool | None = None

    def model(self) -> str | os.PathLike[str] | bytes:
        """Return the model that is asked for.

        Raises
        ------
        InputError
            If there is none, or it is to run on an Edge TPU.
        """
        if self.use_coral:
            raise InputError("use_coral is set, but there is no Edge TPU delegate; leave it out: the CPU is used")
        if self.file_content:
            return self.file_content
        if self.file_name:
            return self.file_name
        raise InputError("base_options must specify at least one of file_name and file_content; both are empty")

    def threads(self) -> int:
        """Return how many threads may compute.

        Raises
        ------
        InputError
            If `num_threads` is not -1 or a number of threads.
        """
        wanted = -1 if self.num_threads is None else self.num_threads
        if isinstance(wanted, bool) or not isinstance(wanted, (int, np.integer)):
            raise InputError(f"num_threads is {wanted!r}; -1 and whole numbers from 1 to {MOST_THREADS} are accepted")
        if wanted != -1 and not 1 <= wanted <= MOST_THREADS:
            raise InputError(f"num_threads is {wanted}; -1 and whole numbers from 1 to {MOST_THREADS} are accepted")
        return max(1, int(wanted))
