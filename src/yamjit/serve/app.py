"""The application: which path answers what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from yamjit.deploy.local_host import PAGE_HEADERS, content_type
from yamjit.errors import DependencyError, YamjitError
from yamjit.serve.asks import hub_ask
from yamjit.serve.bodies import Bodies
from yamjit.serve.crew import Crew
from yamjit.serve.figures import Figures
from yamjit.serve.guard import Guard
from yamjit.serve.listening import Listening
from yamjit.serve.openapi import document
from yamjit.serve.page import page
from yamjit.serve.problems import Problem, problem_response
from yamjit.serve.traffic import Traffic
from yamjit.serve.worker import Task, answer_path
from yamjit.text import json_text, printable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from yamjit.serve.asks import Ask, Upload
    from yamjit.serve.bodies import Place
    from yamjit.serve.offer import Offer
    from yamjit.serve.words import Verb

__all__ = ["Service"]

#: Takes the body of a request to its place; returns what is asked of which recording.
_Receive: TypeAlias = "Callable[[Place], Awaitable[tuple[Ask, Upload]]]"

#: Bytes of an answer that are sent in one piece, and of each piece of a longer one.
_AT_ONCE = 2**20

#: Characters of the header that tells what is wrong with a recording.
_MOST_OF_WARNING = 1000

#: What a browser may do with a page of a service.
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Service:
    """An application of ASGI, its worker processes and its streams.

    Used as an asynchronous context manager: it starts the processes, and ends them.
    """

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self.bodies = Bodies(offer.limits)
        self._crew = Crew(offer.classifier, offer.workers, offer.limits)
        self.figures = Figures(self._gauges)
        self.listening = Listening(offer, self.figures)
        self._draining = False
        self.app = self._application()

    async def __aenter__(self) -> Service:
        await self._crew.start()
        self.listening.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.listening.stop()
        self._crew.close()
        self.bodies.close()

    async def drain(self) -> None:
        """Take nothing more, and end every stream after the samples that have come."""
        self._draining = True
        await self.listening.drain()

    def _application(self) -> ASGIApp:
        routes: list[BaseRoute] = [
            *(Route(verb.path, _Asked(self, verb), methods=["POST"]) for verb in self._offer.verbs),
            Route("/hf", _Hub(self), methods=["POST"]),
            WebSocketRoute(self._offer.listen.path, self.listening),
            Route(self._offer.listen.path, self._no_socket),
            Route("/v1/openapi.json", self._openapi),
            *(Route(path, _document(text)) for path, text in self._offer.documents.items()),
            Route("/v1", self._page),
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            Route("/metrics", self._metrics),
        ]
        paths = [route.path for route in routes if isinstance(route, (Route, WebSocketRoute))]
        own = self._offer.page
        routes += [Route(f"/{name}", _file(name, content)) for name, content in own.items()]
        routes.append(Route("/", _file("index.html", own["index.html"]) if own else self._page))
        told: Any = {
            Problem: _problem,
            YamjitError: _refused,
            ClientDisconnect: _gone,
            HTTPException: _told,
            Exception: _unforeseen,
        }
        app: ASGIApp = Starlette(routes=routes, exception_handlers=told)
        offer = self._offer
        app = Guard(app, offer.host, offer.token, offer.hosts, offer.origins)
        if offer.origins:
            headers = ["Authorization", "Content-Type", "Content-Disposition"]
            app = CORSMiddleware(app, offer.origins, ["GET", "POST"], headers, expose_headers=["Yamjit-Warning"])
        return Traffic(app, self.figures, paths)

    async def answer(self, request: Request, send: Send, receive: _Receive) -> None:
        """Answer a request: `receive` takes its body, and returns what is asked of which recording."""
        if self._draining:
            raise Problem(503, "the service is about to end", {"Retry-After": "10"})
        self._crew.check_room()
        with self.bodies.place() as place:
            ask, upload = await receive(place)
            task = Task(ask, upload, self._offer.limits.answer_bytes)
            done = await self._crew.do(task, request.is_disconnected)
            if done is None:
                return
            self.figures.heard(done.windows, done.duration_s)
            headers = {"Content-Type": ask.content_type}
            if done.warnings:
                headers["Yamjit-Warning"] = _in_ascii("; ".join(done.warnings))[:_MOST_OF_WARNING]
            response = _of_file(Path(answer_path(upload.path)), headers)
            await response(request.scope, request.receive, send)

    async def _no_socket(self, _: Request) -> Response:
        told = "this is a WebSocket: send samples as binary messages, and read lines"
        raise Problem(426, told, {"Upgrade": "websocket", "Connection": "Upgrade"})

    async def _openapi(self, _: Request) -> Response:
        return _json(json_text(document(self._offer.verbs, self._offer.listen), indent=1))

    async def _health(self, _: Request) -> Response:
        return _json('{"status": "ok"}\n')

    async def _readiness(self, _: Request) -> Response:
        if self._draining:
            raise Problem(503, "the service is about to end")
        self._crew.check_room()
        return _json('{"status": "ready"}\n')

    async def _metrics(self, _: Request) -> Response:
        content, kind = self.figures.text()
        return Response(content, headers={"Content-Type": kind})

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(page(self._offer.verbs, self._offer.listen), headers=_POLICY)

    def _gauges(self) -> dict[str, tuple[str, float]]:
        return {
            "yamjit_requests_waiting": ("Requests that are worked on, or wait for it.", self._crew.admitted),
            "yamjit_workers_lost": ("Worker processes that were killed, or too slow.", self._crew.lost),
            "yamjit_streams_open": ("Streams at the moment.", len(self.listening.sessions)),
            "yamjit_stream_lag_seconds": ("Longest time for which samples wait.", self.listening.lag_s),
        }


class _Asked:
    """A verb, asked of a recording in the body of a request; an application of ASGI."""

    def __init__(self, service: Service, verb: Verb) -> None:
        self._service, self._verb = service, verb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        ask = self._verb.read(request.query_params.multi_items())

        async def received(place: Place) -> tuple[Ask, Upload]:
            return ask, await self._service.bodies.recording(request, place)

        await self._service.answer(request, send, received)


class _Hub:
    """The contract of the hub's inference for the classification of audio; an application of ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)

        async def received(place: Place) -> tuple[Ask, Upload]:
            upload, parameters = await self._service.bodies.hub_inputs(request, place)
            return hub_ask(parameters), upload

        await self._service.answer(request, send, received)


