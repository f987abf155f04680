"""What one service offers: its model, its verbs, its limits, and who may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yamjit.serve.limits import Limits

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.serve.words import Verb

__all__ = ["Offer"]


@dataclass(frozen=True)
class Offer:
    """What a service answers, and to whom.

    Parameters
    ----------
    classifier : Classifier
    verbs : sequence of Verb
        What can be asked of a recording.
    listen : Verb
        What can be asked of a stream.
    documents : mapping of str to str
        Documents of JSON, by path.
    workers : int
        Number of worker processes.
    limits : Limits
    host : str
        What the service is bound to.
    token : str or None
    hosts, origins : tuple of str
        See `Guard`.
    page : mapping of str to bytes
        Files that are shown at the root, by their names; by default it shows what is answered.
    """

    classifier: Classifier
    verbs: Sequence[Verb]
    listen: Verb
    documents: Mapping[str, str]
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    host: str = "127.0.0.1"
    token: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    page: Mapping[str, bytes] = field(default_factory=dict)
