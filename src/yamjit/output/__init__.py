"""Results as text: one writer per format, listed in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from yamjit.output.json_document import JsonWriter
from yamjit.output.plain_text import TextWriter
from yamjit.output.writer import Writer

__all__ = ["FORMATS", "Writer"]

#: Format name -> what opens a writer of that format: (stream, classes to name) -> writer.
FORMATS: dict[str, Callable[[TextIO, int], Writer]] = {"text": TextWriter, "json": JsonWriter}
