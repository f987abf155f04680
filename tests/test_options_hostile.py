"""Every option of every verb, with values that no option takes: usage or an error in one line, never a traceback."""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from yamjit.cli import main
from yamjit.cli.command import _parser
from yamjit.errors import InputError
from yamjit.store import resolve_model

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

HOSTILE = (
    "",
    " ",
    "x",
    "-1",
    "0",
    "1e300",
    "1e999",
    "nan",
    "-inf",
    "9" * 400,
    "9" * 5000,
    "99999999999",
    "\u00b2",  # one that only looks like it
    "1:2:3:4",
    "a\udcffb",  # bytes that are no UTF-8, as Python has them
    "\udcff=\udcff",
    "=",
    "x=",
    "x=1e300",
    "*=nan",
    "a\nb",
    "x" * 100_000,
    "/nowhere/at/all",
)

#: What each verb needs beside an option; nothing of it writes.
NEEDS = {
    "classify": ["{siren}", "--end", "1"],
    "events": ["{siren}", "--end", "1"],
    "segments": ["{siren}", "--end", "1", "-o", "{new}"],
    "listen": ["--raw", "s16le", "-"],
    "embed": ["{siren}", "--end", "1"],
    "spectrogram": ["{siren}", "--end", "1"],
    "plot": ["{siren}", "--end", "1", "-o", "{new}.png"],
    "train": ["{clips}", "--folds", "0", "--iterations", "1", "--no-cache", "-o", "{new}.tflite"],
    "evaluate": ["{clips}"],
    "calibrate": ["{clips}", "-o", "{new}.tflite"],
    "export": ["{siren}", "-o", "{new}.tflite"],
    "labels": [],
    "info": ["starter"],
    "bench": ["--time", "0.01"],
    "completion": ["bash"],
}

