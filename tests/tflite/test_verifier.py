"""The verifier: what it lets through can be read, and nothing makes it fail otherwise or take long."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc

import pytest

from tests.support.flat import build_tree, read_tree
from yamjit.errors import LimitError, ModelError
from yamjit.tflite.codec import TableBuilder
from yamjit.tflite.model_tables import MODEL, MODEL_IDENTIFIER
from yamjit.tflite.schema import (
    Child,
    Opaque,
    Scalar,
    String,
    Table,
    Union,
    Vector,
)
from yamjit.tflite.verifier import MAX_STRING_BYTES, verify

KID = Table("Kid", {"value": Scalar("I")})
ROOT = Table(
    "Root",
    {
        "number": Scalar("I"),
        "text": String(),
        "numbers": Vector(Scalar("I")),
        "kids": Vector(Child(KID)),
        "choice_type": Scalar("B"),
        "choice": Union({1: KID}),
    },
)
IDENTIFIER = b"TEST"


def sound() -> bytearray:
    """A FlatBuffer written by hand, so that every byte has a known place."""
    data = bytearray(108)
    struct.pack_into("<I4s", data, 0, 24, IDENTIFIER)
    struct.pack_into("<8H", data, 8, 16, 28, 4, 8, 12, 16, 20, 24)  # the root's vtable
    struct.pack_into("<iIIIIBxxxI", data, 24, 16, 7, 56 - 32, 64 - 36, 80 - 40, 1, 100 - 48)
    struct.pack_into("<I4s", data, 56, 3, b"abc")
    struct.pack_into("<I3I", data, 64, 3, 1, 2, 3)
    struct.pack_into("<III", data, 80, 2, 100 - 84, 100 - 88)
    struct.pack_into("<3H", data, 92, 6, 8, 4)  # the kid's vtable
    struct.pack_into("<iI", data, 100, 8, 9)
    return data


def check(data: bytes) -> int:
    return verify(bytes(data), ROOT, IDENTIFIER)


def test_sound() -> None:
    assert check(sound()) == 108
    assert check(sound() + b"appended") == 108
    tree = read_tree(bytes(sound()), ROOT)
    assert tree["text"] == b"abc"
    assert tree["kids"] == [{"value": 9}] * 2


@pytest.mark.parametrize("size", [0, 1, 7, 8])
def test_too_short(size: int) -> None:
    with pytest.raises(ModelError):
        check(sound()[:size])


@pytest.mark.parametrize(
    ("position", "form", "value", "message"),
    [
        (4, "4s", b"TFL2", "identifier"),
        (0, "I", 0, "offset to Root"),
        (0, "I", 105, "offset to Root"),
        (0, "I", 2**32 - 1, "offset to Root"),
        (0, "I", 26, "aligned"),
        (24, "i", -200, "vtable of Root would be at byte 224"),
        (24, "i", 200, "vtable of Root would be at byte -176"),
        (24, "i", 15, "vtable of Root would be at byte 9"),
        (24, "i", 2**31 - 1, "vtable of Root"),
        (8, "H", 3, "vtable of Root with 3 bytes"),
        (8, "H", 0, "vtable of Root with 0 bytes"),
        (8, "H", 15, "vtable of Root with 15 bytes"),
        (8, "H", 65534, "vtable of Root with 65534 bytes"),
        (8, "H", 200, "passes the end"),
        (10, "H", 0, "for 0 is not one"),
        (10, "H", 85, "passes the end"),
        (12, "H", 26, "Root.number at 26 with 4 bytes is not inside the table's 28"),
        (12, "H", 2, "Root.number at 2"),
        (12, "H", 6, "Root.number is not aligned"),
        (14, "H", 22, "Root.text is not aligned"),
        (32, "I", 77, "offset to Root.text leads to byte 109 of 108"),
        (32, "I", 0, "offset to Root.text leads to byte 32"),
        (32, "I", 23, "Root.text is not aligned"),
        (56, "I", 2**32 - 1, "claims 4294967295 elements"),
        (56, "I", 48, "passes the end"),
        (56, "I", 2, "does not end with a zero byte"),
        (63, "B", 1, "does not end with a zero byte"),
        (64, "I", 2**32 - 1, "Root.numbers claims 4294967295 elements of 4 bytes; 40 are left"),
        (64, "I", 11, "Root.numbers claims 11"),
        (80, "I", 2**32 - 1, "Root.kids claims"),
        (84, "I", 2**31, "offset to Kid"),
        (44, "B", 0, "a value but no type"),
        (22, "H", 0, "a type but no value"),
        (20, "H", 0, "a value but no type"),
        (96, "H", 8, "Kid.value at 8"),
    ],
)
def test_damage(position: int, form: str, value: object, message: str) -> None:
    data = sound()
    struct.pack_into(f"<{form}", data, position, value)
    with pytest.raises(ModelError, match=message) as caught:
        check(data)
    assert caught.value.offset is not None


def test_unknown_union_member_is_not_followed() -> None:
    data = sound()
    data[44] = 9
    struct.pack_into("<i", data, 100, 2**31 - 1)  # no table any more
    struct.pack_into("<I", data, 80, 0)
    assert check(data) == 84
    struct.pack_into("<I", data, 48, 2**30)
    with pytest.raises(ModelError, match=r"offset to Root\.choice"):
        check(data)


def test_unknown_field() -> None:
    data = sound()
    struct.pack_into("<3H", data, 92, 8, 8, 4)
    data[98:100] = b"\x04\0"
    with pytest.raises(ModelError, match="Kid has field 1, which is not known"):
        check(data)
    newer = Table("Kid", KID.fields, extensible=True)
    fields = dict(ROOT.fields, kids=Vector(Child(newer)), choice=Union({1: newer}))
    assert verify(bytes(data), Table("Root", fields), IDENTIFIER) == 108


@pytest.mark.parametrize("cut", range(8, 108))
def test_every_truncation(cut: int) -> None:
    with pytest.raises(ModelError):
        check(sound()[:cut])


@pytest.mark.parametrize("letter", "BHQ")
def test_scalar_sizes(letter: str) -> None:
    table = Table("Wide", {"value": Scalar(letter), "values": Vector(Scalar(letter))})
    data = build_tree({"value": 1, "values": bytes(range(24))}, table, IDENTIFIER)
    assert verify(data, table, IDENTIFIER) <= len(data)


def test_eight_bytes_are_aligned_to_eight() -> None:
    for table, tree in (
        (Table("Wide", {"value": Scalar("Q")}), {"value": 1}),
        (Table("Wide", {"values": Vector(Scalar("Q"))}), {"values": bytes(8)}),
    ):
        data = build_tree(tree, table, IDENTIFIER)
        root = int.from_bytes(data[:4], "little")
        moved = (root + 4).to_bytes(4, "little") + IDENTIFIER + bytes(4) + data[8:]
        with pytest.raises(ModelError, match="is not aligned to 8 bytes"):
            verify(moved, table, IDENTIFIER)


def test_strings() -> None:
    table = Table("Names", {"names": Vector(String()), "opaque": Opaque()})
    data = bytearray(build_tree({"names": [b"one", b"two"]}, table, IDENTIFIER))
    verify(bytes(data), table, IDENTIFIER)
    data[data.index(b"two\0") + 3] = 1
    with pytest.raises(ModelError, match="zero byte"):
        verify(bytes(data), table, IDENTIFIER)


def test_long_string() -> None:
    table = Table("Name", {"name": String()})
    verify(build_tree({"name": b"x" * MAX_STRING_BYTES}, table, IDENTIFIER), table, IDENTIFIER)
    with pytest.raises(ModelError, match="at most 65536"):
        verify(build_tree({"name": b"x" * (MAX_STRING_BYTES + 1)}, table, IDENTIFIER), table, IDENTIFIER)


def shared(count: int, levels: int) -> tuple[bytes, Table]:
    """Vectors of `count` offsets to one and the same table, `levels` times over."""
    builder = TableBuilder()
    table = Table("Leaf", {"value": Scalar("I")})
    offset = builder.table(table, {})
    for level in range(levels):
        table = Table(f"Level{level}", {"kids": Vector(Child(table))})
        offset = builder.table(table, {"kids": builder.offsets([offset] * count)})
    return builder.finish(offset, IDENTIFIER), table


@pytest.mark.parametrize(("count", "levels"), [(2**16, 1), (200, 4), (2, 60), (30_000, 2)])
def test_shared_tables_are_bounded(count: int, levels: int) -> None:
    data, table = shared(count, levels)
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(LimitError):
        verify(data, table, IDENTIFIER, max_tables=10_000)
    seconds = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 5e6


def test_shared_vectors_are_bounded() -> None:
    builder, table = TableBuilder(), Table("Names", {"names": Vector(String())})
    names = builder.offsets([builder.string("x" * 60_000)] * 5000)
    data = builder.finish(builder.table(table, {"names": names}), IDENTIFIER)
    with pytest.raises(LimitError, match="overlap"):
        verify(data, table, IDENTIFIER)


def test_depth_is_bounded() -> None:
    fields: dict[str, object] = {}
    recursive = Table("Recursive", fields)  # type: ignore[arg-type]
    fields["self"] = Child(recursive)
    builder, offset = TableBuilder(), None
    for _ in range(70):
        offset = builder.table(recursive, {"self": offset})
    assert offset is not None
    data = builder.finish(offset, IDENTIFIER)
    with pytest.raises(LimitError, match="nested deeper than 64"):
        verify(data, recursive, IDENTIFIER)
    assert verify(data, recursive, IDENTIFIER, max_depth=70) <= len(data)


def test_random_damage_gives_an_error_or_a_readable_file() -> None:
    dice = random.Random(5)
    accepted = 0
    for _ in range(3000):
        data = sound()
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 4, 8, 127, 128, 255, dice.randrange(256)))
        try:
            check(data)
        except (ModelError, LimitError):
            continue
        accepted += 1
        read_tree(bytes(data), ROOT)
    assert 100 < accepted < 2900


def test_speed_on_a_model_of_usual_size() -> None:
    tensors = [
        {
            "shape": bytes(16),
            "name": b"tensor",
            "buffer": i,
            "quantization": {"scale": bytes(4), "zero_point": bytes(8)},
        }
        for i in range(121)
    ]
    operators = [{"inputs": bytes(12), "outputs": bytes(4)} for _ in range(47)]
    tree = {"subgraphs": [{"tensors": tensors, "operators": operators}], "buffers": [{"data": bytes(100)}] * 124}
    data = build_tree(tree, MODEL, MODEL_IDENTIFIER)
    started = time.process_time()
    verify(data, MODEL, MODEL_IDENTIFIER)
    assert time.process_time() - started < 0.1
