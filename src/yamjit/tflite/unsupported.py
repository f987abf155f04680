"""Operators and types of a file that are not run: which, where, and what would run instead."""

from __future__ import annotations

from collections.abc import Sequence

from yamjit.errors import ModelError
from yamjit.text import plural
from yamjit.tflite.codec import TableView
from yamjit.tflite.graph import TENSOR_TYPES, Op, Tensor
from yamjit.tflite.model_tables import builtin_code, custom_name, known_operator, operator_name, type_name
from yamjit.tflite.node import FLOAT16, INT64

__all__ = ["TYPES", "check_supported", "check_types", "unsupported_type"]

#: Types that tensors of a file may have, by their names in the schema.
TYPES = {known.name.upper(): known for known in (*TENSOR_TYPES, FLOAT16, INT64)}

#: Name of the operator that stands for all that an Edge TPU runs, and how those of TensorFlow begin.
_EDGE_TPU, _SELECT_TF = "edgetpu-custom-op", "Flex"

#: Names of other operators that are told.
_TOLD = 12

_ANEW = "convert the original anew, to int8 or float32"
#: Types of tensors that are met in audio models, and what is done about them.
_TYPES = {
    "UINT8": f"TensorFlow 1 quantized so; {_ANEW}",
    "INT16": f"activations of 16 bits (16x8 quantization), or samples as integers; {_ANEW}",
    "INT4": f"weights of 4 bits; {_ANEW}",
    "BFLOAT16": _ANEW,
    "FLOAT64": _ANEW,
    "STRING": "the model takes or gives text, such as the names of classes; the names belong into its metadata",
}


def check_supported(codes: Sequence[TableView], used: Sequence[int]) -> None:
    """Check that there is a record for every operator; `used` has the index of each one's code.

    The `ModelError` names the first operator that has none, the others like it, and what would run.
    """
    unknown = {index for index, code in enumerate(codes) if known_operator(code) is None}
    missing = [place for place, index in enumerate(used) if index in unknown]
    if not missing:
        return
    first, where = codes[used[missing[0]]], f"operator {missing[0]}"
    if builtin_code(first) == Op.CUSTOM:
        raise ModelError(_of_custom(custom_name(first)), operator=where)
    name = operator_name(first)
    others = list(dict.fromkeys(operator_name(codes[used[place]]) for place in missing))
    others.remove(name)
    reason = f"{name} is not supported"
    if others:
        listed = ", ".join(others[:_TOLD]) + (", ..." if len(others) > _TOLD else "")
        all_of_them = f"{len(missing)} of {plural(len(used), 'operator')}"
        reason += f", nor {'is' if len(others) == 1 else 'are'} {listed}: {all_of_them}"
    raise ModelError(reason, operator=where)


def check_types(operators: Sequence[TableView], codes: Sequence[TableView], tensors: Sequence[TableView]) -> None:
    """Check the types of all tensors that operators read and write, before anything depends on them.

    The `ModelError` names the first operator with another one.
    """
    strange = {index: kind for index, one in enumerate(tensors) if (kind := type_name(one.number("type"))) not in TYPES}
    for place, operator in enumerate(operators if strange else ()):
        for index in (*operator.array("inputs").tolist(), *operator.array("outputs").tolist()):
            if index in strange:
                where = f"operator {place} {operator_name(codes[operator.number('opcode_index')])}"
                raise ModelError(
                    unsupported_type(strange[index]), operator=where, tensor=_tensor(index, tensors[index])
                )


def _tensor(index: int, table: TableView) -> str:
    return str(Tensor(index, table.string("name").decode("utf-8", "replace"), (), TENSOR_TYPES[0]))


def _of_custom(name: str) -> str:
    """Say what is known of an operator that is not in the schema, and what would run."""
    if name == _EDGE_TPU:
        return (
            f"the model is compiled for an Edge TPU, the only device that runs {name!r}; use the original model, "
            "which the compiler was given"
        )
    if name.startswith(_SELECT_TF):
        return (
            f"custom operator {name!r} is not supported: it is an operator of TensorFlow (Select TF ops); "
            "convert the model with TFLITE_BUILTINS alone"
        )
    return f"custom operator {name!r} is not supported: only a runtime that was built with it runs the model"


def unsupported_type(name: str) -> str:
    """Say that a type of tensors is not supported, which are, and what would be; `name` is the schema's."""
    reason = f"type {name} is not supported; {', '.join(map(str, TENSOR_TYPES))} are"
    return f"{reason}: {_TYPES[name]}" if name in _TYPES else reason
