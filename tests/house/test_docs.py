"""The pages in ``docs/``: their examples run and print what they say; the reference has every public name."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import yamjit
from tools.doc_examples import PAGES, ROOT, examples_of, run_page
from yamjit.class_map import audioset_classes
from yamjit.cli import main

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}

#: Why a block may stay unrun.
REASONS = (
    "needs a microphone",
    "needs systemd",
    "needs jq",
    "needs a broker",
    "needs a cluster",
    "needs recordings",
    "needs MediaPipe",
    "needs a program",
    "needs a checkout",
    "needs LiteRT",  # run by tests/learn/test_baking.py
    "needs Docker or Podman",
    "installs",
    "downloads",
    "wants the official model",
    "TensorFlow's",
    "says what machine",
)


def help_of(*verb: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*verb, "--help"])
    return printed.getvalue()


def verbs() -> list[str]:
    return re.findall(r"^    ([a-z]+)(?:  .*)?$", help_of(), re.MULTILINE)


def extras_missing(text: str) -> list[str]:
    """Return the optional packages that a page's examples use and that are not installed."""
    wanted = {"pandas": "pandas", "parquet": "pyarrow", "polars": "polars", "yamjit plot": "matplotlib"}
    wanted["yamjit serve"] = "starlette"
    wanted["yamjit index"] = "usearch"
    return [package for word, package in wanted.items() if word in text and not _installed(package)]


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


PAGES_THAT_RUN = [page for page in PAGES if any(not example.not_run for example in examples_of(TEXTS[page.name]))]


@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=lambda page: page.stem)
def test_examples_print_what_the_page_says(page: Path) -> None:
    text = TEXTS[page.name]
    if os.name == "nt" or shutil.which("bash") is None:
        pytest.skip("the examples want bash and its tools")
    if missing := extras_missing(text):
        pytest.skip(f"the examples want {', '.join(missing)}")
    if "espeak-ng -v" in text and shutil.which("espeak-ng") is None:
        pytest.skip("the examples want espeak-ng")
    ran = 0
    for example, printed in run_page(text):
        ran += 1
        if example.says is not None:
            assert printed == example.says, example.code
    assert ran


def test_what_is_not_run_says_why() -> None:
    unrun = [example.not_run for text in TEXTS.values() for example in examples_of(text) if example.not_run]
    assert unrun
    assert all(reason.startswith(REASONS) for reason in unrun)


def test_every_block_is_found() -> None:
    """A block that the pattern does not see would never be run."""
    for name, text in TEXTS.items():
        assert len(re.findall(r"^```(?:python|sh)$", text, re.MULTILINE)) == len(examples_of(text)), name
        if name != "coming_from_task_library.md":
            assert text.count("<!-- output -->") == sum(example.says is not None for example in examples_of(text)), name


def test_flags_that_the_pages_name_are_there() -> None:
    """Also in examples that are not run."""
    helps = {verb: help_of(verb) for verb in verbs()}
    assert len(helps) > 10
    commands = re.compile(rf"yamjit ({'|'.join(helps)})\b((?:[^|`\n]|\\\n)*)")
    checked = 0
    for name, page in TEXTS.items():
        text = re.sub(r"^## When a word is wrong\n.*?(?=^## |\Z)", "", page, flags=re.MULTILINE | re.DOTALL)
        for verb, rest in commands.findall(text):
            for flag in re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest):
                checked += 1
                assert re.search(rf"{flag}\b", helps[verb]), f"{name}: yamjit {verb} {flag}"
        for flag in re.findall(r"`(--[a-z-]+)", text):
            assert any(flag in text for text in helps.values()), f"{name}: {flag}"
    assert checked > 30


def test_the_groups_of_the_monitor_are_made_of_classes() -> None:
    block = re.search(r"^  ```text\n(.*?)^  ```", TEXTS["guide_live_monitor.md"], re.MULTILINE | re.DOTALL)
    assert block is not None
    words = [line.strip() for line in block[1].splitlines() if line.strip()]
    yamnet = {known.name for known in audioset_classes().values() if known.yamnet_index is not None}
    groups = {word[1:-1] for word in words if word.startswith("[")}
    assert len(groups) == 2
    assert not groups & yamnet
    assert {word for word in words if not word.startswith("[")} <= yamnet


def test_the_reference_has_every_public_name() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.rst"))
    named = set(re.findall(r"^\.\. auto(?:class|function|exception|data):: (?:yamjit\.)?(\w+)$", text, re.MULTILINE))
    assert set(yamjit.__all__) - {"__version__"} <= named


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-E", "-d", str(tmp_path / "trees")]
    done = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "site")], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "command_line.html").read_text(encoding="utf-8")
    assert "yamjit classify" in page
    assert "--aggregate" in page
    page = (tmp_path / "site" / "plots.html").read_text(encoding="utf-8")
    for scheme in ("light", "dark"):
        assert f'<a class="picture only-{scheme}" href="_static/overview-{scheme}.png">' in page
        assert f'srcset="_static/overview-narrow-{scheme}.png"' in page
        assert (tmp_path / "site" / "_static" / f"overview-narrow-{scheme}.png").exists()
    assert 'href="_static/listen.svg"' in page
    page = (tmp_path / "site" / "coming_from_birdnet.html").read_text(encoding="utf-8")
    assert '<span class="pre flag">--max-gap</span>' in page


def test_links_lead_somewhere() -> None:
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
            assert (DOCS / target).exists(), f"{name}: {target}"


def test_pictures_are_small_and_shown() -> None:
    pages = "\n".join([*TEXTS.values(), (ROOT / "README.md").read_text(encoding="utf-8")])
    pictures = {picture.name for picture in (DOCS / "pictures").iterdir()}
    for name in pictures:
        assert (DOCS / "pictures" / name).stat().st_size < 150_000, name
        # The others are shown in its place, on dark pages and narrow ones.
        light = re.sub(r"(-narrow)?-(light|dark)\.png$", "-light.png", name)
        assert f"pictures/{light}" in pages, name
        assert light.replace("-light.", "-dark.") in pictures, name


def test_pictures_are_drawn_by_commands_of_the_page() -> None:
    plots = TEXTS["plots.md"]
    for name in re.findall(r"\(pictures/(\w+)-light\.png\)", plots):
        assert re.search(rf"^yamjit .* -o {name}\.png$", plots, re.MULTILINE), name
    for alt in re.findall(r"!\[([^]]*)\]\(pictures/\w+-light\.png", "\n".join(TEXTS.values())):
        assert len(alt) > 40, alt
