"""``tflite_support.task.processor``: what is done with a model's output, and the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task.vectors import Vector, same

__all__ = [
    "Category",
    "ClassificationOptions",
    "ClassificationResult",
    "Classifications",
    "Embedding",
    "EmbeddingOptions",
    "EmbeddingResult",
    "FeatureVector",
]


@explained
@brief_repr
@dataclass
class ClassificationOptions:
    """Which categories a classifier lists.

    Parameters
    ----------
    score_threshold : float in [0, 1], optional
        Lowest score that is listed; by default each head's own threshold, from the model's metadata.
    category_name_allowlist, category_name_denylist : sequence of str, optional
        Only these names, or all but these, in every head. One of the two at most. Names that no head has are ignored,
        with a warning: where none is left, every class is listed.
    display_names_locale : str, optional
        Language of the display names, by default "en".
    max_results : int, optional
        Most categories of each head: those with the highest scores. Negative (the default) for all; 0 is refused.
    class_name_allowlist, class_name_denylist : sequence of str, optional
        The same lists, as versions before 0.4 called them.
    """

    score_threshold: float | None = None
    category_name_allowlist: Sequence[str] | None = None
    category_name_denylist: Sequence[str] | None = None
    display_names_locale: str | None = None
    max_results: int | None = None
    class_name_allowlist: Sequence[str] | None = None
    class_name_denylist: Sequence[str] | None = None


@dataclass(eq=False)
class Category:
    """A class and its score. Scores that are one float32 are equal, however many digits they are written with.

    Parameters
    ----------
    index : int
        Position in the head's list of classes.
    score : float in [0, 1]
        A float32.
    display_name : str
        Name in the language asked for; empty where the model has no names in it.
    category_name : str
        Name as the model has it; empty where it has no names.
    """

    index: int
    score: float
    display_name: str
    category_name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Category) and self._compared() == other._compared()

    def _compared(self) -> tuple[object, ...]:
        return self.index, np.float32(self.score), self.display_name, self.category_name

    @property
    def class_name(self) -> str:
        """`category_name`, as versions before 0.4 called it."""
        return self.category_name


@partial(brief_repr, most=240)
@dataclass
class Classifications:
    """The categories of one head, that is one output of the model.

    Parameters
    ----------
    categories : list of Category
        Those that are listed, the highest score first, equal ones by index.
    head_index : int
        Position among the model's outputs.
    head_name : str
        Name of the output in the model's metadata, else of its tensor.
    """

    categories: list[Category]
    head_index: int
    head_name: str

    @property
    def classes(self) -> list[Category]:
        """`categories`, as versions before 0.4 called them."""
        return self.categories


@partial(brief_repr, most=800)
@dataclass
class ClassificationResult:
    """The result of a classifier for a window.

    Parameters
    ----------
    classifications : list of Classifications
        One for each head.
    """

    classifications: list[Classifications]


@explained
@dataclass
class EmbeddingOptions:
    """The form of an embedder's vectors.

    Parameters
    ----------
    l2_normalize : bool, optional
        Whether vectors are scaled to length 1.
    quantize : bool, optional
        Whether vectors are given as the bytes of int8: each value times 128, rounded. Values beyond [-1, 1] are
        refused, so YAMNet needs `l2_normalize` as well.
    """

    l2_normalize: bool | None = None
    quantize: bool | None = None


@brief_repr
@dataclass(eq=False)
class FeatureVector:
    """An embedding.

    Parameters
    ----------
    value : np.ndarray [shape=(size,), float64 or uint8]
        The values, each a float32; the bytes of int8 if `quantize` was set: ``value.view("int8")``.
    """

    value: Vector

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureVector) and same(self.value, other.value)


@brief_repr
@dataclass
class Embedding:
    """The embedding from one output.

    Parameters
    ----------
    feature_vector : FeatureVector
    output_index : int
    """

    feature_vector: FeatureVector
    output_index: int


@brief_repr
@dataclass
class EmbeddingResult:
    """The result of an embedder for a window.

    Parameters
    ----------
    embeddings : list of Embedding
        One for each output.
    """

    embeddings: list[Embedding]
