"""What a long run says: how far it is, that it compiles, and how far it came when it was interrupted."""

from __future__ import annotations

import io
import itertools
import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from yamjit import ReadOptions, cli
from yamjit.cli import progress
from yamjit.cli.progress import Progress
from yamjit.cli.progress_line import State, elapsed, line, sentence, width_of
from yamjit.runs.inputs import find_recordings
from yamjit.runs.outcomes import outcomes
from yamjit.runs.tally import Tally, length_of

DAYS = State(3730.0, 172_800.0, speed=1900.4, name="SITE_A/20260512_050000.wav")


# -- The line ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (100, "  2% |                        | 1:02:10 of 48:00:00, 1,900x, 1 min left  SITE_A/20260512_050000.wav"),
        (80, "  2% |          | 1:02:10 of 48:00:00, 1,900x, 1 min left  ...260512_050000.wav"),
        (60, "  2% |            | 1:02:10 of 48:00:00, 1,900x, 1 min left"),
        (46, "  2% 1:02:10 of 48:00:00, 1,900x, 1 min left"),
        (36, "1:02:10 of 48:00:00, 1 min left"),
        (30, "  2% 1:02:10 of 48:00:00"),
        (20, "1:02:10 of 48:00:00"),
        (8, "1:02:10"),
        (1, ""),
    ],
)
def test_as_much_as_fits(columns: int, shown: str) -> None:
    assert line(DAYS, columns) == shown.ljust(columns - 1)


def test_every_width() -> None:
    states = [DAYS, State(0.0, None), State(9e5, 1e6, speed=0.5, name="名前.wav" * 9), State(7.0, 7.0, is_whole=False)]
    for state in states:
        assert all(width_of(line(state, columns)) == columns - 1 for columns in range(1, 300))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State(0.0, None), "0:00 heard"),
        (State(75.0, 60.0, is_whole=False, speed=2.0), "1:15 heard, 2.0x"),
        (State(75.0, 7200.0, is_whole=False, speed=20.0), "0:01:15 of 2:00:00 or more, 20x"),
        (State(75.0, 7200.0, speed=20.0, name="a.wav"), "0:01:15 of 2:00:00, 20x, 6 min left (a.wav)"),
        (State(0.0, 360_000.0, speed=1.0), "0:00:00 of 100:00:00, 1.0x, 4 d 4 h left"),
        (State(0.0, 8000.0, speed=1.0), "0:00:00 of 2:13:20, 1.0x, 2 h 13 min left"),
        (State(59.0, 60.0, speed=10.0), "0:59 of 1:00, 10x, 1 s left"),
    ],
)
def test_in_words(state: State, said: str) -> None:
    assert sentence(state) == said


def test_times() -> None:
    assert [elapsed(seconds) for seconds in (0, 59.9, 60, 3599, 3600, 360_000)] == [
        "0:00", "0:59", "1:00", "59:59", "1:00:00", "100:00:00",
    ]  # fmt: skip


# -- What is counted --------------------------------------------------------------------------------------------


def tally_of(lengths: dict[str, float | None], done: tuple[str, ...] = ()) -> Tally[str]:
    return Tally([name for name in lengths if name not in done], lengths.__getitem__, done)


def test_headers_are_believed_until_more_is_known() -> None:
    tally = tally_of({"a": 100.0, "liar": 1000.0, "long": 10.0, "pipe": None})
    assert tally.total_s is None
    tally.survey()
    assert tally.total_s == (1110.0, False)
    for name, heard_s in (("a", 100.0), ("liar", 5.0), ("long", 60.0)):
        tally.begin(name, lambda heard_s=heard_s: heard_s)  # type: ignore[misc]
        if name == "long":
            assert tally.total_s == (165.0, False)
        tally.conclude(name)
    tally.begin("pipe", lambda: 7.0)
    assert tally.total_s == (172.0, False)
    assert tally.under_way() == [("pipe", 7.0)]
    tally.conclude("pipe")
    assert (tally.heard_s, tally.total_s, tally.concluded) == (172.0, (172.0, True), 4)


def test_what_an_earlier_run_did_is_done() -> None:
    tally = tally_of({"a": 100.0, "b": 50.0}, done=("a",))
    tally.survey()
    assert (tally.concluded, tally.recordings, tally.earlier_s, tally.heard_s) == (1, 2, 100.0, 0.0)
    assert tally.total_s == (150.0, True)


def test_what_is_done_before_its_length_is_known() -> None:
    """As clips whose embeddings are in the cache."""
    tally = tally_of({"a": 100.0, "b": 50.0})
    tally.conclude("a")
    tally.survey()
    assert (tally.heard_s, tally.total_s) == (100.0, (150.0, True))


def wav(path: Path, seconds: float, claimed_s: float | None = None, rate: int = 8000) -> Path:
    """Write a file of silence, which takes no room on the disk."""
    size = int((seconds if claimed_s is None else claimed_s) * rate)
    head = b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8)
    with path.open("wb") as file:
        file.write(head + b"data" + struct.pack("<I", size))
        file.truncate(44 + int(seconds * rate))
    return path


