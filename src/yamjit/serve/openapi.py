"""The service described as OpenAPI 3.1 has it: made of the words that its verbs take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from yamjit import __version__

if TYPE_CHECKING:
    from yamjit.serve.words import Verb, Word

__all__ = ["document"]

_PROBLEM = {
    "description": "What was found and what is accepted",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

_SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
    },
    "Form": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}},
    "Inputs": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "inputs": {"type": "string", "contentEncoding": "base64"},
            "parameters": {
                "type": "object",
                "properties": {
                    "top_k": {"type": "integer", "minimum": 1},
                    "function_to_apply": {"enum": ["sigmoid", "softmax", "none"]},
                },
                "additionalProperties": False,
            },
        },
    },
    "Labels": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["label", "score"],
            "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
        },
    },
}

#: A recording as the body of a request.
_RECORDING = {
    "audio/*": {},
    "application/octet-stream": {},
    "audio/L16": {},
    "multipart/form-data": {"schema": {"$ref": "#/components/schemas/Form"}},
}


def document(verbs: Sequence[Verb], listen: Verb) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, Any] = {
        verb.path: {
            "post": _operation(
                verb.path,
                verb.text,
                {one: {} for one in verb.content_types},
                parameters=[_parameter(word) for word in verb.words],
                body=_RECORDING,
            )
        }
        for verb in verbs
    }
    labels = {"application/json": {"schema": {"$ref": "#/components/schemas/Labels"}}}
    inputs = {**_RECORDING, "application/json": {"schema": {"$ref": "#/components/schemas/Inputs"}}}
    told = "audio classification as clients of Hugging Face ask for it"
    paths["/hf"] = {"post": _operation("/hf", told, labels, body=inputs)}
    told = f"{listen.text}; a WebSocket: binary messages with samples in, lines of text out, the text end for the end"
    socket = _operation(listen.path, told, {}, parameters=[_parameter(word) for word in listen.words])
    socket["responses"]["101"] = {"description": "The connection becomes a WebSocket"}
    del socket["responses"]["200"]
    paths[listen.path] = {"get": socket}
    for path, text, kind in (
        ("/v1/model", "what the model is", "application/json"),
        ("/v1/labels", "the classes of the model", "application/json"),
        ("/v1/openapi.json", "this document", "application/json"),
        ("/healthz", "whether the service lives", "application/json"),
        ("/readyz", "whether it takes requests", "application/json"),
        ("/metrics", "figures for Prometheus", "text/plain"),
    ):
        paths[path] = {"get": _operation(path, text, {kind: {}})}
    for path in ("/healthz", "/readyz"):
        paths[path]["get"]["security"] = []
    return {
        "openapi": "3.1.0",
        "info": {"title": "yamjit", "version": __version__, "description": "Names the sounds in recordings."},
        "paths": paths,
        "security": [{}, {"bearer": []}],
        "components": {"schemas": _SCHEMAS, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(path: str, text: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"requestBody": {"required": True, "content": more.pop("body")}} if "body" in more else {}
    return {
        "operationId": path.rpartition("/")[2].partition(".")[0],
        "summary": text[:1].upper() + text[1:],
        **more,
        **body,
        "responses": {"200": {"description": "Done", "content": content}, "default": _PROBLEM},
    }


def _parameter(word: Word) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "string"} if word.unit else {"type": "boolean"}
    if word.choices is not None:
        value["enum"] = list(word.choices)
    schema = {"type": "array", "items": value} if word.repeated else value
    text = f"{word.text} ({word.unit})" if word.unit and word.choices is None else word.text
    return {"name": word.name, "in": "query", "description": text, "schema": schema}
