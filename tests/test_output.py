"""Formats of results, each read back by software that others wrote."""

from __future__ import annotations

import html
import io
import json
import os
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamjit.errors import DependencyError, InputError
from yamjit.output import FORMATS, format_of
from yamjit.output.cells import cell, one_line, plain
from yamjit.output.dataframes import to_arrow, to_hf, to_pandas, to_polars
from yamjit.results import Row, Summary

#: What names of classes have been seen to be, and what they should not be.
LABELS = (
    "Dog bark",
    'Speech, "male"',
    "Inside, small room",
    "tab\there",
    "two\nlines",
    "cr\rlf\r\nend",
    "a --> b",
    "<i>&amp;</i> & <b",
    "\N{DOG FACE} \N{CJK UNIFIED IDEOGRAPH-72AC}",
    "\N{ARABIC LETTER KAF}\N{ARABIC LETTER LAM}\N{ARABIC LETTER BEH} \N{RIGHT-TO-LEFT MARK}",
    "",
    '"quote first',
    "NUL\0",
    "line\N{LINE SEPARATOR}separator \x85",
    "lone \udcff",
    " blank before",
    "blank after ",
    "=1+1",
    "a;b|c:d#e",
    "'",
    "NA",
    "NaN",
    "00:00:01,000 --> 00:00:02,000",
    "WEBVTT",
    "{}[]",
)

NAME = "a b,c.wav"

#: Not known, on the wall, and with a zone.
TIMES = (
    None,
    datetime(2026, 5, 12, 5, 0, 0, 480_000),
    datetime(2026, 5, 12, 5, 0, 1, 62, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
)
WRITTEN_TIMES = (None, "2026-05-12T05:00:00.480", "2026-05-12T05:00:01.000-03:30")
WALL_TIMES = ((None, None), (TIMES[1], None), (datetime(2026, 5, 12, 5, 0, 1, 62), -12600))


def rows_of(labels: Iterable[str], file: str = NAME) -> list[Row]:
    return [
        Row(
            file=file,
            start_s=i * 0.48,
            end_s=i * 0.48 + 0.975,
            label=label,
            score=(255 - i % 256) / 256,
            class_index=i - 1,
            audioset_id="/m/09x0r" if i % 2 else "",
            channel=None if i % 3 else 1,
            head="scores",
            time=TIMES[i % 3],
        )
        for i, label in enumerate(labels)
    ]


ROWS = rows_of(LABELS)


def summary(file: str = NAME, **values: Any) -> Summary:
    return Summary(**{"file": file, "duration_s": 30.0, "windows": 61, "window_s": 0.975, **values})


def written(name: str, *recordings: tuple[list[Row] | None, Summary]) -> bytes:
    """Return what a writer makes of recordings; their rows come in two parts."""
    known = FORMATS[name]
    stream: Any = io.BytesIO() if known.binary else io.StringIO(newline="")
    with known.open(stream) as writer:
        for rows, end in recordings:
            writer.begin(end.file)
            if rows is not None:
                writer.rows(rows[:3])
                writer.rows(iter(rows[3:]))
            writer.end(end)
    content = stream.getvalue()
    return content if known.binary else content.encode()


def interrupted(name: str, rows: list[Row], *, only: bool = False) -> bytes:
    """Return what a writer leaves that is interrupted amid the second recording, or the only one."""
    known = FORMATS[name]
    stream: Any = io.BytesIO() if known.binary else io.StringIO(newline="")

    def run() -> None:
        with known.open(stream) as writer:
            if not only:
                writer.begin("a.wav")
                writer.rows(rows)
                writer.end(summary("a.wav"))
            writer.begin("b.wav")
            writer.rows(rows)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    content = stream.getvalue()
    return content if known.binary else content.encode()


def hostile(name: str) -> bytes:
    return written(name, (ROWS, summary()))


def told(row: Row) -> str:
    return (WRITTEN_TIMES[TIMES.index(row.time)] or "").replace("T", " ")


def srt_text(row: Row) -> str:
    text = f"[{one_line(row.label)}]".replace("-->", "->")
    return f"{text}\\N{told(row)}" if row.time else text


def read_srt(content: bytes) -> list[Any]:
    pysubs2 = pytest.importorskip("pysubs2")
    as_is = {"keep_html_tags": True, "keep_ssa_tags": True}
    return list(pysubs2.SSAFile.from_string(content.decode(), format_="srt", **as_is))


def as_file(content: bytes) -> io.StringIO:
    return io.StringIO(content.decode(), newline="")


class TestText:
    """For people."""

    def test_a_paragraph_a_recording(self) -> None:
        top = (Row("a.wav", 0, 3, "Siren", 0.8291, 5), Row("a.wav", 0, 3, "Chirp\ttone", 0.17249, 6))
        text = written("text", (None, summary("a.wav", duration_s=3.004, windows=6, top=top)), (None, summary("b.wav")))
        assert text.decode() == (
            "a.wav  (3.00 s, 6 windows)\n  0.829  Siren\n  0.172  Chirp tone\n\nb.wav  (30.00 s, 61 windows)\n"
        )
        assert b"(30.00 s, 1 window)" in written("text", (None, summary(windows=1)))

    def test_a_line_a_row(self) -> None:
        rows = [Row("a.wav", 0, 12.345, "Siren", 0.8, 5), Row("a.wav", 100, 101, "Knock", 0.5, 6, channel=1)]
        listed = (
            "a.wav\n       0.00     12.35  0.800  Siren\n     100.00    101.00  0.500  Knock  (channel 1)\n"
        ).replace("12.35", f"{12.345:.2f}")
        assert written("text", (rows, summary("a.wav"))).decode() == listed
        whole = written("text", (rows, summary("a.wav", top=(rows[0],)))).decode()
        assert whole == listed + "\na.wav  (30.00 s, 61 windows)\n  0.800  Siren\n"
        timed = written(
            "text", ([rows[0]._replace(time=TIMES[1])], summary("a.wav", top=(rows[0],), recorded_at=TIMES[2]))
        )
        assert timed.decode() == (
            f"a.wav\n  2026-05-12 05:00:00.480       0.00     {12.345:.2f}  0.800  Siren\n\n"
            "a.wav  (30.00 s, 61 windows, recorded at 2026-05-12 05:00:01.000-03:30)\n  0.800  Siren\n"
        )
        assert written("text", ([], summary("a.wav"))).decode() == "a.wav  (30.00 s, 61 windows)\n"

    def test_other_heads_are_named(self) -> None:
        top = (Row("a", 0, 3, "Dog", 0.5, 5, head="yamnet"), Row("a", 0, 3, "Rex", 0.25, 0, head="custom"))
        text = written("text", (top, summary("a", top=top))).decode()
        assert text.count("  0.500  Dog\n  ") == 2
        assert text.count("  0.250  Rex  (custom)\n") == 2

    def test_a_line_is_a_line(self) -> None:
        assert len(hostile("text").decode().splitlines()) == 1 + len(ROWS)


def json_row(row: Row) -> dict[str, Any]:
    values = {**row._asdict(), "label": plain(row.label), "time": WRITTEN_TIMES[TIMES.index(row.time)]}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in values.items()}


