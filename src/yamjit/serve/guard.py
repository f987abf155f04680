"""Who is let in: by the name that the service was asked under, by the page that asks, by a token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from yamjit.serve.problems import Problem, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Guard", "is_loopback"]

#: Headers of a request, and their bytes. The parser alone would take any number of them that come at once.
_MOST_HEADERS, _MOST_OF_HEAD = 100, 32 * 1024

#: What load balancers ask, who have no token; it tells nothing else.
_OPEN = ("/healthz", "/readyz")


def is_loopback(host: str) -> bool:
    """Return whether an address, or every address of a name, is one that only this machine reaches."""
    try:
        found = {str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(one).is_loopback for one in found)


class Guard:
    """Passes on what may be answered, to an application of ASGI.

    A page that a browser shows can send requests to any address, and its owner can let the name of the page lead to
    this machine (DNS rebinding). So `Host` has to be one of our names, and `Origin`, where there is one, the same.

    Parameters
    ----------
    app : callable
    host : str
        What the service is bound to.
    token : str or None
        What every request must have.
    hosts, origins : collection of str
        More names, and more pages.
    """

    def __init__(
        self, app: ASGIApp, host: str, token: str | None, hosts: Collection[str], origins: Collection[str]
    ) -> None:
        self._app = app
        self._token = None if token is None else token.encode()
        self._local = is_loopback(host)
        self._hosts = {"localhost", host.lower(), *(one.lower() for one in hosts)}
        if not self._local:
            self._hosts |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        self._origins = set(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it."""
        if scope["type"] in ("http", "websocket"):
            try:
                self._check(scope["path"], Headers(scope=scope))
            except Problem as problem:
                await problem_response(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, path: str, headers: Headers) -> None:
        if len(headers) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in headers.raw) > _MOST_OF_HEAD:
            raise Problem(431, f"the request has {len(headers)} headers; {_MOST_HEADERS} short ones are accepted")
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            raise Problem(421, f"the service was asked for as {host!r}, which is none of its names; see --allow-host")
        if origin is not None and origin not in self._origins and not _is_same(origin, host):
            raise Problem(403, f"a page of {origin!r} may not use this service; see --allow-origin")
        if self._token is None or path in _OPEN:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            told = "the token is wrong" if given else "a token is needed: Authorization: Bearer TOKEN"
            raise Problem(401, told, {"WWW-Authenticate": "Bearer"})

    def _is_ours(self, host: str) -> bool:
        """Return whether a name is ours; addresses, which no name server can falsify, are as well."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            _ = urlsplit(f"//{host}").port
        except ValueError:
            return False
        if name in self._hosts or "*" in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback if self._local else True


def _is_same(origin: str, host: str) -> bool:
    scheme, _, where = origin.partition("://")
    return scheme in ("http", "https") and bool(where) and where.lower() == host.lower()
