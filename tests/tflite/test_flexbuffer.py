"""Options of custom operators: what was written is read, as others write it too, and damaged bytes are refused."""

from __future__ import annotations

import random

import pytest

from yamjit.tflite.flexbuffer import read_flexbuffer, write_flexbuffer

VALUES = {"window_size": 480, "stride": 160, "magnitude_squared": 1, "below": -5}


def test_what_was_written_is_read() -> None:
    assert read_flexbuffer(write_flexbuffer(VALUES)) == VALUES
    assert read_flexbuffer(write_flexbuffer({})) == {}


@pytest.mark.parametrize("large", [0, 300, 70_000, 2**40])
def test_what_others_write_is_read(large: int) -> None:
    builder = pytest.importorskip("flatbuffers.flexbuffers").Builder()
    with builder.Map():
        builder.Bool("magnitude_squared", True)
        builder.Int("large", large)
        builder.UInt("unsigned", 250)
        builder.Float("upper_frequency_limit", 4000.5)
        builder.Int("negative", -300)
        builder.String("text", "is left out")
    found = read_flexbuffer(bytes(builder.Finish()))
    assert found == {
        "magnitude_squared": 1,
        "large": large,
        "unsigned": 250,
        "upper_frequency_limit": 4000.5,
        "negative": -300,
    }


def test_others_read_what_was_written() -> None:
    flexbuffers = pytest.importorskip("flatbuffers.flexbuffers")
    assert flexbuffers.Loads(write_flexbuffer(VALUES)) == VALUES


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least 3 bytes, found 0"),
        (b"\x05\x04\x01", "a map is accepted"),
        (b"\x05\x24\x03", "a map is accepted"),
        (b"\x05\x24\x01", "are not among the 3"),
        (bytes(8) + b"\xff\x00\x00\x00\x04\x24\x04", "entries are more|are not among"),
    ],
)
def test_no_map(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_flexbuffer(data)


def test_damaged_bytes_are_refused_or_read() -> None:
    dice, data = random.Random(4), write_flexbuffer(VALUES)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(data))] = dice.choice((0, 1, 255, dice.randrange(256)))
        try:
            assert (
                len(read_flexbuffer(bytes(damaged[: dice.randint(0, len(data))] if dice.random() < 0.2 else damaged)))
                < 65
            )
        except ValueError:
            refused += 1
    assert 300 < refused < 2999
