"""Tables as text, with any line ends and separator, in UTF-8, UTF-16 or UTF-32; other files are refused."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from yamjit.disk import read_limited
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["Line", "TextTable", "Times", "open_table", "read_lines", "tabbed"]

#: Largest table, in bytes; AudioSet's list of two million clips has 100 MB.
_MOST_BYTES = 2**28

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

#: First bytes of files that are not text, and what to do about them.
_NO_TEXT = (
    (b"PK\x03\x04", "a workbook or an archive; save the sheet as 'CSV UTF-8'"),
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel; save the sheet as 'CSV UTF-8'"),
    (b"PAR1", "a Parquet file; write it as CSV, as with pandas.read_parquet(...).to_csv(...)"),
)


class Line(NamedTuple):
    """A line of a table that is not empty: its number in the file, from 1, and its cells without outer spaces."""

    number: int
    cells: list[str]


class TextTable(NamedTuple):
    """A table with a header; its lines can be iterated over once."""

    path: Path
    header: list[str]
    lines: Iterator[Line]


def read_lines(path: Path) -> Iterator[str]:
    """Return the lines of a text file with their ends: UTF-8, or UTF-16 and UTF-32 with a byte order mark.

    An `InputError` for another encoding says how to convert the file.
    """
    data = read_limited(path, _MOST_BYTES, what="a table of labels")
    kind = next((what for mark, what in _NO_TEXT if data.startswith(mark)), None)
    if kind:
        raise InputError(f"{path}: is {kind}")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        nulls = "\0" in data.decode(encoding)
    except UnicodeError as error:
        raise InputError(f"{path}: {_describe_encoding(data, encoding, error)}") from error
    if nulls:
        raise InputError(f"{path}: is not text: it holds null characters; UTF-16 is read if it has a byte order mark")
    return iter(io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline=""))


def _describe_encoding(data: bytes, encoding: str, error: UnicodeError) -> str:
    place = getattr(error, "start", 0)
    if encoding.startswith("utf-8"):
        line = data.count(b"\n", 0, place) + 1
        return (
            f"byte {place} (line {line}) is not UTF-8; save it as 'CSV UTF-8', or convert it, as with "
            "iconv -f CP1252 -t UTF-8 if it was made in Western Europe"
        )
    return f"begins as {encoding.upper()}, but is invalid from byte {place}; save it as UTF-8"


def open_table(path: Path) -> TextTable:
    """Read a table with a header; the separator is the most frequent of tab, semicolon and comma in the header.

    Lines before the header that begin with '#' are passed over; a line ``sep=;`` of Excel gives the separator. An
    `InputError` may also be raised later, as the lines are read.
    """
    lines = read_lines(path)
    comments: list[str] = []
    first, separator, before = "", "", -1
    for line in lines:
        before += 1
        told = re.fullmatch(r"sep=(.)\s*", line)
        if told and not separator:
            separator = told[1]
        elif line.startswith("#"):
            comments.append(line.lstrip("# "))
        elif line.strip():
            first = line
            break
    if not first:
        raise InputError(f"{path}: holds no table; a header and lines below it are accepted")
    separator = separator or max("\t;,", key=lambda mark: re.sub('"[^"]*"', "", first).count(mark))
    rows = _cells(path, itertools.chain([first], lines), separator, before)
    if comments and _is_header(comments[-1], first, separator):
        return TextTable(path, [cell.strip() for cell in comments[-1].split(separator)], rows)
    header = next(rows, None)
    return TextTable(path, header.cells if header else [], rows)


def _is_header(comment: str, first: str, separator: str) -> bool:
    """Return whether a comment is the header, as in AudioSet's lists: it has as many cells as a line of numbers."""
    cells = next(csv.reader([first], delimiter=separator, skipinitialspace=True), [])
    return len(comment.split(separator)) == len(cells) > 1 and any(map(is_number, cells))


def _cells(path: Path, lines: Iterator[str], separator: str, before: int) -> Iterator[Line]:
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        number = before + reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{path}, line {number}: {error}; put a cell that holds a separator, a line end or a quotation mark in "
                'quotation marks, and double those in it: "a ""b"""'
            ) from error
        if any(cells):
            yield Line(number, cells)


def tabbed(lines: Iterator[str]) -> Iterator[Line]:
    """Yield the lines of a file whose cells are separated by tabs, without quotes."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Line(number, [cell.strip() for cell in line.rstrip("\r\n").split("\t")])


_NUMBER = re.compile(r"\+?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def is_number(text: str) -> bool:
    """Return whether a cell looks like a number, even if it is out of range."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


class Times:
    """Reads the times of one table: either all have a decimal point, or all have a decimal comma."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = ""

    def seconds(self, number: int, text: str, per_second: float = 1) -> float | None:
        """Return the time in a cell of line `number`, in seconds; None if the cell is empty."""
        if not text:
            return None
        mark = "." if "." in text else "," if "," in text else ""
        fits = bool(_NUMBER.fullmatch(text))
        value = float(text.replace(",", ".")) / per_second if fits else -1.0
        if not 0 <= value < 1e9:
            raise InputError(
                f"{self._path}, line {number}: times are numbers from 0 up, found {printable(text[:80])!r}"
            )
        if mark and self._mark not in ("", mark):
            raise InputError(
                f"{self._path}, line {number}: {text!r} has a decimal {mark!r}, the times before it a {self._mark!r}"
            )
        self._mark = mark or self._mark
        return value
