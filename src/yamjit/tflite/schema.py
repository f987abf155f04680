"""The parts of the two FlatBuffers schemas that are read, written down as data for `yamjit.tflite.verifier`.

Fields stand in schema order, for a field's place is its number. `MODEL` describes schema version 3 of TFLite
(identifier ``TFL3``), `MODEL_METADATA` the metadata schema (identifier ``M001``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = [
    "ASSOCIATED_FILE",
    "CONTENT",
    "METADATA_IDENTIFIER",
    "MODEL",
    "MODEL_IDENTIFIER",
    "MODEL_METADATA",
    "OPERATOR_CODE",
    "PROCESS_UNIT",
    "STATS",
    "SUBGRAPH_METADATA",
    "TENSOR_METADATA",
    "Child",
    "Children",
    "Field",
    "Opaque",
    "Scalar",
    "Scalars",
    "String",
    "Strings",
    "Table",
    "Union",
]

MODEL_IDENTIFIER = b"TFL3"
METADATA_IDENTIFIER = b"M001"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number of `size` bytes in the table itself."""

    size: int


@dataclass(frozen=True, slots=True)
class String:
    """An offset to a string."""


@dataclass(frozen=True, slots=True)
class Scalars:
    """An offset to a vector of numbers of `size` bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Strings:
    """An offset to a vector of strings."""


@dataclass(frozen=True, slots=True)
class Child:
    """An offset to a table."""

    table: Table


@dataclass(frozen=True, slots=True)
class Children:
    """An offset to a vector of tables."""

    table: Table


@dataclass(frozen=True, slots=True)
class Union:
    """An offset to one of several tables; which, says the field before it.

    A type that is not among the `members` is only looked at from outside: nothing reads it.
    """

    members: Mapping[int, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opaque:
    """An offset to something that nothing reads."""


Field = Scalar | String | Scalars | Strings | Child | Children | Union | Opaque


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table: its fields in schema order.

    Parameters
    ----------
    name : str
    fields : mapping of str to Field
    extensible : bool
        Whether fields of a newer schema, beyond the known ones, are to be ignored rather than refused.
    """

    name: str
    fields: Mapping[str, Field]
    extensible: bool = False


_BYTE, _INT, _LONG = Scalar(1), Scalar(4), Scalar(8)
_BYTES, _INTS, _FLOATS, _LONGS = Scalars(1), Scalars(4), Scalars(4), Scalars(8)
_STRING, _STRINGS = String(), Strings()


def _table(name: str, /, **fields: Field) -> Table:
    return Table(name, MappingProxyType(fields))


def _extensible(name: str, /, **fields: Field) -> Table:
    return Table(name, MappingProxyType(fields), extensible=True)


_BUILTIN_OPTIONS = {
    1: _table(
        "Conv2DOptions",
        padding=_BYTE,
        stride_w=_INT,
        stride_h=_INT,
        fused_activation_function=_BYTE,
        dilation_w_factor=_INT,
        dilation_h_factor=_INT,
        quantized_bias_type=_BYTE,
    ),
    2: _table(
        "DepthwiseConv2DOptions",
        padding=_BYTE,
        stride_w=_INT,
        stride_h=_INT,
        depth_multiplier=_INT,
        fused_activation_function=_BYTE,
        dilation_w_factor=_INT,
        dilation_h_factor=_INT,
    ),
    8: _table(
        "FullyConnectedOptions",
        fused_activation_function=_BYTE,
        weights_format=_BYTE,
        keep_num_dims=_BYTE,
        asymmetric_quantize_inputs=_BYTE,
        quantized_bias_type=_BYTE,
    ),
    17: _table("ReshapeOptions", new_shape=_INTS),
    21: _table("MulOptions", fused_activation_function=_BYTE),
    22: _table("PadOptions"),
    23: _table("GatherOptions", axis=_INT, batch_dims=_INT),
    27: _table("ReducerOptions", keep_dims=_BYTE),
    32: _table(
        "StridedSliceOptions",
        begin_mask=_INT,
        end_mask=_INT,
        ellipsis_mask=_INT,
        new_axis_mask=_INT,
        shrink_axis_mask=_INT,
        offset=_BYTE,
    ),
    35: _table("SplitOptions", num_splits=_INT),
    38: _table("DequantizeOptions"),
    89: _table("QuantizeOptions"),
    105: _table("Rfft2dOptions"),
}

