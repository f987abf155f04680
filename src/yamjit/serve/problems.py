"""What goes wrong, as RFC 9457 has it told: ``application/problem+json``."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from yamjit.text import printable

__all__ = ["Problem", "problem_response"]

#: Type of the body of every answer that is none of results.
PROBLEM = "application/problem+json"


class Problem(Exception):
    """An answer other than results.

    Parameters
    ----------
    status : int
        Code of HTTP.
    detail : str
        What was found and what is accepted.
    headers : mapping of str to str, optional
        More headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def problem_response(problem: Problem) -> Response:
    """Return a problem as an answer."""
    return Response(problem_json(problem), problem.status, problem.headers, PROBLEM)


def problem_json(problem: Problem) -> bytes:
    """Return the body of a problem's answer."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": printable(problem.detail),
    }
    return json.dumps(told, ensure_ascii=False).encode()
