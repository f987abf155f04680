"""The schema against the one that Google's generated code holds, and the codec on sound, cut and damaged bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tflite

from tests.support.flat import build_tree, read_tree
from yamjit.errors import ModelError
from yamjit.tflite.codec import TableBuilder, TableView
from yamjit.tflite.graph import Activation, Op, Padding
from yamjit.tflite.metadata_tables import MODEL_METADATA
from yamjit.tflite.model_tables import MODEL, TensorType
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.schema import Child, Opaque, Scalar, String, Table, Union, Vector, table

#: What generated code calls the numbers.
NUMBERS = {"?": "Bool", "b": "Int8", "B": "Uint8", "i": "Int32", "f": "Float32", "I": "Uint32", "Q": "Uint64"}
#: Fields that no generated code has any more.
DEPRECATED = {
    ("SignatureDef", "deprecated_tag"),
    *(("ResizeBilinearOptions", name) for name in ("new_height", "new_width")),
}

KID = table("Kid", "value:int=7; name:string")
ROOT = table(
    "Root",
    "flag:bool; number:long; text:string; texts:[string]; floats:[float]; kid:Kid; kids:[Kid]; choice_type:ubyte;"
    "choice:Choice; rest:Nothing",
    KID,
    Choice=Union({3: KID}),
)
VALUES = {
    "flag": True,
    "number": -(2**40),
    "text": "Größe",
    "texts": ["", "one"],
    "floats": [0.5, -2.0],
    "kid": {"value": 9},
    "kids": [{"name": "a"}, {}, {"value": 9}],
    "choice_type": 3,
    "choice": {"value": -1},
}


class Recorder:
    """Stands for a builder, and notes what generated code asks of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *values: self.calls.append((name, *values))


def asked(function: str, *values: Any) -> tuple[Any, ...]:
    recorder = Recorder()
    getattr(tflite, function)(recorder, *values)
    return recorder.calls[0]


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def tables(root: Table) -> Iterator[Table]:
    yield root
    for field in root.fields.values():
        if isinstance(field, Vector):
            field = field.element
        if isinstance(field, Child):
            yield from tables(field.table)
        elif isinstance(field, Union):
            for member in field.members.values():
                yield from tables(member)


@pytest.mark.parametrize("known", {kind.name: kind for kind in tables(MODEL)}.values(), ids=lambda kind: kind.name)
def test_tables_are_those_of_the_schema(known: Table) -> None:
    assert asked(f"{known.name}Start") == ("StartObject", len(known.fields))
    for slot, (name, field) in enumerate(known.fields.items()):
        if (known.name, name) in DEPRECATED:
            continue
        call, found, _, default = asked(f"{known.name}Add{camel(name)}", 1)
        assert found == slot
        if isinstance(field, Scalar):
            assert call == f"Prepend{NUMBERS[field.format]}Slot"
            assert default == field.default
        else:
            assert call == "PrependUOffsetTRelativeSlot"
        assert isinstance(field, Opaque) or isinstance(field, Vector) == hasattr(
            getattr(tflite, known.name), f"{camel(name)}Length"
        )


def test_types_that_are_not_read_are_few() -> None:
    """A type that is misspelt would be taken for one that nothing reads."""
    every = [*tables(MODEL), *tables(MODEL_METADATA)]
    opaque = {name for known in every for name, field in known.fields.items() if isinstance(field, Opaque)}
    assert opaque == {"sparsity", "variant_tensors", "range"}


def codes(enumeration: type) -> dict[str, int]:
    return {name: value for name, value in vars(enumeration).items() if not name.startswith("_")}