#: They use the network, look at the machine, or run for ever.
APART = {"fetch", "doctor", "bench", "serve", "web"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path_factory.mktemp("options")
    for label, k in itertools.product(("high", "low"), range(2)):
        (folder / "clips" / label).mkdir(parents=True, exist_ok=True)
        wave = np.sin(np.arange(16_000) * (0.5 if label == "high" else 0.05)) * 0.3
        soundfile.write(folder / "clips" / label / f"{k}.wav", wave, 16_000)
    soundfile.write(folder / "siren.wav", wave, 16_000)
    return {
        "siren": str(folder / "siren.wav"),
        "clips": str(folder / "clips"),
        "new": str(folder / "new"),
        "model": str(resolve_model("starter").path),
    }


def verbs(parser: argparse.ArgumentParser) -> Iterator[tuple[list[str], argparse.ArgumentParser]]:
    """Yield every verb with its parser, and verbs of verbs."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for action in nested:
        for name, below in action.choices.items():
            yield from (([name, *more], found) for more, found in verbs(below))
    if not nested:
        yield [], parser


def options() -> Iterator[tuple[list[str], argparse.Action]]:
    for verb, parser in verbs(_parser()):
        for action in parser._actions:
            if action.option_strings and action.nargs != 0 and not action.choices:
                yield verb, action


def answer(argv: list[str]) -> tuple[int, str]:
    """Return exit code and standard error of the command."""
    told, results = io.StringIO(), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(results):
        try:
            code = main(argv)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, told.getvalue()


def fault_of(argv: list[str]) -> str | None:
    """Return what is wrong with an answer."""
    shown = " ".join(argv)[:150]
    try:
        code, told = answer(argv)
    except BaseException as error:  # noqa: BLE001
        return f"{shown!r}: {type(error).__name__}: {str(error)[:150]}"
    lines = [line for line in told.splitlines() if "error:" in line]
    if code not in (0, 1, 2, 3) or "Traceback" in told:
        return f"{shown!r}: {code}, {told[:300]}"
    if code in (1, 2) and len(lines) != 1:
        return f"{shown!r}: {code}, {len(lines)} lines of errors: {told[:300]}"
    return None


@pytest.fixture(autouse=True)
def starter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))


def test_every_value_is_read_or_refused_in_a_line() -> None:
    """Types alone, without a run: an error states what was found, shortened, and what is accepted."""
    found = []
    for (verb, action), value in itertools.product(options(), HOSTILE):
        if action.type is None:
            continue
        try:
            action.type(value)  # type: ignore[operator]
        except (argparse.ArgumentTypeError, InputError) as error:
            if len(str(error)) > 400 and value not in str(error):
                found.append(f"{verb} {action.dest}: {str(error)[:100]}")
        except Exception as error:  # noqa: BLE001
            found.append(f"{verb} {action.dest}={value[:20]!r}: {type(error).__name__} {error}")
    assert not found


def test_no_option_ends_in_a_traceback(places: dict[str, str]) -> None:
    """Each option is run with one value of the list, the next one with the next."""
    values = itertools.cycle(HOSTILE)
    found = []
    for verb, action in options():
        if verb[0] in APART:
            continue
        needs = [word.format(**places) for word in NEEDS.get(verb[0], [])]
        if verb[0] == "metadata":
            needs = [places["model"], *([places["siren"]] if verb[1].startswith("set") else [])]
            needs += ["-o", places["new"] + ".tflite"] if verb[1] != "show" else []
        found.append(fault_of([*verb, *needs, f"{action.option_strings[-1]}={next(values)}"]))
    assert not list(filter(None, found))


@pytest.mark.parametrize(
    ("argv", "accepted"),
    [
        ("events {siren} --smoothing 1e300", "from 0 to 1e+09"),
        ("events {siren} --smoothing 1e8", "at most 4800, 10000 windows"),
        ("classify {siren} --hop 1e300", "above 0 to 1e+09"),
        ("classify {siren} --hop 1e9", "seconds from"),
        ("classify {siren} --start 1e308:0:0", "from 0 to 1e+09 s"),
        ("classify {siren} --threads 1e3", "from 1 to 256"),
        ("classify {siren} --jobs 61", "from 1 to 60"),
        ("segments {siren} -o x.tflite --padding 1e300", "from 0 to 1e+09"),
        ("metadata write {model} --sample-rate 1000000000000 -o x.tflite", "from 1000 to 768000"),
        ("metadata write {model} --sample-rate 16000 --channels 99999999999 -o x.tflite", "from 1 to 64"),
        ("metadata write {model} --description a\udcff -o x.tflite", "not UTF-8"),
        ("train {clips} --folds 0 -q --hidden 1000000000 -o x.tflite", "from 0 to 4096"),
        ("train {clips} --folds 0 -q --copies 1000000000 -o x.tflite", "from 0 to 1000"),
        ("train {clips} --folds 0 -q --iterations 0 -o x.tflite", "from 1 to 1000000"),
        ("train {clips} --folds 1 -o x.tflite", "neither 0 nor a number of folds from 2"),
        ("train {clips} --seed -1 -o x.tflite", "from 0 to 18446744073709551615"),
        ("train {clips} --weight-decay -1 -o x.tflite", "from 0 to 1000000"),
        ("train {clips} --embedding-noise nan -o x.tflite", "from 0 to 1e+06"),
        ("train {clips} --validation 0.9 -o x.tflite", "from 0 to 0.5"),
        ("listen --raw s16le --rate 1 -", "from 1000 to 768000"),
        ("listen --raw s16le --channels 65 -", "from 1 to 64"),
        ("bench --time 1e9", "to 3600"),
    ],
)
def test_absurd_values_are_refused_with_the_accepted_range(places: dict[str, str], argv: str, accepted: str) -> None:
    code, told = answer([word.format(**places) for word in argv.split(" ")])
    assert code in (1, 2, 3), told
    assert accepted in told
    assert not Path("x.tflite").exists()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("listen --raw s16le --on 0.4 --hold 2 -", "--on, --hold can only be used with --events"),
        ("metadata write {model} --channels 2 -o x.tflite", "--channels needs --sample-rate"),
        ("classify {siren} --hop 1 --overlap 0.5", "not allowed with"),
        ("classify {siren} --locale de", "--locale 'de' has no effect: the model has names in"),
    ],
)
def test_an_option_that_would_do_nothing_is_told(places: dict[str, str], argv: str, told: str) -> None:
    code, lines = answer([word.format(**places) for word in argv.split(" ")])
    assert told in lines
    assert (code == 0) == ("has no effect" in told)  # the rest is refused


def test_a_file_may_have_any_name(places: dict[str, str]) -> None:
    """The model is called after its file; bytes that are no text are replaced in it, and escaped in JSON."""
    train = ["train", places["clips"], "--folds", "0", "--iterations", "1", "--no-cache", "-q"]
    code, told = answer([*train, "-o", "x\udcff.tflite", "--report", "report.json"])
    assert (code, told) == (0, "")
    assert json.loads(Path("report.json").read_bytes())["model"] == "x\udcff.tflite"
    assert Path("x\udcff.tflite").is_file()


def test_quiet_is_quiet_and_figures_are_json(places: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", places["clips"], "--folds", "2", "--iterations", "2", "--no-cache", "-q"]
    assert main([*train, "-o", "own.tflite", "--report", "train.json"]) == 0
    assert main(["evaluate", places["clips"], "--model", "own.tflite", "-q", "--report", "evaluate.json"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["evaluate", places["clips"], "--model", "own.tflite", "-q"]) == 0
    assert capsys.readouterr().out  # figures that go nowhere else

    def refuse(token: str) -> None:
        raise AssertionError(token)

    for name in ("train.json", "evaluate.json"):
        json.loads(Path(name).read_text(encoding="utf-8"), parse_constant=refuse)
