"""Score calibration: the formula, its files, and what other implementations do wrong."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamjit.calibration import Calibration, choose_calibrations, parse_calibration
from yamjit.errors import InputError, ModelError
from yamjit.tflite.metadata import ScoreTransformation

IDENTITY, LOG, INVERSE_LOGISTIC = ScoreTransformation
NO_MINIMUM = -math.inf
EMPTY = [math.nan] * 4

finite = st.floats(-1e6, 1e6, width=32)
sigmoids = st.tuples(st.floats(0, 100, width=32), finite, finite, st.one_of(st.just(NO_MINIMUM), finite))
rows = st.lists(st.one_of(st.just(tuple(EMPTY)), sigmoids), min_size=1, max_size=6)


def slow(x: float, row: tuple[float, ...], transformation: ScoreTransformation, default: float) -> float:
    """Calibrate one score by the formula of the schema; the logarithm below 1e-16 goes on as its mirror image."""

    def log(value: float) -> float:
        least = float(np.float32(1e-16))
        return math.log(value) if value >= least else 2 * math.log(least) - math.log(2 * least - value)

    scale, slope, offset, min_score = row
    if math.isnan(scale) or not x > min_score:
        return default
    g = {IDENTITY: lambda: x, LOG: lambda: log(x), INVERSE_LOGISTIC: lambda: log(x) - log(1 - x)}[transformation]()
    z = slope * g + offset
    return scale / (1 + math.exp(-z)) if z > -700 else 0.0


@given(rows, st.sampled_from(ScoreTransformation), finite, st.data())
def test_the_formula(
    parameters: list[tuple[float, ...]], transformation: ScoreTransformation, default: float, data: st.DataObject
) -> None:
    score = st.one_of(st.integers(0, 256).map(lambda step: step / 256), st.floats(0, 1, width=32))
    scores = data.draw(st.lists(st.tuples(*[score] * len(parameters)), max_size=3))
    calibration = Calibration(np.array(parameters), transformation, default)
    given_scores = np.array(scores, np.float32).reshape(-1, len(parameters))
    found = calibration.apply(given_scores)
    assert found.dtype == np.float32
    assert found.shape == given_scores.shape
    expected = [
        [slow(x, row, transformation, default) for x, row in zip(line, parameters, strict=True)] for line in scores
    ]
    np.testing.assert_allclose(found, np.array(expected).reshape(found.shape), rtol=2e-6, atol=1e-30)


@pytest.mark.parametrize("transformation", ScoreTransformation)
def test_calibration_keeps_the_order_of_scores(transformation: ScoreTransformation) -> None:
    scores = (np.arange(257) / 256).astype(np.float32)
    calibration = Calibration(np.array([[1.0, 0.5, -0.25, NO_MINIMUM]]), transformation)
    found = calibration.apply(scores[:, None])[:, 0]
    assert (np.diff(found) > 0).all()
    assert 0 <= found.min() < found.max() <= 1


def test_the_inverse_logistic_of_a_sigmoid_gives_it_back() -> None:
    scores = (np.arange(1, 256) / 256).astype(np.float32)[:, None]
    same = Calibration(np.array([[1.0, 1.0, 0.0, NO_MINIMUM]]), INVERSE_LOGISTIC)
    np.testing.assert_allclose(same.apply(scores), scores, rtol=1e-6)


def test_a_score_equal_to_the_least_one_gets_the_default() -> None:
    """The schema says ``x > min_score``; others calibrate at equality."""
    calibration = Calibration(np.array([[1.0, 1.0, 0.0, 0.25]] * 3), default_score=0.125)
    below, equal, above = calibration.apply(
        [[np.nextafter(np.float32(0.25), 0), 0.25, np.nextafter(np.float32(0.25), 1)]]
    )[0]
    assert below == equal == 0.125
    assert above == pytest.approx(1 / (1 + math.exp(-0.25)))
    # Both are float32: 0.1 is not greater than 0.1.
    assert Calibration(np.array([[1.0, 1.0, 0.0, 0.1]]), default_score=0.5).apply(np.float32([0.1])) == 0.5


def test_great_exponents_do_not_overflow() -> None:
    calibration = Calibration(np.array([[1.0, 3e38, 0.0, NO_MINIMUM], [1.0, -3e38, 0.0, NO_MINIMUM]]), LOG)
    assert calibration.apply([[0.5, 0.5], [0.0, 0.0]]).tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_the_logarithm_of_zero_is_that_of_the_least_score_and_of_a_half() -> None:
    """At 0, log(1e-16) lies as far above as it lies below log(2e-16)."""
    expected = 1 / (1 + math.exp(-0.125 * (math.log(1e-16) - math.log(2))))
    log, odds = (
        Calibration(np.array([[1, 0.125, 0, NO_MINIMUM]]), kind).apply([[0.0], [1.0]])
        for kind in (LOG, INVERSE_LOGISTIC)
    )
    assert log.ravel().tolist() == pytest.approx([expected, 0.5], rel=1e-6)
    assert odds.ravel().tolist() == pytest.approx([expected, 1 - expected], rel=1e-6)


def test_scores_of_other_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"scores of 2 classes are accepted, found shape \(1, 3\)"):
        Calibration(np.array([EMPTY, EMPTY])).apply(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize(
    "row",
    [
        [-1.0, 0, 0, NO_MINIMUM],
        [math.nan, 0, 0, 0],
        [1, math.inf, 0, 0],
        [1, 0, math.nan, 0],
        [1, 0, 0, math.inf],
        [1, 0, 0, math.nan],
        [1e39, 0, 0, 0],
    ],
)
def test_parameters_out_of_range_are_refused(row: list[float]) -> None:
    with pytest.raises(InputError, match=r"class 1: finite numbers and a scale >= 0"):
        Calibration(np.array([EMPTY, row]))


def test_other_things_that_are_no_calibration_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(classes, 4\) are accepted, found \(4,\)"):
        Calibration(np.zeros(4))
    for default in (math.nan, math.inf, 1e39):
        with pytest.raises(InputError, match="a finite default score"):
            Calibration(np.array([EMPTY]), default_score=default)


def test_parameters_are_a_copy_that_nobody_changes() -> None:
    parameters = np.array([[1.0, 1.0, 0.0, NO_MINIMUM]], np.float32)
    calibration = Calibration(parameters)
    parameters[:] = 0
    assert calibration.parameters.tolist() == [[1.0, 1.0, 0.0, NO_MINIMUM]]
    with pytest.raises(ValueError, match="read-only"):
        calibration.parameters[0] = 0
    again = pickle.loads(pickle.dumps(calibration))
    assert again.apply([0.5]) == calibration.apply([0.5])


# -- Files ------------------------------------------------------------------------------------------------------


@given(rows, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_what_is_written_is_read_back(parameters: list[tuple[float, ...]], end: str, final: bool, mark: bool) -> None:
    """A final newline and any system's line ends are fine, also where the last class has no parameters."""
    calibration = Calibration(np.array(parameters), LOG, 0.5)
    text = calibration.to_csv().replace("\n", end) + (end if final else "")
    found = parse_calibration((b"\xef\xbb\xbf" if mark else b"") + text.encode(), len(parameters), LOG, 0.5)
    np.testing.assert_array_equal(found.parameters, calibration.parameters)
    assert (found.score_transformation, found.default_score) == (LOG, 0.5)


