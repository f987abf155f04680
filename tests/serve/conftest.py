"""Services that the tests of this room share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.service import Server, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A service with all that is usual, and room for what the tests send."""
    with running("--workers", "1") as server:
        yield server


@pytest.fixture(scope="session")
def narrow_server() -> Iterator[Server]:
    """A service that gives up soon."""
    limits = "--max-bytes 200000 --max-answer 100000 --max-seconds 20 --max-work 2 --patience 1 --queue 2 --streams 2"
    with running("--workers", "1", "--idle", "1", *limits.split()) as server:
        yield server
