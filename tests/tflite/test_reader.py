"""The reader: every kind of source, what it reads, and what it refuses by name."""

from __future__ import annotations

import array
import io
import mmap
import os
import struct
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.flat import Tree, build_tree, read_tree
from tests.support.synthetic import synthetic_yamnet
from yamjit.errors import InputError, LimitError, ModelError
from yamjit.spec import Limits
from yamjit.tflite import Graph, Op, read_graph, write_graph
from yamjit.tflite.graph import Activation
from yamjit.tflite.model_tables import MODEL, MODEL_IDENTIFIER
from yamjit.tflite.operators.movers import ReshapeOptions
from yamjit.tflite.operators.products import Conv2DOptions
from yamjit.tflite.verifier import verify


@pytest.fixture(scope="module")
def graph() -> Graph:
    return synthetic_yamnet(classes=10, width=0.0625)


@pytest.fixture(scope="module")
def content(graph: Graph) -> bytes:
    return write_graph(graph)


@pytest.fixture
def change(content: bytes) -> Callable[[Callable[[Tree, Tree], object]], bytes]:
    """Return a function that takes the model apart, has it edited, and puts it together again."""

    def changed(edit: Callable[[Tree, Tree], object]) -> bytes:
        tree = read_tree(content, MODEL)
        edit(tree, tree["subgraphs"][0])
        end = verify(content, MODEL, MODEL_IDENTIFIER)
        return build_tree(tree, MODEL, MODEL_IDENTIFIER) + content[end:]

    return changed


def find(tree: Tree, op: Op) -> Tree:
    """Return the first operator of a kind."""
    codes = [
        max(code.get("deprecated_builtin_code", 0), code.get("builtin_code", 0)) for code in tree["operator_codes"]
    ]
    index = codes.index(op)
    return next(item for item in tree["subgraphs"][0]["operators"] if item.get("opcode_index", 0) == index)


def assert_same(read: Graph, written: Graph) -> None:
    assert read.operators == written.operators
    assert (read.inputs, read.outputs) == (written.inputs, written.outputs)
    assert (read.description, read.metadata, read.files) == (written.description, written.metadata, written.files)
    assert len(read.tensors) == len(written.tensors)
    for one, other in zip(read.tensors, written.tensors, strict=True):
        assert (one.index, one.name, one.shape, one.dtype) == (other.index, other.name, other.shape, other.dtype)
        for name in ("scale", "zero_point", "dimension"):
            np.testing.assert_array_equal(
                getattr(one.quantization, name, None), getattr(other.quantization, name, None)
            )
        if other.data is None:
            assert one.data is None
        else:
            np.testing.assert_array_equal(one.data, other.data)


def test_written_is_read(graph: Graph, content: bytes) -> None:
    read = read_graph(content)
    assert_same(read, graph)
    assert len(read.operators) == 47


def test_constants_are_frozen_and_native(content: bytes) -> None:
    read = read_graph(content)
    constants = [tensor.data for tensor in read.tensors if tensor.data is not None]
    assert len(constants) > 50
    for data in constants:
        assert not data.flags.writeable
        assert data.flags.aligned
        assert data.dtype.isnative
        with pytest.raises(ValueError, match="WRITEABLE"):
            data.flags.writeable = True
    for tensor in read.tensors:
        if tensor.quantization is not None:
            assert not tensor.quantization.scale.flags.writeable
            assert not tensor.quantization.zero_point.flags.writeable


def test_put_together_otherwise(graph: Graph, change: Callable[..., bytes]) -> None:
    assert_same(read_graph(change(lambda tree, subgraph: None)), graph)


def memory_map(content: bytes, folder: Path) -> mmap.mmap:
    path = folder / "mapped.tflite"
    path.write_bytes(content)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._rest.read(min(len(buffer), 50_000))
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize(
    "source",
    [
        lambda content, folder: bytearray(content),
        lambda content, folder: memoryview(content),
        lambda content, folder: memoryview(content + content)[: len(content)],
        lambda content, folder: array.array("B", content),
        lambda content, folder: np.frombuffer(content, np.uint8),
        lambda content, folder: np.repeat(np.frombuffer(content, np.uint8), 2)[::2],
        lambda content, folder: io.BytesIO(content),
        lambda content, folder: Dribble(content),
        memory_map,
    ],
)
def test_sources(source: Callable[[bytes, Path], Any], graph: Graph, content: bytes, tmp_path: Path) -> None:
    assert_same(read_graph(source(content, tmp_path)), graph)