def test_a_file_for_metadata_has_as_many_lines_as_the_task_library_and_mediapipe_want() -> None:
    text = Calibration(np.array([[0.9, 2, -0.5, 0.25], EMPTY, [1, 0.1, 0, NO_MINIMUM], EMPTY])).to_csv()
    assert text == "0.9,2.0,-0.5,0.25\n\n1.0,0.1,0.0\n"
    assert len(text.split("\n")) == 4


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"1,2,3", [1, 2, 3, NO_MINIMUM]),
        (b" 1 , +2. ,\t-.5 , 1e-3 ", [1, 2, -0.5, np.float32(1e-3)]),
        (b"1E0,2e+2,3", [1, 200, 3, NO_MINIMUM]),
        (b"", EMPTY),
        (b"  ", EMPTY),
    ],
)
def test_lines(line: bytes, row: list[float]) -> None:
    np.testing.assert_array_equal(parse_calibration(line, 1).parameters[0], row)


@pytest.mark.parametrize(
    "line",
    [
        b"1",
        b"1,2",
        b"1,2,3,4,5",
        b"1,2,",
        b",,",
        b"a,b,c",
        b"1;2;3",
        b"nan,1,1",
        b"1,inf,1",
        b"1,1_0,1",
        b"1,0x1,1",
        b"1e,1,1",
        b"1,2,3,",
        "1,٣,1".encode(),
    ],
)
def test_lines_that_are_wrong_are_refused(line: str) -> None:
    with pytest.raises(ModelError, match="line 2: 0, 3 or 4 numbers with commas"):
        parse_calibration(f"1,1,1\n{line}".encode(), 2)


