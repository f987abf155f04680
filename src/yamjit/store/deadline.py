"""A time by which an exchange over the network ends, whatever the other side does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

__all__ = ["Deadline"]

#: Seconds by which timeouts exceed the deadline, so that the deadline is the reason that is told.
_GRACE_S = 1.0


class Deadline:
    """Ends all connections of a session some seconds after the start of the ``with`` statement; a context manager.

    Timeouts of sockets start again with every byte. So a second thread shuts the connections down when the time is
    over, be it during proxies, redirects, handshakes, headers or bodies.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._seconds = seconds
        self._end = 0.0
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self.responses: list[requests.Response] = []
        self.expired = False

    def __enter__(self) -> Deadline:
        self._end = time.monotonic() + self._seconds
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        for left in (*self.responses, *self._connections):
            left.close()

    def session(self) -> requests.Session:
        """Return a session whose connections end at the deadline, and whose requests do not wait beyond it."""
        import requests

        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _adapter(self))
        return session

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return max(0.0, self._end - time.monotonic())

    def watch(self, connection: socket.socket) -> None:
        """End a connection at the deadline."""
        with self._lock:
            self._connections.append(connection.dup())  # the object itself may be replaced by one that encrypts
            if self.expired:
                self._shut()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _adapter(deadline: Deadline) -> Any:
    """Return the adapter that makes the connections of a session."""
    from requests.adapters import HTTPAdapter
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    def watched(pool: Any) -> Any:
        class Connection(pool.ConnectionCls):  # type: ignore[misc]
            def _new_conn(self) -> Any:
                connection = super()._new_conn()
                deadline.watch(connection)
                return connection

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})

    pools = {"http": watched(HTTPConnectionPool), "https": watched(HTTPSConnectionPool)}

    class Adapter(HTTPAdapter):  # type: ignore[misc]
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

        def send(self, request: Any, *args: Any, timeout: Any = None, **kwargs: Any) -> Any:
            response = super().send(request, *args, timeout=min(timeout, deadline.left() + _GRACE_S), **kwargs)
            deadline.responses.append(response)
            return response

    return Adapter()
