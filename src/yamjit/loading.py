"""From a path, bytes or nothing to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.options import ClassifierOptions
from yamjit.store import ResolvedModel, resolve_model

__all__ = ["load"]


@explained
def load(
    model: Any = None,
    *,
    backend: str = "auto",
    threads: int = 1,
    download: bool = True,
    options: ClassifierOptions | None = None,
    roles: Sequence[str] | None = None,
    heads: Sequence[Any] = (),
) -> Classifier:
    """Load a model.

    Parameters
    ----------
    model : path, "starter", bytes or binary file object, optional
        The model's file or content. By default ``$YAMJIT_MODEL``, else the official YAMNet, from the user's cache or
        downloaded into it. "starter" is the small model of the package (a file of that name is "./starter").
    backend : {"auto", "compiled", "numba", "numpy"}
        What runs the network; all give the same numbers. "compiled" is the library of a wheel for this
        platform, which "auto" takes where there is one. Elsewhere "auto" begins with NumPy; where Numba is installed
        (the extra ``compile``), that takes over once there is enough work to pay for compiling.
    threads : int in [1, 256]
        Number of threads per recording, including the caller's. Scores do not depend on it; recordings of half a minute
        or more become faster.
    download : bool
        Whether the official model may be downloaded.
    options : ClassifierOptions, optional
        Which classes are listed, from which score on, and under which names; by default all, under the model's names.
    roles : sequence of str, optional
        What each output of the file is, in their order: "scores", "embeddings", "log-mel" or "other". By default the
        metadata, the operators and the names of the outputs decide; ``yamjit info`` says how.
    heads : sequence of path, bytes, binary file object or `yamjit.learn.Head`
        Models from embeddings to scores, whose outputs stand in place of the model's own: ``.tflite`` files, or the
        ``.npz`` of `Head.save` and ``yamjit train``. The classes of a ``.tflite`` are named by its metadata, else by
        ``NAME.txt``, ``NAME_labels.txt`` or ``labels.txt`` beside ``NAME.tflite``, a line each.

    Returns
    -------
    Classifier

    Raises
    ------
    ModelNotFoundError
        If there is no model; the message says how to get one.
    ModelError
        If the model or a head cannot be run exactly, or a head takes no embeddings, or none of this size.
    LimitError
        If a file asks for more than a limit allows.
    InputError
        If an argument is wrong, an ``.npz`` is not a head that yamjit wrote, or ``$YAMJIT_LOWERING`` names what the
        library has not or this machine does not run.
    DependencyError
        If a backend is named that is not installed, or ``$YAMJIT_LIBRARY`` names a file that cannot be loaded.

    Examples
    --------
    >>> model = yamjit.load()
    >>> model.classify("street.mp3").top(3)
    >>> birds = yamjit.load(heads=["birds.tflite"])
    """
    resolved = tuple(map(_resolved_head, checks.elements(heads, "heads", "heads")))
    source = resolve_model(model, download=checks.flag(download, "download"))
    return Classifier(source, backend=backend, threads=threads, options=options, roles=roles, heads=resolved)


def _resolved_head(head: Any) -> ResolvedModel:
    from yamjit.trained.heads import Head  # with what archives are read by, which a model without heads does without

    if head is None:  # which stands for the official model
        raise InputError("a head is None; a path, bytes, a binary file object or a Head is accepted")
    return resolve_model(head.to_bytes() if isinstance(head, Head) else head)
