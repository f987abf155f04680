"""The writer: what it writes is read back with the schema's own accessors, and run by a TFLite runtime."""

from __future__ import annotations

import dataclasses
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tflite

from tests.support import synthetic
from tests.support.synthetic import GraphBuilder, quantization
from yamjit.errors import ModelError
from yamjit.tflite.graph import Activation, Graph, Op, Options, Padding, Tensor
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.operators.binary import MulOptions
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions, SplitOptions, StridedSliceOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.reader import read_graph
from yamjit.tflite.writer import write_graph

ONE_OPERATOR = {
    "conv2d_s8": synthetic.conv2d_s8(),
    "conv2d_s8 valid": synthetic.conv2d_s8((1, 7, 6, 3), 5, (3, 2), stride=(2, 1), padding=Padding.VALID),
    "conv2d_s8 dilated": synthetic.conv2d_s8((1, 9, 9, 2), dilation=(2, 2), activation=Activation.RELU6),
    "depthwise_s8": synthetic.depthwise_s8(),
    "depthwise_s8 multiplier": synthetic.depthwise_s8((1, 5, 5, 3), depth_multiplier=2, stride=(2, 2)),
    "fully_connected_s8": synthetic.fully_connected_s8(),
    "mean_s8": synthetic.mean_s8(),
    "mean_s8 flat": synthetic.mean_s8(keep_dims=False),
    "logistic_s8": synthetic.logistic_s8(),
    "quantize": synthetic.quantize(),
    "dequantize": synthetic.dequantize(),
    "split": synthetic.split(),
    "reshape": synthetic.reshape(),
    "reshape int8": synthetic.reshape(dtype=np.int8),
}


def read_model(content: bytes) -> tflite.Model:
    assert tflite.Model.ModelBufferHasIdentifier(content, 0)
    return tflite.Model.GetRootAs(content, 0)


def graph_with(options: Options | None = None, op: int = Op.MUL, version: int = 1) -> Graph:
    """A graph that need not make sense: one operator with these options."""
    graph = GraphBuilder()
    x = graph.activation((2, 3), name="x")
    y = graph.activation((2, 3), name="y")
    graph.operator(op, [x, -1], y, options, version)
    return graph.build([x], [y])


def fields(table: object) -> dict[str, int]:
    """All scalar fields of a table of options, by their schema names."""
    skipped = ("Init", "GetRoot", "NewShape")
    names = [name for name in dir(type(table)) if name[0].isupper() and not name.startswith(skipped)]
    return {name: getattr(table, name)() for name in names if not name.endswith("HasIdentifier")}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            Conv2DOptions(Padding.VALID, 2, 3, 4, 5, Activation.RELU6),
            {"Padding": 1, "StrideH": 2, "StrideW": 3, "DilationHFactor": 4, "DilationWFactor": 5},
        ),
        (Conv2DOptions(activation=Activation.RELU), {"FusedActivationFunction": 1, "Padding": 0}),
        (
            DepthwiseConv2DOptions(Padding.VALID, 2, 3, 4, 5, 6, Activation.RELU_N1_TO_1),
            {
                "Padding": 1,
                "StrideH": 2,
                "StrideW": 3,
                "DilationHFactor": 4,
                "DilationWFactor": 5,
                "DepthMultiplier": 6,
                "FusedActivationFunction": 2,
            },
        ),
        (
            FullyConnectedOptions(Activation.RELU6, True),
            {"FusedActivationFunction": 3, "KeepNumDims": True, "WeightsFormat": 0},
        ),
        (GatherOptions(2, 1), {"Axis": 2, "BatchDims": 1}),
        (MulOptions(Activation.RELU6), {"FusedActivationFunction": 3}),
        (
            Pool2DOptions(Padding.VALID, 2, 3, 4, 5, Activation.RELU6),
            {
                "Padding": 1,
                "StrideH": 2,
                "StrideW": 3,
                "FilterHeight": 4,
                "FilterWidth": 5,
                "FusedActivationFunction": 3,
            },
        ),
        (ReducerOptions(True), {"KeepDims": True}),
        (SplitOptions(7), {"NumSplits": 7}),
        (
            StridedSliceOptions(1, 2, 4, 8, 16),
            {"BeginMask": 1, "EndMask": 2, "EllipsisMask": 4, "NewAxisMask": 8, "ShrinkAxisMask": 16},
        ),
    ],
    ids=lambda value: type(value).__name__ if dataclasses.is_dataclass(value) else "",
)
def test_options_stand_in_the_table_of_their_record(options: Options, expected: dict[str, int]) -> None:
    # The operator is MUL throughout: options that do not belong to the operator are written as well.
    operator = read_model(write_graph(graph_with(options))).Subgraphs(0).Operators(0)
    kind = type(options).__name__
    assert operator.BuiltinOptionsType() == getattr(tflite.BuiltinOptions, kind)
    table = getattr(tflite, kind)()
    table.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    found = fields(table)
    assert {name: found[name] for name in expected} == expected


