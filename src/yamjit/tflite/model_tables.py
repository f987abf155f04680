"""The tables of a ``.tflite`` file that are read and written: schema version 3, identifier ``TFL3``."""

from __future__ import annotations

import enum

from yamjit.spec import Limits
from yamjit.text import printable
from yamjit.tflite.codec import TableView
from yamjit.tflite.graph import Op
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.schema import Union, table
from yamjit.tflite.verifier import verify

__all__ = [
    "ARITHMETIC_NAME",
    "BUFFER",
    "BUFFER_ALIGNMENT",
    "METADATA_NAME",
    "MODEL",
    "MODEL_IDENTIFIER",
    "OPERATOR",
    "OPERATOR_CODE",
    "SCHEMA_VERSION",
    "SUBGRAPH",
    "TENSOR",
    "TensorType",
    "builtin_code",
    "custom_name",
    "known_operator",
    "open_model",
    "operator_name",
    "type_name",
]

MODEL_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
#: Name of the buffer that holds the metadata.
METADATA_NAME = "TFLITE_METADATA"
#: Name of the buffer that says which kernel set a model is computed like, where its operators leave that open.
ARITHMETIC_NAME = "yamjit_arithmetic"
#: TFLite maps constants in place, so their alignment in the file is that of its kernels' loads.
BUFFER_ALIGNMENT = 16

#: Types of tensors by their codes; in lower case the names are NumPy's, where it has the type.
TensorType = enum.IntEnum(
    "TensorType",
    "FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 RESOURCE VARIANT "
    "UINT32 UINT16 INT4 BFLOAT16",
    start=0,
)

_QUANTIZATION = table(
    "QuantizationParameters",
    "min:[float]; max:[float]; scale:[float]; zero_point:[long]; details_type:ubyte; details:QuantizationDetails;"
    "quantized_dimension:int",
    QuantizationDetails=Union(),
)

TENSOR = table(
    "Tensor",
    "shape:[int]; type:byte; buffer:uint; name:string; quantization:QuantizationParameters; is_variable:bool;"
    "sparsity:SparsityParameters; shape_signature:[int]; has_rank:bool; variant_tensors:[VariantSubType]",
    _QUANTIZATION,
)

OPERATOR = table(
    "Operator",
    "opcode_index:uint; inputs:[int]; outputs:[int]; builtin_options_type:ubyte; builtin_options:BuiltinOptions;"
    "custom_options:[ubyte]; custom_options_format:byte; mutating_variable_inputs:[bool]; intermediates:[int];"
    "large_custom_options_offset:ulong; large_custom_options_size:ulong; builtin_options_2_type:ubyte;"
    "builtin_options_2:BuiltinOptions2; debug_metadata_index:int=-1",
    BuiltinOptions=Union({r.code: r.table for r in OPERATORS.values() if r.table is not None}),
    BuiltinOptions2=Union(),
)

SUBGRAPH = table(
    "SubGraph",
    "tensors:[Tensor]; inputs:[int]; outputs:[int]; operators:[Operator]; name:string; debug_metadata_index:int=-1",
    TENSOR,
    OPERATOR,
)

OPERATOR_CODE = table(
    "OperatorCode", "deprecated_builtin_code:byte; custom_code:string; version:int=1; builtin_code:int"
)

BUFFER = table("Buffer", "data:[ubyte]; offset:ulong; size:ulong")

_METADATA = table("Metadata", "name:string; buffer:uint")

_TENSOR_MAP = table("TensorMap", "name:string; tensor_index:uint")

_SIGNATURE = table(
    "SignatureDef",
    "inputs:[TensorMap]; outputs:[TensorMap]; signature_key:string; deprecated_tag:string; subgraph_index:uint",
    _TENSOR_MAP,
)

MODEL = table(
    "Model",
    "version:uint; operator_codes:[OperatorCode]; subgraphs:[SubGraph]; description:string; buffers:[Buffer];"
    "metadata_buffer:[int]; metadata:[Metadata]; signature_defs:[SignatureDef]",
    *(OPERATOR_CODE, SUBGRAPH, BUFFER, _METADATA, _SIGNATURE),
)

_LONGEST_CUSTOM_NAME = 80

_CUSTOM = {record.custom.encode(): op for op, record in OPERATORS.items() if record.custom}


def open_model(data: bytes, limits: Limits) -> tuple[TableView, int]:
    """Return the root of a model, once it is verified, and the end of what is known of the FlatBuffer."""
    tables = 8 * (limits.tensors + limits.operators)
    end = verify(data, MODEL, MODEL_IDENTIFIER, max_depth=limits.depth, max_tables=tables)
    return TableView.of_root(data, MODEL), end


def type_name(code: int) -> str:
    """Return the schema's name of a tensor's type, or the code where it has none."""
    return _name(TensorType, code, "TensorType")


def builtin_code(operator_code: TableView) -> int:
    """Return the code of an operator: codes up to 127 may stand in the older, shorter field alone."""
    return int(max(operator_code.number("builtin_code"), operator_code.number("deprecated_builtin_code")))


def known_operator(operator_code: TableView) -> Op | None:
    """Return the operator, by its code or its own name, if it has a record."""
    code = builtin_code(operator_code)
    if code == Op.CUSTOM:
        return _CUSTOM.get(operator_code.string("custom_code"))
    return Op(code) if code in OPERATORS and not OPERATORS[Op(code)].custom else None


def custom_name(operator_code: TableView) -> str:
    """Return the name that a model gives to an operator of its own."""
    return printable(operator_code.string("custom_code")[:_LONGEST_CUSTOM_NAME].decode(errors="replace"))


def operator_name(operator_code: TableView) -> str:
    """Return the name of an operator: the schema's, or the model's own."""
    code = builtin_code(operator_code)
    if code == Op.CUSTOM:
        return f"CUSTOM {custom_name(operator_code)!r}"
    return _name(Op, code, "BuiltinOperator")


def _name(codes: type[enum.IntEnum], code: int, kind: str) -> str:
    return codes(code).name if 0 <= code < len(codes) else f"{kind} {code}"
