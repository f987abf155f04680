"""Results as files, with a writer for each format and one table of them, and as data frames of other libraries.

======== ==================== ==================================================================================
format   file name ends in    holds
======== ==================== ==================================================================================
text     .txt                 a paragraph for each recording, a line for each row
json     .json                an array with an object for each recording, failures included
jsonl    .jsonl .ndjson       an object for each row, recording and failure, as they come
csv      .csv                 rows of any number of recordings
audacity .audacity.txt        rows of one recording, the score after the name: Audacity's label track
raven    .raven.txt           rows of any number of recordings, one after the other in time: Raven's selection table
         .selections.txt
dcase    .dcase.txt           file, onset, offset, label: what sed_eval reads, with tabs as the delimiter
vtt      .vtt                 rows of one recording, in the order of time: captions of a web page
srt      .srt                 the same for video players
parquet  .parquet             rows of any number of recordings, typed
======== ==================== ==================================================================================

Names of classes may be any text. JSON and Parquet keep them as they are; the others replace tabs and line ends by a
space, so that a row stays a line. Lone surrogates, which UTF-8 cannot hold, become U+FFFD everywhere.

Open a stream of text for a writer with ``newline=""`` and ``encoding="utf-8"``.
"""

from __future__ import annotations

import os

from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.output.writer import Format, Writer
from yamjit.suggestions import did_you_mean, with_hint

__all__ = ["FORMATS", "Format", "Writer", "format_of"]

_ALL = (
    Format("text", (".txt",), "plain_text.TextWriter", "report"),
    Format("json", (".json",), "json_document.JsonWriter", "report"),
    Format("jsonl", (".jsonl", ".ndjson"), "json_lines.JsonLinesWriter", "report"),
    Format("csv", (".csv",), "csv_table.CsvWriter", "table"),
    Format("audacity", (".audacity.txt",), "audacity.AudacityWriter", "labels"),
    Format("raven", (".raven.txt", ".selections.txt", ".selection.table.txt"), "raven.RavenWriter", "table"),
    Format("dcase", (".dcase.txt",), "dcase.DcaseWriter", "table"),
    Format("vtt", (".vtt",), "vtt.VttWriter", "labels"),
    Format("srt", (".srt",), "srt.SrtWriter", "labels"),
    Format("parquet", (".parquet",), "parquet.ParquetWriter", "table", binary=True),
)

#: All formats, by name.
FORMATS: dict[str, Format] = {known.name: known for known in _ALL}


@explained
def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format of a file name, by its suffix; the longest suffix that fits counts.

    Raises
    ------
    InputError
        If the suffix is unknown.
    """
    name = os.fspath(path).lower()
    fitting = [(suffix, known) for known in _ALL for suffix in known.suffixes if name.endswith(suffix)]
    if not fitting:
        suffixes = ", ".join(suffix for known in _ALL for suffix in known.suffixes)
        like = did_you_mean(os.path.splitext(name)[1], suffixes.split(", "))  # noqa: PTH122 - a text by now
        raise InputError(with_hint(f"{os.fspath(path)!r}: unknown file suffix; use one of {suffixes}", like))
    return max(fitting, key=lambda pair: len(pair[0]))[1]


def __dir__() -> list[str]:
    return sorted(__all__)
