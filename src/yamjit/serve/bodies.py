"""Bodies of requests, received into files as they come: cut off where they are too long, or come too slowly."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import shutil
import struct
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from yamjit.serve.asks import Upload
from yamjit.serve.problems import Problem
from yamjit.serve.worker import answer_path

if TYPE_CHECKING:
    from starlette.requests import Request

    from yamjit.serve.limits import Limits

__all__ = ["Bodies", "Place"]

#: What the command line calls a recording that has no name.
_NAMELESS = "<stdin>"

#: Bytes in a second below which, after the time of patience, a body comes too slowly.
_LEAST_RATE = 16 * 1024

#: Characters of a name that are kept.
_MOST_OF_NAME = 200

#: What samples without a header may have, as elsewhere.
_RATES, _CHANNELS = (1000, 768_000), (1, 64)


class Place:
    """Where one body goes: the file of the recording, that of a form which holds it, and the bytes received so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.form = path.with_suffix(".form")
        self.received = 0


class Bodies:
    """Receives bodies into a folder of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._folder = tempfile.TemporaryDirectory(prefix="yamjit-serve-", ignore_cleanup_errors=True)
        self._count = self._held = 0
        # A body of base64 is in memory while it is decoded: one at a time.
        self._decoding = asyncio.Lock()

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """Give a place for a recording; remove in the end what is there."""
        self._count += 1
        place = Place(Path(self._folder.name, str(self._count)))
        try:
            yield place
        finally:
            self._held -= place.received
            for one in (place.path, place.form, Path(answer_path(str(place.path)))):
                one.unlink(missing_ok=True)

    async def recording(self, request: Request, place: Place) -> Upload:
        """Receive a recording: the body as it is, a part of a form that is named file, or samples as audio/L16."""
        kind = _content_type(request)
        if kind.get_content_type() == "multipart/form-data":
            return await self._of_form(request, place)
        header = _header_for(kind) if kind.get_content_type().lower() == "audio/l16" else None
        with place.path.open("wb") as file:
            file.write(header(0) if header else b"")
            size = await self._receive(request, place, file)
            if not size:
                raise Problem(400, "the body is empty; a recording is expected, as curl --data-binary @FILE sends it")
            if header is not None:
                file.seek(0)
                file.write(header(size))
        return self._upload(place, _name_in(request.headers.get("content-disposition")))

    async def hub_inputs(self, request: Request, place: Place) -> tuple[Upload, dict[str, Any]]:
        """Receive what the hub's client sends: a recording, or JSON with one in base64; return the parameters too."""
        if _content_type(request).get_content_type() != "application/json":
            return await self.recording(request, place), {}
        with place.form.open("wb") as file:
            await self._receive(request, place, file)
        async with self._decoding:
            parameters = await asyncio.to_thread(_decode, place)
        return self._upload(place, None), parameters

    def _upload(self, place: Place, name: str | None) -> Upload:
        return Upload(str(place.path), name or _NAMELESS, self._limits.recording_s)

    async def _of_form(self, request: Request, place: Place) -> Upload:
        chunks = self._chunks(request, place)
        try:
            async with contextlib.aclosing(chunks):
                form = await MultiPartParser(request.headers, chunks, max_files=1, max_fields=0).parse()
        except MultiPartException as error:
            raise Problem(400, f"the form cannot be read, or has more than one field, file: {error.message}") from error
        try:
            part = form.get("file")
            if part is None or isinstance(part, str):
                raise Problem(400, "the form has no file in a field named file, as curl -F file=@FILE sends it")
            with place.path.open("wb") as file:
                await asyncio.to_thread(shutil.copyfileobj, part.file, file, 2**20)
            return self._upload(place, _last_part(part.filename))
        finally:
            await form.close()

    async def _receive(self, request: Request, place: Place, file: BinaryIO) -> int:
        """Write the body to a file; return its size."""
        async with contextlib.aclosing(self._chunks(request, place)) as chunks:
            async for chunk in chunks:
                file.write(chunk)
        return place.received

    async def _chunks(self, request: Request, place: Place) -> AsyncGenerator[bytes, None]:
        """Yield the body in pieces, as they come."""
        most = self._limits.body_bytes
        self.check_length(request)
        begun = time.monotonic()
        while True:
            try:
                message = await asyncio.wait_for(request.receive(), self._wait_s(begun, place.received))
            except asyncio.TimeoutError:
                raise Problem(408, f"the body comes too slowly: {place.received} bytes so far") from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            place.received += len(chunk)
            self._held += len(chunk)
            if place.received > most:
                raise Problem(413, f"the body has more than {most} bytes")
            if self._held > self._limits.held_bytes:
                raise Problem(503, "there is no room for more recordings at the moment", {"Retry-After": "5"})
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    def check_length(self, request: Request) -> None:
        """Refuse a body that says it is too long."""
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limits.body_bytes:
            raise Problem(413, f"the body has {declared} bytes; at most {self._limits.body_bytes} are accepted")

    def _wait_s(self, begun: float, size: int) -> float:
        patience_s = self._limits.patience_s
        return max(0.0, min(patience_s, begun + patience_s + size / _LEAST_RATE - time.monotonic()))


def _content_type(request: Request) -> Message:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "application/octet-stream")
    return message


def _name_in(disposition: str | None) -> str | None:
    """Return the name of a file in a header Content-Disposition."""
    if disposition is None:
        return None
    message = Message()
    message["content-disposition"] = disposition
    return _last_part(message.get_filename())


def _last_part(name: str | None) -> str | None:
    return name and name.replace("\\", "/").rpartition("/")[2][-_MOST_OF_NAME:]


def _header_for(kind: Message) -> Any:
    """Return what makes the header of a file of samples, from the number of their bytes: of AU, or of WAV."""
    rate, channels = _number(kind, "rate", _RATES, None), _number(kind, "channels", _CHANNELS, 1)
    order = kind.get_param("endianness", "big-endian")
    if order == "big-endian":
        return lambda size: struct.pack(">4s5I", b".snd", 24, size, 3, rate, channels)
    if order != "little-endian":
        raise Problem(400, f"audio/L16: endianness={order}; big-endian, the default, and little-endian are accepted")
    block = 2 * channels

    def wav(size: int) -> bytes:
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block, block, 16)
        return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)

    return wav


def _number(kind: Message, name: str, accepted: tuple[int, int], default: int | None) -> int:
    text = kind.get_param(name, default)
    if text is None:
        raise Problem(400, f"audio/L16 needs {name}, as in audio/L16; rate=16000; channels=1")
    if not str(text).isdecimal() or not accepted[0] <= int(str(text)[:9]) <= accepted[1]:
        raise Problem(400, f"audio/L16: {name}={text}; {accepted[0]} to {accepted[1]} is accepted")
    return int(str(text))


def _decode(place: Place) -> dict[str, Any]:
    """Write the recording in a JSON object to a file; return the parameters beside it."""
    try:
        document = json.loads(place.form.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), str):
        raise Problem(400, 'an object is expected: {"inputs": a recording in base64, "parameters": {...}}')
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Problem(400, '"parameters" is not an object')
    try:
        place.path.write_bytes(base64.b64decode(document["inputs"], validate=True))
    except (binascii.Error, ValueError) as error:
        raise Problem(400, f'"inputs" is not base64: {error}') from error
    return parameters
