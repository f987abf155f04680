"""Wrong words on the command line: what is wrong, what to do, exit code 2; help and its examples."""

from __future__ import annotations

import argparse
import importlib.util
import io
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from yamjit.cli import main
from yamjit.cli.command import _parser
from yamjit.cli.examples import EXAMPLES
from yamjit.cli.foreign_words import VERBS_ELSEWHERE, options_meant
from yamjit.cli.parsing import Parser

VERBS = _parser().verbs


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: dict[Path, str]) -> Path:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    for path in examples:
        shutil.copy(path, tmp_path / "recordings")
    shutil.copy(tmp_path / "recordings" / "siren.flac", tmp_path)
    (tmp_path / "upper").mkdir()
    for name in ("A.WAV", "B.WAV", "c.txt"):
        (tmp_path / "upper" / name).touch()
    (tmp_path / "mine.tflite").touch()
    return tmp_path


def told(command: str, capsys: pytest.CaptureFixture[str], code: int = 2) -> list[str]:
    """Run a command that fails; return the lines that it says."""
    try:
        ended: object = main(shlex.split(command))
    except SystemExit as stop:
        ended = stop.code
    assert ended == code
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


#: Command: end of the line that says what is wrong: the line that says what to do, or its beginning.
WRONG = """\
|the following arguments are required: VERB|for example: yamjit classify siren.flac
event siren.flac|there is no verb 'event'|did you mean yamjit events?
clasify siren.flac|there is no verb 'clasify'|did you mean yamjit classify?
analyze siren.flac|there is no verb 'analyze'|did you mean yamjit classify?
detect siren.flac|there is no verb 'detect'|did you mean yamjit events?
download|there is no verb 'download'|did you mean yamjit fetch?
xyzzy|there is no verb 'xyzzy'|yamjit --help lists the
help|there is no verb 'help'|did you mean yamjit --help, or yamjit VERB --help?
version|there is no verb 'version'|did you mean yamjit --version?
-v|there is no option -v before the verb|did you mean yamjit --version?
siren.flac|there is no verb 'siren.flac'|did you mean yamjit classify siren.flac?
recordings|there is no verb 'recordings'|did you mean yamjit classify recordings?
'*.flac'|there is no verb '*.flac'|did you mean yamjit classify '*.flac'?
mine.tflite|there is no verb 'mine.tflite'|did you mean yamjit info mine.tflite?
listn|there is no verb 'listn'|did you mean yamjit listen?
plt siren.flac|there is no verb 'plt'|did you mean yamjit plot?
klassify siren.flac|there is no verb 'klassify'|did you mean yamjit classify?
yamjit classify siren.flac|there is no verb 'yamjit'|the name of the program is typed once
/help|there is no verb '/help'|did you mean yamjit --help, or yamjit VERB --help?
--hlep|there is no option --hlep before the verb|did you mean yamjit --help?
-|there is no verb '-'|did you mean yamjit classify -?
gone.wav|there is no verb 'gone.wav'|a recording follows a verb, as in yamjit classify FILE, and there is
https://a.org/x.wav|no verb 'https://a.org/x.wav'|yamjit reads files: curl -sL https://a.org/x.wav | yamjit classify -
--model starter classify siren.flac|no option --model before the verb|options come after the verb
events siren.flac --treshold 0.3|there is no option --treshold|did you mean --threshold (lowest
export x --dislay-names y|no option --dislay-names|did you mean --display-names (
labels --ocale de|no option --ocale|did you mean --locale (
events siren.flac --onn 0.3|there is no option --onn|did you mean --on (score
events siren.flac --offf 0.3|there is no option --offf|did you mean --off (score
classify siren.flac --toop 3|there is no option --toop|did you mean --top (number
events siren.flac --bogus|there is no option --bogus|yamjit events --help lists its options
events siren.flac --min-conf 0.3|there is no option --min-conf|did you mean --on (score
classify siren.flac --min_conf=0.3|there is no option --min_conf|did you mean --threshold (lowest
classify siren.flac --minConf 0.3|there is no option --minConf|did you mean --threshold (lowest
classify siren.flac --on 0.3|no option --on|--on is an option of yamjit events, yamjit segments and others; did
classify siren.flac --treshold 0.3|no option --treshold|did you mean --threshold (
classify siren.flac --top_k 3|no option --top_k|did you mean --top (
classify siren.flac --max_results 3|no option --max_results|did you mean --max-results (
classify siren.flac -output x.csv|no option -output|did you mean --output?
classify siren.flac \u2013top 3|no option \u2013top|did you mean --top?
classify siren.flac --json|no option --json|did you mean --format json?
classify siren.flac --csv|no option --csv|did you mean --format csv?
classify siren.flac --outdir x|no option --outdir|did you mean --output (
classify siren.flac --output-format csv|no option --output-format|did you mean --format (
classify siren.flac --lang de|no option --lang|did you mean --locale (
classify recordings --workers 2|no option --workers|--workers is an option of yamjit serve; did you mean --jobs (
classify recordings -j 2|no option -j|did you mean --jobs (
bench -j 2|no option -j|did you mean --threads (
classify -i siren.flac|no option -i|recordings are given bare
classify siren.flac --device cuda|no option --device|--device is an option of yamjit listen; yamjit runs
classify siren.flac --recursive|no option --recursive|folders are searched at every depth; no option is needed
classify siren.flac --sample_rate 16000|no option --sample_rate|recordings of any rate
classify siren.flac --to 3|no option --to|did you mean --end (where reading ends, in seconds or as h:mm:ss)?
classify siren.flac --tz UTC|no option --tz|did you mean --time-zone (
classify siren.flac --lat 52.5|no option --lat|the model knows no species
classify siren.flac --debug|no option --debug|it comes before the verb: yamjit --debug classify
embed siren.flac --threshold 0.3|no option --threshold|--threshold is an option of yamjit classify, yamjit events
train recordings -o x.tflite --epochs 3|no option --epochs|did you mean --iterations (
classify siren.flac --format jsno|'jsno' is none of text, json, jsonl, csv, audacity, raven|did you mean 'json'?
classify siren.flac --backend cuda|'cuda' is none of auto, compiled, numba, numpy|
classify siren.flac --top x|'x' is not a count of at least 1 (or -1 for all)|
events siren.flac --on Dog|'Dog' is neither a number nor of the form NAME=NUMBER|
events siren.flac --on 0,3|'0,3' (decimals have a point: 0.3) is neither a number|
events siren.flac --hop 0,5|'0,5' (decimals have a point: 0.5) is not a time in seconds above 0|
events siren.flac --on|argument --on: expected one argument|
classify|the following arguments are required: INPUT|for example: yamjit classify siren.flac
classify --version|no option --version|it comes without a verb: yamjit --version
listen -r 16000 -f S16_LE -|no option -r|did you mean --rate (
listen -o x.jsonl|no option -o|results go to standard output: > FILE keeps them
listen rtsp://cam/1|'rtsp://cam/1' is none of -|ffmpeg -v error -i rtsp://cam/1 -vn -f s16le -ar 16000
listen siren.flac|'siren.flac' is none of -|a recording is for another verb, such as: yamjit events siren.flac
info a b|'b' is one argument too many|yamjit info --help explains the arguments
metadata shwo x|'shwo' is none of show, extract, write, set-labels, set-calibration|did you mean 'show'?
completion tcsh|'tcsh' is none of bash, zsh, fish|yamjit completion --help explains
"""


