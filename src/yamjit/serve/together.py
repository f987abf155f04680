"""A network for many streams: what they have at the same time is computed together, which costs less."""

from __future__ import annotations

import copy
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.network import Quantized

if TYPE_CHECKING:
    import numpy.typing as npt

    from yamjit.classifier import Classifier
    from yamjit.network import Network

__all__ = ["for_many_streams"]


def for_many_streams(classifier: Classifier) -> Classifier:
    """Return a classifier for streams in threads of their own; the scores are the same bits."""
    shared = copy.copy(classifier)
    shared.network = _Together(classifier.network)  # type: ignore[assignment]
    shared.__dict__.pop("_scorer", None)  # with the network of before
    return shared


class _Call:
    """Patches of one thread, and what becomes of them."""

    def __init__(self, patches: npt.NDArray[np.float32]) -> None:
        self.patches = patches
        self.answers: list[Quantized] | None = None
        self.error: BaseException | None = None


class _Together:
    """A network whose callers wait while it runs, and are then answered together: one of them does it for all."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._running = threading.Lock()
        self._waiting: deque[_Call] = deque()

    def answers(self, patches: npt.NDArray[np.float32]) -> list[Quantized]:
        """Return what `Network.answers` does."""
        call = _Call(patches)
        self._waiting.append(call)
        with self._running:
            if call.answers is None and call.error is None:
                self._run([self._waiting.popleft() for _ in range(len(self._waiting))])
        if call.error is not None:
            raise call.error
        assert call.answers is not None
        return call.answers

    def _run(self, calls: list[_Call]) -> None:
        try:
            found = self._network.answers(np.concatenate([call.patches for call in calls]))
            end = 0
            for call in calls:
                begin, end = end, end + len(call.patches)
                call.answers = [Quantized(one.values[begin:end], one.slot) for one in found]
        except BaseException as error:  # noqa: BLE001 - raised by each of the callers
            for call in calls:
                call.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)