def test_codes_are_those_of_the_schema() -> None:
    assert codes(tflite.BuiltinOperator) == {op.name: op.value for op in Op if op < Op.AUDIO_SPECTROGRAM}
    assert codes(tflite.TensorType) == {kind.name: kind.value for kind in TensorType}
    assert codes(tflite.Padding) == {padding.name: padding.value for padding in Padding}
    fused = codes(tflite.ActivationFunctionType)
    assert all(fused[activation.name] == activation for activation in Activation)
    for record in OPERATORS.values():
        if record.table is not None:
            assert record.code == getattr(tflite.BuiltinOptions, record.table.name)
        assert record.options is None or record.options.__name__ == record.table.name


def built() -> bytes:
    builder = TableBuilder()
    return builder.finish(builder.table(ROOT, VALUES), b"TEST")


def test_what_is_written_is_read() -> None:
    view = TableView.of_root(built(), ROOT)
    assert (view.number("flag"), view.number("number"), view.text("text")) == (True, -(2**40), "Größe")
    assert view.texts("texts") == ("", "one")
    assert view.array("floats").tolist() == [0.5, -2.0]
    kid, (kind, choice) = view.child("kid"), view.union("choice")
    assert kid is not None
    assert choice is not None
    assert (kid.number("value"), kind, choice.number("value")) == (9, 3, -1)
    assert [(one.number("value"), one.text("name")) for one in view.children("kids")] == [(7, "a"), (7, ""), (9, "")]


def test_what_is_left_out_is_empty() -> None:
    builder = TableBuilder()
    view = TableView.of_root(builder.finish(builder.table(ROOT, {"number": 0, "text": None}), b"TEST"), ROOT)
    assert [view.place(name) for name in ROOT.fields] == [None] * len(ROOT.fields)
    assert (view.number("number"), view.text("text"), view.texts("texts")) == (0, "", ())
    assert (view.array("floats").size, view.child("kid"), view.children("kids")) == (0, None, [])
    assert view.union("choice") == (0, None)


def test_tables_of_one_layout_share_a_vtable() -> None:
    builder = TableBuilder()
    data = builder.finish(builder.table(ROOT, {"kids": [{"value": k} for k in range(100, 200)]}), b"TEST")
    assert len(data) < 100 * (4 + 8) + 60  # an offset, the way to the vtable and the number, for each


def test_trees_are_put_together_as_they_were() -> None:
    tree = read_tree(built(), ROOT)
    assert build_tree(tree, ROOT, b"TEST") == built()


def read_all(view: TableView) -> None:
    """Read every field."""
    for name, field in view.table.fields.items():
        if isinstance(field, Scalar):
            view.number(name)
        elif isinstance(field, String):
            view.string(name)
        elif isinstance(field, Child):
            if kid := view.child(name):
                read_all(kid)
        elif isinstance(field, Union):
            if member := view.union(name)[1]:
                read_all(member)
        elif isinstance(field, Vector):
            if isinstance(field.element, Child):
                for kid in view.children(name)[:10]:
                    read_all(kid)
            else:
                (view.texts if isinstance(field.element, String) else view.array)(name)


@pytest.mark.parametrize("cut", range(len(built()) - 1))  # all but the zero byte after a string
def test_nothing_is_read_beyond_a_cut(cut: int) -> None:
    whole = built()
    for data in (whole[:cut], bytearray(whole[:cut])):
        with pytest.raises(ModelError):
            read_all(TableView.of_root(data, ROOT))


def test_nothing_is_read_outside_of_damaged_bytes() -> None:
    dice = random.Random(7)
    outcomes = set()
    for _ in range(4000):
        data = bytearray(built())
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 4, 127, 128, 255, dice.randrange(256)))
        try:
            read_all(TableView.of_root(bytes(data), ROOT))
            outcomes.add("read")
        except ModelError as error:
            outcomes.add("error" if error.offset is not None else "text")
    assert outcomes == {"read", "error", "text"}


def test_arrays_are_views_of_the_data() -> None:
    data = built()
    values = TableView.of_root(data, ROOT).array("floats")
    assert not values.flags.writeable
    assert np.shares_memory(values, np.frombuffer(data, np.uint8))
