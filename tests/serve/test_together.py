"""Streams that are heard together: each gets the lines that it gets alone, from fewer runs of the network."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("starlette", reason="the extra serve is not installed")
from yamjit.serve.live import LiveAsk, Session  # noqa: E402
from yamjit.serve.together import GatheredNetwork, Hearing  # noqa: E402

SIREN = Path(__file__).resolve().parents[2] / "examples" / "siren.flac"
SAMPLES = soundfile.read(SIREN, dtype="int16")[0]

READING = yamjit.ReadOptions(recorded_at=datetime(2026, 5, 12, 5))
EVENTS = yamjit.EventOptions(on=0.3)


class Counted:
    """A network that counts its runs; those from `fails_at` on fail."""

    def __init__(self, network: Any, fails_at: float = np.inf) -> None:
        self._network, self._fails_at = network, fails_at
        self.runs = self.windows = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def answers(self, patches: np.ndarray) -> Any:
        if len(patches):
            self.runs += 1
            self.windows += len(patches)
            if self.runs >= self._fails_at:
                raise MemoryError("none is left")
        return self._network.answers(patches)


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter")


def asked(index: int) -> LiveAsk:
    options = yamjit.ClassifierOptions(max_results=1 + index % 3)
    return LiveAsk("s16le", 16_000, 1, options, READING, EVENTS if index % 4 == 1 else None, "jsonl")


def sound(index: int) -> bytes:
    return bytes((np.roll(SAMPLES, 3001 * index) // (1 + index % 2)).astype("<i2")[: 40_000 + 977 * index])


async def told(session: Session) -> list[str]:
    return [line async for lines in session.lines() for line in lines]


async def heard(hearing: Hearing, indices: range) -> tuple[list[list[str]], list[str | None]]:
    """Return the lines of streams whose samples come in blocks of any size, in any order, and why they failed."""
    rng = random.Random(7)
    sessions = [Session(hearing, asked(index)) for index in indices]
    telling = [asyncio.create_task(told(session)) for session in sessions]
    rest = [sound(index) for index in indices]
    while any(rest):
        await asyncio.sleep(0)
        chosen = rng.choice([place for place, samples in enumerate(rest) if samples])
        length = rng.choice((1, 777, 15_600, 30_001))
        await sessions[chosen].put(rest[chosen][:length])
        rest[chosen] = rest[chosen][length:]
    for session in sessions:
        session.end()
    lines = await asyncio.wait_for(asyncio.gather(*telling), 60)
    for session in sessions:
        await session.close()
    return lines, [session.failure for session in sessions]


def test_streams_have_the_lines_that_they_have_alone(model: yamjit.Classifier) -> None:
    network = Counted(model.scoring_network)
    together, failures = asyncio.run(heard(Hearing(model.scored_by(network)), range(20)))
    assert network.runs < 0.7 * network.windows
    assert failures == [None] * 20
    for index, lines in enumerate(together):
        alone, _ = asyncio.run(heard(Hearing(model), range(index, index + 1)))
        assert lines == alone[0]
        assert len(lines) > 1


def test_every_stream_is_told_that_the_network_cannot_be_run(model: yamjit.Classifier) -> None:
    hearing = Hearing(model.scored_by(Counted(model.scoring_network, fails_at=3)))
    _, failures = asyncio.run(heard(hearing, range(5)))
    assert failures == ["MemoryError: none is left"] * 5


def test_answers_that_are_there_later(model: yamjit.Classifier) -> None:
    patches = np.random.default_rng(2).uniform(-6, 2, (5, *model.plan.patch_shape)).astype(np.float32)
    gathered = GatheredNetwork(model.scoring_network)
    parts = [gathered.answers(patches[:0]), gathered.answers(patches[:1]), gathered.answers(patches[1:])]
    gathered.run()
    for index, whole in enumerate(model.scoring_network.answers(patches)):
        assert {part[index].slot for part in parts} == {whole.slot}
        np.testing.assert_array_equal(np.concatenate([part[index].values for part in parts]), whole.values)
    gathered.run()  # nothing was asked for since
    assert gathered.plans == model.scoring_network.plans
