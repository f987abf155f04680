"""Which model a task of the Task Library runs, and how."""

from __future__ import annotations

import os
from dataclasses import dataclass

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.spec import MOST_THREADS
from yamjit.task.errors import DelegateError

__all__ = ["BaseOptions"]


@explained
@brief_repr
@dataclass
class BaseOptions:
    """Which model to run, and how.

    Parameters
    ----------
    file_name : path, optional
        Path of the model; "starter" is the small model of the package.
    file_content : bytes, optional
        The model itself; wins over `file_name`.
    num_threads : int, optional
        Checked, but without effect: one thread suffices for a window.
    use_coral : bool, optional
        Whether to run on an Edge TPU: refused, since there is no such delegate here.
    """

    file_name: str | os.PathLike[str] | None = None
    file_content: bytes | None = None
    num_threads: int | None = -1
    use_coral: bool | None = None

    def model(self) -> str | os.PathLike[str] | bytes:
        """Return the model to be loaded.

        Raises
        ------
        InputError
            If no model is named, or it should run on an Edge TPU.
        """
        if self.use_coral:
            raise DelegateError("use_coral is set, but there is no Edge TPU delegate; omit it to use the CPU")
        if self.file_content:
            return self.file_content
        if self.file_name:
            return self.file_name
        raise InputError(
            "ExternalFile must specify at least one of 'file_content', 'file_name' or 'file_descriptor_meta'. "
            "The base_options must specify at least one of file_name and file_content; both are empty"
        )

    def threads(self) -> int:
        """Return how many threads may compute.

        Raises
        ------
        InputError
            If `num_threads` is not -1 or a number of threads.
        """
        if self.num_threads is None or checks.index(self.num_threads) == -1:
            return 1
        return checks.whole(self.num_threads, "num_threads", 1, MOST_THREADS, also=", and -1,")
