"""Options of a classifier: what is taken, what is refused, groups in files."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamjit.errors import InputError
from yamjit.options import ClassifierOptions, read_groups
from yamjit.spec import DEFAULT_MAX_RESULTS

GROUPS = {"Yelling": ("Shout", "Child speech, kid speaking", 11), "Baby": ("/t/dd00002",)}
TEXT = """# what a child does

[Yelling]
Shout
  Child speech, kid speaking
# twelfth
11

[ Baby ]
/t/dd00002
"""
JSON = '{"Yelling": ["Shout", "Child speech, kid speaking", 11], "Baby": ["/t/dd00002"]}'


def test_defaults_list_every_class() -> None:
    options = ClassifierOptions()
    assert (options.max_results, options.score_threshold, options.head) == (DEFAULT_MAX_RESULTS, None, None)
    assert options.category_allowlist == options.category_denylist == ()
    assert options.calibration == "metadata"
    assert options.members == {}


def test_what_is_given_is_kept_and_can_be_sent_to_another_process() -> None:
    entries = ["Dog", np.int64(3), " Cat "]
    options = ClassifierOptions(
        max_results=np.int64(5),  # type: ignore[arg-type]
        score_threshold={"Dog": 0.5, "*": np.float32(0.25), 3: 1},  # type: ignore[dict-item]
        category_allowlist=entries,
        groups=GROUPS,
    )
    assert options.category_allowlist == ("Dog", 3, "Cat")
    assert options.score_threshold == {"Dog": 0.5, "*": 0.25, 3: 1.0}
    assert options.members == GROUPS
    assert pickle.loads(pickle.dumps(options)) == options
    assert replace(options, max_results=1).members == GROUPS
    entries.clear()
    assert options.category_allowlist == ("Dog", 3, "Cat")


@pytest.mark.parametrize("count", [0, -2, 1.5, "3", None, True])
def test_counts_that_mean_nothing_are_refused(count: object) -> None:
    with pytest.raises(InputError, match=r"max_results is .*at least 1, or -1 for all"):
        ClassifierOptions(max_results=count)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-0.01, 1.01, 50, float("nan"), float("inf"), "0.5", True, [0.5]])
def test_thresholds_out_of_range_are_refused(value: object) -> None:
    for threshold in (value, {"Dog": value}):
        with pytest.raises(InputError, match="a number from 0 to 1"):
            ClassifierOptions(score_threshold=threshold)  # type: ignore[arg-type]


@pytest.mark.parametrize("entries", ["Dog", b"Dog", {"Dog": 1}, 3, None, [""], [-1], [1.0], [True], [None], [["Dog"]]])
@pytest.mark.parametrize("name", ["category_allowlist", "category_denylist"])
def test_lists_that_are_none_are_refused(name: str, entries: object) -> None:
    with pytest.raises(InputError, match=name):
        ClassifierOptions(**{name: entries})  # type: ignore[arg-type]


def test_allowlist_and_denylist_exclude_each_other() -> None:
    with pytest.raises(InputError, match="give only one of them"):
        ClassifierOptions(category_allowlist=["Dog"], category_denylist=["Cat"])


@pytest.mark.parametrize(
    "groups", [[], "", {"": ["Dog"]}, {3: ["Dog"]}, {"Dogs": []}, {"Dogs": "Dog"}, {"a": ["Dog"], " A ": ["Cat"]}]
)
def test_groups_that_are_none_are_refused(groups: object) -> None:
    with pytest.raises(InputError):
        ClassifierOptions(groups=groups)  # type: ignore[arg-type]


def test_other_options_are_checked_too() -> None:
    with pytest.raises(InputError, match="display_names_locale"):
        ClassifierOptions(display_names_locale=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="calibration"):
        ClassifierOptions(calibration=0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content", [TEXT, TEXT.replace("\n", "\r\n"), TEXT.rstrip(), "\ufeff" + TEXT, JSON, "\n" + JSON]
)
def test_groups_are_read_from_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "groups"
    path.write_bytes(content.encode())
    found = read_groups(path)
    numbered = {name: tuple("11" if member == 11 else member for member in GROUPS[name]) for name in GROUPS}
    assert found == (GROUPS if "{" in content else numbered)
    assert list(found) == ["Yelling", "Baby"]
    assert ClassifierOptions(groups=path) == ClassifierOptions(groups=str(path)) == ClassifierOptions(groups=found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no group"),
        (b"# only a comment\n", "names no group"),
        (b"Dog\n[Dogs]\n", "line 1: a group's name in brackets is wanted before 'Dog'"),
        (b"[Dogs]\nDog\n[Dogs]\nCat", "line 3: group 'Dogs' occurs twice"),
        (b"[Dogs]\n[Cats]\nCat", "group 'Dogs' has no classes"),
        (b"[]\nDog", "a group has a name"),
        (b"[Dogs]\n\xff", "not UTF-8"),
        (b"{", "is not JSON"),
        (b'{"a": ["Dog"], "a": ["Cat"]}', "two groups have the same name"),
        (b'{"a": [1.5]}', "an index names a class, found 1.5"),
        (b'{"a": "Dog"}', "a list of classes is accepted"),
        (b'{"a": ' + b"[" * 100_000, "is not JSON"),
        (b"[a]\n" + b"Dog\n" * 2**18, "has more than 1048576 bytes"),
    ],
)
def test_files_that_name_no_groups_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "groups.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"groups\.txt: .*{message}"):
        read_groups(path)


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: No such file"):
        ClassifierOptions(groups=tmp_path / "none.txt")
    with pytest.raises(InputError, match="not a regular file but a directory"):
        ClassifierOptions(groups=tmp_path)
    with pytest.raises(InputError):
        ClassifierOptions(groups="\0")


@given(st.binary(max_size=60))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-groups"
    path.write_bytes(content)
    try:
        groups = read_groups(path)
    except InputError:
        return
    assert all(name and members for name, members in groups.items())