def test_paths(graph: Graph, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mödel.tflite"
    path.write_bytes(content)
    assert_same(read_graph(path), graph)
    assert_same(read_graph(str(path)), graph)
    with path.open("rb") as file:
        assert_same(read_graph(file), graph)
    with path.open("rb", buffering=0) as file:
        assert_same(read_graph(file), graph)


def test_file_is_read_from_where_it_stands(graph: Graph, content: bytes) -> None:
    file = io.BytesIO(b"before" + content)
    file.seek(6)
    assert_same(read_graph(file), graph)


def test_memory_that_changes_is_copied(graph: Graph, content: bytes) -> None:
    source = bytearray(content)
    read = read_graph(source)
    source[:] = bytes(len(source))
    assert_same(read, graph)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 100])
def test_short_files(content: bytes, tmp_path: Path, size: int) -> None:
    path = tmp_path / "short.tflite"
    path.write_bytes(content[:size])
    for source in (path, content[:size]):
        with pytest.raises(ModelError):
            read_graph(source)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read '.*none\.tflite': No such file"):
        read_graph(tmp_path / "none.tflite")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path.name)):
        read_graph(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_fifo_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    caught: list[BaseException] = []

    def read() -> None:
        try:
            read_graph(path)
        except ModelError as error:
            caught.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert "is not a regular file" in str(caught[0])


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_device() -> None:
    with pytest.raises(ModelError, match="is not a regular file"):
        read_graph("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable here")
def test_unreadable_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "secret.tflite"
    path.write_bytes(content)
    path.chmod(0)
    with pytest.raises(ModelError, match="Permission denied"):
        read_graph(path)


def test_path_with_a_zero_byte() -> None:
    with pytest.raises(ModelError, match="null"):
        read_graph("model\0.tflite")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege here")
def test_symlink_loop(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(ModelError, match="cannot read"):
        read_graph(path)


@pytest.mark.parametrize("source", [None, 5, 1.5, ["model.tflite"], object()])
def test_no_source(source: Any) -> None:
    with pytest.raises(InputError, match="a model is read from"):
        read_graph(source)


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "text.tflite"
    path.write_text("model")
    with path.open() as file, pytest.raises(InputError, match="opened as text"):
        read_graph(file)  # type: ignore[arg-type]


def test_closed_sources(content: bytes, tmp_path: Path) -> None:
    closed = io.BytesIO(content)
    closed.close()
    mapped = memory_map(content, tmp_path)
    mapped.close()
    released = memoryview(content)
    released.release()
    for source in (closed, mapped, released):
        with pytest.raises(ModelError, match="cannot read"):
            read_graph(source)


def test_file_size_limit(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    exact, less = Limits(file_bytes=len(content)), Limits(file_bytes=len(content) - 1)
    for source in (content, bytearray(content), path, io.BytesIO(content)):
        with pytest.raises(LimitError, match="file_bytes"):
            read_graph(source, limits=less)
    for source in (content, bytearray(content), path, io.BytesIO(content)):
        assert len(read_graph(source, limits=exact).operators) == 47


class Endless(io.RawIOBase):
    """A stream without end, which counts what is taken."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = bytes(len(buffer))
        self.taken += len(buffer)
        return len(buffer)


def test_endless_stream() -> None:
    stream = Endless()
    with pytest.raises(LimitError, match="file_bytes"):
        read_graph(stream, limits=Limits(file_bytes=100_000))  # type: ignore[arg-type]
    assert stream.taken == 100_001


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(tensors=50), "tensors"),
        (Limits(operators=46), "operators"),
        (Limits(rank=3), "rank"),
        (Limits(elements=10_000), "elements"),
        (Limits(arena_bytes=10_000), "arena_bytes"),
        (Limits(multiply_adds=10_000), "multiply_adds"),
        (Limits(archive_bytes=10), "archive_bytes"),
        (Limits(depth=2), "nested"),
    ],
)
def test_limits(content: bytes, limits: Limits, name: str) -> None:
    with pytest.raises(LimitError, match=name):
        read_graph(content, limits=limits)


def set_in_tensor(index: int = 4, **fields: Any) -> Callable[[Tree, Tree], None]:
    return lambda tree, subgraph: subgraph["tensors"][index].update(fields)


def set_in_operator(op: Op, **fields: Any) -> Callable[[Tree, Tree], None]:
    return lambda tree, subgraph: find(tree, op).update(fields)


def set_in_options(op: Op, **fields: Any) -> Callable[[Tree, Tree], None]:
    return lambda tree, subgraph: find(tree, op)["builtin_options"].update(fields)


def set_in_code(op: Op, **fields: Any) -> Callable[[Tree, Tree], None]:
    def edit(tree: Tree, subgraph: Tree) -> None:
        tree["operator_codes"][find(tree, op).get("opcode_index", 0)].update(fields)

    return edit


def ints(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tree, subgraph: tree.update(version=2), "schema version is 2; only 3 is supported"),
        (lambda tree, subgraph: tree.update(subgraphs=[]), "there are 0 subgraphs"),
        (lambda tree, subgraph: tree.update(subgraphs=None), "there are 0 subgraphs"),
        (lambda tree, subgraph: tree.update(subgraphs=[subgraph] * 2), "there are 2 subgraphs"),
        (lambda tree, subgraph: subgraph.update(operators=None), "there are no operators"),
        (lambda tree, subgraph: subgraph.update(tensors=None), "none of the 0 tensors"),
        (lambda tree, subgraph: subgraph.update(inputs=None), "no inputs"),
        (lambda tree, subgraph: subgraph.update(outputs=b""), "no outputs"),
        (lambda tree, subgraph: subgraph.update(outputs=ints(-1)), "output -1 is none of"),
        (lambda tree, subgraph: subgraph.update(outputs=ints(*range(1025))), "at most 1024"),
        (lambda tree, subgraph: tree.update(buffers=None), "buffer 0 does not exist"),
        (lambda tree, subgraph: tree["metadata"][-1].update(buffer=10**6), "metadata: buffer 1000000 does not exist"),
        (lambda tree, subgraph: tree.update(metadata=tree["metadata"] * 2), "metadata buffers called TFLITE_METADATA"),
        (lambda tree, subgraph: tree.update(description=b"\xff"), "description is not UTF-8"),
        (set_in_tensor(name=b"caf\xe9"), "name of tensor 4 is not UTF-8"),
        (set_in_tensor(is_variable=1), "variable tensors are not supported"),
        (set_in_tensor(type=3), "type UINT8 is not supported; float32, int32, complex64, int8 are"),
        (set_in_tensor(type=5), "type STRING is not supported"),
        (set_in_tensor(type=99), "type TensorType 99 is not supported"),
        (set_in_tensor(shape_signature=ints(15600, 1)), r"does not go with the signature \(15600, 1\)"),
        (set_in_tensor(shape_signature=ints(100)), r"shape \(15600,\) does not go with the signature"),
        (set_in_tensor(shape=ints(0)), "dimension that is not positive"),
        (set_in_tensor(shape=ints(-5)), "dimension that is not positive"),
        (set_in_tensor(buffer=99_999), "buffer 99999 does not exist"),
        (set_in_tensor(quantization={"details_type": 1, "details": {}}), "quantization details are not supported"),
        (set_in_tensor(30, quantization={"scale": bytes(4)}), "1 scales and 0 zero points"),
        (set_in_tensor(30, quantization={"zero_point": bytes(8)}), "0 scales and 1 zero points"),
        (
            set_in_tensor(30, quantization={"scale": bytes(20), "zero_point": bytes(40)}),
            "scales must be finite, positive",
        ),
        (lambda tree, subgraph: tree["buffers"][2].update(offset=8), "buffer 2 lies outside"),
        (lambda tree, subgraph: tree["buffers"][2].update(size=8), "buffer 2 lies outside"),
        (lambda tree, subgraph: tree["buffers"][2].update(data=bytes(5)), "constant has 5 bytes"),
        (set_in_operator(Op.MUL, opcode_index=1000), "operator code 1000 does not exist"),
        (set_in_operator(Op.MUL, custom_options=b"x"), "operator 4 MUL: custom options are not supported"),
        (set_in_operator(Op.MUL, large_custom_options_offset=2), "large custom options are"),
        (set_in_operator(Op.MUL, large_custom_options_size=2), "large custom options are"),
        (set_in_operator(Op.MUL, mutating_variable_inputs=b"\0\1"), "mutating variable inputs are"),
        (set_in_operator(Op.MUL, intermediates=ints(3)), "intermediates are"),
        (set_in_operator(Op.MUL, builtin_options_2_type=1, builtin_options_2={}), "builtin_options_2 are"),
        (set_in_operator(Op.MUL, inputs=bytes(4 * 1025)), "inputs are 1025; at most 1024"),
        (set_in_operator(Op.MUL, builtin_options_type=0, builtin_options=None), "MulOptions are missing"),
        (set_in_operator(Op.CONV_2D, builtin_options_type=2), "options have type 2; the operator takes Conv2DOptions"),
        (set_in_operator(Op.LOG, builtin_options_type=21, builtin_options={}), "the operator takes none"),
        (set_in_operator(Op.LOG, builtin_options_type=99, builtin_options={}), "options have type 99"),
        (set_in_options(Op.CONV_2D, padding=2), "padding 2 is not supported; SAME, VALID are"),
        (set_in_options(Op.CONV_2D, fused_activation_function=4), "activation 4 is not supported"),
        (set_in_options(Op.CONV_2D, quantized_bias_type=4), "quantized_bias_type 4 is not supported"),
        (set_in_options(Op.DEPTHWISE_CONV_2D, padding=255), "padding -1 is not supported"),
        (set_in_options(Op.FULLY_CONNECTED, weights_format=1), "weights_format 1 is not supported"),
        (set_in_options(Op.STRIDED_SLICE, offset=1), "offset True is not supported"),
        (set_in_code(Op.MUL, version=0), "operator 4 MUL: version 0 is not supported; 1 to 7 are"),
        (set_in_code(Op.MUL, version=8), "version 8 is not supported"),
        (set_in_code(Op.MUL, version=2**31), "version -2147483648 is not supported"),
        (set_in_code(Op.MUL, builtin_code=66), "operator 4: SIN is not supported"),
        (set_in_code(Op.MUL, deprecated_builtin_code=66), "operator 4: SIN is not supported"),
        (set_in_code(Op.MUL, builtin_code=9999), "operator 4: BuiltinOperator 9999 is not supported"),
        (
            set_in_code(Op.MUL, builtin_code=32, custom_code=b"Mine"),
            "operator 4: custom operator 'Mine' is not supported",
        ),
        (set_in_code(Op.MUL, builtin_code=32), "custom operator '' is not supported"),
    ],
)
def test_refused_by_name(change: Callable[..., bytes], edit: Callable[[Tree, Tree], None], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_graph(change(edit))


def test_sparsity_and_variants(change: Callable[..., bytes]) -> None:
    with pytest.raises(ModelError, match="sparsity is not supported"):
        read_graph(change(set_in_tensor(sparsity={})))
    with pytest.raises(ModelError, match="variant tensors are not supported"):
        read_graph(change(set_in_tensor(variant_tensors={})))


@pytest.mark.parametrize(
    "edit",
    [
        set_in_tensor(shape_signature=ints(15600), has_rank=1),
        set_in_tensor(quantization={}),
        set_in_tensor(quantization={"min": bytes(4), "max": bytes(4)}),
        set_in_operator(Op.MUL, mutating_variable_inputs=b"\0\0", debug_metadata_index=3),
        set_in_operator(Op.PAD, builtin_options_type=0, builtin_options=None),
        set_in_operator(Op.QUANTIZE, builtin_options_type=89, builtin_options={}),
        set_in_options(Op.CONV_2D, quantized_bias_type=2),
        lambda tree, subgraph: tree.update(metadata_buffer=ints(0), signature_defs=[{"signature_key": b"serving"}]),
        lambda tree, subgraph: tree["operator_codes"].append({"builtin_code": 55}),
    ],
)
def test_harmless(change: Callable[..., bytes], graph: Graph, edit: Callable[[Tree, Tree], None]) -> None:
    assert_same(read_graph(change(edit)), graph)


def test_options_are_typed(content: bytes) -> None:
    conv = next(operator for operator in read_graph(content).operators if operator.op == Op.CONV_2D)
    assert conv.options == Conv2DOptions(stride_h=2, stride_w=2, activation=Activation.RELU6)
    assert isinstance(conv.options.activation, Activation)  # type: ignore[union-attr]


def test_reshape_by_options(change: Callable[..., bytes], content: bytes) -> None:
    before = next(operator for operator in read_graph(content).operators if operator.op == Op.RESHAPE)

    def edit(tree: Tree, subgraph: Tree) -> None:
        reshape = find(tree, Op.RESHAPE)
        reshape["inputs"] = reshape["inputs"][:4]
        reshape.update(builtin_options_type=17, builtin_options={"new_shape": ints(-1, 80)})

    after = read_graph(change(edit)).operators[before.index]
    assert after.options == ReshapeOptions((-1, 80))
    assert after.inputs == before.inputs[:1]


def test_truncation(content: bytes) -> None:
    end = verify(content, MODEL, MODEL_IDENTIFIER)
    cuts = {*range(0, end, 499), *range(end - 60, len(content), 7), len(content) - 1}
    for cut in sorted(cuts):
        with pytest.raises(ModelError):
            read_graph(content[:cut])


def test_truncation_without_archive(change: Callable[..., bytes]) -> None:
    content = change(lambda tree, subgraph: tree.update(metadata=None))
    content = content[: verify(content, MODEL, MODEL_IDENTIFIER)]
    assert read_graph(content).files == {}
    for cut in {*range(0, len(content), 97), *range(len(content) - 200, len(content))}:
        with pytest.raises(ModelError):
            read_graph(content[:cut])
    assert read_graph(content + bytes(15)).files == {}
    for garbage in (bytes(16), b"\1", b"garbage", b"PK\3\4 is how a zip archive begins"):
        with pytest.raises(ModelError, match="not a zip archive"):
            read_graph(content + garbage)


def test_listed_file_is_missing(content: bytes, graph: Graph) -> None:
    end = verify(content, MODEL, MODEL_IDENTIFIER)
    says = f"associated file '{next(iter(graph.files))}' is not in the model file; all that follows the network is"
    with pytest.raises(ModelError, match=says):
        read_graph(content[:end])


def test_further_files_are_read(content: bytes, graph: Graph) -> None:
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("readme.txt", "read me", zipfile.ZIP_DEFLATED)
    assert read_graph(file.getvalue()).files == {**graph.files, "readme.txt": b"read me"}


@pytest.mark.model
def test_official_model(official_model_path: Path) -> None:
    content = official_model_path.read_bytes()
    started = time.perf_counter()
    read = read_graph(content)
    assert time.perf_counter() - started < 1
    assert (len(read.tensors), len(read.operators), len(read.files)) == (121, 47, 1)
    assert [read.tensors[index].shape for index in (*read.inputs, *read.outputs)] == [(15600,), (1, 521)]


def test_trained_models_are_written_as_they_were_read(real_model_path: Path) -> None:
    read = read_graph(real_model_path)
    assert_same(read_graph(write_graph(read)), read)


def test_trained_models_truncated(real_model_path: Path) -> None:
    content = real_model_path.read_bytes()
    end = verify(content, MODEL, MODEL_IDENTIFIER)
    for cut in {*range(0, 65536, 509), *range(0, len(content), 100_003), *range(end - 100, end + 100, 3)}:
        with pytest.raises(ModelError):
            read_graph(content[:cut])
    with pytest.raises(ModelError):
        read_graph(content[:-1])


@pytest.mark.recordings
@pytest.mark.parametrize(("name", "operators"), [("yamnet_no_metadata", 47), ("yamnet_spectra_in", 34)])
def test_sibling_models(test_data: Path, name: str, operators: int) -> None:
    path = test_data / "models" / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    read = read_graph(path)
    assert (len(read.operators), read.metadata, read.files) == (operators, None, {})
