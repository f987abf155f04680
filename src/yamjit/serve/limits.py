"""What one service gives to all who ask it, and to one of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What a service accepts.

    Parameters
    ----------
    body_bytes : int
        Bytes of a request's body.
    answer_bytes : int
        Bytes of an answer.
    recording_s : float
        Length of a recording, in seconds.
    work_s : float
        Time for which a worker may read one recording.
    patience_s : float
        Time without a byte after which a client counts as gone, while it sends a request or should read an answer.
    idle_s : float
        Time without samples after which a stream is ended.
    queue : int
        Requests that wait for a worker.
    streams : int
        Streams at the same time.
    connections : int
        Connections at the same time.
    """

    body_bytes: int = 128 * 2**20
    answer_bytes: int = 256 * 2**20
    recording_s: float = 3600.0
    work_s: float = 60.0
    patience_s: float = 10.0
    idle_s: float = 300.0
    queue: int = 64
    streams: int = 100
    connections: int = 1000

    @property
    def held_bytes(self) -> int:
        """Bytes of all bodies that are held at the same time."""
        return 8 * self.body_bytes
