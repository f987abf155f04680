"""Rows read back from CSV, JSON lines and Parquet, as the writers of these formats, or others, have written them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from yamjit.disk import describe, read_limited
from yamjit.errors import DependencyError, InputError
from yamjit.installing import how_to_install
from yamjit.results import Row

__all__ = ["read_rows"]

_MOST_BYTES = 2**30

_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")


def read_rows(path: str | os.PathLike[str]) -> list[Row]:
    """Return the rows of a table, whose columns ``file``, ``start_s``, ``end_s`` and ``label`` are needed.

    An `InputError` is raised if the file cannot be read, or a row is none.
    """
    name, suffix = repr(os.fspath(path)), Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(f"{name}: rows are read from {', '.join(_SUFFIXES)}")
    data = read_limited(path, _MOST_BYTES, what="a table of rows")
    found = {".csv": _csv, ".parquet": _parquet}.get(suffix, _json_lines)
    rows: list[Row] = []
    try:
        for values in found(data):
            rows.append(_row(values))  # noqa: PERF401 - counted as they come
    except (ValueError, KeyError, TypeError, csv.Error, RecursionError) as error:
        told = f"has no {error}" if isinstance(error, KeyError) else f"cannot be read: {describe(error)}"
        raise InputError(f"{name}: row {len(rows) + 1} {told}") from error
    return rows


def _csv(data: bytes) -> Iterator[Mapping[str, Any]]:
    return csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))


def _json_lines(data: bytes) -> Iterator[Mapping[str, Any]]:
    for line in data.decode("utf-8-sig").splitlines():
        if line.strip():
            value = json.loads(line)
            if value.get("type", "row") == "row":
                yield value


def _parquet(data: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyError(f"Parquet needs pyarrow: {how_to_install('yamjit[parquet]')}") from error
    try:
        rows = parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
    except pyarrow.ArrowException as error:
        raise ValueError(describe(error)) from error
    yield from rows


def _row(values: Mapping[str, Any]) -> Row:
    start_s, end_s, score = (float(values.get(name) or 0) for name in ("start_s", "end_s", "score"))
    if values["start_s"] in (None, "") or values["end_s"] in (None, "") or not 0 <= start_s < end_s < math.inf:
        raise ValueError(f"it is from {values['start_s']} to {values['end_s']}, not from a second to a later one")
    label, channel, time = values["label"], values.get("channel"), values.get("time")
    if not (isinstance(values["file"], str) and isinstance(label, str) and values["file"]):
        raise ValueError("its file and its label are to be texts")
    return Row(
        values["file"],
        start_s,
        end_s,
        label,
        score,
        int(values.get("class_index") or 0),
        channel=None if channel in (None, "") else int(channel),
        head=str(values.get("head") or ""),
        time=datetime.fromisoformat(time) if isinstance(time, str) and time else None,
    )