@pytest.mark.parametrize("line", WRONG.splitlines())
def test_wrong_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, wrong, what_to_do = line.split("|", 2)
    lines = told(command, capsys)
    if ": error: argument -" in lines[0]:  # the value of an option: one line says it all
        assert len(lines) == 1
        assert wrong in lines[0]
        assert what_to_do in lines[0]
        return
    error, hint = lines[-2:]
    verb = command.split(" ", 1)[0]
    usage = f"usage: yamjit {verb} " if verb in VERBS else "usage: yamjit [-h]"
    assert lines[0].startswith(usage)
    assert error.startswith(usage.removeprefix("usage: ").split(" [")[0].strip())
    assert wrong in error
    assert hint.startswith(f"hint: {what_to_do}")


#: What is found wrong by the verb itself.
LATER = """\
1|classify siren.flac --model stater|did you mean 'starter'?
1|classify siren.flac --model yamnet|the official YAMNet is used where no model is named
1|classify siren.flac --model yamnet_v2.tflite|the official YAMNet is used where no model is named
1|classify siren.flac --model default|the official YAMNet is used where no model is named
1|classify siren.flac --model large-v3|a model is a .tflite file, or starter
1|classify siren.flac --model ''|'' is not the name of a model
1|classify siren.flac --model https://a.org/x.tflite|'https://a.org/x.tflite': cannot be read
1|classify siren.flac --model recordings|is a directory; a model is a .tflite file
1|classify siren.flac --model .|is a directory hint: did you mean 'mine.tflite'?
1|classify siren.flac --model siren.flac|is a recording; a model is a .tflite file
1|metadata show stater|did you mean 'starter'?
1|info mnie.tflite|did you mean 'mine.tflite'?
1|classify siren.flac --head scroes|the model has 1: 0 'scores' (33 classes) hint: did you mean 'scores'?
1|classify siren.flac -o x.cvs|did you mean '.csv'?
1|classify siren.flac --groups sirne.flac|did you mean 'siren.flac'?
1|classify siren.flac --allow 'phone ringing'|did you mean 'Telephone bell ringing'?
1|classify siren.flac --deny 'police siren'|did you mean 'Siren'?); yamjit labels WORD searches the names
1|events siren.flac --on Sirene=0.3|did you mean 'Siren'?
1|events siren.flac --deny Siren --on Siren=0.3|'Siren' is not listed on its own
1|events siren.flac --deny Siren --threshold Siren=0.3|'Siren' is not listed on its own
1|classify siren.flac --calibration metdata|did you mean 'metadata'?
1|classify siren.flac --allow Dog|no class of this model: 'Dog' (which YAMNet has)
1|train labeled -o x.tflite|there is no 'labeled'
1|train recording -o x.tflite|there is no 'recording' hint: did you mean 'recordings'?
1|labels zebra|no class, id or parent contains 'zebra'; yamjit labels lists all of them
1|labels phone ringing|no class, id or parent contains 'phone ringing'; did you mean 'Telephone bell ringing'?
3|classify sirne.flac|did you mean 'siren.flac'?
3|classify siren.wav|did you mean 'siren.flac'?
3|classify recording/siren.flac|there is no folder 'recording'; did you mean 'recordings'?
3|classify https:/a.org/x.wav|https:/a.org/x.wav: an address is not opened: download the file first
3|classify '~/x.wav'|~ is not replaced here by the home directory
3|classify "'siren.flac'"|the quotes are taken for a part of the name
3|classify 'nothing/*.wav'|nothing matches it as a pattern; there is no folder 'nothing'
3|classify 'upper/*.wav'|'upper' holds files that end in .WAV (2), .txt (1); upper and lower case differ
3|classify 'upper/**/*.mp3'|'upper' holds files that end in .WAV (2), .txt (1)
"""


