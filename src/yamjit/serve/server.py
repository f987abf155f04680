"""The process that serves: its socket, how long a client may take for a request, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from yamjit.disk import describe
from yamjit.errors import InputError
from yamjit.serve.app import Service

if TYPE_CHECKING:
    from yamjit.serve.offer import Offer

__all__ = ["bound", "serve"]

#: Bytes of the lines before a body, and of a message with samples.
_MOST_OF_HEAD, _MOST_OF_BLOCK = 32 * 1024, 4 * 2**20

#: Seconds between looks whether a client of a stream is there, for each of its answers, and between two requests.
_PING_S, _IDLE_S = 20.0, 15

#: Seconds more than one request may take, within which all end.
_GRACE_S = 15


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; an `InputError` says why that cannot be."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"--host {host!r} leads to no address: {describe(error)}") from error
    try:
        if os.name == "posix":  # elsewhere, others could then take the same port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        taken.close()
        raise InputError(f"{host}, port {port}: cannot be listened at: {describe(error)}") from error
    return taken


def serve(offer: Offer, taken: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve until a signal comes, which is raised again once all is ended; call `ready` with the address."""
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    asyncio.run(_serve(offer, taken, ready))


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a line of uvicorn's log is one: it takes a stream that was refused for one that failed."""
    return "without completing handshake" not in record.getMessage()


async def _serve(offer: Offer, taken: socket.socket, ready: Callable[[str], None]) -> None:
    limits = offer.limits
    async with Service(offer) as service:
        config = uvicorn.Config(
            service.app,
            http=_Protocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_MOST_OF_HEAD,
            limit_concurrency=limits.connections,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=int(limits.work_s) + _GRACE_S,
            ws_max_size=_MOST_OF_BLOCK,
            ws_ping_interval=_PING_S,
            ws_ping_timeout=_PING_S,
            ws_per_message_deflate=False,
        )
        config.patience_s = limits.patience_s
        host, port = taken.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        await _Server(config, service, lambda: ready(address)).serve([taken])


class _Server(uvicorn.Server):  # type: ignore[misc]
    """A server that says when it listens, and ends its streams in good order before it closes their connections."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._ready = service, ready

    async def startup(self, sockets: Any = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: Any = None) -> None:
        """End all that goes on, then the connections."""
        for server in self.servers:
            server.close()
        await self._service.drain()
        await super().shutdown(sockets)


class _Protocol(H11Protocol):  # type: ignore[misc]
    """A connection that is closed if the lines before a body do not come in time."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._forget()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with a request that is none of HTTP."""
        told = {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": msg}
        body = json.dumps(told).encode()
        headers = [("content-type", "application/problem+json"), ("connection", "close")]
        headers.append(("content-length", str(len(body))))
        with contextlib.suppress(h11.LocalProtocolError):  # an answer to an earlier request is on its way
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()

    def _watch(self) -> None:
        """Begin to count the time where a request has not come whole, unless that was begun."""
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.config.patience_s, self.transport.abort)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
