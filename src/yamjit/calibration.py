"""Score calibration as in TFLite's metadata: a sigmoid for each class, over the score or its logarithm.

``f(x) = scale / (1 + exp(-(slope * g(x) + offset)))`` where ``x > min_score``, else the default score. g is the
identity, ``log(x)``, or ``log(x) - log(1 - x)``. The file has a line for each class: ``scale,slope,offset``, and
``min_score`` if there is one; a class whose line is empty gets the default score.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.disk import describe, read_regular
from yamjit.errors import InputError, ModelError
from yamjit.reprs import brief_repr
from yamjit.suggestions import did_you_mean, with_hint
from yamjit.tflite.score_transformation import ScoreTransformation

__all__ = ["Calibration", "choose_calibrations", "parse_calibration"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Below this score the logarithm is continued by its mirror image, so that it has a value for every score.
_LOG_MINIMUM = float(np.float32(1e-16))

_SCALE, _SLOPE, _OFFSET, _MIN_SCORE = range(4)
_NO_MIN_SCORE = -np.inf

#: Most bytes of a file; a line has about thirty.
_MOST_BYTES = 2**22

#: Numbers as ``strtof`` reads them, without hexadecimal ones, infinity and NaN.
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"

#: First line of a file that holds more than the parameters.
_HEADER = r"#\s*score_transformation=(\w+)\s+default_score=(\S+)\s*"


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration:
    """A sigmoid for each class.

    Parameters
    ----------
    parameters : array_like [shape=(classes, 4), float32]
        Scale (at least 0), slope, offset, and the score that must be exceeded (-inf if none) of each class. A row of
        NaN gives the class the default score.
    score_transformation : ScoreTransformation
        Function of a score that the sigmoid is taken of.
    default_score : float
        Score of classes without parameters, and for scores that do not exceed their class's least one.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """

    parameters: Float32
    score_transformation: ScoreTransformation = ScoreTransformation.IDENTITY
    default_score: float = 0.0

    def __post_init__(self) -> None:
        checks.instance(self.score_transformation, "score_transformation", ScoreTransformation)
        if not checks.is_number(self.default_score):
            raise InputError(f"a finite default score is accepted, found {checks.shown(self.default_score)}")
        with np.errstate(over="ignore"):
            parameters = np.array(checks.array(self.parameters, "parameters", np.float32))
            default_score = float(np.float32(self.default_score))
        if parameters.ndim != 2 or parameters.shape[1] != 4:
            raise InputError(f"calibration parameters of shape (classes, 4) are accepted, found {parameters.shape}")
        faulty = np.flatnonzero(_faulty(parameters))
        if faulty.size:
            values = ", ".join(map(str, parameters[faulty[0]]))
            raise InputError(f"class {faulty[0]}: finite numbers and a scale >= 0 are accepted, found {values}")
        if not np.isfinite(default_score):
            raise InputError(f"a finite default score is accepted, found {self.default_score}")
        parameters.flags.writeable = False
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "default_score", default_score)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.parameters)

    def apply(self, scores: npt.ArrayLike) -> Float32:
        """Calibrate scores.

        Parameters
        ----------
        scores : array_like [shape=(n, classes) or (classes,), float32]
            Scores of the model.

        Returns
        -------
        np.ndarray [shape as `scores`, float32]
            Computed in float64, rounded once.

        Raises
        ------
        InputError
            If the number of scores is not the number of classes.
        """
        given = np.asarray(scores, np.float32)
        if given.shape[-1:] != (self.classes,):
            raise InputError(f"scores of {self.classes} classes are accepted, found shape {given.shape}")
        scale, slope, offset, min_score = self.parameters.T.astype(np.float64)
        values = given.astype(np.float64)
        exponent = slope * _transformed(values, self.score_transformation) + offset
        calibrated = scale * _sigmoid(exponent)
        # A comparison with NaN is false: classes without parameters get the default score as well.
        return np.where(values > min_score, calibrated, self.default_score).astype(np.float32)

    def to_csv(self, *, header: bool = False) -> str:
        """Return the parameters as a file of TFLite's metadata.

        Parameters
        ----------
        header : bool
            Whether a first line holds what metadata hold elsewhere: transformation and default score. Files with it
            are for `from_file`, not for metadata.

        Returns
        -------
        str
            Numbers have the fewest digits that give the same float32. There is no final newline: the Task Library and
            MediaPipe would read it as one more class.
        """
        lines = [_line(row) for row in self.parameters]
        if header:
            default = np.float32(self.default_score)
            lines.insert(0, f"# score_transformation={self.score_transformation.name} default_score={default!s}")
        return "\n".join(lines)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], classes: int) -> Calibration:
        """Read what `to_csv` wrote, or a file of TFLite's metadata.

        Parameters
        ----------
        path : path
            Without the first line of ``to_csv(header=True)``, scores are not transformed and the default score is 0.
        classes : int
            Number of classes.

        Raises
        ------
        InputError
            If the file cannot be read, or is not such a file.
        """
        return _CalibrationFile(checks.path(path, "path")).calibration(checks.whole(classes, "classes", 1))

    @staticmethod
    def classes_of_file(path: str | os.PathLike[str]) -> tuple[int, ...]:
        """Return the numbers of classes that a file can be for: a final newline may end a line or begin an empty one.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        return _CalibrationFile(path).classes


def choose_calibrations(
    choice: str | os.PathLike[str] | None, own: Sequence[Calibration | None], classes: Sequence[int]
) -> tuple[Calibration | None, ...]:
    """Return the calibration of each head, given the one in its metadata (`own`) and its number of classes.

    A file is for the first head with as many classes as the file has lines; the others keep the calibration of their
    metadata. Raises `InputError` if the file cannot be read, is not a calibration file, or does not fit any head.
    """
    if choice is None:
        return (None,) * len(own)
    if choice == "metadata":
        return tuple(own)
    file = _CalibrationFile(choice)
    fitting = next((index for index, count in enumerate(classes) if count in file.classes), 0)
    return (*own[:fitting], file.calibration(classes[fitting]), *own[fitting + 1 :])


def parse_calibration(
    data: bytes,
    classes: int,
    score_transformation: ScoreTransformation = ScoreTransformation.IDENTITY,
    default_score: float = 0.0,
) -> Calibration:
    """Read a file of TFLite's metadata: one line for each class, with line ends of any system; the last may lack one.

    Raises `ModelError` if `data` is not such a file in UTF-8.
    """
    try:
        return _parse_lines(_split(data), classes, score_transformation, default_score)
    except InputError as error:
        raise ModelError(str(error)) from error


class _CalibrationFile:
    """A file of the user's, whose first line may hold what metadata hold elsewhere."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        try:
            data = read_regular(Path(path), _MOST_BYTES + 1)
            if len(data) > _MOST_BYTES:
                raise InputError(f"has more than {_MOST_BYTES} bytes")
            self._lines = _split(data)
        except (OSError, ValueError) as error:
            bare = Path(path).stem == str(self._path)  # without a folder and a suffix
            like = did_you_mean(str(self._path), ("metadata", "none")) if bare else ""
            raise InputError(with_hint(f"{self._path}: {describe(error)}", like)) from error
        self._header = self._lines.pop(0) if self._lines[0].startswith("#") else ""

    @property
    def classes(self) -> tuple[int, ...]:
        count = len(self._lines)
        return (count,) if self._lines[-1:] != [""] else (count - 1, count)

    def calibration(self, classes: int) -> Calibration:
        try:
            return _parse_lines(self._lines, classes, *_parse_header(self._header))
        except InputError as error:
            raise InputError(f"{self._path}: {error}") from error


