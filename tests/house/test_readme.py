"""The README: its commands print what it says, its Python runs, its links and pictures are there, it stays short."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from yamjit.cli import main

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")

#: What is printed stands indented.
PRINTED = [
    re.sub("^    ", "", block, flags=re.MULTILINE).strip("\n").rstrip()
    for block in re.findall(r"^\n((?:    .*\n|\n)+)", TEXT, re.MULTILINE)
]

#: When an event begins and ends, in seconds, its score and its class; the time of day may stand before.
EVENT = re.compile(r"(?P<start>\d+\.\d\d) +(?P<end>\d+\.\d\d)  (?P<score>\d\.\d{3})  (?P<label>.+)$")


def compare(shown: list[str], printed: list[str]) -> None:
    """Compare lines, but leave another processor's rounding a hop, and some hundredths of a score."""
    if shown[-1].strip() == "...":
        shown, printed = shown[:-1], printed[: len(shown) - 1]
    assert len(shown) == len(printed)
    for ours, theirs in zip(shown, printed, strict=True):
        here, there = EVENT.search(ours), EVENT.search(theirs)
        if here is None or there is None:
            assert ours == theirs
            continue
        assert here["label"] == there["label"]
        assert len(ours[: here.start()]) == len(theirs[: there.start()])
        for name, most in (("start", 0.5), ("end", 0.5), ("score", 0.05)):
            assert float(here[name]) == pytest.approx(float(there[name]), abs=most)


def test_what_was_heard_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile = pytest.importorskip("soundfile")
    from tools.doc_scene import morning

    (command, *shown) = next(block for block in PRINTED if block.startswith("$ ")).splitlines()
    words = command.split()[1:]
    assert f"`python -m tools.doc_scene {words[2]}`" in TEXT
    monkeypatch.chdir(tmp_path)
    soundfile.write(words[2], morning(), 16_000, "PCM_16")
    assert main(words[1:]) == 0
    compare(shown, capsys.readouterr().out.splitlines())


def test_the_start_prints_what_it_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (started,) = re.findall(r"^pip install \.\nyamjit (\w+) (\S+) (--model starter)$", TEXT, re.MULTILINE)
    verb, pattern, model = started
    monkeypatch.chdir(ROOT)
    files = sorted(path.as_posix() for path in Path().glob(pattern))
    assert main([verb, *files, *model.split()]) == 0
    shown = next(block for block in PRINTED if block.startswith(files[0]))
    compare(shown.splitlines(), capsys.readouterr().out.rstrip().splitlines())


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert blocks
    for name in set(re.findall(r'"([\w.]+\.(?:mp3|flac))"', "".join(blocks))):
        shutil.copy(ROOT / "examples" / "siren.flac", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {"__name__": "example"})
    assert "Siren" in capsys.readouterr().out


def test_what_it_links_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", TEXT) + re.findall(r'(?:href|src|srcset)="([^"]+)"', TEXT)
    here = [target for target in targets if not target.startswith("https://")]
    assert len(here) > 10
    assert not [target for target in here if not (ROOT / target).exists()]


def test_it_begins_with_a_picture_for_light_and_for_dark_pages_that_says_what_it_shows() -> None:
    above = TEXT[: TEXT.index("## ")]
    (picture,) = re.findall(r"<picture>.*?</picture>", above, re.DOTALL)
    assert 'media="(prefers-color-scheme: dark)" srcset="docs/pictures/hero-dark.png"' in picture
    assert 'src="docs/pictures/hero-light.png"' in picture
    assert len(re.findall(r'alt="([^"]{40,})"', picture)) == 1


def test_ci_finds_the_test_command() -> None:
    (block,) = re.findall(r"<!-- the test command -->\n\n```sh\n(.*?)```", TEXT, re.DOTALL)
    assert block.startswith("python3 -m venv .venv && ")
    assert block.count("\n") == 1


def test_it_is_read_in_one_sitting() -> None:
    assert len(TEXT.split()) < 1500
    assert len(TEXT.splitlines()) < 200


def test_the_registry_would_render_it() -> None:
    markdown = pytest.importorskip(
        "readme_renderer.markdown", reason="wants readme-renderer: pip install readme-renderer[md]"
    )
    page = markdown.render(TEXT)
    assert page is not None
    assert 'src="docs/pictures/hero-light.png"' in page
    assert page.count("<table>") == len(re.findall(r"^\|---", TEXT, re.MULTILINE))
