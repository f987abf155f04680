"""Streams over WebSockets: who may begin one, and how each is served to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from yamjit.errors import YamjitError
from yamjit.serve.live import Session
from yamjit.serve.problems import Problem, problem_response
from yamjit.serve.together import Hearing

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from yamjit.serve.figures import Figures
    from yamjit.serve.offer import Offer

__all__ = ["Listening"]

#: Text messages with which a client ends its stream.
_ENDS = ("", "end")

#: Codes with which a WebSocket is closed, by RFC 6455 and its registry.
_DONE, _WRONG_DATA, _FAILED, _RESTARTS = 1000, 1003, 1011, 1012

#: Bytes of the reason for which it is closed, at most.
_MOST_OF_REASON = 120

#: Seconds within which streams end that are told to.
_DRAIN_S = 30.0


class Listening:
    """An application of ASGI for streams."""

    def __init__(self, offer: Offer, figures: Figures) -> None:
        self._offer, self._figures = offer, figures
        self._hearing = Hearing(offer.classifier)
        self.sessions: set[Session] = set()
        self._draining = False
        self._sweep: asyncio.Task[None] | None = None

    @property
    def lag_s(self) -> float:
        """Longest time for which samples wait to be heard, in seconds."""
        return max((session.lag_s for session in self.sessions), default=0.0)

    def start(self) -> None:
        """Begin to look for streams without samples."""
        self._sweep = asyncio.get_running_loop().create_task(self._end_idle())

    async def drain(self) -> None:
        """End every stream after the samples that have come, and take no new one."""
        self._draining = True
        for session in self.sessions:
            session.end()
        until = time.monotonic() + _DRAIN_S
        while self.sessions and time.monotonic() < until:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End every stream now."""
        if self._sweep is not None:
            self._sweep.cancel()
        for session in list(self.sessions):
            await session.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a stream to its end, or refuse it."""
        socket = WebSocket(scope, receive, send)
        try:
            session = self._session(socket)
        except (Problem, YamjitError) as error:
            problem = error if isinstance(error, Problem) else Problem(400, str(error))
            await receive()  # the wish to connect
            await problem_response(problem)(scope, receive, send)
            return
        self.sessions.add(session)
        self._figures.streams += 1
        try:
            await socket.accept()
            await self._serve(socket, session)
        finally:
            self.sessions.discard(session)
            await session.close()
            self._figures.heard(session.windows, session.duration_s)

    def _session(self, socket: WebSocket) -> Session:
        if self._draining:
            raise Problem(503, "the service is about to end", {"Retry-After": "10"})
        if len(self.sessions) >= self._offer.limits.streams:
            raise Problem(503, f"there are {len(self.sessions)} streams already", {"Retry-After": "10"})
        ask = self._offer.listen.read(socket.query_params.multi_items())
        return Session(self._hearing, ask)

    async def _serve(self, socket: WebSocket, session: Session) -> None:
        feeding = asyncio.get_running_loop().create_task(_feed(socket, session))
        try:
            # RuntimeError: starlette's for what is sent after the end; the others are those of a client that left.
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                async for lines in session.lines():
                    for line in lines:
                        await socket.send_text(line)
                code = _RESTARTS if self._draining else _DONE
                if session.failure is not None:
                    code = _WRONG_DATA if session.is_refused else _FAILED
                reason = (session.failure or "").encode()[:_MOST_OF_REASON].decode(errors="ignore")
                await socket.close(code, reason)
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding

    async def _end_idle(self) -> None:
        while True:
            await asyncio.sleep(1)
            for session in self.sessions:
                if time.monotonic() - session.fed > self._offer.limits.idle_s:
                    session.refuse(f"no samples have come for {self._offer.limits.idle_s:g} s")


async def _feed(socket: WebSocket, session: Session) -> None:
    """Hand on what a client sends."""
    while True:
        message: Any = await socket.receive()
        if message["type"] == "websocket.disconnect":
            session.abandon()
            return
        block, text = message.get("bytes"), message.get("text")
        if block:
            await session.put(block)
        elif block is not None or (text or "").strip().lower() in _ENDS:
            session.end()
        else:
            session.refuse("a text message is not samples; samples are binary messages, and the text end ends them")