def _of_file(path: Path, headers: dict[str, str]) -> Response:
    size = path.stat().st_size
    if size <= _AT_ONCE:
        return Response(path.read_bytes(), headers=headers)
    return StreamingResponse(_pieces(path), headers={**headers, "Content-Length": str(size)})


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _AT_ONCE):
            yield piece


def _document(text: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return _json(text)

    return answer


def _file(name: str, content: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(content, headers={**PAGE_HEADERS, "Content-Type": content_type(name)})

    return answer


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _in_ascii(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode()


async def _problem(_: Request, problem: Problem) -> Response:
    return problem_response(problem)


async def _refused(_: Request, error: YamjitError) -> Response:
    status = 501 if isinstance(error, DependencyError) else 400
    return problem_response(Problem(status, str(error)))


async def _gone(_: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=408)  # which nobody reads


async def _told(request: Request, error: HTTPException) -> Response:
    detail = error.detail
    if error.status_code == 404:
        detail = "there is nothing at this path; /v1/openapi.json lists what there is"
    elif error.status_code == 405:
        detail = f"{request.method} is not accepted here, but {(error.headers or {}).get('Allow')}"
    return problem_response(Problem(error.status_code, detail, error.headers))


async def _unforeseen(_: Request, error: Exception) -> Response:
    return problem_response(Problem(500, f"{type(error).__name__}: the service failed; its log says where"))