@pytest.mark.parametrize("line", LATER.splitlines())
def test_words_that_are_wrong_later(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, command, expected = line.split("|", 2)
    assert expected in " ".join(told(command, capsys, int(code)))


def test_a_pattern_that_lacks_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "season" / "site").mkdir(parents=True)
    (folder / "season" / "site" / "a.wav").touch()
    (line,) = told("classify 'season/*.wav'", capsys, 3)
    assert line.endswith("'season' holds no files; 'season/**/*.wav' looks into its folders as well")


def test_folders_that_are_no_classes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("Sirene", "hund"):
        (folder / "labelled" / name).mkdir(parents=True)
        shutil.copy("siren.flac", folder / "labelled" / name / "a.flac")
    for verb in ("evaluate labelled", "calibrate labelled -o c.tflite"):
        message = " ".join(told(verb, capsys, 1))
        assert "has no class 'Sirene' (did you mean 'Siren'?), 'hund'; it has 'Silence', 'Speech'" in message
        assert message.endswith("and 23 more (yamjit labels)")


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (
            "--threshold 0.3",
            "--threshold 0.3 has no effect: events begin at a score of 0.5 (--on); did you mean --on 0.3?",
        ),
        ("--threshold Siren=0.3 --on Siren=0.4", "--threshold Siren=0.3 has no effect: events begin at a score of 0.4"),
        ("--threshold 0.6", ""),
        ("--threshold 0.3 --on 0.2", ""),
        ("--threshold 0.3 --quiet", ""),
    ],
)
def test_a_threshold_below_the_beginning_of_events(
    arguments: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["events", "siren.flac", "--backend", "numpy", *arguments.split()]) == 0
    err = capsys.readouterr().err
    assert note in err
    assert bool(note) == ("no effect" in err)