def test_reshape_options_hold_the_shape() -> None:
    operator = read_model(write_graph(graph_with(ReshapeOptions((3, -1))))).Subgraphs(0).Operators(0)
    table = tflite.ReshapeOptions()
    table.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    assert table.NewShapeAsNumpy().tolist() == [3, -1]


def test_no_options_are_no_table() -> None:
    operator = read_model(write_graph(graph_with())).Subgraphs(0).Operators(0)
    assert operator.BuiltinOptionsType() == tflite.BuiltinOptions.NONE
    assert operator.BuiltinOptions() is None


@pytest.mark.parametrize(("op", "deprecated"), [(Op.MUL, 18), (Op.RFFT2D, 127), (127, 127), (999, 127)])
def test_operator_code_is_written_in_both_fields(op: int, deprecated: int) -> None:
    code = read_model(write_graph(graph_with(op=op, version=5))).OperatorCodes(0)
    assert (code.DeprecatedBuiltinCode(), code.BuiltinCode(), code.Version()) == (deprecated, int(op), 5)


def test_operator_codes_are_shared_by_op_and_version() -> None:
    graph = GraphBuilder()
    x = graph.activation((2,))
    for version in (1, 2, 1, 2):
        x = graph.operator(Op.LOG, [x], graph.activation((2,)), version=version)
    model = read_model(write_graph(graph.build([0], [x])))
    assert model.OperatorCodesLength() == 2
    operators = [model.Subgraphs(0).Operators(index) for index in range(4)]
    assert [model.OperatorCodes(o.OpcodeIndex()).Version() for o in operators] == [1, 2, 1, 2]


def test_left_out_inputs_stay() -> None:
    operator = read_model(write_graph(graph_with())).Subgraphs(0).Operators(0)
    assert operator.InputsAsNumpy().tolist() == [0, -1]


def test_header() -> None:
    graph = dataclasses.replace(graph_with(), description="Größe")
    model = read_model(write_graph(graph))
    assert model.Version() == 3
    assert model.Description().decode() == "Größe"
    assert model.SubgraphsLength() == 1
    assert model.Subgraphs(0).InputsAsNumpy().tolist() == [0]
    assert model.Subgraphs(0).OutputsAsNumpy().tolist() == [1]
    assert model.MetadataLength() == 0


def test_constants_are_aligned_in_the_file_and_activations_share_the_empty_buffer() -> None:
    sizes = (1, 3, 16, 17, 400)
    graph = GraphBuilder()
    x = graph.activation((1,))
    for size in sizes:
        graph.constant(np.arange(size, dtype=np.int8), name="n" * size)
    content = write_graph(graph.build([x], [x]))
    model = read_model(content)
    assert model.BuffersLength() == 1 + len(sizes)
    assert model.Buffers(0).DataLength() == 0
    assert model.Subgraphs(0).Tensors(x).Buffer() == 0
    start = np.frombuffer(content, np.uint8).ctypes.data
    for index, size in enumerate(sizes, start=1):
        data = model.Buffers(model.Subgraphs(0).Tensors(index).Buffer()).DataAsNumpy()
        assert data.view(np.int8).tolist() == np.arange(size, dtype=np.int8).tolist()
        assert (data.ctypes.data - start) % 16 == 0


@pytest.mark.parametrize(
    "data",
    [
        np.arange(12, dtype=">i4").reshape(3, 4),
        np.arange(24, dtype=np.int32).reshape(3, 8)[:, ::2],
        np.asfortranarray(np.arange(12, dtype=np.int32).reshape(3, 4)),
        np.int32(7),
        np.zeros((0, 4), dtype=np.int32),
    ],
    ids=["big-endian", "strided", "fortran", "scalar", "empty"],
)
def test_constants_are_written_in_c_order_and_little_endian(data: np.ndarray) -> None:
    graph = GraphBuilder()
    graph.constant(data)
    model = read_model(write_graph(graph.build([], [])))
    tensor = model.Subgraphs(0).Tensors(0)
    assert tensor.Type() == tflite.TensorType.INT32
    assert [tensor.Shape(axis) for axis in range(tensor.ShapeLength())] == list(np.shape(data))
    buffer = model.Buffers(tensor.Buffer())
    written = buffer.DataAsNumpy().tobytes() if buffer.DataLength() else b""
    assert written == np.asarray(data, dtype="<i4").tobytes(order="C")