def _split(data: bytes) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 (byte {error.start})") from error
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _without_last(lines: list[str], classes: int) -> list[str]:
    """Return the lines, without the empty one after a final newline if there is one too many."""
    return lines[:-1] if len(lines) == classes + 1 and not lines[-1] else lines


def _parse_header(line: str) -> tuple[ScoreTransformation, float]:
    if not line:
        return ScoreTransformation.IDENTITY, 0.0
    header = re.fullmatch(_HEADER, line)
    if header is None or header[1] not in ScoreTransformation.__members__ or not re.fullmatch(_NUMBER, header[2]):
        accepted = "|".join(ScoreTransformation.__members__)
        raise InputError(
            f"a first line '# score_transformation={accepted} default_score=NUMBER' is accepted, found {line[:80]!r}"
        )
    return ScoreTransformation[header[1]], float(header[2])


def _parse_lines(
    lines: list[str], classes: int, score_transformation: ScoreTransformation, default_score: float
) -> Calibration:
    lines = _without_last(lines, classes)
    if len(lines) != classes:
        raise InputError(f"{len(lines)} lines for {classes} classes")
    rows = [_parse_line(line, number) for number, line in enumerate(lines, 1)]
    return Calibration(np.array(rows).reshape(classes, 4), score_transformation, default_score)


def _parse_line(line: str, number: int) -> list[float]:
    """Return scale, slope, offset and least score."""
    if not line.strip():
        return [np.nan] * 4
    words = [word.strip() for word in line.split(",")]
    if len(words) not in (3, 4) or not all(re.fullmatch(_NUMBER, word) for word in words):
        raise InputError(f"line {number}: 0, 3 or 4 numbers with commas between them are accepted, found {line[:80]!r}")
    values = [float(word) for word in words]
    return values if len(values) == 4 else [*values, _NO_MIN_SCORE]


def _line(row: Float32) -> str:
    if np.isnan(row[_SCALE]):
        return ""
    values = row[:_MIN_SCORE] if row[_MIN_SCORE] == _NO_MIN_SCORE else row
    return ",".join(map(str, values))


def _faulty(parameters: Float32) -> npt.NDArray[np.bool_]:
    """Return which rows are not the parameters of a sigmoid."""
    absent = np.isnan(parameters).all(axis=1)
    sound = np.isfinite(parameters[:, :_MIN_SCORE]).all(axis=1) & (parameters[:, _SCALE] >= 0)
    sound &= parameters[:, _MIN_SCORE] < np.inf
    return ~(absent | sound)


def _log(x: Float64) -> Float64:
    low = x < _LOG_MINIMUM
    mirrored = np.log(np.where(low, 2 * _LOG_MINIMUM - x, x))
    return np.where(low, 2 * np.log(_LOG_MINIMUM) - mirrored, mirrored)


def _sigmoid(x: Float64) -> Float64:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _transformed(scores: Float64, transformation: ScoreTransformation) -> Float64:
    if transformation == ScoreTransformation.IDENTITY:
        return scores
    if transformation == ScoreTransformation.LOG:
        return _log(scores)
    return _log(scores) - _log(1.0 - scores)
