"""What the C sources repeat of the Python ones is the same, and the header's promises hold."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

import yamjit.deploy
from yamjit.kernels.plan_file.layout import HEADER_BYTES, Fault, Field, HeadField

C = Path(yamjit.deploy.__file__).parent / "c"
SOURCE = (C / "yamjit.c").read_text(encoding="utf-8")
HEADER = (C / "yamjit.h").read_text(encoding="utf-8")


def numbered(text: str) -> dict[str, int]:
    """Return the names of the first enum in a text with their numbers."""
    body = re.sub(r"/\*.*?\*/", "", text.partition("enum {")[2].partition("}")[0], flags=re.DOTALL)
    found: dict[str, int] = {}
    latest = -1
    for word in filter(None, map(str.strip, body.split(","))):
        name, _, number = word.partition(" = ")
        latest = int(number) if number else latest + 1
        found[name] = latest
    return found


@pytest.mark.parametrize(
    ("layout", "prefix", "begin"), [(Field, "", "enum {\n    MAGIC"), (HeadField, "HEAD_", "enum { HEAD_NAME_AT")]
)
def test_c_numbers_fields_as_python_does(layout: type[IntEnum], prefix: str, begin: str) -> None:
    found = numbered(SOURCE[SOURCE.index(begin) :])
    found.pop("HEAD_FIELDS", None)
    assert found == {prefix + field.name: field.value for field in layout}


def test_a_header_has_as_many_bytes_in_c() -> None:
    assert numbered(SOURCE[SOURCE.index("enum { HEADER_BYTES") :])["HEADER_BYTES"] == HEADER_BYTES


def test_faults_are_codes_of_the_header() -> None:
    codes = numbered(HEADER[HEADER.index("enum {\n    YAMJIT_WINDOW") :])
    faults = {f"YAMJIT_{fault.name}": fault.value for fault in Fault if fault}
    assert {name: code for name, code in codes.items() if 0 < code < 100} == faults


def test_every_code_has_a_sentence_of_its_own() -> None:
    codes = numbered(HEADER[HEADER.index("enum {\n    YAMJIT_WINDOW") :])
    sentences = dict(re.findall(r'case (YAMJIT_\w+): return "([^"]+)"', SOURCE))
    assert set(sentences) == set(codes)
    assert len(set(sentences.values())) == len(codes)


def test_every_function_that_is_declared_is_defined_and_every_exported_one_is_declared() -> None:
    declared = set(re.findall(r"YAMJIT_API [^;]*?(yamjit_\w+)\(", HEADER))
    defined = set(re.findall(r"^\w[^;{=]*?\b(yamjit_\w+)\([^;]*?\) \{", SOURCE, re.MULTILINE))
    of_dispatch = {f"yamjit_lowering_{name}" for name in ("count", "name", "runs", "refused")}
    assert declared - of_dispatch == defined
