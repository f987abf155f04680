"""From a path, bytes or nothing to a classifier."""

from __future__ import annotations

from typing import Any

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.options import ClassifierOptions
from yamjit.store import resolve_model

__all__ = ["load"]


def load(
    model: Any = None,
    *,
    backend: str = "auto",
    threads: int = 1,
    download: bool = True,
    options: ClassifierOptions | None = None,
) -> Classifier:
    """Load a model.

    Parameters
    ----------
    model : path, "starter", bytes or binary file object, optional
        By default ``$YAMJIT_MODEL``, else the official YAMNet from the user's cache, else downloaded into it.
        "starter" is the small model of the package, which needs no download (a file of that name: "./starter").
    backend : {"auto", "numba", "numpy"}
        What runs the integer network; all give the same integers. "auto" begins with NumPy and lets Numba take over
        once there is enough work.
    threads : int in [1, 256]
        That `Classifier.classify` computes with, the calling one included. Scores do not depend on it; recordings of
        half a minute on gain by it.
    download : bool
        Whether the official model may be downloaded.
    options : ClassifierOptions, optional
        Which classes are listed, from which score on, and under which names; by default all, as the model says.

    Returns
    -------
    Classifier

    Raises
    ------
    ModelNotFoundError
        If there is no model; the message says the ways to go on.
    ModelError
        If the model cannot be run exactly.
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> model = yamjit.load()
    >>> model.classify("street.mp3").top(3)
    """
    source = resolve_model(model, download=checks.flag(download, "download"))
    return Classifier(source, backend=backend, threads=threads, options=options)
