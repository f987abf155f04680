"""Search: the moments of an archive that sound most like another one, by the embeddings of their windows.

>>> index = yamjit.search.build_index("dataset", model=model)
>>> index.search(model.embed("query.wav"))

It needs usearch, of the extra ``search``.
"""

from __future__ import annotations

from yamjit.search.building import build_index
from yamjit.search.index import Hit, Index

__all__ = ["Hit", "Index", "build_index"]


def __dir__() -> list[str]:
    return sorted(__all__)