_QUANTIZATION = _table(
    "QuantizationParameters",
    min=_FLOATS,
    max=_FLOATS,
    scale=_FLOATS,
    zero_point=_LONGS,
    details_type=_BYTE,
    details=Union(),
    quantized_dimension=_INT,
)

_TENSOR = _table(
    "Tensor",
    shape=_INTS,
    type=_BYTE,
    buffer=_INT,
    name=_STRING,
    quantization=Child(_QUANTIZATION),
    is_variable=_BYTE,
    sparsity=Opaque(),
    shape_signature=_INTS,
    has_rank=_BYTE,
    variant_tensors=Opaque(),
)

_OPERATOR = _table(
    "Operator",
    opcode_index=_INT,
    inputs=_INTS,
    outputs=_INTS,
    builtin_options_type=_BYTE,
    builtin_options=Union(MappingProxyType(_BUILTIN_OPTIONS)),
    custom_options=_BYTES,
    custom_options_format=_BYTE,
    mutating_variable_inputs=_BYTES,
    intermediates=_INTS,
    large_custom_options_offset=_LONG,
    large_custom_options_size=_LONG,
    builtin_options_2_type=_BYTE,
    builtin_options_2=Union(),
    debug_metadata_index=_INT,
)

_SUBGRAPH = _table(
    "SubGraph",
    tensors=Children(_TENSOR),
    inputs=_INTS,
    outputs=_INTS,
    operators=Children(_OPERATOR),
    name=_STRING,
    debug_metadata_index=_INT,
)

OPERATOR_CODE = _table(
    "OperatorCode", deprecated_builtin_code=_BYTE, custom_code=_STRING, version=_INT, builtin_code=_INT
)

_TENSOR_MAP = _table("TensorMap", name=_STRING, tensor_index=_INT)

MODEL = _table(
    "Model",
    version=_INT,
    operator_codes=Children(OPERATOR_CODE),
    subgraphs=Children(_SUBGRAPH),
    description=_STRING,
    buffers=Children(_table("Buffer", data=_BYTES, offset=_LONG, size=_LONG)),
    metadata_buffer=_INTS,
    metadata=Children(_table("Metadata", name=_STRING, buffer=_INT)),
    signature_defs=Children(
        _table(
            "SignatureDef",
            inputs=Children(_TENSOR_MAP),
            outputs=Children(_TENSOR_MAP),
            signature_key=_STRING,
            deprecated_tag=_STRING,
            subgraph_index=_INT,
        )
    ),
)

ASSOCIATED_FILE = _extensible(
    "AssociatedFile", name=_STRING, description=_STRING, type=_BYTE, locale=_STRING, version=_STRING
)

CONTENT = _extensible(
    "Content",
    content_properties_type=_BYTE,
    content_properties=Union(MappingProxyType({4: _extensible("AudioProperties", sample_rate=_INT, channels=_INT)})),
    range=Opaque(),
)

PROCESS_UNIT = _extensible(
    "ProcessUnit",
    options_type=_BYTE,
    options=Union(
        MappingProxyType(
            {
                1: _extensible("NormalizationOptions", mean=_FLOATS, std=_FLOATS),
                2: _extensible("ScoreCalibrationOptions", score_transformation=_BYTE, default_score=_INT),
                3: _extensible("ScoreThresholdingOptions", global_score_threshold=_INT),
            }
        )
    ),
)

STATS = _extensible("Stats", max=_FLOATS, min=_FLOATS)

TENSOR_METADATA = _extensible(
    "TensorMetadata",
    name=_STRING,
    description=_STRING,
    dimension_names=_STRINGS,
    content=Child(CONTENT),
    process_units=Children(PROCESS_UNIT),
    stats=Child(STATS),
    associated_files=Children(ASSOCIATED_FILE),
)

SUBGRAPH_METADATA = _extensible(
    "SubGraphMetadata",
    name=_STRING,
    description=_STRING,
    input_tensor_metadata=Children(TENSOR_METADATA),
    output_tensor_metadata=Children(TENSOR_METADATA),
    associated_files=Children(ASSOCIATED_FILE),
)

MODEL_METADATA = _extensible(
    "ModelMetadata",
    name=_STRING,
    description=_STRING,
    version=_STRING,
    subgraph_metadata=Children(SUBGRAPH_METADATA),
    author=_STRING,
    license=_STRING,
    associated_files=Children(ASSOCIATED_FILE),
    min_parser_version=_STRING,
)
