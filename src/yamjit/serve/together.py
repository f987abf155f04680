"""Streams that are heard together: one thread cuts what has come of each, and runs the network once for all."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np

from yamjit.network import Quantized

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from yamjit.classifier import Classifier
    from yamjit.plan.plan import Plan
    from yamjit.scoring import ScoringNetwork

__all__ = ["GatheredNetwork", "Hearing"]

#: Streams of one turn, at most: as many windows as the network runs through a step together.
_MOST_STREAMS = 16


class GatheredNetwork:
    """A network whose answers are there later: it runs once for all patches that it was asked for. For one thread.

    Parameters
    ----------
    network : ScoringNetwork
        The network that it runs.
    """

    def __init__(self, network: ScoringNetwork) -> None:
        self._network = network
        self._nothing: list[Quantized] = []  # what it answers to no patches
        self._asked: list[tuple[NDArray[np.float32], list[Quantized]]] = []

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans that results are of."""
        return self._network.plans

    def warm_up(self) -> None:
        """Do what `Network.warm_up` does."""
        self._network.warm_up()

    def answers(self, patches: NDArray[np.float32]) -> list[Quantized]:
        """Return what the network answers; `run` writes the values."""
        self._nothing = self._nothing or self._network.answers(patches[:0])
        answers = [
            Quantized(np.empty((len(patches), none.values.shape[1]), none.values.dtype), none.slot)
            for none in self._nothing
        ]
        if len(patches):
            self._asked.append((patches, answers))
        return answers

    def run(self) -> None:
        """Run the network, and write what was asked for since."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        found = self._network.answers(np.concatenate([patches for patches, _ in asked]))
        end = 0
        for patches, answers in asked:
            start, end = end, end + len(patches)
            for answer, every in zip(answers, found, strict=True):
                answer.values[...] = every.values[start:end]


class _Turned(Protocol):
    """A stream that is heard in turns, each of which has two halves."""

    def cut(self) -> None:
        """Take what has come, at most a turn of it, and ask the network for its windows."""

    def fail(self, error: Exception) -> None:
        """End, since the network cannot be run."""

    def tell(self) -> None:
        """Tell what the network has answered, unless the stream failed."""


class Hearing:
    """The one thread that hears all streams, and the turns that they take.

    Parameters
    ----------
    classifier : Classifier

    Attributes
    ----------
    classifier : Classifier
        What streams are made of: its scores are there in the second half of a turn.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._network = GatheredNetwork(classifier.scoring_network)
        self.classifier = classifier.scored_by(self._network)
        self._thread = ThreadPoolExecutor(1, "yamjit-hearing")
        self._due: deque[tuple[_Turned, asyncio.Future[None]]] = deque()
        self._turns: asyncio.Task[None] | None = None

    async def take_turn(self, stream: _Turned) -> None:
        """Hear what has come of a stream, at most a turn of it, together with others that wait."""
        heard = asyncio.get_running_loop().create_future()
        self._due.append((stream, heard))
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns())
        await heard

    async def do(self, work: Callable[[], None]) -> None:
        """Call a function in the thread, between two turns."""
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _take_turns(self) -> None:
        while self._due:
            turn = [self._due.popleft() for _ in range(min(len(self._due), _MOST_STREAMS))]
            await self.do(functools.partial(self._turn, [stream for stream, _ in turn]))
            for _, heard in turn:
                if not heard.cancelled():
                    heard.set_result(None)
        self._turns = None

    def _turn(self, streams: Sequence[_Turned]) -> None:
        for stream in streams:
            stream.cut()
        try:
            self._network.run()
        except Exception as error:  # noqa: BLE001 - told to every client
            for stream in streams:
                stream.fail(error)
        for stream in streams:
            stream.tell()
