"""Every request on its way in and out: counted, and heard out where it was refused."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from yamjit.serve.figures import Figures

__all__ = ["Traffic"]

#: Seconds for which the rest of a body is received and dropped after the answer: a connection that is closed with bytes
#: unread is reset, and its client may never see the answer.
_LINGER_S = 1.0


class Traffic:
    """Passes requests on to an application of ASGI.

    Parameters
    ----------
    app : callable
    figures : Figures
    paths : collection of str
        Paths that figures tell apart.
    """

    def __init__(self, app: ASGIApp, figures: Figures, paths: Collection[str]) -> None:
        self._app = app
        self._figures = figures
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        exchange = _Exchange(scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._figures.answered(path, exchange.status or 499, time.monotonic() - begun)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]}
        self._receive, self._send = receive, send
        self._is_received = not names & {b"content-length", b"transfer-encoding"}
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._is_received = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._is_received:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif not self._is_received and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._drop(), _LINGER_S)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _drop(self) -> Any:
        while not self._is_received:
            await self.receive()