def typed(row: Row) -> dict[str, Any]:
    """Return a row as tables of types have it."""
    time, offset = WALL_TIMES[TIMES.index(row.time)]
    return {**row._asdict(), "label": plain(row.label), "time": time, "utc_offset_s": offset}


def without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: kept for key, kept in value.items() if key not in keys}


class TestJson:
    """One document, and lines."""

    def test_document(self) -> None:
        end = summary(top=tuple(ROWS[:2]), warnings=("clipped: 3 samples",), damage="ends early")
        first, second = json.loads(written("json", (ROWS, end), (None, summary("b.wav"))))
        assert first == {
            "file": NAME,
            "duration_s": 30.0,
            "windows": 61,
            "window_s": 0.975,
            "top": [without(json_row(row), "file", "start_s", "end_s", "time") for row in ROWS[:2]],
            "warnings": ["clipped: 3 samples"],
            "damage": "ends early",
            "recorded_at": None,
            "rows": [without(json_row(row), "file") for row in ROWS],
        }
        assert "rows" not in second
        assert json.loads(written("json", ([], summary())))[0]["rows"] == []
        assert json.loads(written("json")) == []

    def test_lines(self) -> None:
        *rows, end = (json.loads(line) for line in hostile("jsonl").decode().split("\n")[:-1])
        assert rows == [{"type": "row", **json_row(row)} for row in ROWS]
        assert end == {
            "type": "summary",
            "file": NAME,
            "duration_s": 30.0,
            "windows": 61,
            "window_s": 0.975,
            "top": [],
            "warnings": [],
            "damage": None,
            "recorded_at": None,
        }

    def test_lines_by_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_json(as_file(hostile("jsonl")), lines=True)
        frame = frame[frame.type == "row"]
        assert frame.label.tolist() == [plain(label) for label in LABELS]
        assert np.allclose(frame.end_s - frame.start_s, 0.975)

    def test_failures(self) -> None:
        for name in ("json", "jsonl"):
            stream = io.StringIO()
            with FORMATS[name].open(stream) as writer:
                writer.failure("a.wav", "is empty")
                writer.begin("b.wav")
                writer.rows(ROWS[:1])
                writer.failure("b.wav", "broke off")
                writer.begin("c.wav")
                writer.end(summary("c.wav"))
            if name == "json":
                first, second, third = json.loads(stream.getvalue())
                assert len(second.pop("rows")) == 1
                assert "rows" not in third
            else:
                first, _, second, third = map(json.loads, stream.getvalue().splitlines())
                assert {first.pop("type"), second.pop("type"), third["type"]} == {"error", "summary"}
            assert first == {"file": "a.wav", "error": "is empty"}
            assert second == {"file": "b.wav", "error": "broke off"}
            assert third["file"] == "c.wav"

    def test_an_interrupted_document_is_closed(self) -> None:
        assert [value["file"] for value in json.loads(interrupted("json", ROWS))] == ["a.wav"]

    def test_one_write_an_object(self) -> None:
        writes = []

        class Stream(io.StringIO):
            def write(self, text: str) -> int:
                writes.append(text)
                return super().write(text)

        with FORMATS["json"].open(Stream()) as writer:
            for file in ("a.wav", "b.wav"):
                writer.begin(file)
                writer.rows(ROWS)
                writer.end(summary(file))
        assert [text.lstrip(",")[:2] for text in writes] == ["[", "\n{", "\n{", "\n]"]