def test_lengths_by_headers_alone(tmp_path: Path) -> None:
    wav(tmp_path / "day.wav", 86_400)
    soundfile.write(tmp_path / "five.flac", np.zeros(40_000, np.float32), 8000)
    (tmp_path / "text.wav").write_text("no audio")
    found = find_recordings([str(tmp_path), str(tmp_path / "nothing.wav")])
    begun = time.perf_counter()
    assert [length_of(one, ReadOptions(start_s=1, end_s=10_000)) for one in found] == [9999.0, 4.0, 0.0, 0.0]
    assert [length_of(one, ReadOptions()) for one in found] == [86_400.0, 5.0, 0.0, 0.0]
    assert time.perf_counter() - begun < 5  # not read to its end, which takes longer
    assert length_of(find_recordings(["-"])[0], ReadOptions()) is None


# -- Other processes --------------------------------------------------------------------------------------------


class Job:
    """Reports what it hears, as a listener does."""

    def __call__(self, recording: Any) -> str:
        from types import SimpleNamespace

        from yamjit.runs import heard

        heard.watch(SimpleNamespace(duration_s=float(len(recording.name))))  # type: ignore[arg-type]
        time.sleep(0.3)
        return str(recording.name)


@pytest.mark.slow
def test_processes_report(tmp_path: Path) -> None:
    names = ["a" * length for length in range(1, 8)]
    found = [one for name in names for one in find_recordings([str(wav(tmp_path / name, 1))])]
    tally = Tally(found, lambda one: float(len(one.name)))
    tally.survey()
    seen = []
    for outcome in outcomes(found, Job(), 2, tally):
        seen.append(tally.heard_s)
        tally.conclude(outcome.recording)
    assert tally.heard_s == sum(len(one.name) for one in found) == tally.total_s[0]  # type: ignore[index]
    assert seen == sorted(seen)


# -- Where it is shown ------------------------------------------------------------------------------------------


class Standard(io.StringIO):
    """A standard error."""

    def __init__(self, *, is_terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._is_terminal = is_terminal
        self._known_encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._known_encoding

    def isatty(self) -> bool:
        return self._is_terminal


def shown(
    monkeypatch: pytest.MonkeyPatch, then: Callable[[Progress], None] | None = None, quiet: bool = False, **how: Any
) -> str:
    """Return what is shown of a run of two recordings, one of which is under way."""
    stream = Standard(**how)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_REFRESH_S", 0.01)
    monkeypatch.setattr(progress, "_LINE_S", 0.02)
    heard = iter(range(0, 10_000, 25))
    tally = tally_of({"a": 100.0, "b": 100.0})
    tally.begin("a", lambda: min(50.0, next(heard)))
    with Progress(tally, quiet=quiet) as one:
        time.sleep(0.2)
        if then is not None:
            then(one)
    return stream.getvalue()


def test_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, lambda one: one.say("a word"), is_terminal=True)
    lines = text.replace("\n", "\r").split("\r")
    assert any(line.startswith(" 25% |████") and "0:50 of 3:20" in line for line in lines)
    assert "yamjit: a word" in lines  # which begins in the first column, on a line that was wiped
    assert lines[-2].strip() in ("", "yamjit: a word")  # nothing is left of the bar
    assert lines[-1] == ""
    assert all(len(line) < 80 for line in lines)
    assert "#" in shown(monkeypatch, is_terminal=True, encoding="ascii")


def test_lines_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, is_terminal=False)
    first, *_ = text.splitlines()
    assert first.startswith("yamjit: ")
    assert " of 3:20" in first
    assert "\r" not in text


def test_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [shown(monkeypatch, quiet=True, is_terminal=one) for one in (True, False)] == ["", ""]


# -- Interruptions ----------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: dict[Path, str]) -> None:
    """Two recordings of a minute; Ctrl-C comes in the middle of the second."""
    monkeypatch.chdir(tmp_path)
    (siren,) = (path for path in examples if path.stem == "siren")
    samples, rate = soundfile.read(siren, dtype="int16")
    for name in ("0.wav", "1.wav"):
        soundfile.write(name, np.concatenate([samples, np.zeros(rate * 57, np.int16)]), rate)
    from yamjit import recording
    from yamjit.scoring import FeatureScorer, Scorer

    monkeypatch.setattr(recording, "_WINDOWS_AT_ONCE", 32)
    calls = itertools.count(1)

    def striking(score: Callable[..., Any]) -> Callable[..., Any]:
        def strike(self: Any, *args: Any, **how: Any) -> Any:
            if next(calls) == strike_at["call"]:
                raise KeyboardInterrupt
            return score(self, *args, **how)

        return strike

    strike_at["call"] = 7
    for scorer in (Scorer, FeatureScorer):
        monkeypatch.setattr(scorer, "score", striking(scorer.score))