def test_numbers_that_are_too_great_are_refused() -> None:
    with pytest.raises(ModelError, match="class 0: finite numbers"):
        parse_calibration(b"1,1e39,1", 1)


@pytest.mark.parametrize(
    ("content", "classes", "lines"), [(b"", 2, 1), (b"1,1,1", 2, 1), (b"\n\n", 1, 3), (b"\n", 3, 2)]
)
def test_files_of_another_length_are_refused(content: bytes, classes: int, lines: int) -> None:
    with pytest.raises(ModelError, match=f"{lines} lines for {classes} classes"):
        parse_calibration(content, classes)


def test_files_say_how_scores_are_transformed(tmp_path: Path) -> None:
    path = tmp_path / "calibration.csv"
    calibration = Calibration(np.array([[1, 2, 3, NO_MINIMUM], EMPTY]), INVERSE_LOGISTIC, -0.1)
    path.write_text(calibration.to_csv(header=True), encoding="utf-8")
    assert path.read_text().splitlines()[0] == "# score_transformation=INVERSE_LOGISTIC default_score=-0.1"
    found = Calibration.from_file(path, 2)
    np.testing.assert_array_equal(found.parameters, calibration.parameters)
    assert found.score_transformation == INVERSE_LOGISTIC
    assert found.default_score == calibration.default_score
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    np.testing.assert_array_equal(Calibration.from_file(str(path), 2).parameters, calibration.parameters)
    path.write_text(calibration.to_csv())
    assert Calibration.from_file(path, 2).score_transformation == IDENTITY


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# made by hand\n1,1,1", "a first line '# score_transformation=IDENTITY"),
        (b"# score_transformation=SQUARE default_score=0\n1,1,1", "found '# score_transformation=SQUARE"),
        (b"# score_transformation=LOG default_score=nan\n1,1,1", "default_score=NUMBER"),
        (b"# score_transformation=LOG default_score=0\n1,1,1\n1,1,1", "2 lines for 1 classes"),
        (b"\xff", "is not UTF-8"),
        (b"x", "line 1: 0, 3 or 4 numbers"),
        (b"\n" * (2**22 + 1), "has more than 4194304 bytes"),
    ],
)
def test_files_that_are_wrong_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "calibration.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"calibration\.csv: .*{message}"):
        Calibration.from_file(path, 1)


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: No such file or directory$"):
        Calibration.from_file(tmp_path / "none.csv", 1)
    with pytest.raises(InputError):
        Calibration.from_file("\0", 1)


def test_every_head_gets_the_calibration_that_was_chosen(tmp_path: Path) -> None:
    own = (None, Calibration(np.array([EMPTY] * 3)))
    path = tmp_path / "calibration.csv"
    path.write_text("# score_transformation=LOG default_score=0.0\n1,1,1\n\n\n")
    assert choose_calibrations("metadata", own, (5, 3)) == own
    assert choose_calibrations(None, own, (5, 3)) == (None, None)
    first, second = choose_calibrations(path, own, (5, 3))
    assert first is None
    assert second is not None
    assert second.score_transformation == LOG
    # The file's lines fit three classes, or four whose last has an empty line; the first head that fits gets it.
    first, second = choose_calibrations(path, own, (4, 3))
    assert first is not None
    assert second is own[1]
    with pytest.raises(InputError, match=r"calibration\.csv: 4 lines for 7 classes"):
        choose_calibrations(path, own, (7, 8))
