"""Files in place of a model that hold one, or are one for something else: what they are, and what would run."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tests.support.flat import Tree
from tests.tflite.test_metadata_any import CUSTOM, integers, operator_code, tensor
from tests.tflite.test_metadata_any import model as model_of_one_operator
from yamjit.cli import main
from yamjit.errors import ModelError, YamjitError
from yamjit.tflite import read_graph
from yamjit.tflite.model_tables import TensorType
from yamjit.wrapped import wrapped_kind

MODEL_BYTES = bytes(4) + b"TFL3" + bytes(600)


def tarred(mode: str, *names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(MODEL_BYTES)
            archive.addfile(entry, io.BytesIO(MODEL_BYTES))
    return stream.getvalue()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, MODEL_BYTES)
    return stream.getvalue()


WRAPPED = {
    "a tar archive that holds 'a/yamnet.tflite': unpack it": tarred("w", "README", "a/yamnet.tflite"),
    "a tar archive compressed by gzip that holds 'yamnet.tflite': unpack it": tarred("w:gz", "yamnet.tflite"),
    "a tar archive compressed by bzip2 that holds 'x.tflite'": tarred("w:bz2", "x.tflite"),
    "a tar archive compressed by xz that holds 'x.tflite'": tarred("w:xz", "x.tflite"),
    "a tar archive compressed by gzip that holds './saved_model.pb': a SavedModel": tarred("w:gz", "./saved_model.pb"),
    "a .tflite file compressed by gzip; unpack it": gzip.compress(MODEL_BYTES),
    "a .tflite file compressed by bzip2; unpack it": bz2.compress(MODEL_BYTES),
    "a .tflite file compressed by xz; unpack it": lzma.compress(MODEL_BYTES),
    "a zip archive that holds 'deep/yamnet.tflite': unpack it": zipped("readme.txt", "deep/yamnet.tflite"),
    "a zip archive that holds 'x.h5': a model of Keras": zipped("x.h5"),
    r"a zip archive that holds '\\x1b[2J.tflite'": zipped("\x1b[2J.tflite"),
    "a zip archive; unpack it first": zipped("readme.txt"),
    "a gzip archive (.gz, .tgz); unpack it first": gzip.compress(b"no model"),
    "a gzip archive (.gz, .tgz); unpack it first ": b"\x1f\x8b damaged",
}


@pytest.mark.parametrize("says", WRAPPED)
def test_what_holds_a_model_says_which(says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "yamnet.tflite"
    path.write_bytes(WRAPPED[says])
    assert main(["info", str(path)]) == 1
    err = capsys.readouterr().err
    assert f"is {says.strip()}" in err
    assert "yamnet.tflite'" in err
    assert err.count("\n") == 1


def test_damaged_archives_are_still_archives() -> None:
    for data in WRAPPED.values():
        for size in range(0, len(data), 37):
            with pytest.raises(YamjitError):
                read_graph(data[:size])


def test_archives_that_unpack_to_much_are_looked_at_in_part() -> None:
    bomb = gzip.compress(bytes(2**28))
    many = b"PK\x03\x04" + b"PK\x01\x02".ljust(46, b"\0") * 2**15
    tracemalloc.start()
    assert wrapped_kind(bomb) is None
    assert wrapped_kind(many) is None
    assert tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


def operators(*codes: Tree) -> bytes:
    """Return a model of an operator of each code."""
    count = len(codes)
    graph = {
        "tensors": [tensor(f"t{index}", 1, 4) for index in range(count + 1)],
        "inputs": integers(0),
        "outputs": integers(count),
        "operators": [
            {"opcode_index": index, "inputs": integers(index), "outputs": integers(index + 1)} for index in range(count)
        ],
    }
    return model_of_one_operator(subgraphs=[graph], operator_codes=list(codes))


LOG, WHILE, IF, UNIQUE = 73, 119, 118, 103


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        ([WHILE], "operator 0: WHILE is not supported"),
        ([LOG, WHILE, LOG], "operator 1: WHILE is not supported"),
        ([LOG, WHILE, UNIQUE], "operator 1: WHILE is not supported, nor is UNIQUE: 2 of 3 operators"),
        ([WHILE, UNIQUE, LOG, IF], "operator 0: WHILE is not supported, nor are UNIQUE, IF: 3 of 4 operators"),
        (range(140, 160), "is not supported, nor are CONV_3D_TRANSPOSE"),
    ],
)
def test_all_operators_that_are_not_run_are_told(codes: list[int], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_graph(operators(*map(operator_code, codes)))
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (b"edgetpu-custom-op", "use the original model, which the compiler was given"),
        (b"FlexRFFT", "convert the model with TFLITE_BUILTINS alone"),
        (b"AudioThing", "only a runtime that was built with it runs the model"),
    ],
)
def test_custom_operators_say_what_would_run(
    name: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(operators(operator_code(CUSTOM, custom_code=name)))
    with pytest.raises(ModelError, match=r"operator 0: .*" + name.decode()) as caught:
        read_graph(path)
    assert says in str(caught.value)
    assert main(["info", str(path)]) == 0
    assert "would run   YAMNet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (TensorType.UINT8, "TensorFlow 1 quantized so; convert the original anew"),
        (TensorType.INT16, "activations of 16 bits"),
        (TensorType.INT4, "weights of 4 bits"),
        (TensorType.BFLOAT16, "convert the original anew, to int8 or float32"),
        (TensorType.STRING, "text, such as the names of classes"),
    ],
)
def test_types_say_what_would_run(kind: TensorType, says: str) -> None:
    graph = {"tensors": [tensor("t0", 1, 4, type=int(kind)), tensor("t1", 1, 4)], "inputs": integers(0)}
    graph |= {"outputs": integers(1), "operators": [{"inputs": integers(0), "outputs": integers(1)}]}
    data = model_of_one_operator(subgraphs=[graph], operator_codes=[operator_code(LOG)])
    message = f"operator 0 LOG, tensor 0 't0': type {kind.name} is not supported; float32, .* are: .*{says}"
    with pytest.raises(ModelError, match=message):
        read_graph(data)


def test_a_file_that_is_not_known_may_be_encrypted() -> None:
    with pytest.raises(ModelError, match="instead of b'TFL3'; the file is of another kind, encrypted or damaged"):
        read_graph(bytes(range(200, 250)))
