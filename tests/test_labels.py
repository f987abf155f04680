"""Label files of any system, and the order of scores."""

from __future__ import annotations

import numpy as np
import pytest

from yamjit.errors import InputError, ModelError
from yamjit.labels import ScoredLabel, parse_labels, rank


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        (b"", ()),
        (b"Speech", ("Speech",)),
        (b"Speech\n", ("Speech",)),
        (b"Speech\nChild speech, kid speaking\n", ("Speech", "Child speech, kid speaking")),
        (b"a\r\nb\r\n", ("a", "b")),
        (b"a\rb\r", ("a", "b")),
        (b"a\r\nb\nc\rd", ("a", "b", "c", "d")),
        (b"a\n\nb\n", ("a", "", "b")),  # a class without a name keeps its place
        (b"\n", ("",)),
        (b"a\n\n", ("a", "")),
        (b"\xef\xbb\xbfa\nb", ("a", "b")),  # a byte order mark
        (b"  a \n\tb\n", ("a", "b")),
        ("Geräusch\n音楽\n🎵\n".encode(), ("Geräusch", "音楽", "🎵")),
        ("one\u2028label\x0bstill\x85the same\n".encode(), ("one\u2028label\x0bstill\x85the same",)),
    ],
)
def test_labels(data: bytes, labels: tuple[str, ...]) -> None:
    assert parse_labels(data) == labels


@pytest.mark.parametrize(("data", "byte"), [(b"\xff\xfe", 0), (b"abc\ndef\xc3", 7), ("ä".encode("latin-1"), 0)])
def test_labels_that_are_no_utf_8_are_refused(data: bytes, byte: int) -> None:
    with pytest.raises(ModelError, match=rf"not UTF-8 \(byte {byte}\)"):
        parse_labels(data)


def test_the_highest_score_comes_first() -> None:
    assert rank(np.array([0.1, 0.9, 0.5]), 3).tolist() == [1, 2, 0]
    assert rank(np.array([0.1, 0.9, 0.5]), 1).tolist() == [1]


def test_equal_scores_are_ordered_by_index() -> None:
    scores = np.array([0.5, 0.25, 0.5, 0.0, 0.25, 0.5], np.float32)
    assert rank(scores, -1).tolist() == [0, 2, 5, 1, 4, 3]
    assert rank(scores, 2).tolist() == [0, 2]
    # So few values occur in quantized scores that ties are the rule.
    many = (np.random.default_rng(0).integers(0, 4, 521) / 256).astype(np.float32)
    expected = sorted(range(521), key=lambda i: (-many[i], i))
    assert rank(many, -1).tolist() == expected
    assert rank(many, 17).tolist() == expected[:17]


def test_more_than_there_are_is_all() -> None:
    scores = np.array([0.2, 0.1], np.float32)
    assert rank(scores, 5).tolist() == rank(scores, -1).tolist() == [0, 1]


@pytest.mark.parametrize("k", [0, -2, -100, 1.5, "3", None])
def test_counts_that_mean_nothing_are_refused(k: object) -> None:
    with pytest.raises(InputError, match="a count of at least 1, or -1 for all"):
        rank(np.array([0.2, 0.1]), k)  # type: ignore[arg-type]


def test_a_scored_label_is_a_tuple() -> None:
    label, score, index = ScoredLabel("Speech", 0.5, 0)
    assert (label, score, index) == ("Speech", 0.5, 0)
