"""A time by which an exchange over the network is over, whatever the other side does."""

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

#: How much later than the connections their timeouts end, in seconds, so that it is clear what was the reason.
_GRACE_S = 1.0


class Deadline:
    """Ends what is going on over the network after some seconds; a context manager.

    Timeouts of sockets begin anew with every byte. So when the time is over, the connections themselves are ended, from
    a thread beside: through proxies, redirects, handshakes, headers and bodies.

    Parameters
    ----------
    seconds : float
        From the start of the ``with`` statement.
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
        """Return a session whose connections end with the time, and whose requests wait no longer for one."""
        import requests

        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _adapter(self))
        return session

    def left(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._end - time.monotonic())

    def watch(self, connection: socket.socket) -> None:
        """End a connection when the time is over."""
        with self._lock:
            self._connections.append(connection.dup())  # the object may be given up for one that encrypts
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
    """Return what makes the connections of a session."""
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