def test_a_language_that_the_model_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("classify siren.flac --locale de", "labels siren --locale de"):
        assert main(command.split()) == 0
        assert "--locale 'de' has no effect: the model has names in no other language" in capsys.readouterr().err


#: What is wrong although no model is at hand.
WITHOUT_A_MODEL = """\
classify 'nothing/*.wav'|nothing matches it as a pattern; there is no folder 'nothing'
events gone.wav siren.flac|yamjit: gone.wav: cannot be opened: No such file or directory
embed recordings/empty|the folder holds no recordings
plot siren.flac --start 10 --end 5 -o x.png|--end is 5 s, which is not after --start, 10 s
listen --raw s16el -|did you mean 's16le'?
listen -|samples in a pipe need --raw ENCODING
calibrate gone|there is no 'gone'
labels glass breaking|did you mean 'Glass', 'Shatter' or 'Breaking'?
"""


@pytest.fixture
def no_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YAMJIT_MODEL")
    monkeypatch.setenv("YAMJIT_OFFLINE", "1")
    monkeypatch.setenv("YAMJIT_CACHE", str(folder / "cache"))


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("line", WITHOUT_A_MODEL.splitlines())
def test_mistakes_are_told_before_a_missing_model(
    line: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "recordings" / "empty").mkdir()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    command, expected = line.split("|")
    text = " ".join(told(command, capsys, 1))
    assert expected in text
    assert "there is no model" not in text.split(expected)[0]


@pytest.mark.usefixtures("no_model")
def test_classes_of_the_official_model_are_known_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "smoke alarm"]) == 0
    out, err = capsys.readouterr()
    assert out == " 393  /m/01y3hg   Smoke detector, smoke alarm  < Alarm\n"
    assert err.startswith("yamjit: note: the model is not at hand; these are the classes of the official YAMNet")


@pytest.mark.usefixtures("no_model")
def test_fetch_says_how_else_to_get_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    said = [told(command, capsys, 1) for command in ("fetch", "classify siren.flac")]
    assert said[0][0] == "yamjit: error: nothing is downloaded: $YAMJIT_OFFLINE is set"
    assert said[0][1:] == said[1][1:]
    assert said[0][1] == "There are three ways to get a model:"


def test_what_other_programs_say_leads_to_what_is_there() -> None:
    assert set(VERBS_ELSEWHERE) <= set(VERBS)
    everything = {flag for parser in VERBS.values() for flag in parser.options}
    assert {flag for flags in options_meant().values() for flag in flags} <= everything
    assert not {word for words in VERBS_ELSEWHERE.values() for word in words} & set(VERBS)


def parsers() -> Iterator[Parser]:
    waiting = [_parser()]
    while waiting:
        parser = waiting.pop()
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting.extend(action.choices.values())


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_help_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except what is typed, and in a narrow one long words, and the usage."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for parser in parsers():
        typed = False
        usage, _, rest = parser.format_help().partition("\n\n")
        for line in rest.splitlines() + (usage.splitlines() if columns >= 80 else []):
            typed = line.endswith(("example:", "examples:", "install it:")) or (typed and line.startswith(" "))
            long_word = columns < 80 and max(map(len, line.split()), default=0) > columns // 3
            assert len(line) <= max(columns, 80 * typed) or long_word, (parser.prog, line)


def test_examples_run_as_typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (folder / "recordings").iterdir():
        (folder / "labelled" / path.stem).mkdir(parents=True)
        for copy in "abc":
            shutil.copy(path, folder / "labelled" / path.stem / f"{copy}{path.suffix}")
    pictures = importlib.util.find_spec("matplotlib") is not None
    for verb, commands in EXAMPLES.items():
        for command in commands:
            program, *arguments = shlex.split(command)
            assert program == "yamjit"
            assert command in VERBS[verb].format_help()
            _parser().parse_args(arguments)
            for slow, quick in (("--jobs 2", "--jobs 1"), ("--time 1", "--time 0.1")):
                arguments = shlex.split(command.replace(slow, quick))[1:] if slow in command else arguments
            if pictures or not command.endswith(".png"):
                assert main(arguments) == 0, (command, capsys.readouterr().err)


def test_what_arguments_are_takes_no_numpy_to_know() -> None:
    code = "import sys, yamjit.cli.command as command; command._parser(); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