strike_at = {"call": 0}
MODEL = ["--model", "starter", "--backend", "numpy"]


def interrupted(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert cli.main([*arguments, *MODEL]) == 130
    return capsys.readouterr()


FAR = "yamjit: interrupted: 1 of 2 recordings done, 0:30 of 1:00 of '1.wav'; "


@pytest.mark.slow
@pytest.mark.usefixtures("place")
class TestInterrupted:
    """What is left is no result that looks whole."""

    def test_a_result_of_an_earlier_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("a.csv").write_text("earlier")
        _, said = interrupted(capsys, "events", "--on", "0.5", "0.wav", "1.wav", "-o", "a.csv")
        assert said == f"{FAR}the results so far are in 'a.partial.csv', and 'a.csv' is what it was before\n"
        assert Path("a.csv").read_text() == "earlier"

    @pytest.mark.parametrize("form", ["csv", "json", "jsonl", "txt", "raven", "dcase", "parquet"])
    def test_events(self, capsys: pytest.CaptureFixture[str], form: str) -> None:
        if form == "parquet":
            pytest.importorskip("pyarrow")
        name = f"a.{form}" if form in ("csv", "json", "jsonl", "parquet") else "a.txt"
        how = ["--format", "text" if form == "txt" else form]
        _, said = interrupted(capsys, "events", "--on", "0.5", "0.wav", "1.wav", "-o", name, *how)
        partial = Path(name).with_suffix(f".partial{Path(name).suffix}")
        assert said == f"{FAR}the results so far are in {str(partial)!r}, and {name!r} is not written\n"
        assert not Path(name).exists()
        if form in ("csv", "txt", "raven", "dcase"):
            assert "1.wav" in partial.read_text()  # what was over by then is there
        elif form != "parquet":
            found = [json.loads(one) for one in partial.read_text().splitlines()] if form == "jsonl" else None
            last = (found or json.loads(partial.read_text()))[-1]
            assert (last["file"], last["error"]) == ("1.wav", "interrupted after 30.72 s")

    @pytest.mark.parametrize("form", ["audacity", "vtt", "srt"])
    def test_labels_of_one_recording(self, capsys: pytest.CaptureFixture[str], form: str) -> None:
        strike_at["call"] = 3
        _, said = interrupted(capsys, "events", "--on", "0.5", "0.wav", "-o", "a.txt", "--format", form)
        assert said.startswith("yamjit: interrupted: 0:46 of 1:00 heard; the results so far are in 'a.partial.txt'")
        assert "Siren" in Path("a.partial.txt").read_text()

    @pytest.mark.parametrize("form", ["npy", "npz", "csv"])
    def test_arrays(self, capsys: pytest.CaptureFixture[str], form: str) -> None:
        strike_at["call"] = 3
        _, said = interrupted(capsys, "embed", "0.wav", "-o", f"a.{form}")
        kept = Path(f"a.partial.{form}")
        assert said.startswith("yamjit: interrupted: 0:46 of 1:00 heard; ")
        assert kept.exists() == (str(kept) in said)

    @pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
    def test_nothing_yet(self, capsys: pytest.CaptureFixture[str], form: str) -> None:
        if form == "parquet":
            pytest.importorskip("pyarrow")
        strike_at["call"] = 2
        _, said = interrupted(capsys, "classify", "0.wav", "1.wav", "-o", f"a.{form}")
        assert said.endswith(f" of 1:00 of '0.wav'; 'a.{form}' is not written\n")
        assert "0 of 2 recordings done" in said
        assert sorted(path.name for path in Path().iterdir()) == ["0.wav", "1.wav"]

    def test_standard_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        out, said = interrupted(capsys, "classify", "0.wav", "1.wav", "--format", "json")
        assert said == f"{FAR}the results so far are written, which is not all\n"
        assert [one.get("error") for one in json.loads(out)] == [None, "interrupted after 30.72 s"]

    def test_a_folder(self, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["events", "0.wav", "1.wav", "-o", "out", "--format", "csv"]
        _, said = interrupted(capsys, *command)
        assert said == f"{FAR}'out' has what is done, and --resume does the rest\n"
        assert sorted(path.name for path in Path("out").glob("*.csv")) == ["0.wav.yamjit.csv"]
        strike_at["call"] = -1
        assert cli.main([*command, "--resume", *MODEL]) == 0
        assert capsys.readouterr().err == "yamjit: 1 of 2 files are done already\n"
        assert len(list(Path("out").glob("*.csv"))) == 2

    def test_a_picture(self, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("matplotlib")
        strike_at["call"] = 3
        _, said = interrupted(capsys, "plot", "0.wav", "-o", "a.png")
        assert said == "yamjit: interrupted: 0:46 of 1:00 heard; 'a.png' is not written\n"
        assert list(Path().glob("*.png")) == []