class TestTables:
    """Rows of any number of recordings."""

    def test_csv_by_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_csv(as_file(hostile("csv")), keep_default_na=False, na_values={"channel": [""]})
        assert tuple(frame.columns) == Row._fields
        assert frame.label.tolist() == [one_line(label) for label in LABELS]
        assert frame.file.tolist() == [NAME] * len(ROWS)
        assert frame.class_index.tolist() == [row.class_index for row in ROWS]
        assert frame.channel.isna().tolist() == [row.channel is None for row in ROWS]
        assert np.allclose(frame.start_s, [row.start_s for row in ROWS], rtol=0, atol=5e-7)
        assert np.allclose(frame.score, [row.score for row in ROWS], rtol=0, atol=5e-7)
        assert frame.time.tolist() == [WRITTEN_TIMES[i % 3] or "" for i in range(len(ROWS))]

    def test_parquet_by_pyarrow_and_pandas(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        from pyarrow import parquet

        path = tmp_path / "a.parquet"
        path.write_bytes(hostile("parquet"))
        assert parquet.read_table(path).to_pylist() == [typed(row) for row in ROWS]
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_parquet(path)
        assert tuple(frame.columns) == (*Row._fields, "utc_offset_s")
        assert frame.score.tolist() == [row.score for row in ROWS]

    def test_parquet_of_an_interrupted_run_holds_what_was_done(self) -> None:
        pytest.importorskip("pyarrow")
        from pyarrow import parquet

        file = parquet.ParquetFile(io.BytesIO(interrupted("parquet", ROWS * 1000)))
        assert file.metadata.num_rows == len(ROWS) * 2000
        assert file.metadata.num_row_groups == 4

    def test_raven_by_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        other = rows_of(["Dog"], "b.wav")
        content = written("raven", (ROWS, summary()), (None, summary("quiet.wav")), (other, summary("b.wav")))
        frame = pandas.read_csv(as_file(content), sep="\t", keep_default_na=False)
        assert frame.Annotation.tolist() == [*map(cell, LABELS), "Dog"]
        assert frame.Selection.tolist() == list(range(1, len(ROWS) + 2))
        assert frame["Begin Path"].tolist() == [NAME] * len(ROWS) + ["b.wav"]
        wall = ["" if time is None else f"{time:%Y/%m/%d %H:%M:%S}.{time.microsecond // 1000:03}" for time in TIMES]
        assert frame["Begin Date Time"].tolist() == [*(wall[i % 3] for i in range(len(ROWS))), ""]
        # Times go on from recording to recording; offsets start anew.
        assert np.allclose(frame["Begin Time (s)"], [*(row.start_s for row in ROWS), 60.0])
        assert np.allclose(frame["End Time (s)"] - frame["Begin Time (s)"], 0.975)
        assert np.allclose(frame["File Offset (s)"], [*(row.start_s for row in ROWS), 0.0])
        assert frame.Channel.tolist() == [1 if row.channel is None else 2 for row in [*ROWS, other[0]]]

    @pytest.mark.filterwarnings("ignore")  # crowsetta's own, of pandas
    def test_raven_by_crowsetta(self, tmp_path: Path) -> None:
        crowsetta = pytest.importorskip("crowsetta", reason="wants crowsetta: pip install 'yamjit[readers]'")
        path = tmp_path / "a.selections.txt"
        rows = [row for row in ROWS if row.label not in ("", "NA", "NaN")]  # none of which it takes for a name
        path.write_bytes(written("raven", (rows, summary())))
        boxes = crowsetta.formats.bbox.Raven.from_file(path, annot_col="Annotation").to_bbox()
        assert [(b.label, b.onset, b.offset) for b in boxes] == [
            (cell(row.label), pytest.approx(row.start_s, abs=1e-6), pytest.approx(row.end_s, abs=1e-6)) for row in rows
        ]
        assert {(b.low_freq, b.high_freq) for b in boxes} == {(125.0, 7500.0)}

    def test_dcase_by_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_csv(as_file(hostile("dcase")), sep="\t", header=None, keep_default_na=False)
        assert frame.shape == (len(ROWS), 4)
        assert frame[0].tolist() == [NAME] * len(ROWS)
        assert frame[3].tolist()[:3] == ["Dog bark", "Speech, 'male'", "Inside, small room"]
        assert np.allclose(frame[1], [row.start_s for row in ROWS])

    @pytest.mark.filterwarnings("ignore")
    def test_dcase_by_sed_eval(self, tmp_path: Path) -> None:
        """The events are found, and are 100 % right when they are compared with themselves."""
        sed_eval = pytest.importorskip("sed_eval", reason="wants sed_eval: pip install 'yamjit[readers]'")
        path = tmp_path / "a.dcase.txt"
        # It takes names of one or two letters for codes, and numbers for times.
        rows = [row for row in ROWS if row.label not in ("NA", "NaN")]
        path.write_bytes(written("dcase", (rows, summary())))
        events = sed_eval.io.load_event_list(str(path), delimiter="\t")
        assert [event.event_label for event in events][:3] == ["Dog bark", "Speech, 'male'", "Inside, small room"]
        assert [(event.filename, event.onset) for event in events] == [
            (NAME, pytest.approx(row.start_s, abs=1e-6)) for row in rows
        ]
        metrics = sed_eval.sound_event.EventBasedMetrics(event_label_list=events.unique_event_labels)
        metrics.evaluate(reference_event_list=events, estimated_event_list=events)
        assert metrics.results_overall_metrics()["f_measure"]["f_measure"] == 1.0

    @pytest.mark.parametrize("name", [name for name, known in FORMATS.items() if known.kind != "report"])
    def test_rows_of_the_whole_where_no_stretches_were_asked_for(self, name: str) -> None:
        if name == "parquet":
            pytest.importorskip("pyarrow")
        top = tuple(ROWS[:2])
        whole = written(name, (None, summary(top=top)))
        assert whole == written(name, (list(top), summary(top=top)))
        nothing = written(name, ([], summary(top=top)))
        assert nothing == written(name, (None, summary()))
        assert nothing != whole


class TestLabels:
    """Tables of one recording."""

    @pytest.mark.parametrize("name", [name for name, known in FORMATS.items() if known.kind == "labels"])
    def test_a_second_recording_is_refused(self, name: str) -> None:
        with pytest.raises(InputError, match=rf"b\.wav: a file of {name} holds one recording, and has a\.wav already"):
            written(name, ([], summary("a.wav")), ([], summary("b.wav")))

    def test_audacity_by_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_csv(as_file(hostile("audacity")), sep="\t", header=None)
        assert frame.shape == (len(ROWS), 3)
        assert frame[2].tolist()[:3] == [
            "Dog bark (1.00, channel 1)",
            'Speech, "male" (0.99, 2026-05-12 05:00:00.480)',
            "Inside, small room (0.99, 2026-05-12 05:00:01.000-03:30)",
        ]
        channels = ["" if row.channel is None else f", channel {row.channel}" for row in ROWS]
        times = [f", {told(row)}" if row.time else "" for row in ROWS]
        assert frame[2].tolist() == [
            cell(f"{row.label} ({row.score:.2f}{channel}{time})")
            for row, channel, time in zip(ROWS, channels, times, strict=True)
        ]
        assert np.allclose(frame[1] - frame[0], 0.975)

    def test_vtt_by_webvtt(self) -> None:
        webvtt = pytest.importorskip("webvtt")
        captions = list(webvtt.from_buffer(as_file(written("vtt", (ROWS[::-1], summary())))))
        # Cues stand in the order of time, and their text is no markup.
        assert [html.unescape(c.raw_text) for c in captions] == [f"[{one_line(label)}]" for label in LABELS]
        assert all(c.text == c.raw_text for c in captions)
        assert [c.start_in_seconds for c in captions[:4]] == [0, 0, 0, 1]
        assert captions[1].start == "00:00:00.480"
        assert captions[1].end == "00:00:01.455"
        assert [c.comments for c in captions] == [[told(row)] if row.time else [] for row in ROWS]

    def test_srt_by_pysubs2(self) -> None:
        # Two times in a text are a cue for it, whatever stands between them.
        rows = [row for row in ROWS if not row.label.startswith("00:00:01,000")]
        cues = read_srt(written("srt", (rows[::-1], summary())))
        assert [cue.text for cue in cues] == [srt_text(row) for row in rows]
        assert [(cue.start, cue.end) for cue in cues] == [
            (round(row.start_s * 1000), round(row.end_s * 1000)) for row in rows
        ]

    @pytest.mark.parametrize("name", ["vtt", "srt"])
    def test_days_and_moments(self, name: str) -> None:
        rows = [Row("a", 360_000.0, 360_000.0001, "x", 1.0, 0), Row("a", 59.9996, 60.0, "x", 1.0, 0)]
        text = written(name, (rows, summary())).decode().replace(",", ".")
        assert "00:01:00.000 --> 00:01:00.001" in text
        assert "100:00:00.000 --> 100:00:00.001" in text

    @pytest.mark.parametrize("name", ["vtt", "srt"])
    def test_captions_of_an_interrupted_run_hold_what_was_done(self, name: str) -> None:
        assert interrupted(name, rows_of("ab"), only=True).count(b"-->") == 2


texts = st.lists(st.text() | st.text(st.sampled_from("\t\n\r\"',-> \0\udc80#a\x1e\u2029")), max_size=6)


@settings(max_examples=60, deadline=None)
@given(texts)
def test_any_name_of_a_class(labels: list[str]) -> None:
    """Whatever the names are, each row is read back, and nothing else."""
    rows = rows_of(labels)
    once = {name: written(name, (rows, summary())) for name in FORMATS if name != "parquet"}
    pandas, webvtt = (pytest.importorskip(name) for name in ("pandas", "webvtt"))
    assert [v["label"] for v in json.loads(once["json"])[0]["rows"]] == [plain(label) for label in labels]
    assert len(once["jsonl"].split(b"\n")) == len(labels) + 2
    read = pandas.read_csv(as_file(once["csv"]), keep_default_na=False, dtype=str)
    assert read.label.tolist() == [one_line(label) for label in labels]
    read = pandas.read_csv(as_file(once["raven"]), sep="\t", keep_default_na=False, dtype=str)
    assert read.Annotation.tolist() == [cell(label) for label in labels]
    for name, columns in (("audacity", 3), ("dcase", 4)):
        lines = once[name].decode().splitlines()
        assert [len(line.split("\t")) for line in lines] == [columns] * len(labels)
    captions = list(webvtt.from_buffer(as_file(once["vtt"])))
    assert [html.unescape(c.raw_text) for c in captions] == [f"[{one_line(label)}]" for label in labels]
    assert [cue.text for cue in read_srt(once["srt"])] == [srt_text(row) for row in rows]


class TestFrames:
    """Frames of other libraries."""

    def test_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = to_pandas(iter(ROWS))
        assert isinstance(frame, pandas.DataFrame)
        assert tuple(frame.columns) == (*Row._fields, "utc_offset_s")
        assert [None if time is pandas.NaT else time for time in frame.time] == [
            WALL_TIMES[i % 3][0] for i in range(len(ROWS))
        ]
        assert frame.utc_offset_s.dropna().tolist() == [-12600] * (len(ROWS) // 3)
        assert frame.label.tolist() == [plain(label) for label in LABELS]
        assert frame.score.tolist() == [row.score for row in ROWS]
        assert frame.channel.tolist() == [pandas.NA if row.channel is None else row.channel for row in ROWS]
        assert to_pandas([]).dtypes.to_dict() == frame.dtypes.to_dict()

    def test_polars(self) -> None:
        polars = pytest.importorskip("polars")
        frame = to_polars(iter(ROWS))
        assert frame.rows() == [tuple(typed(row).values()) for row in ROWS]
        assert to_polars([]).schema == frame.schema
        assert frame.schema["channel"] == polars.Int32

    def test_arrow(self) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        table = to_arrow(iter(ROWS))
        assert table.to_pylist() == [typed(row) for row in ROWS]
        assert to_arrow([]).schema == table.schema
        assert table.schema.field("start_s").type == pyarrow.float64()

    def test_hugging_face(self) -> None:
        assert to_hf(ROWS[:2]) == [
            {"score": 255 / 256, "label": "Dog bark"},
            {"score": 254 / 256, "label": 'Speech, "male"'},
        ]

    @pytest.mark.parametrize(
        ("module", "convert", "extra"),
        [
            ("pandas", to_pandas, "pandas"),
            ("polars", to_polars, "polars"),
            ("pyarrow", to_arrow, "parquet"),
            ("pyarrow", lambda rows: FORMATS["parquet"].open(io.BytesIO()), "parquet"),
        ],
    )
    def test_what_is_missing_is_said(
        self, module: str, convert: Any, extra: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(DependencyError, match=rf'needs {module}: .*install "yamjit\[{extra}\]"') as caught:
            convert([])
        assert isinstance(caught.value, ImportError)


def many_rows(count: int) -> Iterator[Row]:
    row = ROWS[0]
    return (row._replace(start_s=i * 0.48, end_s=i * 0.48 + 1, score=i / count) for i in range(count))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text", "jsonl", "csv", "audacity", "raven", "dcase", "parquet"])
def test_rows_are_written_in_constant_memory(name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    known = FORMATS[name]
    with open(os.devnull, "wb" if known.binary else "w") as stream, known.open(stream) as writer:  # noqa: PTH123
        writer.begin(NAME)
        writer.rows(many_rows(1000))
        tracemalloc.start()
        try:
            writer.rows(many_rows(15_000))  # some 4 MB if they were kept
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < (8e6 if name == "parquet" else 3e5)


@pytest.mark.parametrize("name", FORMATS)
def test_a_reader_that_has_enough_gets_no_more(name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")

    class Pipe(io.BytesIO if FORMATS[name].binary else io.StringIO):  # type: ignore[misc]
        broken = False

        def write(self, data: Any) -> int:
            if self.broken:
                raise BrokenPipeError
            return super().write(data)

        def flush(self) -> None:
            self.write(b"" if FORMATS[name].binary else "")

    pipe = Pipe()
    with pytest.raises(BrokenPipeError), FORMATS[name].open(pipe) as writer:  # noqa: PT012
        writer.begin(NAME)
        pipe.broken = True
        writer.rows(many_rows(40_000))
        writer.end(summary())
        pipe.flush()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.txt", "text"),
        ("a.raven.txt", "raven"),
        ("dir/A.Table.1.SELECTIONS.TXT", "raven"),
        ("a.audacity.txt", "audacity"),
        ("a.dcase.txt", "dcase"),
        (Path("a.ndjson"), "jsonl"),
        ("a.json", "json"),
        ("a.vtt", "vtt"),
        ("a.tar.parquet", "parquet"),
    ],
)
def test_the_end_of_a_name_stands_for_a_format(path: str | Path, name: str) -> None:
    assert format_of(path) is FORMATS[name]


def test_every_format_is_found_by_its_suffixes() -> None:
    for known in FORMATS.values():
        assert [format_of(f"a{suffix}") for suffix in known.suffixes] == [known] * len(known.suffixes)
    with pytest.raises(InputError, match=r"'a\.xml': unknown file suffix; use one of \.txt, \.json, "):
        format_of("a.xml")