def test_quantization() -> None:
    graph = GraphBuilder()
    graph.activation((2, 3), np.int8, quantization([0.5, 0.25, 0.125], -7, 1))
    graph.activation((2, 3), np.int8)
    subgraph = read_model(write_graph(graph.build([], []))).Subgraphs(0)
    parameters = subgraph.Tensors(0).Quantization()
    assert parameters.ScaleAsNumpy().tolist() == [0.5, 0.25, 0.125]
    assert parameters.ZeroPointAsNumpy().tolist() == [-7, -7, -7]
    assert parameters.QuantizedDimension() == 1
    assert subgraph.Tensors(1).Quantization() is None


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "int16", "bool"])
def test_types_that_are_not_read_can_be_written(dtype: str) -> None:
    graph = GraphBuilder()
    graph.constant(np.zeros(3, dtype=dtype))
    tensor = read_model(write_graph(graph.build([], []))).Subgraphs(0).Tensors(0)
    assert tensor.Type() == getattr(tflite.TensorType, dtype.upper())


def test_a_type_unknown_to_the_schema_is_refused() -> None:
    tensor = Tensor(0, "text", (3,), np.dtype("U4"))
    with pytest.raises(ModelError, match="tensor 0 'text': type <U4"):
        write_graph(Graph((tensor,), (), (), ()))


@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_the_same_graph_gives_the_same_bytes(name: str) -> None:
    assert write_graph(ONE_OPERATOR[name]) == write_graph(ONE_OPERATOR[name])


@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_what_is_read_back_is_written_the_same(name: str) -> None:
    content = write_graph(ONE_OPERATOR[name])
    found = read_graph(content)
    assert found.operators == ONE_OPERATOR[name].operators
    assert write_graph(found) == content


def test_files_are_a_zip_after_the_model() -> None:
    files = {"labels.txt": b"a\nb\n", "größe.txt": b"", "blob.bin": bytes(range(256))}
    plain = graph_with()
    content = write_graph(dataclasses.replace(plain, files=files))
    model = write_graph(plain)
    assert content.startswith(model)
    assert content == write_graph(dataclasses.replace(plain, files=files))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == files
        assert archive.infolist()[0].header_offset == len(model)


def test_offsets_in_the_zip_count_from_the_start_of_the_file() -> None:
    content = write_graph(dataclasses.replace(graph_with(), files={"a": b"1", "b": b"2"}))
    end = content.rindex(b"PK\x05\x06")
    size, directory = struct.unpack_from("<II", content, end + 12)
    assert directory + size == end
    assert content[directory : directory + 4] == b"PK\x01\x02"
    (first,) = struct.unpack_from("<I", content, directory + 42)
    assert content[first : first + 4] == b"PK\x03\x04"


def test_the_signature_of_a_zip_among_the_constants_does_no_harm() -> None:
    graph = GraphBuilder()
    graph.constant(np.frombuffer(b"PK\x05\x06" + bytes(18), dtype=np.int8))
    content = write_graph(graph.build([], [], files={"a": b"1"}))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["a"]
        assert archive.testzip() is None


def test_metadata_stands_in_a_buffer_of_its_name() -> None:
    content = write_graph(dataclasses.replace(graph_with(), metadata=Metadata(name="a model")))
    model = read_model(content)
    assert model.MetadataLength() == 1
    entry = model.Metadata(0)
    assert entry.Name() == b"TFLITE_METADATA"
    tables = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert tables[4:8] == b"M001"
    assert b"a model" in tables


@pytest.mark.runtime
@pytest.mark.parametrize("resolver", ["BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN", "AUTO"])
@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_a_runtime_takes_each_operator(name: str, resolver: str) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    graph = ONE_OPERATOR[name]
    kind = getattr(litert.OpResolverType, resolver)
    interpreter = litert.Interpreter(model_content=write_graph(graph), experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    source, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    values = np.random.default_rng(0).integers(-128, 128, source.shape)
    interpreter.set_tensor(graph.inputs[0], values.astype(source.dtype))
    interpreter.invoke()
    found = interpreter.get_tensor(graph.outputs[0])
    assert (found.shape, found.dtype) == (result.shape, result.dtype)
    assert np.unique(found).size > min(4, found.size - 1)


@pytest.mark.runtime
def test_a_runtime_sees_the_quantization() -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    graph = ONE_OPERATOR["conv2d_s8"]
    details = {d["index"]: d for d in litert.Interpreter(model_content=write_graph(graph)).get_tensor_details()}
    for tensor in graph.tensors:
        found = details[tensor.index]["quantization_parameters"]
        np.testing.assert_array_equal(found["scales"], tensor.quantization.scale)
        np.testing.assert_array_equal(found["zero_points"], tensor.quantization.zero_point)
        assert found["quantized_dimension"] == tensor.quantization.dimension


@pytest.mark.runtime
def test_trained_models_survive_being_read_and_written(real_model_path: Path) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    given = real_model_path.read_bytes()
    written = write_graph(read_graph(given))
    scores = []
    for content in (given, written):
        interpreter = litert.Interpreter(
            model_content=content, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        found = []
        for signal in synthetic.probe_signals().values():
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], signal)
            interpreter.invoke()
            found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        scores.append(np.concatenate(found))
    np.testing.assert_array_equal(scores[0], scores[1])
    assert write_graph(read_graph(written)) == written
